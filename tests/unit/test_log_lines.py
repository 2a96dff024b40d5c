"""What a log line says of an error and of other people's words. Source: docs/decisions/0015-telemetry.md."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from temporalio.exceptions import ApplicationError

from activities.errors import Unreachable
from workers import logs

SECRET = "refund 4200 to Marguerite"


class Lines:
    """What was written to standard error."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture
        self._text = ""

    @property
    def text(self) -> str:
        """All of it."""
        self._text += self._capture.readouterr().err
        return self._text

    @property
    def last(self) -> dict[str, Any]:
        """The last line."""
        found: dict[str, Any] = json.loads(self.text.splitlines()[-1])
        return found


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    """Standard error; logging is as it was afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.delenv("SAYSO_DEBUG", raising=False)
    yield Lines(capsys)
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def _failed(logger: logging.Logger) -> None:
    try:
        try:
            raise Unreachable("the order system", "http://orders", SECRET)
        except Unreachable as error:
            raise ApplicationError(f"no: {SECRET}", type="Unreachable") from error
    except ApplicationError:
        logger.warning("Completing activity as failed", exc_info=True)


def test_error_is_told_by_its_kinds_and_what_kind_of_trouble_it_is(lines: Lines) -> None:
    """Which server it was is told, and not what was said of it."""
    logs.set_up("info")
    _failed(logging.getLogger("temporalio.activity"))
    line = lines.last
    assert line["error"] == ["ApplicationError/Unreachable", "Unreachable"]
    assert line["trouble"] == "the order system at http://orders cannot be reached"
    assert "Marguerite" not in lines.text and "Traceback" not in lines.text


@pytest.mark.parametrize(("level", "debug"), [("debug", ""), ("info", "1")])
def test_whoever_looks_for_a_mistake_gets_everything(
    lines: Lines, monkeypatch: pytest.MonkeyPatch, level: str, debug: str
) -> None:
    """The control, and what a laptop is for."""
    monkeypatch.setenv("SAYSO_DEBUG", debug)
    logs.set_up(level)
    _failed(logging.getLogger("temporalio.activity"))
    assert "Marguerite" in lines.text and "Traceback" in lines.text


@pytest.mark.parametrize(
    ("logger", "text", "args", "told"),
    [
        ("temporalio.activity", f"Exception handling failed, original error: {SECRET}", (), "Exception handling failed"),
        ("temporalio.worker._workflow", "Failed activation of run ID %s", ("01-ab",), "Failed activation of run ID 01-ab"),
        ("temporalio.worker._workflow", "Failed with %s", (SECRET,), "Failed with %s"),
        ("temporalio.worker._workflow", "Failed with %r", ({"a": SECRET},), "Failed with %r"),
        ("asyncio", f"Task exception was never retrieved\nfuture {SECRET}", (), "Task exception was never retrieved"),
        ("somebody.else", f"the prompt was {SECRET}", (), "a line of somebody.else"),
    ],
)
def test_line_of_a_library_is_told_up_to_where_values_begin(
    lines: Lines, logger: str, text: str, args: tuple[object, ...], told: str
) -> None:
    """Those we know; of others only that they said something, and where."""
    logs.set_up("info")
    logging.getLogger(logger).warning(text, *args)
    assert lines.last["event"].startswith(told)
    assert "Marguerite" not in lines.text


def test_line_of_a_workflow_has_its_ids(lines: Lines) -> None:
    """The SDK gives them beside the text."""
    logs.set_up("info")
    extra = {"temporal_workflow": {"workflow_id": "refund-1", "run_id": "r-1", "namespace": "default"}}
    logging.getLogger("temporalio.workflow").info("waiting", extra=extra)
    assert (lines.last["mission_id"], lines.last["run_id"]) == ("refund-1", "r-1")


def test_line_of_ours_has_what_is_bound(lines: Lines) -> None:
    """Whatever an activity's line is about."""
    logs.set_up("info")
    structlog.contextvars.bind_contextvars(mission_id="refund-1", proposal_id="abc")
    structlog.stdlib.get_logger("sayso.test").info("thing.done", count=1)
    line = lines.last
    assert {"mission_id": "refund-1", "proposal_id": "abc", "count": 1, "event": "thing.done"}.items() <= line.items()


@pytest.mark.filterwarnings("ignore")
def test_models_library_writes_nothing_past_our_lines(lines: Lines) -> None:
    """litellm comes with a handler of its own, which prints whatever it is told."""
    from activities.models import LiteLLMModels

    logs.set_up("info")
    LiteLLMModels(None)
    logging.getLogger("LiteLLM").warning(f"the prompt was {SECRET}")
    assert lines.last["event"].startswith("a line of LiteLLM")
    assert "Marguerite" not in lines.text


HOSTILE = "m\x1b[2J\x9b2J\u202e"


@pytest.mark.parametrize("terminal", [False, True])
def test_log_moves_no_cursor(lines: Lines, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mission's id, and a header of whoever asks the codec server, may hold what a terminal obeys."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    logs.set_up("info")
    structlog.stdlib.get_logger("sayso.codec").warning("codec.refused", namespace=HOSTILE, error=[HOSTILE])
    line = lines.text
    assert "codec.refused" in line and not {"\x9b", "\u202e"} & set(line) and "\x1b[2J" not in line
