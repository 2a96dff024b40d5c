"""C: nobody decides about what they began or profit from, and one person is one. Source: docs/threats.md, C."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from approvals import checks, start, tally
from approvals.jws import Signer
from audit.principals import principals_of
from policies.requirement import Rule
from tests.conftest import Without
from tests.fakes.bench import LARGE, Bench
from tests.fakes.history import json_payload
from tests.fakes.kit import Kit, regrouped, revoked


async def owned_by_sam(kit: Kit) -> Bench:
    """A mission that Sam began, who leads support and works in it."""
    bench = Bench(kit)
    bench.directories.now = regrouped(bench.directories.now, sam=("support", "support-lead"))
    bench.started(owner="sam")
    await bench.propose()
    bench.approve("sam")
    return bench


@pytest.mark.promise("C1")
async def test_owner_does_not_approve(kit: Kit) -> None:
    """`not-the-owner` of the shipped bundle."""
    bench = await owned_by_sam(kit)
    assert (await bench.settle()).kind == "pending"
    bench.approve("lena")
    assert (await bench.settle()).kind == "receipt"


@pytest.mark.control("C1")
async def test_owner_approves_where_eligibility_is_not_asked(kit: Kit, without: Without) -> None:
    """One defence: the eligibility check, which asks policy."""
    bench = await owned_by_sam(kit)
    without(checks.CHECKS, "eligible")
    await bench.settle()
    assert bench.paid == [4200]


async def for_sam(kit: Kit) -> Bench:
    """A mission that Olga began on behalf of Sam."""
    bench = Bench(kit)
    bench.started(on_behalf_of="sam")
    await bench.propose()
    bench.approve("sam")
    return bench


@pytest.mark.promise("C2")
async def test_whom_it_is_for_does_not_approve(kit: Kit) -> None:
    """`not-whom-it-is-for` of the shipped bundle."""
    bench = await for_sam(kit)
    assert (await bench.settle()).kind == "pending"
    assert bench.paid == []


@pytest.mark.control("C2")
async def test_whom_it_is_for_approves_where_eligibility_is_not_asked(kit: Kit, without: Without) -> None:
    """One defence: the eligibility check."""
    bench = await for_sam(kit)
    without(checks.CHECKS, "eligible")
    await bench.settle()
    assert bench.paid == [4200]


async def twice_by_sam(bench: Bench) -> None:
    """Sam is in both groups and decides twice where two people are asked for."""
    bench.directories.now = regrouped(bench.directories.now, sam=("support-lead", "finance"))
    await bench.propose(LARGE)
    bench.approve("sam", "sam")


@pytest.mark.promise("C5")
async def test_one_person_in_both_groups_fills_one_place(bench: Bench) -> None:
    """People are matched to places; two decisions of one person are one."""
    await twice_by_sam(bench)
    settlement = await bench.settle()
    assert (settlement.kind, bench.paid) == ("pending", [])
    assert "has approved already" in settlement.votes[1].refused[0]


@pytest.mark.control("C5")
async def test_one_person_fills_both_places_where_groups_are_counted_and_not_people(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One defence: the matching. Here each rule looks for anybody of its group."""

    def counted(rules: tuple[Rule, ...], groups_of: Mapping[str, frozenset[str]], after: object) -> tuple[str, ...]:
        return tuple(rule.group for rule in rules if not any(rule.group in groups for groups in groups_of.values()))

    await twice_by_sam(bench)
    monkeypatch.setattr(tally, "shortfall", counted)
    await bench.settle()
    assert bench.paid == [42000]


@pytest.mark.promise("C6")
@pytest.mark.parametrize("who", ["olga", "fay"])
async def test_approver_outside_the_groups_does_not_count(bench: Bench, who: str) -> None:
    """A small refund asks for a support lead and nobody else."""
    await bench.propose()
    bench.approve(who)
    assert (await bench.settle()).kind == "pending"
    assert bench.paid == []


@pytest.mark.control("C6")
async def test_approver_outside_the_groups_counts_where_neither_group_nor_place_is_asked(
    bench: Bench, without: Without, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two defences out: eligibility, and the matching that seats people only in places of their groups."""
    await bench.propose()
    bench.approve("fay")
    without(checks.CHECKS, "eligible")
    monkeypatch.setattr(tally, "shortfall", lambda rules, groups_of, after: () if groups_of else ("1",))
    await bench.settle()
    assert bench.paid == [4200]


def forged(bench: Bench, case: str) -> None:
    """A start in Olga's name by somebody who may start workflows and has not her key."""
    stranger, olga = bench.kit.signers["stranger"], bench.kit.signers["olga"]
    claims = bench.claims(bench.mission, mission_id="refund-9")
    match case:
        case "unsigned":
            bench.started("refund-9", owner=None)
        case "by a stranger":
            bench.started("refund-9", signed=start.sign(claims, stranger))
        case "with a stolen kid":
            as_olga = Signer.from_jwk(json.dumps({**stranger.to_jwk(), "kid": olga.kid}))
            bench.started("refund-9", signed=start.sign(claims, as_olga))
        case "copied from another mission":
            bench.started("refund-9", signed=start.sign(bench.claims(bench.mission), olga))
        case "with another input":
            bench.started("refund-9", signed=start.sign(claims, olga), given={"case_id": "CASE-6666"})
        case "of another type":
            bench.started("refund-9", signed=start.sign(claims, olga), mission_type="refunds-by-night")
        case "of another namespace":
            bench.started("refund-9", signed=start.sign(claims.model_copy(update={"namespace": "staging"}), olga))
        case "from last week":
            last_week = bench.claims(bench.mission, mission_id="refund-9")
            bench.clock.advance(days=7)
            bench.started("refund-9", signed=start.sign(last_week, olga))
        case "with a revoked key":
            bench.directories.now = revoked(bench.directories.now, "olga")
            bench.started("refund-9")


FORGED = ["unsigned", "by a stranger", "with a stolen kid", "copied from another mission", "with another input"]
FORGED += ["of another type", "of another namespace", "from last week", "with a revoked key"]


@pytest.mark.promise("C7")
@pytest.mark.parametrize("case", FORGED)
async def test_forged_start_names_no_owner_and_proposes_nothing(bench: Bench, case: str) -> None:
    """The owner is whoever signed exactly this start; a mission without one gets nothing proposed."""
    forged(bench, case)
    assert "the owner is unknown" in await bench.refused()


@pytest.mark.promise("C7")
async def test_owner_who_may_not_start_such_missions_gets_nothing_proposed(bench: Bench) -> None:
    """The mission type grants nothing beyond what its starter may start."""
    bench.started("refund-9", owner="fay")
    assert "does not permit `fay` to start `refund` missions" in await bench.refused()


@pytest.mark.control("C7")
async def test_forged_start_names_an_owner_where_its_signature_is_not_verified(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One defence: the signature of the start."""
    monkeypatch.setattr(start, "verify", lambda token, typ, key: None)
    forged(bench, "with a stolen kid")
    await bench.propose()
    bench.approve("sam")
    await bench.settle()
    assert bench.paid == [4200]


@pytest.mark.promise("C7")
async def test_owner_whose_key_is_revoked_while_the_proposal_waits_stops_it(bench: Bench) -> None:
    """Whom it acts for is proven again at admission."""
    await bench.propose()
    bench.approve("sam")
    bench.directories.now = revoked(bench.directories.now, "olga")
    settlement = await bench.settle()
    assert (settlement.kind, bench.paid) == ("not_sent", [])


def _null_start(bench: Bench, *inputs: bytes) -> None:
    """A mission of Olga's, who signed for no input, that somebody began with *inputs*."""
    bench.started(input=start.input_digest(None))
    attributes = bench.mission.events[0].workflow_execution_started_event_attributes
    del attributes.input.payloads[:]
    attributes.input.payloads.extend(json_payload(each) for each in inputs)


@pytest.mark.promise("C7")
@pytest.mark.parametrize("inputs", [(b'{"case_id": "A"}', b"1"), (b'{"case_id": "A", "case_id": "B"}',), (b"{",)])
def test_signature_for_no_input_is_none_for_input_that_cannot_be_read(kit: Kit, inputs: tuple[bytes, ...]) -> None:
    """docs/audit-format.md §6: what cannot be read is not null, or whoever signed for null had signed for anything."""
    bench = Bench(kit)
    _null_start(bench, *inputs)
    assert principals_of(bench.mission.record(), bench.law.directory)[0].owner is None


@pytest.mark.control("C7")
@pytest.mark.parametrize("inputs", [(), (b"null",)])
def test_signature_for_no_input_proves_the_owner_where_there_is_none(kit: Kit, inputs: tuple[bytes, ...]) -> None:
    """The control: the same start, with what was signed."""
    bench = Bench(kit)
    _null_start(bench, *inputs)
    assert principals_of(bench.mission.record(), bench.law.directory)[0].owner == "olga"
