"""
What comes into a workflow from outside: its input and the answers of activities. Anyone with write access to the namespace
may start a workflow with anything and complete an activity with anything.

The SDK decodes typed arguments and results before any code of ours runs, and where that fails the workflow task fails again
and again, for ever. So both are taken raw, and parsed here: what has another shape is an error of the mission, with a sentence.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, get_type_hints

from temporalio import workflow
from temporalio.common import RawValue

with workflow.unsafe.imports_passed_through():
    from pydantic import TypeAdapter, ValidationError

    from audit.payloads import json_of
    from policies.canonical import MAX_BYTES
    from workflows.errors import Misunderstood

_T = TypeVar("_T")
Run = Callable[..., Awaitable[Any]]

MAX_SIGNED = 2 * MAX_BYTES
"""Bytes of a signed answer: its body has at most MAX_BYTES, and what is larger is nobody's signature over anything."""


def parsed(value: object, kind: type[_T], what: str, limit: int | None = None) -> _T:
    """
    The *kind* in what *what* answered.

    Args:
        value: The answer as a RawValue; None where the activity was completed with nothing.
        limit: In bytes.

    Raises:
        Misunderstood: It cannot be opened, is no JSON, larger than *limit* or of another shape.
    """
    data = json_of(value.payload) if isinstance(value, RawValue) else None
    if data is None:
        raise Misunderstood(f"`{what}` answered with nothing that can be read")
    if limit is not None and len(data) > limit:
        raise Misunderstood(f"`{what}` answered with more than {limit} bytes")
    try:
        return TypeAdapter(kind).validate_json(data)
    except ValidationError as error:
        raise Misunderstood(f"`{what}` did not answer with a {kind.__name__}: {error.error_count()} fields differ") from error


def shaped(value: object, kind: type[_T], what: str) -> _T:
    """*value*, which *what* answered with, as a *kind*. Raises Misunderstood."""
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        raise Misunderstood(f"`{what}` did not answer with a {kind.__name__}: {error.error_count()} fields differ") from error


def with_input(run: Run) -> Run:
    """*run*, a method of one typed parameter, for the SDK: its input comes raw, and a wrong one ends the mission."""
    (_, parameter) = inspect.signature(run).parameters
    model = get_type_hints(run)[parameter]

    @functools.wraps(run)
    async def taken(self: Any, values: Sequence[object]) -> Any:
        return await run(self, _input(values, model))

    return with_raw_values(taken)


def with_raw_values(run: Run) -> Run:
    """*run*, a method that takes a sequence, for the SDK: it is handed all that came, one RawValue or none or many values."""

    @functools.wraps(run)
    async def outside(self: Any, *values: object) -> Any:
        return await run(self, values)

    # This is what the SDK decodes by: one raw value. Any other number it decodes without types.
    outside.__annotations__ = {"value": RawValue, "return": get_type_hints(run)["return"]}
    kind = inspect.Parameter.POSITIONAL_ONLY
    parameters = [inspect.Parameter(name, kind) for name in ("self", "value")]
    setattr(outside, "__signature__", inspect.Signature(parameters))  # noqa: B010 (mypy knows none of a function)
    return outside


def _input(values: Sequence[object], model: type[_T]) -> _T:
    if len(values) != 1:
        raise Misunderstood(f"this mission is started with one {model.__name__}; {len(values)} values came")
    (value,) = values
    # A subclass that calls its parent's `run` hands on what it was given.
    return value if isinstance(value, model) else parsed(value, model, "the start of this mission")
