"""
Passages that a proposal cites, against what signed reads of its mission brought. A citation of anything else is no citation.

Source: docs/decisions/0026-provenance.md
"""

from __future__ import annotations

from collections.abc import Sequence

from approvals.citation import MAX_CITES, Citation
from audit.passages import passages_in
from audit.record import MissionRecord
from audit.witnesses import witness_of
from policies.directory import Directory
from policies.ruling import Finding

MAX_TEXT = 300
"""Characters of an id, and of what a passage says of itself: it has to fit on a card."""
MAX_TOLD = 5
"""So many ids that are no citations are named."""


def citations(
    ids: Sequence[str], record: MissionRecord, earlier: Sequence[MissionRecord], directory: Directory
) -> tuple[Finding, tuple[Citation, ...]]:
    """
    Whether each of *ids* was read, and the passages in that order, each where it was read first; none where one was not.

    Args:
        earlier: The runs before *record*, the nearest first.
    """
    if len(ids) > MAX_CITES:
        return _no(f"it cites {len(ids)} passages, and a card holds at most {MAX_CITES}"), ()
    read = _read(frozenset(ids), record, earlier, directory)
    troubles = list(dict.fromkeys(trouble for name in ids if (trouble := _trouble(name, ids, read.get(name, ())))))
    if troubles:
        more = f"; and {len(troubles) - MAX_TOLD} more like these" if len(troubles) > MAX_TOLD else ""
        return _no("; ".join(troubles[:MAX_TOLD]) + more), ()
    words = "every passage that it cites was read" if ids else "it cites nothing"
    return Finding(check="cites", holds=True, words=words), tuple(read[name][0] for name in ids)


def _no(words: str) -> Finding:
    return Finding(check="cites", holds=False, words=words)


def _trouble(name: str, ids: Sequence[str], found: Sequence[Citation]) -> str | None:
    named = f"`{name[:MAX_TEXT]}`"
    if len(name) > MAX_TEXT:
        return f"it cites {named} and so on, which is longer than {MAX_TEXT} characters"
    if ids.count(name) > 1:
        return f"it cites {named} twice"
    if not found:
        return f"it cites {named}, which no signed read of this mission brought; it may cite only what it has read"
    if len({(each.passage.digest, each.passage.source, each.passage.version) for each in found}) > 1:
        return f"it cites {named}, which is the id of two different passages"
    passage = found[0].passage
    if max(map(len, (passage.collection, passage.source, passage.version, passage.digest))) > MAX_TEXT:
        return f"it cites {named}, whose source does not fit on a card"
    return None


def _read(
    ids: frozenset[str], record: MissionRecord, earlier: Sequence[MissionRecord], directory: Directory
) -> dict[str, list[Citation]]:
    """By id, what signed reads brought of it, in the order of time."""
    found: dict[str, list[Citation]] = {}
    for run in (*reversed(earlier), record) if ids else ():
        for done in run.completed:
            read = done.activity == "read"
            passages = [passage for passage in passages_in(done.result) if passage.id in ids] if read else []
            # The signature last: it is looked at only where something is cited from there.
            if passages and witness_of(done, run, directory) is not None:
                for passage in passages:
                    run_id = "" if run is record else run.run_id
                    found.setdefault(passage.id, []).append(Citation(passage=passage, event_id=done.event_id, run_id=run_id))
    return found
