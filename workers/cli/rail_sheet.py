"""How a rail is laid out in a terminal: a table for what is there, a line for what comes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from approvals.display import visible
from audit.observation import Mark, Observation
from audit.payloads import SEALED_WORDS
from audit.rail import Told
from audit.workload import Workload
from workers.cli.sheet import span, table
from workers.cli.trouble import Trouble
from workers.cli.workload import sentence


@dataclass(frozen=True)
class Telling:
    """What one run of a mission tells."""

    run_id: str
    observations: Sequence[Observation]


HEADS = ("EVENT", "TIME (UTC)", "KIND", "WHO", "WHAT")
WIDTHS = (11, 19, 10, 18)
"""Of the columns of a line that is printed before the others are known."""
_LONGEST = 400
_LONGEST_NAME = 100
"""Of whoever did it: a model, a worker and a client are called what they like, and a column is as wide as its widest cell."""


def as_text(runs: Sequence[Telling], troubles: Sequence[Trouble], approvers: Sequence[Workload] = (), doubt: str = "") -> str:
    """One line an observation: event, time, kind, who with which assurance, what; below it one line an approver."""
    parts = [doubt] if doubt else []
    for number, run in enumerate(runs, start=1):
        known = {observation.event_id for observation in run.observations}
        parts += [between(run.run_id, f"{number} of {len(runs)}")] if len(runs) > 1 else []
        parts.append(table(HEADS, [row(observation, known) for observation in run.observations]))
    observations = [observation for run in runs for observation in run.observations]
    if any(Mark.SEALED in observation.marks for observation in observations):
        parts.append(f"what an event marked [{Mark.SEALED}] holds is {SEALED_WORDS}")
    if approvers:
        parts.append("\n".join(["DECIDED BY:", *(f"  {sentence(approver)}" for approver in approvers)]))
    if troubles:
        parts.append("\n".join(["TROUBLE, now:", *(f"  {trouble.words()}" for trouble in troubles)]))
    return "\n\n".join(parts)


def between(run_id: str, which: str = "") -> str:
    """Where one run ends and the next begins: its events are counted from 1 again."""
    return f"== run {visible(run_id)}{', ' if which else ''}{which}"


def line(told: Told, known: Collection[int]) -> str:
    """One observation as it comes; one that was told before says `again`."""
    event, *others, what = row(told.observation, known)
    cells = (event, *others)
    padded = "  ".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True))
    return f"{padded}  {'again: ' if told.again else ''}{what}".rstrip()


def heading() -> str:
    """Above such lines."""
    return "  ".join(head.ljust(width) for head, width in zip(HEADS, (*WIDTHS, 0), strict=True)).rstrip()


def row(observation: Observation, known: Collection[int]) -> tuple[str, str, str, str, str]:
    """The cells of one observation; its cause is named where it is among *known* events."""
    who = _cut(visible(observation.actor or ""), _LONGEST_NAME)
    if observation.assurance is not None:
        who += f" ({observation.assurance})"
    cause = f" <- {observation.cause}" if observation.cause in known else ""
    judged = f" (judged at event {observation.judged_by})" if observation.judged_by else ""
    after = f" after {span(observation.open_seconds)}" if observation.open_seconds is not None else ""
    item = f"item {observation.item + 1}: " if observation.item is not None else ""
    marks = "".join(f"[{mark}] " for mark in observation.marks)
    at = observation.at.strftime("%Y-%m-%d %H:%M:%S")
    what = marks + item + _cut(visible(observation.what)) + after + judged
    return (f"{observation.event_id}{cause}", at, str(observation.kind), who, what)


def later(observation: Observation, since: int) -> bool:
    """Whether it is new after event *since*, or was judged after it."""
    return observation.event_id > since or (observation.judged_by or 0) > since


def _cut(text: str, longest: int = _LONGEST) -> str:
    """A rail is read line by line; an input of pages is left to `--json`."""
    return text if len(text) <= longest else f"{text[:longest]} [{len(text) - longest} more characters: see --json]"
