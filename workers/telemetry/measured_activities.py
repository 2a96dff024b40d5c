"""
Activities, watched: the gate's answers as spans and counts. It reads what is signed anyway, and of that only names and kinds.

A decision stands in every settlement after it. It is counted once: where no earlier settlement of its proposal had heard it.
INVARIANT: watching changes no answer and adds nothing to wait for. What cannot be read is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanContext, StatusCode, TraceFlags
from temporalio import activity, worker
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput

from activities.commit import SettleRequest
from approvals.proposal import Refusal, proposal_id
from approvals.settlement import Settlement, SettlementKind
from approvals.signed import Kind, Signed
from approvals.votes import Vote
from audit.proposals import verified_settlement
from policies.ruling import Finding
from workers.telemetry.instruments import OURS, Instruments
from workers.telemetry.sieve import traceparent
from workers.telemetry.stopwatch import CURRENT, Watch, aside, error_type

MAX_LINKS = 20
MAX_ENTRIES = 50
_tracer = trace.get_tracer(OURS)
_GATE = ("propose", "settle")


class MeasuredActivities(worker.Interceptor):
    """Runs inside Temporal's interceptor, so its spans stand below the activity's."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """Watches every activity of a worker."""
        return _Measured(next, self._instruments)


class _Measured(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, instruments: Instruments) -> None:
        super().__init__(next)
        self._instruments = instruments

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info = activity.info()
        watch = Watch(info.activity_type, info.workflow_id or "", info.workflow_run_id or "")
        token = CURRENT.set(watch)
        labels = {"activity": watch.activity}
        try:
            if watch.activity in _GATE:
                return await self._gate(input, watch)
            return await super().execute_activity(input)
        except BaseException as error:
            labels["error.type"] = error_type(error)
            raise
        finally:
            with aside():
                self._instruments.activity.record(watch.seconds, labels)
            CURRENT.reset(token)

    async def _gate(self, input: ExecuteActivityInput, watch: Watch) -> Any:
        told: dict[str, str | int] = {
            "sayso.mission.id": watch.mission_id,
            "sayso.run.id": watch.run_id,
            "sayso.attempt": activity.info().attempt,
        }
        if input.args and isinstance(input.args[0], SettleRequest):
            told |= {"sayso.proposal": proposal_id(input.args[0].proposal), "sayso.item": input.args[0].item}
        with _tracer.start_as_current_span(f"sayso.{watch.activity}", attributes=told, record_exception=False) as span:
            try:
                answer = await super().execute_activity(input)
            except BaseException as error:
                span.set_attribute("error.type", error_type(error))
                span.set_status(StatusCode.ERROR)
                raise
            with aside():
                self._answered(answer, watch, span)
            return answer

    def _answered(self, answer: object, watch: Watch, span: Span) -> None:
        if not isinstance(answer, Signed):
            return
        match answer.kind:
            case Kind.PROPOSAL:
                span.set_attributes({"sayso.outcome": "proposed", "sayso.proposal": proposal_id(answer.digest)})
                self._instruments.proposals.add(1, {"outcome": "proposed"})
            case Kind.REFUSAL:
                span.set_attribute("sayso.outcome", "refused")
                self._instruments.proposals.add(1, {"outcome": "refused"})
                self._refused("propose", _failed(Refusal.model_validate(answer.body).findings), span)
            case Kind.SETTLEMENT:
                self._settled(Settlement.model_validate(answer.body), watch, span)

    def _settled(self, settlement: Settlement, watch: Watch, span: Span) -> None:
        before = _before(settlement, watch)
        heard = before.head.through if before is not None else 0
        news = [vote for vote in settlement.votes if vote.event_id > heard]
        span.set_attributes({"sayso.settlement.kind": settlement.kind, "sayso.decisions": len(news)})
        if watch.admitted is not None:
            span.set_attribute("sayso.admission.seconds", watch.admitted)
        self._instruments.settlements.add(1, {"kind": settlement.kind})
        for vote in news:
            counts = "true" if vote.counts else "false"
            self._instruments.decisions.add(1, {"verdict": vote.verdict or "unreadable", "counts": counts})
        self._refused("decision", [name for vote in news for name in vote.against], span)
        if settlement.kind is SettlementKind.NOT_SENT:
            self._refused("admission", _failed(settlement.findings), span)
        again = before is not None and (before.kind, before.item) == (settlement.kind, settlement.item)
        if settlement.kind is SettlementKind.UNKNOWN and not again:
            self._instruments.unknown_outcomes.add(1)
        for link in _links(news, watch):
            span.add_link(link)

    def _refused(self, stage: str, reasons: Iterable[str], span: Span) -> None:
        found = list(reasons)
        for reason in found:
            self._instruments.refusals.add(1, {"stage": stage, "reason": reason})
        if found:
            span.set_attribute("sayso.refused.by", sorted(set(found)))


def _failed(findings: Iterable[Finding]) -> list[str]:
    return [finding.check for finding in findings if not finding.holds]


def _before(settlement: Settlement, watch: Watch) -> Settlement | None:
    """The gate's last settlement of the same proposal, by its signature; only so many are looked at."""
    if watch.record is None or watch.law is None:
        return None
    for entry in reversed(watch.record.entries(Kind.SETTLEMENT)[-MAX_ENTRIES:]):
        found = verified_settlement(entry, watch.law.directory)
        if found is not None and (found.proposal, found.mission) == (settlement.proposal, settlement.mission):
            return found
    return None


def _links(votes: Iterable[Vote], watch: Watch) -> list[SpanContext]:
    """The traces in which *votes* were sent, as their senders say."""
    if watch.record is None:
        return []
    found = list[SpanContext]()
    for vote in votes:
        event = watch.record.opened[vote.event_id - 1] if vote.event_id <= len(watch.record.opened) else None
        fields = event.workflow_execution_signaled_event_attributes.header.fields if event is not None else {}
        parent = traceparent(fields)
        if parent is not None:
            _, trace_id, span_id, _ = parent.split("-")
            found.append(SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(TraceFlags.SAMPLED)))
    return found[:MAX_LINKS]
