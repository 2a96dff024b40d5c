"""Scenarios are judged by the gate's own code, and by nothing else. Source: approvals/rehearsal.py."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import cedarpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals import checks
from approvals.expectation import differences, outcome, why
from approvals.jws import Signer
from approvals.rehearsal import Played, Stage, play, set_stage
from approvals.resolution import State
from policies import rulebook
from policies.load import load, shipped
from policies.ruling import Outcome
from policies.scenario import ActionScenario, Answer, Said
from policies.source import sources
from tests.policy.conftest import Copy


@cache
def stage() -> Stage:
    """The shipped bundle, ready."""
    return set_stage(load(shipped()), Signer.generate)


def refund(amount_minor: int, decisions: Sequence[Said] = (), owner: str | None = "olga", at: int | None = None) -> Played:
    """A refund with these decisions, on the shipped bundle."""
    scenario = ActionScenario(
        name="one",
        mission="refund",
        owner=owner,
        operation="payments.issue_refund",
        arguments={"order_id": "O", "amount_minor": amount_minor, "currency": "EUR", "reason": "r"},
        decisions=tuple(decisions),
        expect=Answer(ruling=Outcome.GATE, resolution="approved"),
    ).model_copy(update={"at": at})
    return play(scenario, stage())


def state(played: Played) -> State:
    """How the proposal stands."""
    assert played.resolution is not None
    return played.resolution.state


def approve(who: str, after: int = 0) -> Said:
    """A signed approval *after* so many seconds."""
    return Said(who=who, verdict="approve").model_copy(update={"after": after})


def test_every_shipped_scenario_comes_out_as_expected_and_reaches_every_policy() -> None:
    """The bundle people start from."""
    played = [play(scenario, stage()) for scenario in stage().bundle.scenarios]
    assert {each.scenario.name: differences(each) for each in played if differences(each)} == {}
    reached = frozenset[str]().union(*(each.reached for each in played))
    assert reached == {policy.name for policy in sources(stage().bundle.rulebook.text)}


def test_scenario_plays_the_same_with_other_keys(copy: Copy) -> None:
    """Keys are thrown away; nothing that is compared depends on them."""
    first, second = ({name: (outcome(played), played.reached) for name, played in copy.played().items()} for _ in range(2))
    assert first == second


CHECKED = {
    "eligible": "who began it does not approve it",
    "assurance": "a name without a key approves nothing",
}


@pytest.mark.parametrize("check", CHECKED)
def test_scenario_fails_where_a_check_of_the_gate_is_taken_out(check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one list of checks judges scenarios too: there is no second one that would still hold."""
    scenario = next(one for one in stage().bundle.scenarios if one.name == CHECKED[check])
    assert differences(play(scenario, stage())) == ()
    monkeypatch.delitem(checks.CHECKS, check)
    assert [found.what for found in differences(play(scenario, stage()))] == ["resolution", "missing"]


def test_signature_of_a_rehearsed_decision_is_really_verified() -> None:
    """A person who signs with another's key is refused as the gate would."""
    real = stage()
    swapped = Stage(real.bundle, real.directory, {**real.signers, "sam": real.stranger}, real.stranger)
    scenario = refund(100, [approve("sam")]).scenario
    assert state(play(scenario, real)) is State.APPROVED
    assert state(play(scenario, swapped)) is State.OPEN


@pytest.mark.parametrize(("seconds", "expected"), [(24 * 3600 - 1, State.APPROVED), (24 * 3600, State.EXPIRED)])
def test_clock_of_a_scenario_is_the_expirys(seconds: int, expected: State) -> None:
    """One second decides, for the approval and for the moment."""
    assert state(refund(100, [approve("sam", seconds)])) is expected
    assert state(refund(100, [approve("sam")], at=seconds)) is expected


SAID = st.builds(
    Said,
    who=st.sampled_from(["olga", "sam", "lena", "fay", "mission-worker", "nobody"]),
    verdict=st.sampled_from(["approve", "deny"]),
    assurance=st.sampled_from(["signed", "attested", "claimed"]),
)


@given(st.lists(SAID, max_size=6), st.sampled_from([100, 20_000]))
def test_no_decisions_approve_without_the_people_it_needs(said: list[Said], amount_minor: int) -> None:
    """Whoever is left out by group, duty or assurance adds nothing, in any number and order."""
    able = {one.who for one in said if one.verdict == "approve" and one.assurance == "signed"}
    enough = bool(able & {"sam", "lena"}) and (amount_minor == 100 or "fay" in able)
    found = state(refund(amount_minor, said))
    assert found is not State.APPROVED or enough
    assert found in (State.OPEN, State.APPROVED, State.DENIED, State.REVOKED)


@given(st.permutations([approve("sam"), approve("lena"), approve("fay")]))
def test_order_of_approvals_does_not_matter(said: list[Said]) -> None:
    """All three are there in the end."""
    assert state(refund(20_000, said)) is State.APPROVED


CARELESS = """
@id("careless") @requires("support-lead: 1") @expires("48h")
permit (principal is Mission, action == Action::"payments.issue_refund", resource) when { principal.type == "refund" };
"""


@pytest.mark.promise("H5")
def test_weaker_permit_beside_the_baseline_lowers_no_gate_and_shows_in_a_scenario(copy: Copy) -> None:
    """Requirements are joined, and the scenario that names its policies fails."""
    played = copy.append("refund.cedar", CARELESS).played()["one cent more asks finance as well"]
    assert [found.what for found in differences(played)] == ["policies"]
    assert outcome(played)["requires"] == "1 of finance, 1 of support-lead"
    assert outcome(played)["expires"] == "1d"


@pytest.mark.control("H5")
def test_weaker_permit_approves_where_requirements_are_not_joined(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    """One defence: joining. Without it one person is enough for a large refund, and the scenario says so."""
    monkeypatch.setattr(rulebook, "joined", lambda found: min(found, key=lambda one: len(one.rules)))
    played = copy.append("refund.cedar", CARELESS).played()["one cent more asks finance as well"]
    assert ("resolution", "approved") in {(found.what, found.got) for found in differences(played)}


FORBIDS = ("not-the-owner", "not-whom-it-is-for", "owner-must-be-known")


@pytest.mark.promise("H1")
@pytest.mark.parametrize("owner", [None, "sam"])
def test_approval_is_refused_where_the_owner_is_missing_or_the_approver(owner: str | None) -> None:
    """A missing attribute keeps everybody out, one that is there keeps its person out."""
    assert state(refund(100, [approve("sam")], owner=owner)) is State.OPEN


@pytest.mark.control("H1")
@pytest.mark.parametrize("name", FORBIDS)
def test_scenario_fails_where_a_forbid_is_taken_out(copy: Copy, name: str) -> None:
    """Each separation of duties is seen to hold by a scenario of its own."""
    text = (copy.root / "refund.cedar").read_text()
    (policy,) = (each for each in sources(text) if each.name == name)
    played = copy.write("refund.cedar", text.replace(policy.text, "")).played().values()
    assert len([found for found in played if differences(found)]) >= 2


OVERFLOWS = """
@id("overflows")
forbid (principal, action == Action::"payments.issue_refund", resource)
when { context.input.amount_minor * 9223372036854775807 > 0 };
"""


@pytest.mark.promise("H2")
def test_error_in_a_forbid_is_a_no(copy: Copy) -> None:
    """It is valid under the schema, overflows when it is asked, and Cedar leaves it out: still nothing is permitted."""
    played = copy.append("refund.cedar", OVERFLOWS).play(refund(100).scenario)
    assert outcome(played)["ruling"] == "forbid"
    assert "overflow" in " ".join(why(played))


@pytest.mark.control("H2")
def test_error_in_a_forbid_permits_where_errors_are_not_looked_at(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    """One defence: Allow counts only without errors. Cedar's own decision is Allow."""
    asked = cedarpy.is_authorized

    def blind(*arguments: Any) -> Any:
        answer = asked(*arguments)
        answer.diagnostics.errors.clear()
        return answer

    monkeypatch.setattr(cedarpy, "is_authorized", blind)
    played = copy.append("refund.cedar", OVERFLOWS).play(refund(100).scenario)
    assert outcome(played)["ruling"] == "gate"
