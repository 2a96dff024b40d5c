"""
Asking for the freeze: what the server has, what this gate remembers, and what the mission's own history says of it.

Source: docs/decisions/0010-freeze.md
"""

from __future__ import annotations

from activities.case import Case
from activities.errors import Forgotten
from activities.ports import FreezeMemory, Freezes
from approvals.thaw import Court, Standing, standing
from audit.freezing import told_of_freeze
from policies.ruling import Finding

MEMORY_CHECK = "freeze memory"
"""Another name than that of a freeze: an unreadable file is none, and mending it is enough."""


async def freeze_finding(case: Case, freezes: Freezes, memory: FreezeMemory) -> Finding:
    """
    Whether nothing is frozen, as far as the server and this gate know, for the mission of *case*.

    Raises:
        Unreachable: The server cannot be asked, and then nothing is sent.
    """
    found = await freezes.find()
    # INVARIANT: nothing is awaited between reading and writing, so what one settle saw is not overwritten by an older look.
    try:
        seen = memory.read()
        court = Court(case.record.namespace, case.law.directory, case.law.bundle.rulebook)
        stands: Standing = standing(found, seen, court, case.now, told_of_freeze(case.record, case.law))
        if stands.remember is not None:
            memory.write(stands.remember)
    except Forgotten as error:
        return Finding(check=MEMORY_CHECK, holds=False, words=str(error))
    return stands.finding
