"""E8: whom an autonomous mission may ask about a parcel, and what about. Source: policies/bundles/refund/parcels.cedar."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import JsonValue
from temporalio.exceptions import ApplicationError

from policies.bundle import Bundle
from policies.ruling import Outcome, Ruling
from tests.attacks.test_bypass import read
from tests.fakes.bench import Bench
from tests.fakes.kit import Kit

TRACK = "parcels.track"
POST: dict[str, JsonValue] = {"carrier": "post", "number": "PK1001"}
OTHER: dict[str, JsonValue] = {"carrier": "swift-bikes", "number": "PK1001"}
SECRET: dict[str, JsonValue] = {"carrier": "post", "number": "IBAN DE89 3704"}
_DUTIES = """
@id("parcels-test-start")
permit (principal in Group::"support", action == Action::"start", resource == MissionType::"autonomous");
@id("parcels-test-approve") permit (principal is Person, action == Action::"approve", resource is Proposal)
when { resource.mission_type == "autonomous" && principal in resource.groups };
"""


def _duties(root: Path) -> None:
    """Who starts autonomous missions, and who decides for them, whatever else the bundle says of it."""
    (root / "parcels-test.cedar").write_text(_DUTIES)


@pytest.fixture
def roaming(kit: Kit) -> Bench:
    """A bench with an autonomous mission."""
    bench = Bench(kit, kit.changed("duties of autonomous missions", _duties))
    bench.started("autonomous-1", mission_type="autonomous")
    return bench


@pytest.mark.promise("E8")
async def test_own_carrier_is_asked_about_own_numbers(roaming: Bench) -> None:
    """Without anybody's say-so."""
    await read(roaming, TRACK, POST)
    assert [call.arguments for call in roaming.tools.calls] == [POST]


@pytest.mark.promise("E8")
async def test_other_carrier_is_asked_once_people_saw_what(roaming: Bench) -> None:
    """The read worker says where to ask."""
    with pytest.raises(ApplicationError, match="needs people's say-so"):
        await read(roaming, TRACK, OTHER)
    await roaming.propose(OTHER, operation=TRACK)
    assert ((await roaming.settle()).kind, roaming.tools.calls) == ("pending", [])
    roaming.approve("sam")
    assert (await roaming.settle()).kind == "receipt"
    assert [call.arguments for call in roaming.tools.calls] == [OTHER]


@pytest.mark.promise("E8")
@pytest.mark.parametrize("arguments", [SECRET, {**POST, "number": " PK1001"}, {**POST, "carrier": "post", "number": "pk1"}])
async def test_own_carrier_is_told_nothing_else(roaming: Bench, arguments: dict[str, JsonValue]) -> None:
    """Neither by a read nor with people's say-so."""
    with pytest.raises(ApplicationError, match="policy does not permit"):
        await read(roaming, TRACK, arguments)
    assert "policy does not permit" in await roaming.refused(arguments, operation=TRACK)
    assert roaming.tools.calls == []


@pytest.mark.promise("E8")
async def test_refund_mission_asks_no_carrier(bench: Bench) -> None:
    """Its type is not permitted to."""
    with pytest.raises(ApplicationError, match="policy does not permit"):
        await read(bench, TRACK, POST)
    assert bench.tools.calls == []


@pytest.mark.control("E8")
@pytest.mark.parametrize("arguments", [SECRET, OTHER])
async def test_anything_leaves_where_the_ruling_is_not_asked(
    roaming: Bench, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, JsonValue]
) -> None:
    """One defence out."""
    allow = Ruling(outcome=Outcome.ALLOW, findings=(), bundle=roaming.bundle.digest)
    monkeypatch.setattr(Bundle, "rule", lambda *_: allow)
    await read(roaming, TRACK, arguments)
    assert [call.arguments for call in roaming.tools.calls] == [arguments]
