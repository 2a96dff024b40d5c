"""A pursuit's end in lines: what was really done, what it cost, and, marked as what it is, what the model says."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue, ValidationError

from approvals.display import visible
from approvals.proposal import proposal_id
from workflows.autonomous import AutonomousVerdict
from workflows.pursuit import Deed, Spent

MAX_DEEDS = 20
"""So many are listed, the last ones."""


def pursuit_lines(verdict: Mapping[str, JsonValue]) -> list[str]:
    """The lines below the verdict of an autonomous mission; none for any other."""
    if "deeds" not in verdict:
        return []
    try:
        found = AutonomousVerdict.model_validate(verdict)
    except ValidationError:
        return ["  what was done cannot be read: `sayso rail` shows it"]
    lines = [f"  spent up: {found.spent_up}"] if found.spent_up is not None else []
    lines.append(f"  executed {found.executed}, sent without effect {found.failed}, refused by the gate {found.refused}")
    if len(found.deeds) > MAX_DEEDS:
        lines.append(f"  {len(found.deeds) - MAX_DEEDS} earlier ones are not listed")
    lines += [_deed(deed) for deed in found.deeds[-MAX_DEEDS:]]
    lines.append(f"  {_spent(found.spent)}")
    return lines + _answer(found.answer)


def _deed(deed: Deed) -> str:
    where = f" (proposal {proposal_id(deed.proposal)})" if deed.proposal is not None else ""
    return f"    {visible(deed.operation)}: {deed.kind.replace('_', ' ')}{visible(where)}"


def _spent(spent: Spent) -> str:
    # Not by a float: a mission says of itself what it likes, and not every number is one.
    whole, part = divmod(spent.cost_micros, 1_000_000)
    cost = f", {whole}.{part // 100:04} for the model" if spent.cost_micros else ""
    return f"spent {spent.steps} steps, {spent.tokens} tokens{cost}, {spent.seconds} s; put {spent.commits} before people"


def _answer(text: str) -> list[str]:
    if not text:
        return []
    said = [f"  | {visible(line)}" for line in text.splitlines()]
    return ["  UNTRUSTED, the model's own last words; what was done is above:", *said]
