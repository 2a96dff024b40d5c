"""
Strict replay: the installed mission code runs again over an archived history, and must ask for exactly what was recorded.

Temporal's own replay compares which commands come in which order. It lets an edited name, result, time or input go by. Here
the inputs of activities and the verdict are made anew and compared with the recorded ones.

Source: docs/architecture.md, "Evidence"; docs/audit-format.md
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from pydantic import JsonValue
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import History
from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter, PayloadCodec
from temporalio.worker import (
    ContinueAsNewInput,
    ExecuteWorkflowInput,
    Interceptor,
    Replayer,
    StartActivityInput,
    UnsandboxedWorkflowRunner,
    WorkflowInboundInterceptor,
    WorkflowInterceptorClassInput,
    WorkflowOutboundInterceptor,
)

from audit import archive, manifest
from audit.enclosed import contents_of
from audit.errors import AuditError
from audit.payloads import json_of
from audit.record import MissionRecord
from audit.references import Contents, restored
from audit.verification.material import opened_record
from audit.verification.result import Found, Result, Verification, fails, holds, missing, verdict_of
from policies.canonical import parse
from policies.errors import CanonicalError
from workers.connection import converter
from workflows.missions import MISSIONS

CHECK = "replay"
_BEFORE = ("container", "members", "checkpoint", "chain", "run")
"""The engine that replays hangs for good on histories that no server wrote: it gets none where one of these fails."""


async def replayed(verification: Verification, data: bytes, codec: PayloadCodec | None) -> Verification:
    """*verification* of the archive *data* with what its strict replay came to."""
    spoilt = [each.check for each in verification.findings if each.result is Result.FAILS and each.check in _BEFORE]
    if spoilt:
        told = [missing(CHECK, f"not replayed: this is not the history that was exported (`{spoilt[0]}`)")]
    else:
        told = await _findings(data, codec)
    found = (*verification.findings, *told)
    return verification.model_copy(update={"verdict": verdict_of(found), "findings": found})


async def _findings(data: bytes, codec: PayloadCodec | None) -> list[Found]:
    try:
        members = archive.unpack(data)
        contents = contents_of(members)
        record = await opened_record(manifest.read(members[manifest.MANIFEST]), members, Contents(contents, codec))
    except (AuditError, KeyError):
        return [missing(CHECK, "there is no history to replay")]
    if record.started.mission.mission_type not in MISSIONS:
        return [missing(CHECK, f"the code of `{record.started.mission.mission_type}` missions is not installed here")]
    tape = _Tape(record)
    replayer = Replayer(
        workflows=[offer.workflow for offer in MISSIONS.values()],
        data_converter=converter(codec),
        interceptors=[_Listening(tape)],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )
    history = WorkflowHistory(record.mission_id, list(History(events=restored(record.raw, contents)).events))
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    if result.replay_failure is not None:
        return [fails(CHECK, f"the mission's code asks for something else: {str(result.replay_failure)[:300]}")]
    return tape.found or [holds(CHECK, f"the mission's code asks for the same {tape.asked} activities, and ends the same")]


class _Tape:
    """What was recorded, beside what is asked for now."""

    def __init__(self, record: MissionRecord) -> None:
        self._scheduled = [e for e in record.opened if e.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED]
        self._last = record.opened[-1]
        self._convert: DataConverter = converter()
        self.asked = 0
        self.found: list[Found] = []

    def activity(self, name: str, arguments: Sequence[Any]) -> None:
        """The next activity that the code asks for. What it asks for beyond the history was not recorded yet."""
        if self.asked >= len(self._scheduled):
            return
        event = self._scheduled[self.asked]
        self.asked += 1
        recorded = event.activity_task_scheduled_event_attributes
        there = [_value(json_of(payload)) for payload in recorded.input.payloads]
        if recorded.activity_type.name != name or not _same(there, self._values(arguments)):
            words = (
                f"event {event.event_id} asks `{recorded.activity_type.name}` for something else than the mission's code does"
            )
            self.found.append(fails(CHECK, words, event.event_id))

    def verdict(self, result: Any) -> None:
        """What the code ends with."""
        if self._last.event_type != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
            return
        recorded = self._last.workflow_execution_completed_event_attributes.result.payloads
        if [_value(json_of(payload)) for payload in recorded] != self._values([result]):
            words = "the recorded verdict is not the one that the mission's code gives"
            self.found.append(fails(CHECK, words, self._last.event_id))

    def goes_on(self, arguments: Sequence[Any]) -> None:
        """What the code hands on to the run after this one."""
        if self._last.event_type != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW:
            return
        recorded = self._last.workflow_execution_continued_as_new_event_attributes.input.payloads
        if not _same([_value(json_of(payload)) for payload in recorded], self._values(arguments)):
            words = "what was recorded as handed on to the next run is not what the mission's code hands on"
            self.found.append(fails(CHECK, words, self._last.event_id))

    def _values(self, values: Sequence[Any]) -> list[JsonValue]:
        return [_value(json_of(payload)) for payload in self._convert.payload_converter.to_payloads(values)]


def _same(recorded: Sequence[JsonValue], asked: Sequence[JsonValue]) -> bool:
    """
    Whether both ask for the same. Requests grow fields: one that was recorded before lacks some, and where the code says
    nothing in them it still asks for the same.
    """
    return len(recorded) == len(asked) and all(map(_fits, recorded, asked))


def _fits(recorded: JsonValue, asked: JsonValue) -> bool:
    if not isinstance(recorded, dict) or not isinstance(asked, dict):
        return recorded == asked
    return asked == recorded | {name: value for name, value in asked.items() if name not in recorded and not value}


def _value(data: bytes | None) -> JsonValue:
    try:
        return parse(data) if data is not None else None
    except CanonicalError:
        return None


class _Listening(Interceptor):
    """Hears what the code asks for."""

    def __init__(self, tape: _Tape) -> None:
        self._tape = tape

    def workflow_interceptor_class(self, input: WorkflowInterceptorClassInput) -> type[WorkflowInboundInterceptor] | None:
        """One whose calls go to the tape."""
        tape = self._tape

        class Inbound(WorkflowInboundInterceptor):
            def init(self, outbound: WorkflowOutboundInterceptor) -> None:
                super().init(_Outbound(outbound, tape))

            async def execute_workflow(self, input: ExecuteWorkflowInput) -> Any:
                result = await super().execute_workflow(input)
                tape.verdict(result)
                return result

        return Inbound


class _Outbound(WorkflowOutboundInterceptor):
    def __init__(self, following: WorkflowOutboundInterceptor, tape: _Tape) -> None:
        super().__init__(following)
        self._tape = tape

    def continue_as_new(self, input: ContinueAsNewInput) -> NoReturn:
        self._tape.goes_on(input.args)
        super().continue_as_new(input)

    def start_activity(self, input: StartActivityInput) -> workflow.ActivityHandle[Any]:
        self._tape.activity(input.activity, input.args)
        return super().start_activity(input)
