"""The Explain rail on histories made by hand: nothing vanishes, and nothing unproven passes for the gate's word."""

from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from temporalio.api.common.v1 import Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import HistoryEvent

from approvals.decision import Verdict, make, sign
from approvals.evidence import Evidence
from approvals.proposal import Proposal, Refusal
from approvals.settlement import USED, Claim, SettlementKind
from approvals.signed import Kind, Signed, seal
from approvals.votes import Vote
from audit.folding import FOLDED
from audit.observation import Observation, ObservationKind
from audit.rail import rail
from policies.canonical import Digest
from policies.requirement import Assurance
from policies.ruling import Finding
from tests.cli.histories import DIRECTORY, GATE, MISSION, SAM, STRANGER, T0, History, payload, payloads


def told(history: History) -> list[Observation]:
    """The rail of *history*."""
    return list(rail(history.record(), DIRECTORY))


def last(history: History) -> Observation:
    """The rail's last entry."""
    return told(history)[-1]


def vote(event_id: int, **changes: Any) -> Vote:
    """Sam's approval as a settlement reports it."""
    made = Vote(event_id=event_id, at=T0, who="sam", assurance=Assurance.SIGNED, verdict=Verdict.APPROVE)
    return made.model_copy(update=changes)


def test_signed_start_names_its_owner() -> None:
    """The owner comes from the signature, not from what a client said."""
    entry = last(History().started())
    assert (entry.kind, entry.actor, entry.assurance) == (ObservationKind.STARTED, "olga", Assurance.SIGNED)


def test_start_without_a_known_key_has_no_owner() -> None:
    """Nobody is named, and the rail says why."""
    entry = last(History().started(STRANGER))
    assert entry.actor is None
    assert "stranger-1" in entry.what


def test_reset_run_says_that_it_is_one() -> None:
    """A reset commits nothing, and whoever reads the rail learns it first."""
    assert "refused: reset" in last(History().started(run_id="run-0")).what


def test_read_reason_and_check_are_in_order() -> None:
    """What was read, which model reasoned, what was checked."""
    history = History().started()
    history.done("read", {"operation": "orders.get_case", "arguments": {"case_id": "CASE-1"}}, {"result": {}})
    history.done("reason", {"purpose": "refund/assess"}, {"model": "sayso-rules/refund", "rule_based": True})
    details = {
        "data": payloads({"activity_type": "observe"}),
        "result": payloads({"name": "in time", "passed": False, "detail": "45 days"}),
    }
    marker = history.add("MARKER_RECORDED", marker_name="core_local_activity")
    for name, value in details.items():
        history.events[marker - 1].marker_recorded_event_attributes.details[name].CopyFrom(value)
    _, read, reasoned, observed = told(history)
    assert read.what == 'orders.get_case {"case_id": "CASE-1"}'
    assert "no model was asked" in reasoned.what
    assert observed.what == "in time: does not hold (45 days)"


def test_model_is_named_where_one_was_asked() -> None:
    """The reader can tell a model from rules."""
    history = History().started()
    history.done("reason", {"purpose": "refund/assess"}, {"model": "openai/x", "rule_based": False})
    assert last(history).what == "refund/assess by model openai/x"


def test_proposal_of_the_gate_is_signed() -> None:
    """With the digest recomputed here."""
    history = History().started()
    signed, event_id = history.proposed()
    entry = last(history)
    assert (entry.kind, entry.event_id) == (ObservationKind.PROPOSED, event_id)
    assert (entry.actor, entry.assurance) == ("gate gate-1", Assurance.SIGNED)
    assert entry.digests["proposal"] == signed.digest


def test_proposal_with_a_digest_of_another_is_unverified() -> None:
    """A hostile worker completes `propose` with a genuine body under a digest it chose."""
    history = History().started()
    signed, _ = history.proposed()
    forged = signed.model_copy(update={"digest": Digest("f" * 64)})
    history.done("propose", {}, forged.model_dump(mode="json"))
    assert last(history).kind is ObservationKind.UNVERIFIED


@pytest.mark.parametrize("result", [None, {}, "yes", {"kind": "proposal", "digest": "x", "body": {}, "jws": "a.b.c"}])
def test_answer_that_is_not_the_gates_is_unverified(result: Any) -> None:
    """Anyone may complete any activity of a namespace; only the signature makes it the gate's."""
    for name in ("propose", "settle"):
        history = History().started()
        history.done(name, {}, result)
        assert last(history).kind is ObservationKind.UNVERIFIED


def test_settlement_by_another_key_is_unverified() -> None:
    """It is shown, and it is not believed."""
    history = History().started()
    signed, _ = history.proposed()
    history.settled(SettlementKind.RECEIPT, signed, signer=STRANGER)
    assert last(history).kind is ObservationKind.UNVERIFIED
    assert last(history).what.startswith("unverified settlement: it is signed by `stranger-1`")


def test_settlement_of_another_run_is_unverified() -> None:
    """A genuine settlement, copied from another mission's history."""
    history = History().started()
    signed, _ = history.proposed()
    history.settled(SettlementKind.DENIED, signed, mission=MISSION.model_copy(update={"run_id": "run-2"}))
    assert "another mission run" in last(history).what


def test_settlement_over_another_history_is_unverified() -> None:
    """Its head is not a head of this history."""
    history = History().started()
    signed, _ = history.proposed()
    history.settled(SettlementKind.DENIED, signed, head=Evidence(through=2, digest=Digest("0" * 64)))
    assert last(history).kind is ObservationKind.UNVERIFIED


def test_counted_decision_names_its_approver_and_its_judge() -> None:
    """From the settlement, not from the signal."""
    history = History().started()
    signed, proposed = history.proposed()
    heard = history.signalled("decide", "a.b.c")
    settled = history.settled(SettlementKind.PENDING, signed, vote(heard))
    decided = next(entry for entry in told(history) if entry.event_id == heard)
    assert (decided.kind, decided.actor) == (ObservationKind.DECIDED, "sam")
    assert (decided.cause, decided.judged_by) == (proposed, settled)


def test_last_settlement_tells_what_a_decision_was_worth() -> None:
    """Sam lost his group between two settlements."""
    history = History().started()
    signed, _ = history.proposed()
    heard = history.signalled("decide", "a.b.c")
    history.settled(SettlementKind.PENDING, signed, vote(heard))
    history.settled(SettlementKind.PENDING, signed, vote(heard, refused=("he is in none of the groups",)))
    decided = next(entry for entry in told(history) if entry.event_id == heard)
    assert decided.kind is ObservationKind.REFUSED
    assert "none of the groups" in decided.what


def test_forged_settlement_makes_no_decision_count() -> None:
    """The votes in it are nobody's word."""
    history = History().started()
    signed, _ = history.proposed()
    heard = history.signalled("decide", "a.b.c")
    history.settled(SettlementKind.RECEIPT, signed, vote(heard), signer=STRANGER)
    assert next(entry for entry in told(history) if entry.event_id == heard).kind is ObservationKind.REFUSED


@pytest.mark.parametrize(("name", "values"), [("decide", ()), ("decide", (1, 2)), ("decide", ({"x": 1},)), ("hello", ("y",))])
def test_malformed_signal_is_refused_and_stays(name: str, values: tuple[Any, ...]) -> None:
    """Also before any settlement has judged it."""
    history = History().started()
    history.signalled(name, *values)
    assert last(history).kind is ObservationKind.REFUSED
    assert last(history).what.endswith("(not judged yet)")


def test_decision_that_nobody_judged_yet_is_received() -> None:
    """It may still count; the rail does not say that it was refused."""
    history = History().started()
    signed, proposed = history.proposed()
    proposal, record = Proposal.model_validate(signed.body), history.record()
    evidence = Evidence(through=record.head, digest=record.chain[-1])
    statement = make(proposal, signed.digest, evidence, Verdict.APPROVE, reason="", now=T0 + timedelta(seconds=9), jti="1")
    history.signalled("decide", sign(statement, SAM))
    entry = last(history)
    assert (entry.kind, entry.actor, entry.assurance) == (ObservationKind.RECEIVED, "sam", Assurance.SIGNED)
    assert entry.cause == proposed


def test_receipt_is_committed_with_its_result() -> None:
    """And with the digest of what was sent."""
    history = History().started()
    signed, _ = history.proposed()
    history.settled(SettlementKind.RECEIPT, signed, receipt=history.receipt(signed))
    entry = last(history)
    assert entry.kind is ObservationKind.COMMITTED
    assert entry.what == 'payments.issue_refund done: {"refund_id": "RF-1"}'
    assert "sent" in entry.digests


def test_receipt_of_another_key_is_not_told_as_done() -> None:
    """The settlement is the gate's, the receipt in it is not."""
    history = History().started()
    signed, _ = history.proposed()
    history.settled(SettlementKind.RECEIPT, signed, receipt=history.receipt(signed, STRANGER))
    assert last(history).what == "the receipt in it is not proven to be the gate's"


def test_refused_action_gives_every_reason() -> None:
    """What could not even be proposed is on the rail."""
    findings = tuple(Finding(check=name, holds=False, words=f"no {name}") for name in ("scope", "contract"))
    refusal = Refusal(operation="payments.x", step="1", findings=findings, at=T0, mission=MISSION)
    history = History().started()
    history.done("propose", {}, seal(Kind.REFUSAL, refusal.model_dump(mode="json"), GATE).model_dump(mode="json"))
    assert last(history).kind is ObservationKind.REFUSED
    assert last(history).what == "payments.x: no scope; no contract"


@pytest.mark.parametrize(("signer", "kind"), [(GATE, ObservationKind.USED), (STRANGER, ObservationKind.REFUSED)])
def test_announcement_counts_by_its_signature(signer: Any, kind: ObservationKind) -> None:
    """Anyone can send the signal `used`."""
    history = History().started()
    signed, _ = history.proposed()
    record = history.record()
    head = Evidence(through=record.head, digest=record.chain[-1])
    claim = Claim(proposal=signed.digest, mission=MISSION, action=Digest("2" * 64), idempotency_key="k", head=head, at=T0)
    history.signalled(USED, seal(Kind.CLAIM, claim.model_dump(mode="json"), signer).model_dump(mode="json"))
    assert last(history).kind is kind


def test_activity_without_an_answer_is_asked() -> None:
    """A running mission shows what it waits for."""
    history = History().started()
    history.asked("read", {"operation": "orders.get_case"})
    assert (last(history).kind, last(history).what) == (ObservationKind.ASKED, "read: no answer yet")


def test_failed_activity_is_trouble_with_its_innermost_cause() -> None:
    """Temporal wraps failures; the reason is inside."""
    history = History().started()
    history.failed("read", "not permitted")
    assert (last(history).kind, last(history).what) == (ObservationKind.TROUBLE, "read: not permitted")


@pytest.mark.parametrize(
    ("kind", "attributes", "words"),
    [
        ("WORKFLOW_EXECUTION_TERMINATED", {"reason": "by hand", "identity": "ceo@corp"}, "terminated: by hand"),
        ("WORKFLOW_EXECUTION_CANCELED", {}, "cancelled"),
        ("WORKFLOW_EXECUTION_FAILED", {"failure": Failure(message="boom")}, "boom"),
        ("WORKFLOW_EXECUTION_TIMED_OUT", {}, "ran out of its time"),
        ("WORKFLOW_EXECUTION_CONTINUED_AS_NEW", {"new_execution_run_id": "run-2"}, "run-2"),
    ],
)
def test_every_ending_is_told(kind: str, attributes: dict[str, Any], words: str) -> None:
    """A run that did not end by its own verdict `ended`."""
    history = History().started()
    history.add(kind, **attributes)
    assert last(history).kind is ObservationKind.ENDED
    assert words in last(history).what


def test_identity_of_a_terminator_is_only_claimed() -> None:
    """`identity` is whatever the client said."""
    history = History().started()
    history.add("WORKFLOW_EXECUTION_TERMINATED", identity="ceo@corp")
    assert (last(history).actor, last(history).assurance) == ("ceo@corp", Assurance.CLAIMED)


TOLD_ABOVE = {EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED, EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED}


@pytest.mark.parametrize("name", [name for name, kind in EventType.items() if kind > 1 and kind not in {*FOLDED, *TOLD_ABOVE}])
def test_no_event_vanishes(name: str) -> None:
    """Every event type the server has, with nothing in it."""
    history = History().started()
    history.events.append(ParseDict({"eventId": "2", "eventType": name}, HistoryEvent()))
    assert [entry.event_id for entry in told(history)] == [1, 2]


def test_event_type_of_a_newer_server_appears_as_itself() -> None:
    """A number this version has no name for."""
    history = History().started()
    history.add("WORKFLOW_EXECUTION_PAUSED")
    history.events[-1].event_type = 4711  # type: ignore[assignment]
    assert last(history).kind is ObservationKind.EVENT
    assert last(history).what == "of type 4711, with the attributes of workflow execution paused"


def test_hostile_text_is_data() -> None:
    """The rail keeps it as it is; whoever prints it escapes it."""
    history = History().started()
    history.add("WORKFLOW_EXECUTION_TERMINATED", reason="\x1b[31m\u202efine")
    assert "\u202e" in last(history).what


def test_sealed_payload_hides_no_event() -> None:
    """A signal that cannot be opened is told as one."""
    history = History().started()
    sealed = payload("x")
    sealed.metadata["encoding"] = b"sayso/sealed"
    history.add("WORKFLOW_EXECUTION_SIGNALED", signal_name="decide", input=Payloads(payloads=[sealed]))
    assert "could not be opened" in last(history).what


def test_unreadable_signed_answer_is_unverified() -> None:
    """Signed by the gate as another kind than the activity answers with."""
    history = History().started()
    signed = seal(Kind.RECEIPT, {}, GATE)
    history.done("settle", {}, Signed.model_dump(signed, mode="json"))
    assert last(history).kind is ObservationKind.UNVERIFIED


def test_decision_says_how_long_its_card_was_open() -> None:
    """From the proposal's event to the signal's, which History puts a second apart."""
    history = History().started()
    signed, proposed = history.proposed()
    heard = history.signalled("decide", "a.b.c")
    history.settled(SettlementKind.PENDING, signed, vote(heard))
    decided = next(entry for entry in told(history) if entry.event_id == heard)
    assert decided.open_seconds == heard - proposed


def test_refused_decision_says_no_such_time() -> None:
    """It may be anybody's."""
    history = History().started()
    signed, _ = history.proposed()
    heard = history.signalled("decide", "a.b.c")
    history.settled(SettlementKind.PENDING, signed, vote(heard, refused=("no",)))
    assert next(entry for entry in told(history) if entry.event_id == heard).open_seconds is None
