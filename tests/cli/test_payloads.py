"""The command line and the payload store: making one, checking it, and what is said while it does not answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.common import RawValue
from temporalio.converter import DataConverter

from approvals.decision import SIGNAL
from audit.payloads import STORED
from tests.cli.conftest import Terminal
from tests.cli.test_encryption import machine
from tests.cli.test_flow import waiting
from tests.e2e.storage import another
from tests.fakes.stores import made_store
from workers.cli.main import run
from workers.profile import FILE


def test_store_is_made_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "payloads"
    assert run(["payloads", "check", str(place)]) == 3
    said = capsys.readouterr().err
    assert "it is no payload store" in said and f"`sayso payloads new {place}` makes one" in said and said.count("\n") == 1
    assert run(["payloads", "new", str(place)]) == run(["payloads", "new", str(place)]) == 0
    assert "Sayso deletes nothing there" in capsys.readouterr().out
    monkeypatch.setenv("SAYSO_PAYLOAD_STORE", str(place))
    assert run(["payloads", "check"]) == 0


@pytest.mark.parametrize("named", ["s3://key:hunter2@bucket/payloads", "nosuch://key:hunter2@bucket"])
@pytest.mark.parametrize("command", ["new", "check"])
def test_place_of_another_kind_is_told_without_its_password(
    command: str, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is not installed is named."""
    assert run(["payloads", command, named]) == 2
    said = capsys.readouterr().err
    assert "hunter2" not in said and said.count("\n") == 1 and ("s3fs" in said) == named.startswith("s3")


def test_store_of_the_stack_is_checked_where_none_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As every command takes it: from the environment, else from the profile."""
    monkeypatch.delenv("SAYSO_PAYLOAD_STORE", raising=False)
    store = made_store(tmp_path / "payloads")
    profile = {"address": "127.0.0.1:1", "namespace": "default", "policies": str(tmp_path)}
    (tmp_path / FILE).write_text(json.dumps({**profile, "payload_store": str(tmp_path / "payloads")}))
    assert run(["payloads", "check", "--data", str(tmp_path)]) == 0
    assert f"{store.where} is a payload store, and it answers" in capsys.readouterr().out
    (tmp_path / FILE).write_text(json.dumps(profile))
    assert run(["payloads", "check", "--data", str(tmp_path)]) == 2


def test_nothing_to_check_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAYSO_PAYLOAD_STORE", "off")
    assert run(["payloads", "check"]) == 2
    assert "there is no payload store to check" in capsys.readouterr().err


async def test_store_that_does_not_answer_is_one_line_and_no_traceback(sayso: Terminal, tmp_path: Path) -> None:
    """Nobody decides over a history of which a part cannot be fetched: it might say anything."""
    item = await waiting(sayso, "CASE-1022")
    reference = RawValue(Payload(metadata={"encoding": STORED}, data=b"0" * 64))
    # Of a stranger, whose client has no codec: ours would encrypt the reference.
    stranger = another(sayso.world, DataConverter.default)
    await stranger.get_workflow_handle(item["mission_id"]).signal(SIGNAL, reference)
    ring = {"key_ring": sayso.data / "key-ring.json"}
    away = machine(sayso, tmp_path, payload_store=str(tmp_path / "nowhere"), **ring)
    for command in (("rail", item["mission_id"]), ("review", item["mission_id"]), ("approve", item["mission_id"], "--yes")):
        answer = await away(*command)
        assert (answer.code, answer.err.count("\n")) == (3, 1), answer
        assert answer.err.startswith(f"sayso: the payload store at `{tmp_path / 'nowhere'}` cannot be reached")
    # Where none is known, a reference is sealed, and what is known can be told.
    assert (await machine(sayso, tmp_path, **ring)("rail", item["mission_id"])).code == 0
