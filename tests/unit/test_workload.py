"""Who decided how much, told as stories: what settlements say, and what stands in the table then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from approvals.decision import Verdict
from approvals.settlement import SettlementKind
from approvals.votes import Vote
from audit.workload import Workload, decided, workloads
from policies.requirement import Assurance
from tests.cli.histories import DIRECTORY, STRANGER, T0, History

PENDING, DENIED = SettlementKind.PENDING, SettlementKind.DENIED
NO = Verdict.DENY


@dataclass(frozen=True)
class Said:
    """One decision: by whom, what, so many seconds after the proposal, and why it did not count."""

    who: str | None
    after: int
    verdict: Verdict = Verdict.APPROVE
    refused: tuple[str, ...] = ()
    assurance: Assurance = Assurance.SIGNED

    def vote(self, event_id: int) -> Vote:
        """As a settlement tells it."""
        given: dict[str, Any] = {"who": self.who, "verdict": self.verdict, "refused": self.refused}
        return Vote(event_id=event_id, at=T0, assurance=self.assurance, **given)


def lived(*said: Said, settlements: int = 1) -> History:
    """A mission in which *said* was said about one proposal, and judged so many times."""
    history = History().started()
    signed, proposed = history.proposed()
    began, votes = history.events[proposed - 1].event_time.ToDatetime(), []
    for one in said:
        heard = history.signalled("decide", "a.b.c")
        history.events[heard - 1].event_time.FromDatetime(began + timedelta(seconds=one.after))
        votes.append(one.vote(heard))
    for _ in range(settlements):
        history.settled(PENDING, signed, *votes)
    return history


def told(*histories: History, **how: Any) -> tuple[Workload, ...]:
    """The workloads of all missions together."""
    return workloads([one for history in histories for one in decided(history.record(), DIRECTORY)], **how)


OTHERS = ("he is in none of the groups",)
STORIES: list[tuple[str, tuple[Said, ...], list[tuple[str, int, int, int, int]]]] = [
    # name, what was said, and by person: approved, denied, other, refused
    ("nobody", (), []),
    ("one approval", (Said("sam", 5),), [("sam", 1, 0, 0, 0)]),
    ("a yes and a no", (Said("sam", 5), Said("fay", 9, NO)), [("fay", 0, 1, 0, 0), ("sam", 1, 0, 0, 0)]),
    ("the busiest is first", (Said("fay", 5), Said("sam", 6), Said("sam", 7, NO)), [("sam", 1, 1, 0, 0), ("fay", 1, 0, 0, 0)]),
    ("a refused one stands apart", (Said("sam", 5, refused=OTHERS), Said("sam", 9)), [("sam", 1, 0, 0, 1)]),
    ("only refused ones", (Said("sam", 5, refused=OTHERS),), [("sam", 0, 0, 0, 1)]),
    ("a malformed one is nobody's", (Said(None, 5, refused=("not readable",)),), []),
    ("a claim charges nobody", (Said("sam", 5, NO, assurance=Assurance.CLAIMED),), []),
    ("an attested one does", (Said("sam", 5, assurance=Assurance.ATTESTED),), [("sam", 1, 0, 0, 0)]),
]


@pytest.mark.parametrize(("name", "said", "then"), STORIES, ids=[story[0] for story in STORIES])
def test_decisions_are_counted_by_person(name: str, said: tuple[Said, ...], then: list[tuple[str, int, int, int, int]]) -> None:
    """Also when three settlements tell the same."""
    found = told(lived(*said, settlements=3))
    assert [(one.who, one.approved, one.denied, one.other, one.refused) for one in found] == then


def test_card_is_open_from_the_proposal_to_the_decision() -> None:
    """Over several missions; one second is hasty, ten are not."""
    (sam,) = told(lived(Said("sam", 1)), lived(Said("sam", 10)), lived(Said("sam", 200, NO)))
    assert (sam.median_open_seconds, sam.shortest_open_seconds, sam.hasty) == (10, 1, 1)
    assert (sam.decisions, sam.approved_share) == (3, 2 / 3)
    assert (sam.last_at - sam.first_at).total_seconds() == 199


def test_refused_decision_tells_no_time() -> None:
    """Anybody may send one in somebody's name: it must not make him look hasty."""
    (sam,) = told(lived(Said("sam", 1, refused=OTHERS), Said("sam", 60)))
    assert (sam.median_open_seconds, sam.shortest_open_seconds, sam.hasty) == (60, 60, 0)


def test_without_a_counting_decision_there_is_no_share_and_no_time() -> None:
    """Not a zero, which would be a statement."""
    (sam,) = told(lived(Said("sam", 5, refused=OTHERS)))
    assert (sam.approved_share, sam.median_open_seconds, sam.shortest_open_seconds) == (None, None, None)


def test_earlier_decisions_are_left_out() -> None:
    """*since* is about the decision, not about its mission."""
    history = lived(Said("sam", 5), Said("fay", 500))
    later = T0 + timedelta(seconds=400)
    assert [one.who for one in told(history, since=later)] == ["fay"]


def test_settlement_of_a_stranger_counts_for_nothing() -> None:
    """Whoever completes `settle` cannot make somebody look tired."""
    history = History().started()
    signed, _ = history.proposed()
    heard = history.signalled("decide", "a.b.c")
    history.settled(PENDING, signed, Said("sam", 1).vote(heard), signer=STRANGER)
    assert told(history) == ()


def test_last_settlement_says_what_a_decision_was_worth() -> None:
    """Sam lost his group in between."""
    history = History().started()
    signed, _ = history.proposed()
    heard = history.signalled("decide", "a.b.c")
    history.settled(PENDING, signed, Said("sam", 1).vote(heard))
    history.settled(PENDING, signed, Said("sam", 1, refused=OTHERS).vote(heard))
    (sam,) = told(history)
    assert (sam.decisions, sam.refused) == (0, 1)


def test_decision_counts_once_for_two_proposals_of_one_mission() -> None:
    """The other proposal's settlement mentions it as refused: it counted where it was meant."""
    history = History().started()
    first, _ = history.proposed()
    heard = history.signalled("decide", "a.b.c")
    history.settled(DENIED, first, Said("sam", 1, NO).vote(heard))
    second, _ = history.proposed()
    history.settled(PENDING, second, Said("sam", 1, NO, ("it came before the proposal",)).vote(heard))
    (sam,) = told(history)
    assert (sam.decisions, sam.denied, sam.refused) == (1, 1, 0)


def test_decision_from_before_the_proposal_has_no_time() -> None:
    """A clock stepped back, or a vote over something else: no negative times."""
    (sam,) = told(lived(Said("sam", -5)))
    assert (sam.decisions, sam.median_open_seconds, sam.hasty) == (1, None, 0)
