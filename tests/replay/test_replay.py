"""Every recorded mission replays on today's code, and a changed order of commands does not go by unnoticed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from temporalio import workflow
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer
from temporalio.workflow import NondeterminismError

with workflow.unsafe.imports_passed_through():
    # `Hasty` makes the sandbox import this module, and ciphers are C that is imported once.
    from workers.connection import converter

from workflows.autonomous import AutonomousCase, AutonomousMission, AutonomousVerdict
from workflows.missions import MISSIONS
from workflows.refund import RefundCase, RefundMission, RefundVerdict

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))
STORIES = {"autonomous", "refunded", "denied", "expired", "refused-malformed-then-approved", "not-due"}


def _history(path: Path) -> WorkflowHistory:
    return WorkflowHistory.from_json(path.stem, path.read_text())


def _replayer(*missions: type[Any]) -> Replayer:
    return Replayer(workflows=missions, data_converter=converter())


def test_each_story_has_a_history() -> None:
    """docs/style.md §9: one history per story, named for it."""
    assert {path.stem for path in HISTORIES} == STORIES


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_recorded_mission_replays(path: Path) -> None:
    """A mission that waits for weeks meets newer code; its commands must stay the same."""
    replayed = await _replayer(*(offer.workflow for offer in MISSIONS.values())).replay_workflow(_history(path))
    assert replayed.replay_failure is None


@workflow.defn(name="refund")
class Hasty(RefundMission):
    """A refund mission that checks before it reads: the same commands in another order."""

    @workflow.run
    async def run(self, case: RefundCase) -> RefundVerdict:
        """Observes first."""
        await self.observe("somebody changed the order", passed=True)
        return await super().run(case)


@workflow.defn(name="autonomous")
class Eager(AutonomousMission):
    """An autonomous mission that observes before it asks its model."""

    @workflow.run
    async def run(self, case: AutonomousCase) -> AutonomousVerdict:
        """Observes first."""
        await self.observe("somebody changed the order", passed=True)
        return await super().run(case)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_changed_order_of_commands_fails_the_replay(path: Path) -> None:
    """The control: a replay that noticed nothing would prove nothing."""
    with pytest.raises(NondeterminismError):
        await _replayer(Hasty, Eager).replay_workflow(_history(path))
