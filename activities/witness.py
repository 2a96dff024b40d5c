"""Signs what a read or reason worker answers, with the worker's own key."""

from __future__ import annotations

from typing import TypeVar

from temporalio import activity

from approvals.jws import Signer
from approvals.testimony import SIGNATURE, sign, testimony
from policies.errors import CanonicalError
from policies.model import Recorded

_Answer = TypeVar("_Answer", bound=Recorded)


class Witness:
    """Whoever answers activities of one kind, `read` or `reason`; without a key, answers stay as they are."""

    def __init__(self, kind: str, signer: Signer | None) -> None:
        self._kind = kind
        self._signer = signer

    def signed(self, request: Recorded, answer: _Answer) -> _Answer:
        """*answer* to *request* with its signature; without one outside a mission, or where it has no form to be digested."""
        info = activity.info()
        if self._signer is None or info.workflow_id is None or info.workflow_run_id is None:
            return answer
        try:
            given = testimony(
                self._kind,
                namespace=info.namespace,
                mission_id=info.workflow_id,
                run_id=info.workflow_run_id,
                activity=info.activity_id,
                request=request.model_dump(mode="json"),
                result=answer.model_dump(mode="json"),
            )
        except CanonicalError:
            return answer
        return answer.model_copy(update={SIGNATURE: sign(given, self._signer)})
