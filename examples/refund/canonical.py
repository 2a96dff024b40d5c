"""JSON that reads one way only, so that two parties can compare what they mean."""

import json
from typing import Any, NoReturn


def canonical(value: object) -> str:
    """
    Equal exactly when two JSON values are the same to the letter: `1`, `1.0`, `true` and `"1"` are four values.

    Raises:
        ValueError: NaN or an infinity, which are no JSON.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def parse_unambiguous(text: str) -> Any:
    """
    The value of *text*, where no key comes twice and every number is finite.

    Raises:
        ValueError: Anything else, and what is no JSON at all.
    """
    try:
        value = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant)
        canonical(value).encode()
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key comes twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"`{name}` is no JSON number")
