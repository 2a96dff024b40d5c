"""What strangers write into a history, against whoever reads it: rail, terminal, archive."""

from __future__ import annotations

import json

import pytest
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.api.history.v1 import HistoryEvent

from approvals import attributes
from approvals.signed import Kind, seal
from audit.export import Sources, derived, members_of
from audit.known import Known
from audit.observation import ObservationKind
from audit.payloads import open_events
from audit.rail import rail
from audit.record import MissionRecord
from policies.requirement import Assurance
from tests.fakes.bench import SMALL, Bench
from tests.fakes.history import json_payload
from tests.fakes.rings import CODEC, RING
from workers.cli.rail_sheet import Telling, as_text


def failed_task(bench: Bench, base_run_id: str) -> HistoryEvent:
    """A failed workflow task whose cause says `reset`; the server stamps whoever failed it."""
    event = bench.mission.append(EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED)
    told = event.workflow_task_failed_event_attributes
    told.cause = WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW
    told.identity, told.base_run_id = "a worker", base_run_id
    event.principal.type, event.principal.name = "jwt", "ada"
    return event


@pytest.mark.promise("G13")
async def test_worker_that_fails_its_task_cannot_tell_of_a_reset(bench: Bench) -> None:
    """A server (1.32) takes any cause from a worker. Only its own reset names the run that is repeated."""
    failed_task(bench, "")
    failed_task(bench, "run-0")
    claimed, real = rail(bench.mission.record(), bench.law.directory)[-2:]
    assert "could not go on (reset workflow)" in claimed.what and claimed.assurance is Assurance.CLAIMED
    assert "the run was reset: it repeats run run-0" in real.what and real.assurance is Assurance.ATTESTED


@pytest.mark.promise("G13")
async def test_copies_of_a_proposal_are_no_work_for_each_listing(bench: Bench) -> None:
    """A mission copies a proposal of the gate and lists itself, again and again: who waits is kept, and not counted anew."""
    answer = json.dumps((await bench.asked()).model_dump(mode="json")).encode()
    for _ in range(500):
        bench.mission.activity("propose", {"step": "1"}, answer)
    listed = bench.mission.append(EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES)
    fields = listed.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
    fields[attributes.STATE].CopyFrom(json_payload(attributes.WORKING))
    record = bench.mission.record()
    told = rail(record, bench.law.directory)
    assert "it says that nothing waits" in told[-1].what
    known = Known(record.started.mission, bench.law.directory)
    for entry in record._answers:
        known.learn_answer(entry, record.chain)
    assert len(known.proposals) == 500 and len(known.waiting) == 1


@pytest.mark.promise("F2")
async def test_model_with_a_long_name_does_not_widen_every_line(bench: Bench) -> None:
    """A column is as wide as its widest cell: a name of a megabyte, in a mission with many events, would fill the memory."""
    bench.mission.activity("reason", {"purpose": "x"}, {"model": "m" * 1_000_000}, "reasoning")
    for _ in range(100):
        bench.say("x")
    sheet = as_text([Telling("run-1", rail(bench.mission.record(), bench.law.directory))], [])
    assert len(sheet) < 100_000 and "m" * 100 in sheet and "more characters" in sheet


@pytest.mark.promise("G8")
async def test_ciphertext_that_is_copied_into_a_signal_is_not_told_in_clear(bench: Bench) -> None:
    """Whoever reads the server's database starts a mission in clear, signals it with what another one holds, and waits."""
    secret = json_payload({"proposal": "0" * 64, "verdict": "approve", "approver": "Marguerite"})
    bench.mission.signal("decide", RING.encrypted(secret))
    raw = bench.mission.record().raw
    opened = await open_events(raw, CODEC)
    record = MissionRecord.of("default", "refund-1", "run-1", raw, opened)
    assert "Marguerite" in rail(record, bench.law.directory)[-1].model_dump_json()
    members = members_of(Sources(record, {}, bench.law.directory, {}, "1"), RING.seal)
    assert "rail.json" in members and b"Marguerite" not in b"".join(members.values())
    # Who has no key reads the same: the archive verifies with and without one.
    blind = MissionRecord.of("default", "refund-1", "run-1", raw, await open_events(raw, None))
    assert derived(blind, bench.law.directory) == derived(record, bench.law.directory)


@pytest.mark.promise("G13")
async def test_refusal_that_names_no_run_is_nobody_s(bench: Bench) -> None:
    """A gate from before signed such; one that was copied from another mission reads the same, and the verifier says so too."""
    answer = await bench.asked({**SMALL, "amount_minor": 99_999_999})
    old = seal(Kind.REFUSAL, {**answer.body, "mission": None}, bench.kit.signers["gate"])
    for each in (answer, old):
        bench.mission.activity("propose", {"step": "1"}, each)
    ours, nobodys = rail(bench.mission.record(), bench.law.directory)[-2:]
    assert (ours.kind, ours.assurance) == (ObservationKind.REFUSED, Assurance.SIGNED)
    assert (nobodys.kind, nobodys.assurance) == (ObservationKind.UNVERIFIED, None) and "without naming a run" in nobodys.what
