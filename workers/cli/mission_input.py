"""A mission's input as a person gives it, checked before anything is started, and the signed start over it."""

from __future__ import annotations

import json
import secrets
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue, ValidationError

from approvals import start
from approvals.display import visible
from approvals.jws import Signer
from policies.canonical import canonical, parse
from policies.errors import CanonicalError
from workers.errors import WrongUse
from workflows.missions import MISSIONS


def checked(mission: str, given: str) -> JsonValue:
    """
    The input in *given* (JSON, `-` or a file's name), fit for missions of type *mission*.

    Raises:
        WrongUse: No such mission, no such file, not JSON with one reading, or not what the mission takes.
    """
    if mission not in MISSIONS:
        raise WrongUse(f"there is no mission type `{visible(mission)}`; there is {', '.join(sorted(MISSIONS))}")
    where, text = _text(given)
    value = _json(where, text)
    model = MISSIONS[mission].input
    if not isinstance(value, dict):
        raise WrongUse(f"{where} is not a JSON object; a {mission} mission takes {', '.join(model.model_fields)}")
    unknown = sorted(value.keys() - model.model_fields.keys())
    if unknown:
        raise WrongUse(f"{where} has `{visible(unknown[0])}`, which a {mission} mission does not take")
    try:
        model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(str(part) for part in first["loc"])
        said = visible(str(first["msg"])).lower()
        raise WrongUse(
            f"{where} is no input of a {mission} mission: " + (f"`{visible(at)}`: {said}" if at else said)
        ) from error
    return value


def default_id(mission: str, value: JsonValue) -> str:
    """`refund-CASE-1001`: the same case is not started twice by accident. Without a case, a random one."""
    case = value.get("case_id") if isinstance(value, dict) else None
    return f"{mission}-{case if isinstance(case, str) else secrets.token_hex(4)}"


def signed_start(
    namespace: str, mission: str, mission_id: str, value: JsonValue, on_behalf_of: str | None, signer: Signer
) -> str:
    """The start that the gate finds in the memo, good for some minutes."""
    now = datetime.now(UTC)
    content = start.Start(
        namespace=namespace,
        mission_type=mission,
        mission_id=mission_id,
        input=start.input_digest(value),
        on_behalf_of=on_behalf_of,
        iat=int(now.timestamp()),
        exp=int((now + start.LIFETIME).timestamp()),
        jti=uuid.uuid4().hex,
    )
    return start.sign(content, signer)


def _text(given: str) -> tuple[str, str]:
    """What to call the input, and its text."""
    if given == "-":
        return "the input", sys.stdin.read()
    if given.lstrip()[:1] in ("{", "[", '"'):
        return "the input", given
    path = Path(given).expanduser()
    try:
        return f"`{visible(given)}`", path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        hint = 'give JSON such as `{"case_id": "CASE-1001"}`, a file, or `-`'
        raise WrongUse(f"`{visible(given)}` is neither JSON nor a file: {hint}") from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise WrongUse(f"`{visible(given)}` cannot be read ({reason})") from error


def _json(where: str, text: str) -> JsonValue:
    try:
        value = parse(text)
        canonical(value)
    except CanonicalError as error:
        cause = error.__cause__
        if isinstance(cause, json.JSONDecodeError):
            said = f"{cause.msg.lower()}, line {cause.lineno}, column {cause.colno}"
            raise WrongUse(f"{where} is not JSON: {said}") from error
        raise WrongUse(f"{where} cannot be taken: {visible(str(error))}") from error
    return value
