"""
Whether everything is frozen, as a command at the terminal finds it: from the server, and from the gate's memory where that is
on this machine.
"""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import AwareDatetime
from temporalio.client import Client

from activities.errors import Forgotten
from activities.freezes import ServerFreezes
from activities.memory import FileMemory, ProcessMemory
from activities.ports import FreezeMemory
from approvals.display import visible
from approvals.freeze import Beginning, FreezeRecord, beginning
from approvals.thaw import Court, Standing, standing
from audit.freezing import told_of_freeze
from audit.law import Law
from audit.record import MissionRecord
from policies.directory import Directory
from policies.model import Recorded
from workers.cli.desk import Desk
from workers.profile import Profile


class Frozen(Recorded):
    """What `--json` prints of a freeze; the latest one, whether it holds or not."""

    frozen: bool
    run_id: str | None = None
    since: AwareDatetime | None = None
    by: str | None = None
    """Who signed it; null where nobody of the directory did."""
    reason: str = ""
    words: str
    """Why it holds, or why not; unescaped."""


async def standing_of(desk: Desk, mission: MissionRecord | None = None) -> tuple[Standing, FreezeRecord | None]:
    """
    How it stands now, judged as the gate judges it, and the latest freeze.

    Args:
        mission: Whose own history counts too.

    Raises:
        Unreachable: The server cannot be asked.
    """
    found = await ServerFreezes(desk.client).find()
    told_at = told_of_freeze(mission, desk.law) if mission is not None else None
    try:
        seen = memory_of(desk.profile, desk.client).read()
    except Forgotten as error:
        return Standing(True, str(error)), found
    return standing(found, seen, court_of(desk.client, desk.law), datetime.now(UTC), told_at), found


async def frozen_of(desk: Desk) -> Frozen:
    """The same, to print. Raises Unreachable."""
    stands, found = await standing_of(desk)
    return told(found, desk.law.directory, frozen=stands.frozen, words=stands.words)


def told(found: FreezeRecord | None, directory: Directory | None, *, frozen: bool, words: str) -> Frozen:
    """*found* with who began it, as far as *directory* can tell."""
    if found is None:
        return Frozen(frozen=frozen, words=words)
    begun = beginning(found, directory) if directory is not None else Beginning(None, "")
    return Frozen(frozen=frozen, run_id=found.run_id, since=found.began_at, by=begun.who, reason=begun.reason, words=words)


def court_of(client: Client, law: Law) -> Court:
    """What thaws are judged by here."""
    return Court(client.namespace, law.directory, law.bundle.rulebook)


def memory_of(profile: Profile, client: Client) -> FreezeMemory:
    """What the gate of *profile* remembers, to be read; nothing where it is on another machine."""
    return FileMemory(profile.state, client.namespace) if profile.state is not None else ProcessMemory()


async def banner(desk: Desk) -> str | None:
    """One line above what waits, while everything is frozen. Raises Unreachable."""
    stands, _ = await standing_of(desk)
    return f"FROZEN: {visible(stands.words)}" if stands.frozen else None
