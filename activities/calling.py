"""Reaching what an action names in an open session, whether that is a tool or a resource."""

from __future__ import annotations

from pydantic import JsonValue

from activities.ports import ToolAnswer, ToolSession
from policies.action import Action
from policies.catalogue import Catalogue
from policies.contract import Contract
from policies.uri_template import TemplateError, expanded


async def served(session: ToolSession, catalogue: Catalogue, action: Action) -> Contract | None:
    """What the server says the operation is now; None where it has none. Raises Unreachable."""
    if _template(catalogue, action) is None:
        return await session.contract(action.tool)
    return await session.template(action.tool)


async def called(
    session: ToolSession, catalogue: Catalogue, action: Action, meta: dict[str, JsonValue] | None = None
) -> ToolAnswer:
    """Sends *action* once. Raises Lost."""
    template = _template(catalogue, action)
    if template is None:
        return await session.call(action.tool, dict(action.arguments), meta or {})
    try:
        uri = expanded(template, action.arguments)
    except TemplateError as error:
        # Nothing is sent: there is nowhere to.
        return ToolAnswer(result=f"the URI template {error}", failed=True)
    return await session.read(uri, meta or {})


def _template(catalogue: Catalogue, action: Action) -> str | None:
    found = catalogue.find(action.operation)
    return found[2].resource if found else None
