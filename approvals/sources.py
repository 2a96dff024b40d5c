"""
What a card says about where values stand and which passages are cited, line by line.

Each line begins with words of ours that say whose the place is; what a stranger could choose, a path or a name, stands last.
So nothing in a tool's answer can look like the case.
"""

from __future__ import annotations

from collections import defaultdict

from approvals.citation import Citation
from approvals.display import visible, visible_json
from approvals.leaves import leaves
from approvals.line import Line
from approvals.origin import Origin, OriginKind
from approvals.proposal import Proposal

WHERE = "WHERE THE SAME VALUES STAND, which proves neither that they are from there nor that they are true:"
CITED = "CITED, each a passage that the mission has read:"
_WHOSE = {OriginKind.READ: "a read", OriginKind.RECEIPT: "the answer to a commit", OriginKind.MODEL: "a model's answer"}
_WITHIN = "only within a text of "
_PLACELESS = {
    OriginKind.COMMON: "not told: so common a value stands anywhere",
    OriginKind.NOWHERE: "nowhere that is signed: the mission or a model made it",
    OriginKind.UNSURE: "not found, and not everything was searched: take it as made up",
}


def stands(proposal: Proposal) -> tuple[Line, ...]:
    """Where each argument's value stands, in the order of the arguments; nothing where the gate did not look."""
    found: dict[tuple[int, str], list[Origin]] = defaultdict(list)
    for origin in proposal.origins:
        found[origin.item, origin.path].append(origin)
    if not found:
        return ()
    lines: list[Line] = []
    left = 0
    for item, action in enumerate(proposal.actions):
        number = f"({item + 1}) " if proposal.more else ""
        for path, _ in leaves(dict(action.arguments)):
            lines += [Line(label=f"{number}{path}", text=_words(origin)) for origin in found.get((item, path), ())]
            left += (item, path) not in found
    if left:
        lines.append(Line(label=f"({left} more)", text="not looked for: these are too many values"))
    return tuple(lines)


def _words(origin: Origin) -> str:
    if origin.kind is OriginKind.PERSON:
        return f"a person, who changed it: {visible(origin.what)}"
    if origin.kind in _PLACELESS:
        return _PLACELESS[origin.kind]
    within, at = _WITHIN if origin.within else "", visible(origin.at) or "all of it"
    if origin.kind is OriginKind.CASE:
        return f"{within}the case: {at}"
    run = f" of run {visible(origin.run_id)}" if origin.run_id else ""
    return f"untrusted, {within}{_WHOSE[origin.kind]}: event {origin.event_id}{run}, {visible(origin.what)}: {at}"


def cited(citation: Citation) -> Line:
    """One passage. Its source and version are a server's words and stand in quotes."""
    passage, run = citation.passage, f" of run {visible(citation.run_id)}" if citation.run_id else ""
    named = f"{visible_json(passage.source)}, version {visible_json(passage.version)}"
    text = f"digest {visible(passage.digest[:12])}, in {visible_json(passage.collection)}: {named}"
    return Line(label=f"event {citation.event_id}{run}", text=text)
