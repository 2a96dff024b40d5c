"""What `sayso audit` prints."""

from __future__ import annotations

from pathlib import Path

from approvals.display import visible
from audit.verification.missions import Whole
from audit.verification.result import Found, Verification
from workers.cli.sheet import table

_MOST = 40


def verification_text(path: Path, verification: Verification) -> str:
    """The verdict, why it is no better, and every check with what it came to."""
    mission = verification.mission
    named = f"{visible(mission.mission_id)} (run {visible(mission.run_id)})" if mission else visible(path.name)
    lines = [f"{verification.verdict}  {named}", f"  {visible(str(path))}", ""]
    shown = verification.findings[:_MOST]
    lines.append(table(("CHECK", "RESULT", "EVENT", "WHAT"), [_row(found) for found in shown]))
    more = len(verification.findings) - len(shown)
    return "\n".join([*lines, f"[{more} more findings: see --json]"] if more else lines)


def mission_text(mission: Whole) -> str:
    """Whether the archives of a mission of several runs are all of it."""
    named = f"{visible(mission.mission_id)} ({len(mission.runs)} runs)"
    return f"{'WHOLE' if mission.whole else 'NOT WHOLE'}  {named}\n  {visible(mission.words)}"


def _row(found: Found) -> tuple[str, str, str, str]:
    return (found.check, str(found.result), str(found.event or ""), visible(found.words))
