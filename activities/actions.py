"""An action from what a mission asks for: one classified operation, with arguments of one form."""

from __future__ import annotations

from pydantic import JsonValue

from policies.action import Action, MissionRef
from policies.canonical import settled
from policies.catalogue import Catalogue, Effect
from policies.errors import CanonicalError
from policies.ruling import Finding


def effect_of(catalogue: Catalogue, operation: str) -> Effect | None:
    """What *operation* was classified as; None where nobody did."""
    found = catalogue.find(operation)
    return found[2].effect if found else None


def action_of(
    catalogue: Catalogue, mission: MissionRef, *, step: str, operation: str, arguments: dict[str, JsonValue], depth: int = 0
) -> Action | Finding:
    """
    The action, or why there is none.

    Args:
        depth: How deep the arguments will stand in what they become part of.
    """
    found = catalogue.find(operation)
    if found is None:
        words = f"`{operation[:100]}` is not in the integrations catalogue; nothing unlisted is called"
        return Finding(check="classified", holds=False, words=words)
    try:
        one_form, one_step = settled(dict(arguments), depth), settled(step)
    except CanonicalError as error:
        return Finding(check="arguments", holds=False, words=f"the arguments have no single form: {error}")
    return Action(
        mission=mission,
        step=str(one_step),
        integration=found[0],
        endpoint=found[1].url,
        operation=operation,
        contract=found[2].contract,
        arguments=one_form if isinstance(one_form, dict) else {},
    )
