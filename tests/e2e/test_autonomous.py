"""An autonomous mission on the real server, with a real HTTP model and the real example systems."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from activities.hearing import MAX_CALLS
from approvals.decision import Verdict
from audit.rail import rail
from tests.e2e.autonomous import CASE, ORDER, TERMS, pursued, refund
from tests.e2e.model_server import Asked, Call, ScriptedModel, Turn, call
from tests.examples.enterprise import Enterprise
from tests.fakes.egress import ALLOWED, HELD, OTHER, as_egress, to
from tests.world import World, make_world
from workflows import commitment
from workflows.asking import COMMITS
from workflows.outcome import OutcomeKind
from workflows.pursuit import Bound, End


@pytest.fixture(scope="module")
async def outward(
    server: Client, enterprise: Enterprise, model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """A world in a namespace of its own, whose searches leave the perimeter."""
    host, how = server.service_client.config.target_host, server.data_converter
    client = await Client.connect(host, namespace="outward", data_converter=how)
    made = make_world(client, enterprise, tmp_path_factory.mktemp("outward"), model.url)
    as_egress(made.policies, "autonomous")
    # The commit client of the example issuer may not describe the knowledge system; the read client may.
    commits = made.commit_worker(COMMITS, tokens=made.reader)
    async with made.worker("mission"), made.worker("read"), made.worker("reason"), commits:
        yield made
    await made.committer.close()
    await made.reader.close()


async def test_mission_reads_proposes_is_approved_and_answers(world: World, model: ScriptedModel) -> None:
    """The whole way of one goal."""
    script = (
        Turn(
            "I look at the case and the terms.", (call(CASE, case_id="CASE-1001"), call(TERMS, query="w", collection="refunds"))
        ),
        Turn("It arrived broken, within the window.", (refund(),)),
        Turn("I refunded 42.00."),
    )
    handle, goal = await pursued(world, model, script)
    found = await world.proposed(handle)
    await world.decide(handle, "sam", found=found)
    verdict = await handle.result()
    case, terms = model.of(goal)[1].told
    (settled,) = model.of(goal)[2].told
    assert (case["kind"], terms["kind"], settled["kind"]) == ("read", "read", "committed")
    assert (verdict.verdict, verdict.answer, verdict.executed) == (End.ANSWERED, "I refunded 42.00.", 1), verdict
    assert found.proposal.because == "It arrived broken, within the window."
    assert len(world.paid(found.proposal)) == 1


async def test_reads_of_one_answer_run_at_once(world: World, model: ScriptedModel) -> None:
    """Both were scheduled before either was answered."""
    script = (Turn(calls=(call(CASE, case_id="CASE-1001"), call(ORDER, order_id="ORD-2001"))), "done")
    handle, _ = await pursued(world, model, script)
    await handle.result()
    kinds = [str(event.WhichOneof("attributes")) for event in (await handle.fetch_history()).events]
    work = [kind.split("_")[2] for kind in kinds if kind.startswith("activity_task_")]
    assert work[3:5] == ["scheduled", "scheduled"], work


async def test_denial_comes_back_to_the_model_and_it_goes_on(world: World, model: ScriptedModel) -> None:
    """A no is a tool result; asked for less, people may say yes."""
    script = (Turn("All of it.", (refund(4200),)), Turn("Half of it.", (refund(2100),)), "Half was refunded.")
    handle, goal = await pursued(world, model, script)
    await world.decide(handle, "sam", Verdict.DENY)
    await world.decide(handle, "sam", found=await world.proposed(handle, 2))
    verdict = await handle.result()
    assert [turn.told[0]["kind"] for turn in model.of(goal)[1:]] == ["denied", "committed"]
    assert [deed.kind for deed in verdict.deeds] == [OutcomeKind.DENIED, OutcomeKind.COMMITTED]
    assert (verdict.executed, verdict.spent.commits) == (1, 2)


async def test_only_what_was_executed_counts_as_executed(world: World, model: ScriptedModel) -> None:
    """A model that claims three refunds has done what the gate settled as done: one."""
    script = (
        Turn(calls=(refund(4200),)),
        Turn(calls=(refund(900_000),)),
        Turn(calls=(refund(1000),)),
        "I refunded three times. executed: 3",
    )
    handle, _ = await pursued(world, model, script)
    found = await world.proposed(handle)
    await world.decide(handle, "sam", found=found)
    await world.decide(handle, "sam", Verdict.DENY, found=await world.proposed(handle, 2))
    verdict = await handle.result()
    kinds = [deed.kind for deed in verdict.deeds]
    assert kinds == [OutcomeKind.COMMITTED, OutcomeKind.REFUSED, OutcomeKind.DENIED]
    assert (verdict.executed, verdict.failed, verdict.refused, verdict.spent.commits) == (1, 0, 1, 2)
    assert len(world.paid(found.proposal)) == 1


async def test_what_policy_and_tools_refuse_comes_back_with_reasons(world: World, model: ScriptedModel) -> None:
    """Another's case, an order that is not there, a commit that is forbidden: the mission goes on."""
    asked = (call(CASE, case_id="CASE-1002"), call(ORDER, order_id="ORD-9"), refund(900_000), call(ORDER, no=1))
    handle, goal = await pursued(world, model, (Turn(calls=asked), "I may not."))
    verdict = await handle.result()
    told = model.of(goal)[1].told
    assert [each["kind"] for each in told] == ["not_permitted", "failed", "refused", "not_permitted"], told
    assert "policy does not permit" in told[0]["reasons"][0]
    assert "policy does not permit" in told[2]["reasons"][0]
    assert (verdict.verdict, verdict.executed) == (End.ANSWERED, 0)


async def test_call_beyond_the_missions_operations_is_out_of_scope(world: World, model: ScriptedModel) -> None:
    """Whether the catalogue has it or nobody: nothing is asked of read worker or gate, and the rail shows it."""
    script = (Turn(calls=(refund(), call("payments.wire", all=True), call(ORDER, order_id="ORD-2001"))), "So be it.")
    handle, goal = await pursued(world, model, script, operations=(ORDER,))
    verdict = await handle.result()
    observations = [each.what for each in rail(await world.record(handle), world.law.directory) if each.kind == "observed"]
    assert model.of(goal)[0].tools == ["orders__get_order"]
    assert [each["kind"] for each in model.of(goal)[1].told] == ["out_of_scope", "out_of_scope", "read"]
    assert "out of scope: payments.issue_refund" in observations[0]
    assert "out of scope: payments__wire" in observations[1]
    assert (verdict.deeds, verdict.refused) == ((), 0)


async def test_consecutive_commits_stand_on_one_card(world: World, model: ScriptedModel) -> None:
    """One say-so for both, each with its own receipt."""
    script = (Turn("Two parts broke.", (refund(100), refund(200))), "Both.")
    handle, goal = await pursued(world, model, script)
    found = await world.proposed(handle)
    await world.decide(handle, "sam", found=found)
    verdict = await handle.result()
    assert [action.arguments["amount_minor"] for action in found.proposal.actions] == [100, 200]
    assert [each["kind"] for each in model.of(goal)[1].told] == ["committed", "committed"]
    assert (verdict.executed, verdict.spent.commits) == (2, 2)


async def test_commits_that_may_not_stand_on_one_card_are_asked_for_one_by_one(world: World, model: ScriptedModel) -> None:
    """Large refunds stand alone: two cards, in the order of the calls."""
    handle, _ = await pursued(world, model, (Turn(calls=(refund(20_000), refund(20_001))), "Neither."))
    for count in (1, 2):
        await world.decide(handle, "sam", Verdict.DENY, found=await world.proposed(handle, count))
    verdict = await handle.result()
    proposals = [await world.proposed(handle, count) for count in (1, 2)]
    assert [each.proposal.action.arguments["amount_minor"] for each in proposals] == [20_000, 20_001]
    assert [deed.kind for deed in verdict.deeds] == [OutcomeKind.DENIED, OutcomeKind.DENIED]


async def test_expiry_comes_back_to_the_model(world: World, model: ScriptedModel) -> None:
    """Nobody said anything in the time that the budget left."""
    script = (Turn(calls=(refund(),)), "Nobody answered.")
    handle, goal = await pursued(world, model, script, budget={"wall_seconds": 3})
    verdict = await handle.result()
    assert (verdict.verdict, verdict.spent_up) == (End.BUDGET, Bound.TIME)
    assert [deed.kind for deed in verdict.deeds] == [OutcomeKind.WITHDRAWN]
    assert len(model.of(goal)) == 1


HOSTILE: dict[str, tuple[Call, ...]] = {
    "unlisted": (Call("shell__exec", {"cmd": "id"}), Call("", {}), Call("a" * 5000, {}), Call("пла́тежи.x", {})),
    "duplicate ids": (Call("orders__get_order", {"order_id": "ORD-2001"}, id="x"),) * 3,
    "strange ids": tuple(
        Call("orders__get_order", {"order_id": "ORD-2001"}, id=each) for each in ("", "\ud800", "é" * 999, "a b")
    ),
    "many": tuple(Call("orders__get_order", {"order_id": f"ORD-{number}"}) for number in range(1000)),
    "not json": (
        Call("payments__issue_refund", "please {"),
        Call("payments__issue_refund", "[1]"),
        Call("orders__get_order", ""),
    ),
    "no number": (Call("payments__issue_refund", '{"amount_minor": NaN}'), Call("payments__issue_refund", '{"a": 1e999}')),
    "surrogates": (
        Call("payments__issue_refund", '{"reason": "\\ud800"}'),
        Call("orders__get_order", '{"order_id": "\\udfff"}'),
    ),
    "twice": (Call("payments__issue_refund", '{"amount_minor": 1, "amount_minor": 2}'),),
    "giant": (Call("payments__issue_refund", '{"reason": "' + "x" * 3_000_000 + '"}'),),
    "deep": (Call("payments__issue_refund", '{"a":' * 500 + "1" + "}" * 500),),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_nothing_that_a_model_calls_makes_the_mission_fail(world: World, model: ScriptedModel, name: str) -> None:
    """It is told, and has the last word; nothing was proposed."""
    handle, goal = await pursued(world, model, (Turn("x" * 200_000, HOSTILE[name]), "I give up."))
    verdict = await handle.result()
    last = model.of(goal)[1].messages
    called = next(message for message in last if message["role"] == "assistant")["tool_calls"]
    answered = [message["tool_call_id"] for message in last if message["role"] == "tool"]
    assert (verdict.verdict, verdict.answer, verdict.executed) == (End.ANSWERED, "I give up.", 0)
    assert answered == [each["id"] for each in called]
    assert len(set(answered)) == min(len(HOSTILE[name]), MAX_CALLS)


BUDGETS: dict[Bound, dict[str, int]] = {
    Bound.STEPS: {"steps": 2},
    Bound.TOKENS: {"tokens": 700},
    Bound.TIME: {"wall_seconds": 1},
    Bound.COMMITS: {"commits": 1},
}


@pytest.mark.parametrize("bound", BUDGETS)
async def test_each_budget_ends_the_mission(world: World, model: ScriptedModel, bound: Bound) -> None:
    """A model that would go on for ever."""

    def endless(asked: Asked) -> Turn:
        if bound is Bound.COMMITS:
            return Turn(calls=(refund(20_000), refund(20_001)))
        return Turn(calls=(call(ORDER, order_id="ORD-2001"),))

    handle, _ = await pursued(world, model, endless, budget=BUDGETS[bound])
    if bound is Bound.COMMITS:
        await world.decide(handle, "sam", Verdict.DENY)
    verdict = await handle.result()
    assert (verdict.verdict, verdict.spent_up, verdict.answer) == (End.BUDGET, bound, "")
    assert verdict.spent.commits == (bound is Bound.COMMITS)


async def test_budget_of_time_ends_what_no_gate_proposes(
    world: World, model: ScriptedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gate tries for as long as an integration does not answer, which may be for ever; the budget's time goes on."""
    monkeypatch.setattr(commitment, "COMMITS", "nobody-works-here")
    handle, _ = await pursued(world, model, (Turn(calls=(refund(),)), "Done."), budget={"wall_seconds": 2})
    verdict = await asyncio.wait_for(handle.result(), 20)
    assert (verdict.verdict, verdict.spent_up, verdict.refused) == (End.BUDGET, Bound.TIME, 1)


@pytest.mark.slow
async def test_model_that_does_not_answer_ends_in_a_verdict(world: World, model: ScriptedModel) -> None:
    """Not in a failed mission."""
    handle, _ = await pursued(world, model, (Turn(""),))
    verdict = await handle.result()
    assert (verdict.verdict, verdict.answer) == (End.NO_ANSWER, "")
    assert "said nothing" in verdict.reasons[0]


async def test_held_egress_becomes_a_proposal(outward: World, model: ScriptedModel) -> None:
    """The read worker says that people may let it out; so they are asked, and what they say comes back to the model."""
    searches = (call(TERMS, **to(ALLOWED)), call(TERMS, **to(HELD)), call(TERMS, **to(OTHER)))
    handle, goal = await pursued(outward, model, (Turn("I look it up.", searches), "So be it."))
    found = await outward.proposed(handle)
    await outward.decide(handle, "sam", Verdict.DENY, found=found)
    await handle.result()
    assert found.proposal.action.arguments == to(HELD)
    assert [each["kind"] for each in model.of(goal)[1].told] == ["read", "denied", "not_permitted"]
