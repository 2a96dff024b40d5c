"""A mission's input as a person gives it, checked before anything is started, and the signed start over it."""

from __future__ import annotations

import secrets
import uuid
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, JsonValue, ValidationError

from approvals import start
from approvals.display import visible
from approvals.jws import Signer
from workers.cli.given import json_of, text_of
from workers.errors import WrongUse
from workflows.missions import MISSIONS

CARRIED = "carried"
"""The field of an input that one run of a mission hands on to the next."""


def checked(mission: str, given: str) -> JsonValue:
    """
    The input in *given* (JSON, `-` or a file's name), fit for missions of type *mission*.

    Raises:
        WrongUse: No such mission, no such file, not JSON with one reading, or not what the mission takes.
    """
    if mission not in MISSIONS:
        raise WrongUse(f"there is no mission type `{visible(mission)}`; there is {', '.join(sorted(MISSIONS))}")
    where, text = text_of(given)
    value = json_of(where, text)
    model = MISSIONS[mission].input
    taken = [name for name in model.model_fields if name != CARRIED]
    if not isinstance(value, dict):
        raise WrongUse(f"{where} is not a JSON object; a mission of type `{mission}` takes {', '.join(taken)}")
    unknown = sorted(value.keys() - set(taken))
    if unknown and unknown[0] == CARRIED:
        raise WrongUse(f"{where} has `{CARRIED}`, which a mission hands on to its own next run; nobody starts one with it")
    if unknown:
        raise WrongUse(f"{where} has `{visible(unknown[0])}`, which a mission of type `{mission}` does not take")
    for name, inner in ((name, value.get(name)) for name in taken):
        _known(f"{where} has `{name}.", inner, model.model_fields[name].annotation)
    try:
        model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(str(part) for part in first["loc"])
        # Python's word for what is a list in JSON.
        said = visible(str(first["msg"])).lower().replace("valid tuple", "list")
        raise WrongUse(
            f"{where} is no input of a mission of type `{mission}`: " + (f"`{visible(at)}`: {said}" if at else said)
        ) from error
    return value


def _known(there: str, value: JsonValue, kind: Any) -> None:
    """
    What a mission reads ignores what it does not know. A person who misspells a bound would start a mission without it.

    Raises:
        WrongUse: *value* has a key that the model *kind* does not.
    """
    if not isinstance(value, dict) or not isinstance(kind, type) or not issubclass(kind, BaseModel):
        return
    unknown = sorted(value.keys() - kind.model_fields.keys())
    if unknown:
        raise WrongUse(f"{there}{visible(unknown[0])}`, which is not known there; there is {', '.join(kind.model_fields)}")


def default_id(mission: str, value: JsonValue) -> str:
    """`refund-CASE-1001`: the same case is not started twice by accident. Without a case, a random one."""
    case = value.get("case_id") if isinstance(value, dict) else None
    return f"{mission}-{case if isinstance(case, str) else secrets.token_hex(4)}"


def signed_start(
    namespace: str,
    mission: str,
    mission_id: str,
    value: JsonValue,
    on_behalf_of: str | None,
    signer: Signer,
    predecessor: start.Predecessor | None = None,
) -> str:
    """The start that the gate finds in the memo, good for some minutes."""
    now = datetime.now(UTC)
    content = start.Start(
        namespace=namespace,
        mission_type=mission,
        mission_id=mission_id,
        input=start.input_digest(value),
        on_behalf_of=on_behalf_of,
        predecessor=predecessor,
        iat=int(now.timestamp()),
        exp=int((now + start.LIFETIME).timestamp()),
        jti=uuid.uuid4().hex,
    )
    return start.sign(content, signer)
