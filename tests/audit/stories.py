"""
The recorded missions, and what a verifier who pins the recorded house must say of each: one place, for every test.

`doubts` are the checks that do not hold. A story that is not VERIFIED names all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from audit.archive import SUFFIX
from audit.verification.result import Verdict

ARCHIVES = Path(__file__).parent / "archives"
TRUST, THEIR_TRUST = ARCHIVES / "trust.yaml", ARCHIVES / "theirs.yaml"


@dataclass(frozen=True)
class Story:
    """What became of a mission, and what its archive proves."""

    about: str
    verdict: Verdict = Verdict.VERIFIED
    doubts: tuple[str, ...] = ()
    replays: bool = True
    """Whether an installed mission's code made it; a puppet of the attacker's or a mission of the tests did not."""


def _verified(about: str, *, replays: bool = False) -> Story:
    return Story(about, replays=replays)


def _failed(about: str, *doubts: str) -> Story:
    return Story(about, Verdict.FAILED, doubts, replays=False)


def _incomplete(about: str, *doubts: str, replays: bool = False) -> Story:
    return Story(about, Verdict.INCOMPLETE, doubts, replays=replays)


STORIES: dict[str, Story] = {
    "refunded": _verified("a small refund that a support lead approved", replays=True),
    "denied": _verified("a small refund that a support lead denied", replays=True),
    "expired": _verified("nobody decided in time", replays=True),
    "refused-malformed-then-approved": _verified("a malformed decision, then a good one", replays=True),
    "not-due": _verified("delivered too long ago: nothing was proposed", replays=True),
    "large": _verified("5000.00, approved by a support lead and by finance", replays=True),
    "forbidden": _verified("5000.01: policy forbids it, and the gate signed the refusal", replays=True),
    "amended-then-approved": _verified("an approver lowered the amount, and another approved that"),
    "batch": _verified("three refunds on one card"),
    "withdrawn": _verified("the mission did not wait any longer"),
    "unknown-then-done": _verified("payments lost the reply, and people found that it was paid"),
    "unknown-then-retried": _verified("payments lost the reply, and people had it sent once more"),
    "delayed": _verified("the issuer was down when it was approved, and was asked again"),
    "revoked": _verified("approved, and revoked before it was used"),
    "denied-late": _verified("denied after it was sent: told as late"),
    "encrypted": _verified("a small refund with every payload encrypted", replays=True),
    "continued": _verified("three runs of one mission, each with a refund that a support lead approved"),
    "stored": _verified("a small refund with every larger payload in a store", replays=True),
    "stored-encrypted": _verified("the same, encrypted", replays=True),
    "terminated": _incomplete("terminated while it waited: no gate said how it ended", "ends", replays=True),
    "open": _incomplete("exported while it waited", "run", "ends", replays=True),
    "unsigned-start": _incomplete("nobody signed the start", "start"),
    "unsigned-read": _incomplete("a read that a hostile mission worker completed, unsigned", "witnesses"),
    "copied-read": _failed("a read that was copied from another activity with its signature", "witnesses"),
    "copied-refusal": _failed("a refusal that the gate signed for another mission, copied into this one", "answers"),
    "forged-settlement": _failed("a receipt that a hostile mission worker completed, unsigned", "answers", "ends"),
    "strangers-settlement": _incomplete("a receipt that a hostile mission worker signed himself", "answers", "ends"),
    "deleted-use": _incomplete("somebody deleted the use before the export", "uses"),
    "theirs": _incomplete(
        "a whole house of the attacker's: own gate, own people, own exporter",
        *("checkpoint", "start", "witnesses", "answers", "rail"),
    ),
}
"""By name: `archives/NAME.sayso`."""


def archive(name: str) -> bytes:
    """The bytes of the archive of story *name*."""
    return (ARCHIVES / f"{name}{SUFFIX}").read_bytes()
