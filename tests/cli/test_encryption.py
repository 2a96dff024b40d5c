"""The command line with a key, with another, and without: what is sealed is told, and what must not be in clear is not sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from activities.histories import fetch
from audit.payloads import ENCRYPTED, SEALED_WORDS
from tests.cli.conftest import Answer, Terminal
from tests.cli.test_flow import waiting
from tests.fakes.rings import ring_text
from tests.world import until
from workers.profile import FILE, Profile
from workflows.refund import RefundMission


def machine(sayso: Terminal, directory: Path, **changes: object) -> Terminal:
    """Another machine of the same people: its profile with *changes*, no key ring unless they name one."""
    profile = Profile.model_validate_json((sayso.data / FILE).read_text())
    (directory / FILE).write_text(profile.model_copy(update={"key_ring": None, **changes}).model_dump_json())
    return replace(sayso, data=directory)


async def test_rail_without_the_key_tells_every_event_as_sealed(sayso: Terminal, tmp_path: Path) -> None:
    """Who, when and what kind stay visible; contents do not, and nothing crashes."""
    item = await waiting(sayso, "CASE-1006")
    answer = await machine(sayso, tmp_path)("rail", item["mission_id"])
    assert (answer.code, answer.err) == (0, "")
    assert SEALED_WORDS in answer.out and "CASE-1006" not in answer.out and "EUR" not in answer.out
    # It was signed, and says so to whoever can open it.
    assert "the start cannot be opened here" in answer.out and "was not signed" not in answer.out
    with_key = (await sayso("rail", item["mission_id"], "--json")).data["observations"]
    without = (await machine(sayso, tmp_path)("rail", item["mission_id"], "--json")).data["observations"]
    # Without the gate's words more is shown: how the mission lists itself in the queue cannot be checked.
    assert {entry["event_id"] for entry in with_key} <= {entry["event_id"] for entry in without}


@pytest.mark.parametrize("command", [("review",), ("approve", "--yes"), ("deny", "--yes"), ("sign", "--verdict", "approve")])
async def test_nobody_decides_about_what_is_sealed_and_is_told_so(
    sayso: Terminal, tmp_path: Path, command: tuple[str, ...]
) -> None:
    """One line, and what keeps the card from being shown."""
    item = await waiting(sayso, "CASE-1006")
    blind = machine(sayso, tmp_path)
    answer = await blind(command[0], item["mission_id"], *command[1:])
    assert (answer.code, answer.err.count("\n"), SEALED_WORDS in answer.err) == (2, 1, True), answer
    listed = (await blind("queue", "--json")).data["items"]
    assert {entry["verified"] for entry in listed} == {False}


async def test_nothing_is_started_in_clear_by_a_machine_without_a_key(sayso: Terminal, tmp_path: Path) -> None:
    """I8: unless somebody switched encryption off, the server sees no payload in clear."""
    blind = machine(sayso, tmp_path)
    answer = await blind("start", "refund", "--input", '{"case_id": "CASE-1006"}', "--id", "in-clear")
    assert (answer.code, "would reach the Temporal server in clear: set SAYSO_KEY_RING" in answer.err) == (2, True)
    assert "there is no mission" in (await blind("rail", "in-clear")).err


async def test_ring_that_is_gone_is_no_ring(sayso: Terminal, tmp_path: Path) -> None:
    """The profile names it, and this machine does not have it."""
    lost = machine(sayso, tmp_path, key_ring=tmp_path / "gone.json")
    assert (await lost("queue")).code == 0
    assert (await lost("start", "refund", "--input", '{"case_id": "CASE-1006"}')).code == 2


async def test_environment_wins_over_the_profile(sayso: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By reference, as for a worker."""
    item = await waiting(sayso, "CASE-1006")
    monkeypatch.setenv("SAYSO_KEY_RING", "env:OUR_RING")
    monkeypatch.setenv("OUR_RING", ring_text())
    answer = await machine(sayso, tmp_path)("review", item["proposal_id"])
    assert (answer.code, "WILL BE SENT, exactly:" in answer.out) == (0, True)
    monkeypatch.setenv("OUR_RING", ring_text()[:-9])
    wrong = await sayso("review", item["proposal_id"])
    assert (wrong.code, wrong.err.startswith("sayso: what is in OUR_RING is no key ring")) == (2, True)


async def test_what_is_sent_in_clear_is_said_to_be_wanted(
    sayso: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With SAYSO_ENCRYPTION=off a machine without a key starts missions, and workers with one still read them."""
    monkeypatch.setenv("SAYSO_ENCRYPTION", "off")
    plain = machine(sayso, tmp_path)
    answer = await plain("start", "refund", "--input", '{"case_id": "CASE-1003"}', "--id", "plain-1003", "--wait")
    assert (answer.code, answer.err.splitlines()[-1]) == (
        1,
        f"sayso: mission `plain-1003` ended, and what it ended with is {SEALED_WORDS}",
    )
    assert (await sayso.world.client.get_workflow_handle("plain-1003").result())["verdict"] == "not_due"
    first, *_, last = await fetch(sayso.world.client, "plain-1003")
    given = first.workflow_execution_started_event_attributes.input.payloads[0]
    result = last.workflow_execution_completed_event_attributes.result.payloads[0]
    assert (given.data, result.metadata["encoding"]) == (b'{"case_id":"CASE-1003"}', ENCRYPTED)


@pytest.mark.parametrize("ring", ["gone.json", "wrong.json"])
async def test_anyone_stops_everything_without_a_key_that_works(sayso: Terminal, tmp_path: Path, ring: str) -> None:
    """The one thing that may be said in clear: whoever can reach the server may stop."""
    (tmp_path / "wrong.json").write_text("{")
    answer = await machine(sayso, tmp_path, key_ring=tmp_path / ring)("freeze", "--reason", "odd", "--json")
    assert (answer.code, answer.data["frozen"]) == (0, True)
    assert (await sayso("thaw", "--reason", "seen", "--as", "iris")).code == 0


class Refusing:
    """An activity that fails with what must not be read, and will be tried again."""

    @activity.defn(name="read")
    async def read(self, asked: Any) -> None:
        """Never succeeds."""
        raise ApplicationError("the order system is down for IBAN DE02120300000000202051")


async def test_failure_of_a_running_mission_is_told_in_its_own_words(
    sayso: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes with the server's description of the run, where it is encrypted."""
    queue = f"refusing-{uuid4().hex[:8]}"
    monkeypatch.setattr("workflows.mission.READS", queue)
    how: dict[str, Any] = {"activities": [Refusing().read], "workflow_runner": UnsandboxedWorkflowRunner()}
    async with Worker(sayso.world.client, task_queue=queue, workflows=[RefundMission], **how):
        handle = await sayso.world.start("CASE-1001", queue=queue)

        async def troubled() -> Answer | None:
            answer = await sayso("rail", handle.id)
            return answer if "TROUBLE, now:" in answer.out else None

        answer = await until(troubled)
        blind = await machine(sayso, tmp_path)("rail", handle.id)
        await handle.terminate()
    assert "read, attempt" in answer.out and "is down for IBAN DE0212" in answer.out
    assert "DE0212" not in blind.out and SEALED_WORDS in blind.out.partition("TROUBLE")[2]
