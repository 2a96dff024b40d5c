"""
The Explain rail: a mission's observations in the order of its events, a pure projection of the history.

Theory of operation. Events are taken in one by one, each once, so that a mission that runs is followed at the price of what
is new. Each event becomes an observation or is folded, for a reason that is data (`audit.folding`); none is dropped. What is
proven of the gate's words grows along (`audit.known`). A settlement that judges earlier decisions changes their observations,
and nothing else changes any. Nothing is believed that is not proven: what anybody else says is `claimed`.

A history that no server writes is still shown, whole: from its first unsound event on, nothing is proven any more. So are
events with fields that this version does not know; from those on no settlement is proven, as the trail cannot be digested.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from approvals.settlement import USED
from audit import events, neighbours, upkeep
from audit.answers import Answers
from audit.beginning import begun
from audit.events import Reading, itself, listed, sent, values
from audit.folding import ENDED, FOLDED, Folded, attributes_of
from audit.known import Known
from audit.labour import ACTIVITIES, Labour, ended_badly
from audit.notice import notice
from audit.observation import Mark, Observation, ObservationKind
from audit.parts import answer_in, completed_in, heard_in, withdraws
from audit.payloads import sealed
from audit.record import MissionRecord, Started
from audit.signals import Signals
from audit.trail import Trail
from policies.directory import Directory

READINGS: Mapping[int, Reading] = {**events.READINGS, **neighbours.READINGS, **upkeep.READINGS}
"""Of events that are read without any other."""
_SIGNALED = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED
_SCHEDULED = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
_TAKEN_UP = EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED
_UNWANTED = EventType.EVENT_TYPE_ACTIVITY_TASK_CANCEL_REQUESTED
_DONE = EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED
_LISTED = EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES


def rail(record: MissionRecord, directory: Directory) -> tuple[Observation, ...]:
    """
    The observations of *record*, in the order of its events.

    Args:
        directory: Whose gate keys prove the gate's words and whose people own missions.
    """
    return railed(record, directory).observations


def railed(record: MissionRecord, directory: Directory) -> Rail:
    """The rail of *record*, to look at what is folded, or to take in more."""
    found = Rail(record.namespace, record.mission_id, record.run_id, directory, record.origin)
    found.extend(zip(record.raw, record.opened, strict=True))
    return found


@dataclass(frozen=True)
class Told:
    """An observation that is new, or reads otherwise than before."""

    observation: Observation
    again: bool
    """It was told before, and a settlement has judged it since."""


class Rail:
    """One run's rail as far as its events were taken in."""

    def __init__(
        self, namespace: str, mission_id: str, run_id: str, directory: Directory, origin: Started | None = None
    ) -> None:
        """
        Args:
            origin: The start of the mission's first run, where this run goes on from another.
        """
        self._where = (namespace, mission_id, run_id)
        self._origin = origin
        self._directory = directory
        self._trail = Trail()
        self._labour = Labour()
        self._run: _Run | None = None
        self._entries: list[Observation | Folded | None] = []
        """One for each event; None for a signal until it is read."""
        self._heard: dict[int, tuple[HistoryEvent, tuple[Mark, ...]]] = {}
        """Signals by their place, each with what a reader of it must know."""
        self._unread: set[int] = set()
        """Places of signals of which something new may be known."""

    @property
    def observations(self) -> tuple[Observation, ...]:
        """In the order of their events."""
        return tuple(entry for entry in self._entries if isinstance(entry, Observation))

    @property
    def folded(self) -> tuple[Folded, ...]:
        """Every event that is no observation, in order, with the reason."""
        return tuple(entry for entry in self._entries if isinstance(entry, Folded))

    def extend(self, more: Iterable[tuple[HistoryEvent, HistoryEvent]]) -> tuple[Told, ...]:
        """
        Takes in settled events, each as stored and as opened; what is told by them, in the order of the history.

        An activity that has no answer yet is told too, and becomes part of its answer when that comes.
        """
        first = len(self._entries)
        for stored, event in more:
            self._take(stored, event)
        # A signal is read once here, however many settlements judged it meanwhile.
        changed = [place for place in sorted(self._unread) if self._reread(place)]
        self._unread.clear()
        places = [*(place for place in changed if place < first), *range(first, len(self._entries))]
        entries = ((place, self._entries[place]) for place in places)
        return tuple(Told(entry, place < first) for place, entry in entries if isinstance(entry, Observation))

    def _take(self, stored: HistoryEvent, event: HistoryEvent) -> None:
        marks = self._trail.take(stored)
        if self._trail.sound and self._run is not None and event.event_type == _SIGNALED:
            self._hear(event, _seen(event, marks), self._run)
            return
        entry = self._read(stored, event)
        if not self._trail.sound and Mark.UNSOUND not in marks:
            marks = (*marks, Mark.UNSOUND)
        self._entries.append(_marked(entry, event, marks))

    def _hear(self, event: HistoryEvent, marks: tuple[Mark, ...], run: _Run) -> None:
        """Takes in a signal, which is read once all that came with it was taken in."""
        self._heard[len(self._entries)] = (event, marks)
        self._unread.add(len(self._entries))
        self._entries.append(None)
        if event.workflow_execution_signaled_event_attributes.signal_name == USED:
            claimed = run.known.claim_in(heard_in(event))
            if claimed is not None:
                run.known.learn_use(event.event_id, claimed[0])

    def _reread(self, place: int) -> bool:
        """Reads a signal by all that is known now; whether it reads otherwise than before."""
        if place not in self._heard or self._run is None:
            return False
        event, marks = self._heard[place]
        entry, before = self._run.signals.observed(event), self._entries[place]
        self._entries[place] = entry.model_copy(update={"marks": marks}) if marks else entry
        return self._entries[place] != before

    def _read(self, stored: HistoryEvent, event: HistoryEvent) -> Observation | Folded:
        if not self._trail.sound:
            return _unproven(event)
        if self._run is None:
            # INVARIANT: the first sound event is the start.
            record = MissionRecord(*self._where, raw=(stored,), opened=(event,), origin=self._origin)
            self._run = _Run.of(record, self._directory)
            return self._run.start
        kind = int(event.event_type)
        if kind == _SCHEDULED:
            return self._labour.ask(event, self._run.known)
        if kind in ACTIVITIES:
            return self._work(event, self._run)
        if kind == _LISTED:
            return notice(event, self._run.known, self._run.owner) or Folded(event.event_id, FOLDED[kind])
        if kind in FOLDED:
            return Folded(event.event_id, FOLDED[kind])
        return READINGS.get(kind, itself)(event)

    def _work(self, event: HistoryEvent, run: _Run) -> Observation | Folded:
        asked = self._labour.about(event)
        if asked is None:
            # No server writes of an activity that was never asked for, or that ended before.
            self._trail.distrust()
            return _unproven(event)
        if event.event_type == _TAKEN_UP:
            self._labour.begin(event, asked)
            return Folded(event.event_id, FOLDED[event.event_type])
        if event.event_type == _UNWANTED:
            return self._labour.cancel(event, asked)
        return self._end(event, asked, run)

    def _end(self, event: HistoryEvent, asked: int, run: _Run) -> Observation:
        order, attempt = self._labour.end(asked)
        beginning = self._entries[asked - 1]
        if isinstance(beginning, Observation) and withdraws(order) is None and not {*beginning.marks} - {Mark.SEALED}:
            self._entries[asked - 1] = Folded(asked, ENDED, event.event_id)
        if event.event_type == _DONE:
            done = completed_in(event, order)
            entry = answer_in(done)
            if entry is not None:
                self._unread |= {event_id - 1 for event_id in run.known.learn_answer(entry, self._trail.chain)}
            found = run.answers.observed(done, entry, len(self._trail.chain))
        else:
            found = ended_badly(event, order)
        return found.model_copy(update={"what": found.what + attempt}) if attempt else found


@dataclass(frozen=True)
class _Run:
    """A run that began: what is known of it, and how its parts are read."""

    start: Observation
    owner: str | None
    known: Known
    answers: Answers
    signals: Signals

    @classmethod
    def of(cls, record: MissionRecord, directory: Directory) -> _Run:
        start = begun(record, directory)
        known = Known(record.started.mission, directory)
        owner = start.actor if start.assurance == "signed" else None
        return cls(start, owner, known, Answers(known, record), Signals(known))


def _unproven(event: HistoryEvent) -> Observation:
    """An event of a history that no server writes: what it says for itself, and nothing that rests on another."""
    if attributes_of(event) is not None:
        return itself(event)
    if event.event_type == _SIGNALED:
        signal = event.workflow_execution_signaled_event_attributes
        words = f"signal {signal.signal_name} with {listed(values(signal.input)) or 'nothing'}"
        return sent(event, ObservationKind.EVENT, words, signal.identity)
    return READINGS.get(event.event_type, itself)(event)


def _marked(entry: Observation | Folded, event: HistoryEvent, marks: tuple[Mark, ...]) -> Observation | Folded:
    """*entry* with what a reader must know of its event. What is marked is never folded."""
    if isinstance(entry, Folded):
        return itself(event).model_copy(update={"marks": marks}) if marks else entry
    marks = _seen(event, marks)
    return entry.model_copy(update={"marks": marks}) if marks else entry


def _seen(event: HistoryEvent, marks: tuple[Mark, ...]) -> tuple[Mark, ...]:
    return (Mark.SEALED, *marks) if sealed(event) else marks
