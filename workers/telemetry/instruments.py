"""
The instruments: one set, whichever way they leave. Each has a row in docs/telemetry.md with the alert it is worth.

INVARIANT: a label is one of a closed set: a check's name, a kind, a tool of the catalogue, a group of the directory. No id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader
from opentelemetry.sdk.metrics.view import DropAggregation, View
from opentelemetry.sdk.resources import Resource

OURS = "sayso"
_CALL_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300)
_MODEL_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_GATE_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
_TOKENS = tuple(4**power for power in range(14))


@dataclass(frozen=True)
class Shape:
    """What an instrument counts, in which unit, and by which labels."""

    unit: str
    words: str
    labels: frozenset[str] = frozenset()
    buckets: tuple[float, ...] = ()


def _shape(unit: str, words: str, *labels: str, buckets: Sequence[float] = ()) -> Shape:
    return Shape(unit, words, frozenset(labels), tuple(float(bound) for bound in buckets))


_MODEL = ("gen_ai.operation.name", "gen_ai.provider.name", "gen_ai.request.model")
SHAPES: dict[str, Shape] = {
    "sayso.proposals": _shape("{proposal}", "answers to propose", "outcome"),
    "sayso.settlements": _shape("{settlement}", "answers to settle", "kind"),
    "sayso.decisions": _shape("{decision}", "decisions heard for the first time", "verdict", "counts"),
    "sayso.refusals": _shape("{refusal}", "refusals by what refused", "stage", "reason"),
    "sayso.unknown.outcomes": _shape("{outcome}", "calls that may or may not have been made"),
    "sayso.admission.duration": _shape("s", "from settle begun to the use announced", buckets=_GATE_SECONDS),
    "sayso.send.duration": _shape("s", "the one call of a commit", "gen_ai.tool.name", "error.type", buckets=_CALL_SECONDS),
    "sayso.activity.duration": _shape("s", "activities", "activity", "error.type", buckets=_CALL_SECONDS),
    "sayso.pending.decisions": _shape("{proposal}", "proposals that wait, by the groups they ask", "group"),
    "sayso.pending.age": _shape("s", "since the oldest waiting proposal was made", "group"),
    "sayso.pending.missions": _shape("{mission}", "missions that say they wait"),
    "sayso.pending.unverified": _shape("{mission}", "of those looked at, without a proposal of the gate"),
    "sayso.pending.poll.age": _shape("s", "since the queue was last read"),
    "sayso.archive.oldest.age": _shape("s", "since the oldest mission closed that is not in the archive"),
    "sayso.archive.waiting": _shape("{mission}", "missions that closed and are not in the archive"),
    "sayso.archive.retention": _shape("s", "how long the server keeps what closed"),
    "sayso.archive.round.age": _shape("s", "since the archiver's last round was done"),
    "gen_ai.client.operation.duration": _shape("s", "model calls", *_MODEL, "error.type", buckets=_MODEL_SECONDS),
    "gen_ai.client.token.usage": _shape("{token}", "model tokens", *_MODEL, "gen_ai.token.type", buckets=_TOKENS),
    "mcp.client.operation.duration": _shape(
        "s", "requests to tool servers", "mcp.method.name", "gen_ai.tool.name", "error.type", buckets=_CALL_SECONDS
    ),
}
Read = Callable[[], Iterable[tuple[float, dict[str, str]]]]


class Instruments:
    """The instruments of one process."""

    def __init__(self, readers: Sequence[MetricReader], resource: Resource) -> None:
        self._provider = MeterProvider(readers, resource=resource, views=_views(), shutdown_on_exit=False)
        self._meter = self._provider.get_meter(OURS)
        self.proposals = self._counter("sayso.proposals")
        self.settlements = self._counter("sayso.settlements")
        self.decisions = self._counter("sayso.decisions")
        self.refusals = self._counter("sayso.refusals")
        self.unknown_outcomes = self._counter("sayso.unknown.outcomes")
        self.admission = self._histogram("sayso.admission.duration")
        self.send = self._histogram("sayso.send.duration")
        self.activity = self._histogram("sayso.activity.duration")
        self.model_calls = self._histogram("gen_ai.client.operation.duration")
        self.tokens = self._histogram("gen_ai.client.token.usage")
        self.tool_calls = self._histogram("mcp.client.operation.duration")

    def observe(self, name: str, read: Read) -> None:
        """Shows, whenever somebody looks, what *read* gives for the gauge *name*."""

        def look(_: CallbackOptions) -> Iterable[Observation]:
            return [Observation(value, labels) for value, labels in read()]

        shape = SHAPES[name]
        self._meter.create_observable_gauge(name, [look], shape.unit, shape.words)

    def end(self) -> None:
        """Sends what is left."""
        self._provider.shutdown(timeout_millis=2000)

    def _counter(self, name: str) -> Counter:
        return self._meter.create_counter(name, SHAPES[name].unit, SHAPES[name].words)

    def _histogram(self, name: str) -> Histogram:
        shape = SHAPES[name]
        bounds = list(shape.buckets)
        return self._meter.create_histogram(name, shape.unit, shape.words, explicit_bucket_boundaries_advisory=bounds)


def _views() -> list[View]:
    """Each instrument with its own labels and no others, and nothing that is not listed."""
    listed = [View(instrument_name=name, attribute_keys=set(shape.labels)) for name, shape in SHAPES.items()]
    return [*listed, View(instrument_name="*", aggregation=DropAggregation())]
