"""
Where the values of arguments stand: in the mission's case, in what services read, in what tools answered to commits, in what
models answered. For the card, which says it beside the values.

Only what is signed counts: whoever may complete an activity could else have any value called read. What is found is that the
same value stands there. It is bounded, whatever a hostile mission has in its history, and says where it did not look.

Source: docs/decisions/0026-provenance.md
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from pydantic import JsonValue

from approvals.display import visible
from approvals.leaves import leaves, place
from approvals.origin import Origin, OriginKind
from approvals.testimony import ASKED, SIGNATURE
from audit.parts import answer_in
from audit.proven import receipt_of, settlement_in
from audit.record import Completed, MissionRecord
from audit.sought import Search, Sought, Spot, common, sought
from audit.witnesses import witness_of
from policies.action import Action
from policies.canonical import canonical, readable
from policies.directory import Directory

MAX_VALUES = 200
"""So many values are looked for; those nearest to the top of their arguments come first."""
MAX_ORIGINS = 48 * 1024
"""Bytes of all that is told, which is a part of the proposal."""
MAX_SEARCHED = 2 * 1024 * 1024
"""Bytes of answers that are searched, the newest first."""
MAX_UNPROVEN = 32
"""So many answers with such a value may turn out to be nobody's; signatures over them cost time."""
MAX_PLACE = 200
"""Characters of a path."""
_KINDS = {"read": OriginKind.READ, "reason": OriginKind.MODEL, "settle": OriginKind.RECEIPT}
Leaf = tuple[int, str, JsonValue]
"""A value of the arguments: its action's number, its path, and it."""


@dataclass(frozen=True)
class _Source:
    """Something that may hold values, not yet proven to be anybody's."""

    kind: OriginKind
    event_id: int
    run_id: str
    what: str
    value: JsonValue
    done: Completed | None = None
    """None of the case, which the signed start proves."""
    record: MissionRecord | None = None


def origins(
    actions: Sequence[Action],
    record: MissionRecord,
    earlier: Sequence[MissionRecord],
    directory: Directory,
    changed: Mapping[str, str] | None = None,
) -> tuple[Origin, ...]:
    """
    Where the values of *actions* stand, by action and path, for each: who changed it, then the places in the order of time.

    Args:
        record: The run that proposes them. Its start is proven: the gate proposes nothing for a mission without an owner.
        earlier: The runs before it, the nearest first.
        changed: By path of the first action, who amended it.
    """
    wanted = _wanted(actions)
    keys = {leaf[:2]: sought(leaf[1], leaf[2]) for leaf in wanted}
    search = Search(key for key in keys.values() if key is not None)
    sources, whole = _sources(record, earlier)
    found, proven = _found(search, sources, directory)
    complete = whole and proven and not search.exhausted
    told: list[Origin] = []
    room = MAX_ORIGINS
    for item, path, value in wanted:
        key = keys[item, path]
        places = found.get(key, []) if key is not None else []
        who = _changer(path, changed or {}) if item == 0 else ""
        mine = _told(value, places, who, complete=complete)
        entries = [entry.model_copy(update={"item": item, "path": path}) for entry in mine]
        room -= sum(len(canonical(entry.model_dump(mode="json"))) for entry in entries)
        if room < 0:
            break
        told += entries
    return tuple(told)


def _wanted(actions: Sequence[Action]) -> list[Leaf]:
    """The values that are looked for: a long list cannot push out what stands above it."""
    found = [(item, path, value) for item, each in enumerate(actions) for path, value in leaves(dict(each.arguments)) if path]
    return sorted(found, key=lambda leaf: leaf[1].count(".") + leaf[1].count("["))[:MAX_VALUES]


def _changer(path: str, changed: Mapping[str, str]) -> str:
    return next((who for above, who in changed.items() if path == above or path.startswith((f"{above}.", f"{above}["))), "")


def _told(value: JsonValue, places: Sequence[Origin], who: str, *, complete: bool) -> list[Origin]:
    """*places*, after the person *who* changed it; why there is none, where there is neither."""
    person = [Origin(path="", kind=OriginKind.PERSON, what=who)] if who else []
    if person or places:
        return [*person, *places]
    if common(value):
        return [Origin(path="", kind=OriginKind.COMMON)]
    return [Origin(path="", kind=OriginKind.NOWHERE if complete else OriginKind.UNSURE)]


def _sources(record: MissionRecord, earlier: Sequence[MissionRecord]) -> tuple[list[_Source], bool]:
    """The case, then what was answered, the newest first; and whether that is all of it."""
    room, found = MAX_SEARCHED, [_case(record)]
    for run in (record, *earlier):
        for done in reversed(run.completed):
            source = _answer(done, run, "" if run is record else run.run_id)
            # What nobody signed costs nothing: it must not push out what somebody did.
            room -= done.result_size if source is not None else 0
            if room < 0:
                return found, False
            found += [source] if source is not None else []
    return found, True


def _case(record: MissionRecord) -> _Source:
    first = record.started if record.origin is None else record.origin
    run_id = "" if first.mission.run_id == record.run_id else first.mission.run_id
    return _Source(OriginKind.CASE, 1, run_id, "", first.input)


def _answer(done: Completed, run: MissionRecord, run_id: str) -> _Source | None:
    given, answer = done.input, done.result
    if done.activity not in _KINDS or not isinstance(given, dict) or not isinstance(answer, dict):
        return None
    if done.activity in ASKED and not isinstance(answer.get(SIGNATURE), str):
        return None
    source = _Source(_KINDS[done.activity], done.event_id, run_id, "", None, done, run)
    match done.activity:
        case "read":
            return replace(source, what=_name(given.get("operation")), value=answer.get("result"))
        case "reason":
            return replace(source, what=_name(given.get("purpose")), value=_said(answer))
    return _receipted(source, answer)


def _said(answer: Mapping[str, JsonValue]) -> JsonValue:
    """What a model answered: a result of the shape it was asked for, or, in a dialogue, text and the arguments of its calls."""
    calls, text, result = answer.get("calls"), answer.get("text"), answer.get("result")
    if not calls and not text:
        return result
    asked = calls if isinstance(calls, list) else []
    return {
        "text": text,
        "calls": [{"arguments": call.get("arguments")} if isinstance(call, dict) else None for call in asked],
        "result": result,
    }


def _receipted(source: _Source, answer: Mapping[str, JsonValue]) -> _Source | None:
    body = answer.get("body")
    receipt = body.get("receipt") if isinstance(body, dict) else None
    inner = receipt.get("body") if isinstance(receipt, dict) else None
    if not isinstance(inner, dict):
        return None
    return replace(source, what=_name(inner.get("operation")), value=inner.get("result"))


def _name(value: JsonValue) -> str:
    return readable(str(value))[:MAX_PLACE]


def _found(search: Search, sources: Sequence[_Source], directory: Directory) -> tuple[dict[Sought, list[Origin]], bool]:
    """
    By value the first place of each kind that is proven, a whole one before one within a text; and whether all were looked at.

    Args:
        sources: The case, then the newest first: where there is more than can be searched, the oldest is left.
    """
    spots: dict[tuple[Sought, OriginKind], list[tuple[bool, int, Spot]]] = defaultdict(list)
    for number, source in enumerate(sources):
        for key, spot in search.found(source.value).items():
            spots[key, source.kind].append((spot.within, -number, spot))
    proofs = _Proofs(sources, directory)
    best: list[tuple[int, Sought, Spot]] = []
    for (key, _), candidates in spots.items():
        # Signatures last: they are looked at only where a value is found, and only until one is good.
        ordered = sorted(candidates, key=lambda candidate: candidate[:2])
        best += [(age, key, spot) for _, age, spot in islice(filter(lambda found: proofs.good(-found[1]), ordered), 1)]
    found: dict[Sought, list[Origin]] = defaultdict(list)
    for age, key, spot in sorted(best, key=lambda entry: (entry[0] != 0, entry[0])):
        found[key].append(_origin(sources[-age], spot))
    return found, not proofs.exhausted


class _Proofs:
    """Which sources are proven. Each is asked about once, and only so many may turn out to be nobody's."""

    def __init__(self, sources: Sequence[_Source], directory: Directory) -> None:
        self._sources = sources
        self._directory = directory
        self._known: dict[int, bool] = {}
        self.exhausted = False

    def good(self, number: int) -> bool:
        """Whether that source is proven; not, where too many were not."""
        if number not in self._known:
            if sum(not good for good in self._known.values()) >= MAX_UNPROVEN:
                self.exhausted = True
                return False
            self._known[number] = _proven(self._sources[number], self._directory)
        return self._known[number]


def _proven(source: _Source, directory: Directory) -> bool:
    done, record = source.done, source.record
    if done is None or record is None:
        return True
    if done.activity != "settle":
        return witness_of(done, record, directory) is not None
    entry = answer_in(done)
    settlement = settlement_in(entry, record.started.mission, record.chain, directory) if entry is not None else None
    return settlement is not None and receipt_of(settlement, directory) is not None


def _origin(source: _Source, spot: Spot) -> Origin:
    at = readable(place(spot.at))
    if len(visible(at)) > MAX_PLACE:
        at = f"(a path of {len(at)} characters)"
    return Origin(
        path="",
        kind=source.kind,
        event_id=source.event_id,
        run_id=source.run_id,
        what=source.what,
        at=at,
        within=spot.within,
    )
