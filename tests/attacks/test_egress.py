"""E8: what carries data out goes where policy lets it go, or where people say so. Source: docs/policies.md, Egress."""

from __future__ import annotations

from pathlib import Path

import pytest
from temporalio.exceptions import ApplicationError

from policies.bundle import Bundle
from policies.errors import BundleError
from policies.load import load
from policies.ruling import Outcome, Ruling
from tests.attacks.test_bypass import read
from tests.fakes.bench import Bench
from tests.fakes.egress import ALLOWED, HELD, OTHER, SEARCH, as_egress, to
from tests.fakes.kit import Kit, in_file


@pytest.fixture
def outward(kit: Kit) -> Bench:
    """A mission whose searches leave the perimeter."""
    return Bench(kit, kit.changed("search is egress", as_egress))


@pytest.mark.promise("E8")
async def test_egress_to_an_allowed_destination_is_read(outward: Bench) -> None:
    """And the gate says that nobody's say-so is needed."""
    await read(outward, SEARCH, to(ALLOWED))
    assert [call.arguments for call in outward.tools.calls] == [to(ALLOWED)]
    assert "call it with `self.read`" in await outward.refused(to(ALLOWED), operation=SEARCH)


@pytest.mark.promise("E8")
async def test_egress_to_a_held_destination_waits_for_people(outward: Bench) -> None:
    """The read worker says where to ask, the gate who has to agree."""
    with pytest.raises(ApplicationError, match=r"needs people's say-so; ask for it with `self\.commit`"):
        await read(outward, SEARCH, to(HELD))
    assert outward.tools.calls == []
    found = await outward.propose(to(HELD), operation=SEARCH)
    assert found.proposal.policies == ("search-shipping",)
    outward.approve("sam")
    assert (await outward.settle()).kind == "receipt"
    assert [call.arguments for call in outward.tools.calls] == [to(HELD)]


@pytest.mark.promise("E8")
async def test_egress_to_any_other_destination_is_refused_by_both(outward: Bench) -> None:
    """No permit names it."""
    with pytest.raises(ApplicationError, match="policy does not permit"):
        await read(outward, SEARCH, to(OTHER))
    assert "policy does not permit" in await outward.refused(to(OTHER), operation=SEARCH)
    assert outward.tools.calls == []


@pytest.mark.control("E8")
@pytest.mark.parametrize("destination", [HELD, OTHER])
async def test_egress_goes_anywhere_where_the_ruling_is_not_asked(
    outward: Bench, monkeypatch: pytest.MonkeyPatch, destination: str
) -> None:
    """The ruling is what stands between a mission and a destination."""
    allow = Ruling(outcome=Outcome.ALLOW, findings=(), bundle=outward.bundle.digest)
    monkeypatch.setattr(Bundle, "rule", lambda *_: allow)
    await read(outward, SEARCH, to(destination))
    assert [call.arguments for call in outward.tools.calls] == [to(destination)]


OPEN = {
    "one operation": 'permit (principal is Mission, action == Action::"knowledge.search", resource);',
    "among others": 'permit (principal, action in [Action::"orders.get_order", Action::"knowledge.search"], resource);',
    "a condition on the mission": (
        'permit (principal is Mission, action == Action::"knowledge.search", resource) when { principal.type == "refund" };'
    ),
    "all but one": (
        'permit (principal is Mission, action == Action::"knowledge.search", resource) '
        'unless { context.input.collection == "x" };'
    ),
}


@pytest.mark.promise("E8")
@pytest.mark.parametrize("name", OPEN)
def test_permit_for_egress_to_anywhere_does_not_load(kit: Kit, name: str) -> None:
    """It names where, or whose say-so."""

    def edit(root: Path) -> None:
        as_egress(root)
        (root / "open.cedar").write_text(f'@id("open") {OPEN[name]}')

    with pytest.raises(BundleError, match="policy `open`: permits egress to anywhere"):
        load(kit.copy(f"open {name}", edit))


def test_held_egress_may_go_anywhere(kit: Kit) -> None:
    """People see where on the card."""

    def edit(root: Path) -> None:
        as_egress(root)
        in_file("egress.cedar", ' && context.input.collection == "shipping"', "")(root)

    assert load(kit.copy("held anywhere", edit)).rulebook
