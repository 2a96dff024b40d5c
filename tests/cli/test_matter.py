"""A proposal as the command line finds it in histories made by hand."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from typing import cast as typed

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.service import RPCError, RPCStatusCode

from activities.histories import unreachable
from approvals.card import NARROWEST, labelled, render
from approvals.decision import Verdict
from approvals.display import visible_json
from approvals.queue import Waiting
from approvals.resolution import State
from approvals.settlement import SettlementKind
from approvals.votes import Vote
from audit.errors import NotAMissionError
from audit.law import Law
from audit.proven import proposed
from policies.canonical import Digest
from policies.load import load, shipped
from policies.requirement import Assurance
from tests.cli.histories import DIRECTORY, GATE, MISSION, SAM, STRANGER, T0, History
from tests.fakes.history import sealed_payload
from workers.cli import matter as matters
from workers.cli.ballot import cast
from workers.cli.desk import Desk
from workers.cli.follow import _NEWS
from workers.cli.matter import Matter, look, matter_of
from workers.cli.review import as_data, as_text
from workers.cli.sheet import left
from workers.cli.signer import choose
from workers.errors import Refused, WrongUse
from workers.profile import Profile

LAW = Law(load(shipped()), DIRECTORY)


def found(history: History, digest: str) -> Matter | str:
    """What the command line makes of proposal *digest*."""
    return look(history.record(), Digest(digest), LAW)


def test_proposal_of_another_gate_is_not_shown() -> None:
    """A key that this machine's bundle does not pin proves nothing."""
    history = History().started()
    signed, _ = history.proposed(STRANGER)
    assert "not a gate key of this bundle" in str(found(history, signed.digest))


def test_proposal_of_another_run_is_not_shown() -> None:
    """A genuine proposal, copied from another mission's history."""
    history = History().started()
    signed, _ = history.proposed(mission=MISSION.model_copy(update={"run_id": "run-2"}))
    assert "another mission run" in str(found(history, signed.digest))


def test_proposal_under_a_digest_that_is_not_its_own_is_not_shown() -> None:
    """Anyone may complete `propose` with a genuine body and any digest beside it."""
    history = History().started()
    signed, _ = history.proposed(GATE)
    forged = signed.model_copy(update={"digest": Digest("f" * 64)})
    history.done("propose", {}, forged.model_dump(mode="json"))
    assert isinstance(found(history, "f" * 64), str)


ENDINGS = ("COMPLETED", "FAILED", "TIMED_OUT", "CANCELED", "TERMINATED", "CONTINUED_AS_NEW")


@pytest.mark.parametrize("ending", ENDINGS)
def test_mission_that_is_over_takes_no_decision(ending: str) -> None:
    """However it ended; and whoever waits for the gate's answer waits no longer."""
    history = History().started()
    signed, _ = history.proposed()
    history.add(f"WORKFLOW_EXECUTION_{ending}")
    matter = found(history, signed.digest)
    assert isinstance(matter, Matter) and matter.record.closed
    assert history.events[-1].event_type in _NEWS
    with pytest.raises(Refused, match="is over"):
        cast(matter, SAM, Verdict.APPROVE, "")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RPCError("workflow execution not found", RPCStatusCode.NOT_FOUND, b""), "not on the server any more"),
        (NotAMissionError("the history does not begin with a start"), "does not begin with a start"),
    ],
)
def test_listed_run_without_a_history_is_unverified(monkeypatch: pytest.MonkeyPatch, error: Exception, words: str) -> None:
    """Deleted runs stay listed for a while; one of them must not hide the others."""

    async def gone(*_: Any) -> None:
        if isinstance(error, RPCError):
            raise unreachable(error) from error
        raise error

    monkeypatch.setattr(matters, "record_of", gone)
    row = Waiting("refund-1", "run-1", "refund", T0, "a" * 64, None)
    assert words in str(asyncio.run(matter_of(typed(Desk, None), row)))


def test_expired_proposal_is_not_signed() -> None:
    """It is refused before a key is used."""
    history = History().started()
    signed, _ = history.proposed()
    history.events[-1].event_time.FromDatetime(T0 + timedelta(days=400))
    matter = found(history, signed.digest)
    assert isinstance(matter, Matter)
    with pytest.raises(Refused, match="expired at 2026-11-24T12:00:00"):
        cast(matter, SAM, Verdict.APPROVE, "")


def test_review_shows_the_card_and_no_raw_hostile_text() -> None:
    """Text and data come from the same proposal."""
    history = History().started()
    signed, _ = history.proposed()
    history.signalled("\x1b[31m\u202e", "x")
    matter = found(history, signed.digest)
    assert isinstance(matter, Matter)
    text = as_text(matter)
    assert "WILL BE SENT, exactly:" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert as_data(matter)["arguments"]["amount_minor"] == 4200


def test_key_is_chosen_by_option_then_environment_then_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a missing one is told with those that are there."""
    profile = Profile(address="", namespace="default", policies=tmp_path, keys=tmp_path)
    for name, signer in (("sam", SAM), ("stranger", STRANGER)):
        (tmp_path / f"{name}.jwk").write_text(json.dumps(signer.to_jwk()))
    assert choose(profile, None, None, "sam").kid == "sam-1"
    monkeypatch.setenv("SAYSO_KEY", str(tmp_path / "stranger.jwk"))
    assert choose(profile, None, None, "sam").kid == "stranger-1"
    assert choose(profile, "sam", None, None).kid == "sam-1"
    with pytest.raises(WrongUse, match="there are keys of sam, stranger"):
        choose(profile, "eve", None, None)


@pytest.mark.parametrize(
    ("seconds", "words"), [(86399, "in 23h 59m"), (61, "in 1m 1s"), (0, "0s ago"), (-3600, "1h ago"), (90061, "in 1d 1h")]
)
def test_time_left_is_two_units_at_most(seconds: int, words: str) -> None:
    """For a person, not for a script."""
    assert left(T0 + timedelta(seconds=seconds), T0) == words


def test_settled_proposal_stands_as_the_gate_settled_it() -> None:
    """Years later its signatures have lapsed; what was decided then stays what it was."""
    history = History().started()
    signed, _ = history.proposed()
    heard = history.signalled("decide", "x")
    vote = Vote(event_id=heard, at=T0, who="sam", assurance=Assurance.SIGNED, verdict=Verdict.APPROVE)
    history.settled(SettlementKind.RECEIPT, signed, vote, receipt=history.receipt(signed))
    history.events[-1].event_time.FromDatetime(T0 + timedelta(days=400))
    matter = found(history, signed.digest)
    assert isinstance(matter, Matter)
    assert (matter.resolution.state, matter.standing.state) == (State.EXPIRED, State.APPROVED)
    assert [vote.counts for vote in matter.standing.votes] == [True]
    with pytest.raises(Refused, match="was committed"):
        cast(matter, SAM, Verdict.DENY, "")


@pytest.mark.promise("F5")
def test_proposal_that_could_not_be_opened_is_not_shown() -> None:
    """No codec, or the wrong key: there is nothing to show, and nothing is signed over a digest alone."""
    history = History().started()
    signed, _ = history.proposed()
    history.events[-1].activity_task_completed_event_attributes.result.payloads[0].CopyFrom(sealed_payload())
    assert "holds no proposal" in str(found(history, signed.digest))


@pytest.mark.promise("F5")
def test_proposal_with_a_masked_field_is_not_shown() -> None:
    """The gate signed every field of it; what a redacting reader leaves is not what was signed."""
    history = History().started()
    signed, _ = history.proposed()
    payload = history.events[-1].activity_task_completed_event_attributes.result.payloads[0]
    assert b"4200" in payload.data
    payload.data = payload.data.replace(b"4200", b"null")
    assert "not the one that was signed" in str(found(history, signed.digest))


@pytest.mark.promise("F5")
@given(st.dictionaries(st.text(max_size=40), st.text(max_size=3000), max_size=4), st.integers(NARROWEST, 200))
def test_nothing_on_a_card_is_masked_or_cut(arguments: dict[str, str], width: int) -> None:
    """Every argument to its last character, in any terminal: broken into lines, never shortened."""
    history = History().started()
    history.proposed()
    proposal = next(iter(proposed(history.record(), DIRECTORY).values()))[1]
    action = proposal.action.model_copy(update={"arguments": arguments})
    card = render(proposal.model_copy(update={"action": action}))
    assert sorted(line.text for line in card.arguments) == sorted(map(visible_json, arguments.values() or [{}]))
    rows = [row.strip() for row in labelled(card.arguments, width)]
    assert _letters("".join(row.removeprefix("| ") for row in rows)) == _letters(
        "".join(line.label + line.text for line in card.arguments)
    )


def _letters(text: str) -> Counter[str]:
    """Every character but blanks and bars, which the frame adds; a label and a text may be broken side by side."""
    return Counter(char for char in text if char not in " |")
