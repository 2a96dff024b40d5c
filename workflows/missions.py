"""The missions this installation offers, by mission type, with the model of their input."""

from __future__ import annotations

from dataclasses import dataclass

from policies.model import Recorded
from workflows.autonomous import AutonomousCase, AutonomousMission
from workflows.mission import Mission
from workflows.refund import RefundCase, RefundMission

QUEUE = "missions"


@dataclass(frozen=True)
class Offer:
    """A mission type: its workflow class and its input."""

    workflow: type[Mission]
    input: type[Recorded]


MISSIONS: dict[str, Offer] = {
    "autonomous": Offer(AutonomousMission, AutonomousCase),
    "refund": Offer(RefundMission, RefundCase),
}
