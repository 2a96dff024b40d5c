"""What `sayso audit archive` and `sayso audit verify --index` print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from approvals.display import visible
from audit.verification.index import Catalog
from audit.verification.result import Found, Verdict, Verification, verdict_of
from workers.cli.sheet import table

if TYPE_CHECKING:
    from activities.archiver import Round
    from workers.verifying import Checked

_MOST = 40


def round_text(done: Round) -> str:
    """What was archived, what could not be, and the head to keep."""
    lines = [f"archived {len(done.archived)} missions, {len(done.waiting)} could not be"]
    lines += [f"  {visible(entry.mission.mission_id)}  {entry.archive}" for entry in done.archived[:_MOST]]
    rows = [(visible(each.run.mission_id), each.run.run_id, visible(each.why)) for each in done.waiting]
    if rows:
        lines += ["", table(("NOT ARCHIVED", "RUN", "WHY"), rows), ""]
    return "\n".join([*lines, f"head {done.head}"])


def index_text(place: str, catalog: Catalog, findings: Sequence[Found], checked: Sequence[Checked]) -> str:
    """The index's verdict and findings; of the archives how many came to what, and why those that are not VERIFIED."""
    head = f"{verdict_of(findings)}  index of {visible(place)}: {len(catalog.entries)} entries, head {catalog.head}"
    rows = [(found.check, str(found.result), visible(found.words)) for found in findings[:_MOST]]
    lines = [head, "", table(("CHECK", "RESULT", "WHAT"), rows)]
    if len(findings) > _MOST:
        lines.append(f"[{len(findings) - _MOST} more findings: see --json]")
    verified = [each.verification for each in checked if each.verification is not None]
    if verified:
        counts = Counter(each.verdict for each in verified)
        lines += ["", "archives: " + ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])]
        worse = [each for each in verified if each.verdict is not Verdict.VERIFIED]
        lines += [_reason(each) for each in worse[:_MOST]]
        lines += [f"[{len(worse) - _MOST} more: see --json]"] if len(worse) > _MOST else []
    return "\n".join(lines)


def _reason(verification: Verification) -> str:
    named = visible(verification.mission.mission_id) if verification.mission else "an archive"
    reasons = verification.reasons()
    first = f"{reasons[0].check}: {visible(reasons[0].words)}" if reasons else ""
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return f"  {verification.verdict}  {named}  {first}{more}"
