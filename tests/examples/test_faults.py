"""Replies lost after the commit, processes that end, and what the ledger keeps. Promise D5 from the other side."""

import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from subprocess import Popen

import httpx2
import pytest
from mcp import MCPError

from examples.refund.ledger import Refund, TokenUsedError, ledger, make_ledger, record
from examples.refund.operations import operation_details
from tests.examples.enterprise import REFUND, ROOT, Enterprise, call, free_port, process, text, wait_healthy

NOW = datetime(2026, 11, 20, tzinfo=UTC)
ASKED = Refund("ORD-2001", 4200, "EUR", "broken")


@contextmanager
def payments(enterprise: Enterprise, data: Path, port: int, fault: str) -> Iterator[tuple[Popen[str], str]]:
    """A payment system of its own that loses a reply, and its resource."""
    with process("payments", port, "--data", str(data), "--issuer", enterprise.issuer, fault=fault) as running:
        wait_healthy(port)
        yield running, f"http://127.0.0.1:{port}/mcp"


def token(enterprise: Enterprise, resource: str) -> str:
    """A fresh token for the refund at *resource*."""
    return enterprise.signed(resource, authorization_details=operation_details(resource, "issue_refund", REFUND))


async def test_retry_by_key_after_a_crash_finds_the_one_refund(enterprise: Enterprise, tmp_path: Path) -> None:
    """The process dies between ledger and reply; restarted under the same fault it answers, and wrote nothing new."""
    port, fault = free_port(), "crash-after-commit-once"
    with payments(enterprise, tmp_path, port, fault) as (running, resource):
        with pytest.RaisesGroup(httpx2.RemoteProtocolError, flatten_subgroups=True):
            await call(resource, token(enterprise, resource), "issue_refund", REFUND, key="k")
        assert running.wait(timeout=5) == 137
    written = ledger(tmp_path)
    with payments(enterprise, tmp_path, port, fault) as (_, resource):
        again = await call(resource, token(enterprise, resource), "issue_refund", REFUND, key="k")
    assert [row.refund_id for row in written] == [again.structured_content["refund_id"]]
    assert ledger(tmp_path) == written


async def test_token_of_a_lost_reply_is_used(enterprise: Enterprise, tmp_path: Path) -> None:
    """The connection is reset after the commit: the same token gets nothing more, a fresh one the recorded refund."""
    with payments(enterprise, tmp_path, free_port(), "drop-response-once") as (_, resource):
        first = token(enterprise, resource)
        with pytest.RaisesGroup(httpx2.TransportError, flatten_subgroups=True):
            await call(resource, first, "issue_refund", REFUND, key="k")
        refused = await call(resource, first, "issue_refund", REFUND, key="k")
        again = await call(resource, token(enterprise, resource), "issue_refund", REFUND, key="k")
    assert "was used before" in text(refused)
    assert [row.refund_id for row in ledger(tmp_path)] == [again.structured_content["refund_id"]]


async def test_hanging_reply_times_out_and_does_not_hold_up_the_end(enterprise: Enterprise, tmp_path: Path) -> None:
    """The refund is in the ledger although its caller gave up; SIGTERM still ends the process quietly."""
    with payments(enterprise, tmp_path, free_port(), "hang-after-commit-once") as (running, resource):
        with pytest.RaisesGroup(MCPError, flatten_subgroups=True):
            await call(resource, token(enterprise, resource), "issue_refund", REFUND, timeout_seconds=0.5)
        running.terminate()
        _, said = running.communicate(timeout=3)
    assert len(ledger(tmp_path)) == 1
    assert said == ""


@pytest.mark.parametrize("module", ["issuer", "payments"])
def test_taken_port_is_one_line_and_status_three(enterprise: Enterprise, tmp_path: Path, module: str) -> None:
    """No traceback for the commonest mistake."""
    last = ["--clients", str(enterprise.data / "clients.json")] if module == "issuer" else ["--issuer", "http://x"]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", f"examples.refund.{module}", "--port", port, "--data", str(tmp_path), *last]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10, check=False)
    assert ended.returncode == 3
    assert ended.stderr.count("\n") == 1
    assert port in ended.stderr


def test_failed_write_leaves_the_token_unused(tmp_path: Path) -> None:
    """Token, key and row are one transaction: none of them is kept when one fails."""
    make_ledger(tmp_path)
    unbookable = replace(ASKED, amount_minor=-1)
    with pytest.raises(sqlite3.IntegrityError):
        record(tmp_path, unbookable, idempotency_key="k", jti="t", now=NOW)
    record(tmp_path, ASKED, idempotency_key="k", jti="t", now=NOW)
    assert len(ledger(tmp_path)) == 1


def test_used_token_writes_nothing_more(tmp_path: Path) -> None:
    """Not under another key, and not without one."""
    make_ledger(tmp_path)
    record(tmp_path, ASKED, idempotency_key=None, jti="t", now=NOW)
    for key in ("k", None):
        with pytest.raises(TokenUsedError):
            record(tmp_path, ASKED, idempotency_key=key, jti="t", now=NOW)
    assert len(ledger(tmp_path)) == 1


@pytest.mark.parametrize("statement", ["DELETE FROM ledger", "UPDATE ledger SET amount_minor = 1"])
def test_ledger_only_grows(tmp_path: Path, statement: str) -> None:
    """The database itself refuses."""
    make_ledger(tmp_path)
    record(tmp_path, ASKED, idempotency_key=None, jti="t", now=NOW)
    with closing(sqlite3.connect(tmp_path / "payments.db")) as opened, pytest.raises(sqlite3.IntegrityError):
        opened.execute(statement)


def test_ledger_is_printed_as_json(tmp_path: Path) -> None:
    """The command line sums what the module sums."""
    make_ledger(tmp_path)
    record(tmp_path, ASKED, idempotency_key=None, jti="t", now=NOW)
    command = [sys.executable, "-m", "examples.refund.ledger", "--data", str(tmp_path), "--json"]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=10, check=True)
    assert '"total_minor": 4200' in printed.stdout
