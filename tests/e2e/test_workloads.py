"""Counting what people approved, on the real server: from uses that the gate starts, not from what missions say."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from activities.errors import Unreachable
from activities.uses import ServerUses
from activities.workloads import ServerWorkloads
from approvals import attributes
from approvals.decision import Verdict
from approvals.signed import Kind, seal
from policies.canonical import digest
from tests.e2e.hostile import hijacked
from tests.world import World, until
from workers.connection import connect

APPROVERS = SearchAttributeKey.for_keyword_list(attributes.APPROVERS)
OWNER = SearchAttributeKey.for_keyword(attributes.OWNER)
STATE = SearchAttributeKey.for_keyword(attributes.STATE)


def an_hour_ago() -> datetime:
    """An hour ago."""
    return datetime.now(UTC) - timedelta(hours=1)


async def counted(world: World, who: str, at_least: int) -> int:
    """How many uses rest on *who*, once visibility has *at_least* so many."""

    async def look() -> int | None:
        found = (await world.ports.workloads.approvals({who}, an_hour_ago()))[who]
        return found if found >= at_least else None

    return await until(look)


async def claimed(world: World, *approvers: str) -> None:
    """A use as the gate takes it."""
    made = digest("test", uuid4().hex)
    claim = seal(Kind.CLAIM, {"proposal": made}, world.signers["gate"])
    await ServerUses(world.client).claim(made, claim, approvers)


async def test_two_paid_refunds_are_two_approvals_of_hers(attacker: World) -> None:
    """And none of whoever denied, or only asked."""
    before = (await attacker.ports.workloads.approvals({"sam", "olga"}, an_hour_ago()))["sam"]
    for _ in range(2):
        mission = await hijacked(attacker)
        found = await mission.approved()
        assert (await mission.settle(found.digest)).kind == "receipt"
    denied = await hijacked(attacker)
    found = await denied.proposed()
    await attacker.decide(denied.handle, "sam", Verdict.DENY, found)
    assert (await denied.settle(found.digest)).kind == "denied"
    assert await counted(attacker, "sam", before + 2) == before + 2
    assert await attacker.ports.workloads.approvals({"olga"}, an_hour_ago()) == {"olga": 0}


async def test_use_names_everybody_whose_approval_counts(attacker: World) -> None:
    """Two rules, two people; the one who came too late is not among them."""
    mission = await hijacked(attacker)
    found = await mission.proposed(amount_minor=42000)
    await attacker.decide(mission.handle, "sam", found=found)
    await attacker.decide(mission.handle, "fay", found=found)
    assert (await mission.settle(found.digest)).kind == "receipt"
    use = await attacker.client.get_workflow_handle(f"use/{found.digest}").describe()
    assert use.typed_search_attributes[APPROVERS] == ["sam", "fay"]


async def test_mission_worker_cannot_lower_the_count(world: World) -> None:
    """It writes the attributes of its own run, and that is no use; neither is a mission that says it is somebody's approval."""
    who = f"p-{uuid4().hex[:8]}"
    await claimed(world, who)
    said = TypedSearchAttributes([SearchAttributePair(APPROVERS, [who]), SearchAttributePair(OWNER, who)])
    await world.client.start_workflow("refund", {}, id=f"liar-{who}", task_queue="nobody", search_attributes=said)
    assert await counted(world, who, 1) == 1
    await world.client.get_workflow_handle(f"liar-{who}").terminate()


async def test_second_attempt_at_a_use_counts_once(world: World) -> None:
    """The workflow id is given out once, and so is its place in the count."""
    who, made = f"p-{uuid4().hex[:8]}", digest("test", uuid4().hex)
    claim = seal(Kind.CLAIM, {"proposal": made}, world.signers["gate"])
    await ServerUses(world.client).claim(made, claim, (who,))
    with pytest.raises(Exception, match="is taken"):
        await ServerUses(world.client).claim(made, claim, (who,))
    assert await counted(world, who, 1) == 1


@pytest.mark.parametrize(
    "name",
    [
        "o'brien",
        "x' OR SaysoApprovers = 'sam",
        "''",
        'a"b',
        "a\\",
        "\\' OR '1'='1",
        "sam%",
        "♡",
        "é",
        "a b",
        "*",
        "\n",
        "\ud800",
    ],
)
async def test_name_does_not_break_out_of_the_query(world: World, name: str) -> None:
    """Each is counted as itself: it matches its own use, and no other's."""
    who = f"{uuid4().hex[:6]}{name}"
    await claimed(world, who)
    assert await counted(world, who, 1) == 1
    assert await world.ports.workloads.open_of(name) == 0


async def test_older_uses_are_not_counted(world: World) -> None:
    """`since` is compared with the start of the use."""
    who = f"p-{uuid4().hex[:8]}"
    await claimed(world, who)
    await counted(world, who, 1)
    later = datetime.now(UTC) + timedelta(seconds=1)
    assert await world.ports.workloads.approvals({who}, later) == {who: 0}


async def test_more_approvers_than_the_server_takes_do_not_stop_a_use(world: World) -> None:
    """The first ones are counted; a use that could not be taken would be an approval lost."""
    crowd = tuple(f"{uuid4().hex}-{number}" for number in range(100))
    await claimed(world, *crowd)
    assert await counted(world, crowd[0], 1) == 1


async def test_open_proposals_of_an_owner(world: World) -> None:
    """Running missions that say they wait and whose they are."""
    owner = f"o'{uuid4().hex[:8]}"
    states: Mapping[str, str] = {"a": attributes.AWAITING, "b": attributes.AWAITING, "c": attributes.WORKING}
    pairs = {name: [(STATE, state), (OWNER, attributes.spelled(owner))] for name, state in states.items()}
    for name, said in pairs.items():
        attributes_of = TypedSearchAttributes([SearchAttributePair(key, value) for key, value in said])
        await world.client.start_workflow(
            "refund", {}, id=f"{name}-{owner}", task_queue="nobody", search_attributes=attributes_of
        )

    async def look() -> bool | None:
        return True if await world.ports.workloads.open_of(owner) == 2 else None

    await until(look)
    await world.client.get_workflow_handle(f"a-{owner}").terminate()

    async def fewer() -> bool | None:
        return True if await world.ports.workloads.open_of(owner) == 1 else None

    assert await until(fewer)
    for name in "bc":
        await world.client.get_workflow_handle(f"{name}-{owner}").terminate()


async def test_count_of_a_namespace_that_does_not_answer_is_unreachable(world: World) -> None:
    """Nobody is told zero where nothing was counted."""
    address = world.client.service_client.config.target_host
    elsewhere = ServerWorkloads(await connect(address, "nowhere"))
    with pytest.raises(Unreachable, match="the Temporal server"):
        await elsewhere.approvals({"sam"}, an_hour_ago())
