"""What a log tells of an error: never what it was given."""

from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator

import pytest
from pydantic import BaseModel, TypeAdapter
from temporalio.exceptions import ApplicationError

from activities.errors import Lost, Unreachable
from workers import logs

IBAN = "AT611904300234573201"


class Request(BaseModel):
    """What an activity is asked."""

    operation: int


def _mistyped() -> None:
    TypeAdapter(list[Request]).validate_python([{"operation": IBAN}])


def _chained() -> None:
    try:
        _mistyped()
    except ValueError as error:
        raise ApplicationError(f"cannot read {IBAN}", {"iban": IBAN}, type="Misunderstood") from error


def _in_passing() -> None:
    try:
        _mistyped()
    except ValueError:
        raise KeyError(IBAN)  # noqa: B904 (the context is what is tested)


def _lost() -> None:
    raise Lost("`payments.issue_refund`", f"the tool says {IBAN}")


def _grouped() -> None:
    raise ExceptionGroup(IBAN, [ValueError(IBAN)])


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[], None], str], str]]:
    """What is written when something raises, at a level."""
    before = logging.root.handlers[:], logging.root.level

    def written(raising: Callable[[], None], level: str) -> str:
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        logs.set_up(level)
        try:
            raising()
        except Exception:
            logging.getLogger("temporalio.activity").warning("Completing activity as failed", exc_info=True)
        return stream.getvalue()

    yield written
    logging.root.handlers[:], logging.root.level = before


@pytest.mark.promise("G8")
@pytest.mark.parametrize("raising", [_mistyped, _chained, _in_passing, _lost, _grouped])
def test_log_does_not_quote_what_an_error_was_given(
    log: Callable[[Callable[[], None], str], str], raising: Callable[[], None]
) -> None:
    """It tells its kind, and where it was raised."""
    line = log(raising, "info")
    assert IBAN not in line
    assert json.loads(line)["raised"]


@pytest.mark.control("G8")
@pytest.mark.parametrize("raising", [_mistyped, _chained, _in_passing, _lost, _grouped])
def test_plain_traceback_quotes_it(log: Callable[[Callable[[], None], str], str], raising: Callable[[], None]) -> None:
    """As at level `debug`, which says so: Python's own form of a traceback."""
    assert IBAN in log(raising, "debug")


def test_log_says_which_server_does_not_answer(log: Callable[[Callable[[], None], str], str]) -> None:
    """Whoever runs it must see that."""

    def raising() -> None:
        try:
            raise Unreachable("the order system", "http://127.0.0.1:1", "connection refused")
        except Unreachable as error:
            raise ApplicationError(str(error), type="Unreachable") from error

    told = json.loads(log(raising, "info"))
    assert told["trouble"] == "the order system at http://127.0.0.1:1 cannot be reached"
    assert told["error"] == ["ApplicationError/Unreachable", "Unreachable"]
