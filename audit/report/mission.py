"""The mission run as a whole: who started it, with what, when, and how it ended."""

from __future__ import annotations

from collections.abc import Sequence

from approvals import start
from audit.observation import Observation, ObservationKind
from audit.principals import principals_of, reset_trouble
from audit.record import when
from audit.report.parts import MissionPart
from audit.report.people import who
from audit.report.pieces import Who
from audit.report.values import inline, text_of, value_of
from audit.verification.material import Material

_ENDS = frozenset({ObservationKind.FINISHED, ObservationKind.ENDED})
LONGEST = 80


def mission_part(material: Material, observations: Sequence[Observation]) -> MissionPart:
    """The part of *material*'s run."""
    record, trust = material.record, material.trust
    principals, trouble = principals_of(record, trust)
    signed = "signed" if principals.owner else None
    end = next((each for each in reversed(observations) if each.kind in _ENDS), None) if record.closed else None
    times = [when(event.event_time) for event in record.raw]
    return MissionPart(
        mission_type=record.started.mission.mission_type,
        owner=who(principals.owner, signed, trust),
        owner_doubt=trouble or "",
        on_behalf_of=principals.on_behalf_of or "",
        given=value_of(record.started.input, "event 1 in history.json"),
        wanted=inline(record.started.input),
        began_at=min(times),
        last_at=max(times),
        closed=record.closed,
        ending=_ending(end, record.closed),
        ended_by=who(end.actor, str(end.assurance), trust) if end and end.actor else Who("", ""),
        events=len(record.raw),
        sealed=len(material.sealed_events),
        notes=tuple(_notes(material)),
    )


def _ending(end: Observation | None, closed: bool) -> str:
    if end is not None:
        words, left = text_of(end.what, LONGEST)
        return f"{words}…" if left else words
    return "the run is over" if closed else "still open when it was exported"


def _notes(material: Material) -> list[str]:
    record = material.record
    signed = (record.origin or record.started).signed_start
    before = start.predecessor(signed) if signed else None
    found = [f"it succeeds mission {before.mission_id}, run {before.run_id}"] if before else []
    found += [trouble] if (trouble := reset_trouble(record)) else []
    found += ["somebody asked the run to cancel"] if record.cancel_requested else []
    return found
