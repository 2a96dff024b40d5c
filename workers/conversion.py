"""
What payloads and failures become. Anyone with write access may put anything where a mission reads: what cannot be read must
end the one who reads it with a sentence, and never fail its workflow task again and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DefaultFailureConverter, PayloadConverter
from temporalio.exceptions import ApplicationError

MAX_MESSAGE = 2000


class FinalPayloads(PydanticPayloadConverter):
    """Pydantic JSON. What cannot be read is an ApplicationError, which the SDK lets fail a workflow."""

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """As the base. Raises ApplicationError."""
        try:
            return super().from_payloads(payloads, type_hints)
        except (KeyError, RuntimeError, ValueError) as error:
            raise ApplicationError("what came cannot be read", type="Misunderstood", non_retryable=True) from error


class PlainFailures(DefaultFailureConverter):
    """Failures whose details cannot be read keep their message."""

    def from_failure(self, failure: Failure, payload_converter: PayloadConverter) -> BaseException:
        """As the base; never raises for what a stranger put into the details."""
        try:
            return super().from_failure(failure, payload_converter)
        except (ApplicationError, KeyError, RuntimeError, ValueError):
            return super().from_failure(_bare(failure), payload_converter)


def _bare(failure: Failure) -> Failure:
    """*failure* with its message and kind, and nothing that could be unreadable."""
    plain = Failure(message=failure.message[:MAX_MESSAGE])
    plain.application_failure_info.type = "Unreadable"
    plain.application_failure_info.non_retryable = True
    if not failure.HasField("activity_failure_info"):
        return plain
    outer = Failure(message="an activity failed with something that cannot be read")
    outer.activity_failure_info.CopyFrom(failure.activity_failure_info)
    outer.cause.CopyFrom(plain)
    return outer
