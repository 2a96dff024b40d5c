"""One line in the log for each attempt at an activity: which mission, which proposal, how it went and how long it took."""

from __future__ import annotations

import sys
import time
from typing import Any

import structlog
from structlog.contextvars import bind_contextvars
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from approvals.proposal import proposal_id
from approvals.signed import Kind, Signed
from policies.canonical import Digest
from workers.log_lines import trace_ids

_log = structlog.stdlib.get_logger("sayso.activity")
_QUIET = frozenset({"observe"})


class LoggedActivities(Interceptor):
    """Says what became of each activity, and gives its ids to every line that is written while it runs."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        """For every activity of a worker."""
        return _Logged(next)


class _Logged(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        info, began = activity.info(), time.perf_counter()
        proposal = getattr(input.args[0], "proposal", None) if input.args else None
        # Not taken back: the SDK runs each attempt in a task of its own, and writes about it after we return.
        bind_contextvars(mission_id=info.workflow_id, run_id=info.workflow_run_id, **_proposal(proposal), **trace_ids())
        outcome = "cancelled"
        try:
            answer = await super().execute_activity(input)
            outcome = _outcome(answer)
            return answer
        except Exception:
            outcome = "failed"
            raise
        finally:
            if info.activity_type not in _QUIET:
                taken = round((time.perf_counter() - began) * 1000)
                known = {"activity": info.activity_type, "attempt": info.attempt, "outcome": outcome, "milliseconds": taken}
                error = sys.exception() if outcome == "failed" else None
                _log.log(30 if error else 20, "activity.done", **known, **({"exc_info": error} if error else {}))


def _outcome(answer: object) -> str:
    if not isinstance(answer, Signed):
        return "failed" if getattr(answer, "failed", False) is True else "answered"
    if answer.kind is Kind.PROPOSAL:
        bind_contextvars(**_proposal(answer.digest))
    kind = answer.body.get("kind") if answer.kind is Kind.SETTLEMENT else None
    return str(kind or answer.kind)


def _proposal(digest: object) -> dict[str, str]:
    return {"proposal_id": proposal_id(Digest(digest))} if isinstance(digest, str) and digest else {}
