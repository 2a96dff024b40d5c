"""Strict replay notices what Temporal's own replay lets by: inputs, results that inputs follow from, and the verdict."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from temporalio.api.history.v1 import History
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from audit.stored import from_json
from audit.verification.result import Result, Verdict
from audit.verification.verify import Verifier
from tests.audit.attacker import HISTORY, Loot, Strength
from tests.audit.attacks import COMPLETED, MARKER, SCHEDULED, Attack, content, dropping, editing, put, within
from tests.audit.mutations import structural
from tests.audit.stories import STORIES, archive
from tests.audit.verifying import RING
from workers.connection import converter
from workers.replaying import CHECK, replayed
from workflows.missions import MISSIONS

REPLAYED = [name for name, story in STORIES.items() if story.replays and story.verdict is Verdict.VERIFIED]


def _verdict(change: Callable[[Any], object]) -> Attack:
    def attack(loot: Loot) -> Loot:
        events = copy.deepcopy(loot.events)
        (payload,) = events[-1]["workflowExecutionCompletedEventAttributes"]["result"]["payloads"]
        put(payload, change(content(payload)))
        return loot.holding(events)

    return attack


def _by_lena(body: Any) -> object:
    findings = body["body"]["findings"]
    for finding in findings:
        finding["words"] = finding["words"].replace("sam", "lena")
    return body


EDITS: dict[str, tuple[str, Attack]] = {
    "the approver's name": ("denied", editing(COMPLETED, "settle", _by_lena)),
    "what was read": ("refunded", editing(COMPLETED, "read", within("result", "text", to="all is well"))),
    "what was asked for": ("refunded", editing(SCHEDULED, "propose", within("arguments", "amount_minor", to=1))),
    "whose say-so was asked": ("refunded", editing(SCHEDULED, "settle", within("proposal", to="0" * 64))),
    "what came back": ("refunded", editing(COMPLETED, "settle", within("body", "receipt", "body", "result", to={"paid": 1}))),
    "the verdict": ("refunded", _verdict(within("verdict", to="not_refunded"))),
    "the verdict of a denied one": ("denied", _verdict(within("verdict", to="refunded"))),
}
"""By what is edited: the story, and the edit. None changes which commands come in which order."""


async def _replay(data: bytes, using: Verifier) -> tuple[Result, str]:
    verification = await replayed(await using.verify(data), data, RING)
    found = next(found for found in verification.findings if found.check == CHECK)
    return found.result, found.words


@pytest.mark.parametrize("name", REPLAYED)
async def test_mission_replays_strictly_as_it_was_recorded(name: str, ours: Verifier) -> None:
    """The encrypted one too."""
    assert (await _replay(archive(name), ours))[0] is Result.HOLDS


@pytest.mark.promise("G1")
@pytest.mark.parametrize("what", EDITS)
async def test_strict_replay_notices_an_edit(what: str, ours: Verifier) -> None:
    """docs/architecture.md, "Evidence": the mission's code is run again, and asks for something else."""
    story, attack = EDITS[what]
    result, _ = await _replay(attack(Loot.of(archive(story))).packed(Strength.SIGNED), ours)
    assert result is Result.FAILS


@pytest.mark.control("G1")
@pytest.mark.parametrize("what", EDITS)
async def test_plain_replay_lets_the_edit_by(what: str) -> None:
    """The control: Temporal's own replay compares the order of commands, and nothing that they hold."""
    story, attack = EDITS[what]
    events = from_json(attack(Loot.of(archive(story))).members[HISTORY], HISTORY)
    replayer = Replayer(workflows=[offer.workflow for offer in MISSIONS.values()], data_converter=converter())
    history = WorkflowHistory("edited", list(History(events=events).events))
    assert (await replayer.replay_workflow(history, raise_on_replay_failure=False)).replay_failure is None


async def test_strict_replay_notices_a_missing_command_too(ours: Verifier) -> None:
    """What plain replay is made for."""
    result, words = await _replay(dropping(MARKER, "")(Loot.of(archive("refunded"))).packed(Strength.SIGNED), ours)
    assert (result, "asks for something else" in words) == (Result.FAILS, True)


async def test_mission_of_other_code_is_missing_evidence(ours: Verifier) -> None:
    """A type that is not installed here: nothing is said about it."""
    text = Loot.of(archive("not-due"))
    events = copy.deepcopy(text.events)
    events[0]["workflowExecutionStartedEventAttributes"]["workflowType"]["name"] = "another"
    mission = text.manifest.mission.model_copy(update={"mission_type": "another"})
    data = text.holding(events).packed(Strength.SIGNED, mission=mission.model_dump())
    assert (await _replay(data, ours))[0] is Result.MISSING


async def test_history_that_no_server_wrote_is_not_given_to_the_engine(ours: Verifier) -> None:
    """It panics on a workflow task without an end, in a thread of its own, and the command would hang for ever."""
    loot = Loot.of(archive("refunded"))
    cut = next(each for each in structural(loot.events) if each.kind == "drop and renumber" and each.event == 10)
    result, words = await _replay(loot.holding(cut.events).packed(Strength.SIGNED), ours)
    assert (result, words[:12]) == (Result.MISSING, "not replayed")
