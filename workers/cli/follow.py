"""Following a mission by long poll until the gate has judged what was sent to it."""

from __future__ import annotations

import asyncio
import json

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from approvals.decision import SIGNAL
from approvals.settlement import Settlement
from audit.proven import settlements
from audit.record import CLOSING, MissionRecord
from workers.cli.desk import Desk
from workers.cli.matter import record_of
from workers.cli.reply import Sent

_NEWS = CLOSING | {EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED}
"""After these a settlement may have come, or none will."""


async def judged(desk: Desk, sent: Sent, token: str, after: int, seconds: float) -> tuple[Sent, int, Settlement] | Sent:
    """
    The gate's first verified settlement over a head that holds the decision *token*, waited for at most *seconds*;
    else only the decision with the event of its signal.

    Args:
        after: The last event that was known before it was sent.
    """
    handle = desk.client.get_workflow_handle(sent.mission_id, run_id=sent.run_id)
    try:
        async with asyncio.timeout(seconds):
            async for event in handle.fetch_history_events(wait_new_event=True):
                if event.event_id > after and event.event_type in _NEWS:
                    record = await record_of(desk, sent.mission_id, sent.run_id)
                    sent = sent.model_copy(update={"event_id": _place(record, token, after)})
                    found = _answer(desk, record, sent)
                    if found is not None:
                        return (sent, *found)
    except TimeoutError:
        record = await record_of(desk, sent.mission_id, sent.run_id)
        return sent.model_copy(update={"event_id": _place(record, token, after)})
    return sent


def _place(record: MissionRecord, token: str, after: int) -> int | None:
    """The event of the signal that carries *token*."""
    value = json.dumps(token).encode()
    found = (heard.event_id for heard in record.signals if heard.event_id > after)
    return next((event_id for event_id in found if _carries(record.opened[event_id - 1], value)), None)


def _carries(event: HistoryEvent, value: bytes) -> bool:
    attributes = event.workflow_execution_signaled_event_attributes
    return attributes.signal_name == SIGNAL and [payload.data for payload in attributes.input.payloads] == [value]


def _answer(desk: Desk, record: MissionRecord, sent: Sent) -> tuple[int, Settlement] | None:
    if sent.event_id is None:
        return None
    for event_id, settlement in settlements(record, desk.law.directory).items():
        if settlement.proposal == sent.proposal and settlement.head.through >= sent.event_id:
            return event_id, settlement
    return None
