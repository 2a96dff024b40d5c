"""
What payloads and failures become. Anyone with write access may put anything where a mission reads: what cannot be read must
end the one who reads it with a sentence, and never fail its workflow task again and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.failure.v1 import Failure
from temporalio.contrib.pydantic import PydanticPayloadConverter
from temporalio.converter import DataConverter, DefaultFailureConverter, PayloadConverter
from temporalio.exceptions import ApplicationError

from audit.payloads import restore, seal

MAX_MESSAGE = 2000
_SDK_MARK = "__temporal_external_storage_reference"
_SDK_ENCODING = b"json/external-storage-reference"
_SDK_TYPE = b"temporal.api.sdk.v1.ExternalStorageReference"


@dataclass(frozen=True)
class OwnReferences(DataConverter):
    """
    A converter for which a reference to the SDK's own external storage is a sealed payload. The SDK raises on one before any
    codec is asked, so a single signal with one would fail a mission's workflow task for ever.
    """

    async def _decode_reference_payload_sequence(self, payloads: Sequence[Payload]) -> list[Payload]:
        """The first step of every decoding, in the SDK's own name for it."""
        return [_without_reference(payload) for payload in payloads]


class FinalPayloads(PydanticPayloadConverter):
    """Pydantic JSON. What cannot be read is an ApplicationError, which the SDK lets fail a workflow."""

    def from_payloads(self, payloads: Sequence[Payload], type_hints: list[type] | None = None) -> list[Any]:
        """As the base. Raises ApplicationError."""
        try:
            return super().from_payloads(payloads, type_hints)
        except (KeyError, RuntimeError, ValueError) as error:
            raise ApplicationError("what came cannot be read", type="Misunderstood", non_retryable=True) from error


class PlainFailures(DefaultFailureConverter):
    """Failures whose details cannot be read keep their message. It stands in clear, and the stack trace too."""

    def from_failure(self, failure: Failure, payload_converter: PayloadConverter) -> BaseException:
        """As the base; never raises for what a stranger put into the details."""
        told = _told(failure)
        try:
            return super().from_failure(told, payload_converter)
        except (ApplicationError, KeyError, RuntimeError, ValueError):
            return super().from_failure(_bare(told), payload_converter)


class EncodedFailures(PlainFailures):
    """The same, with message and stack trace in a payload, which a codec encrypts."""

    def __init__(self) -> None:
        super().__init__(encode_common_attributes=True)

    def to_failure(self, exception: BaseException, payload_converter: PayloadConverter, failure: Failure) -> None:
        """As the base, which leaves the causes of a failure that is passed on as they came: in clear, where they came so."""
        super().to_failure(exception, payload_converter, failure)
        while failure.HasField("cause"):
            failure = failure.cause
            if failure.message or failure.stack_trace:
                _encode(failure, payload_converter)


def _encode(failure: Failure, payload_converter: PayloadConverter) -> None:
    """Moves message and stack trace of *failure* where the SDK keeps them; leaves one that has them there."""
    if failure.HasField("encoded_attributes"):
        return
    kept = {"message": failure.message, "stack_trace": failure.stack_trace}
    failure.encoded_attributes.CopyFrom(payload_converter.to_payload(kept))
    failure.message, failure.stack_trace = "Encoded failure", ""


def _told(failure: Failure) -> Failure:
    """*failure* with its own message, wherever it is kept; one that is sealed says so."""
    if not failure.HasField("encoded_attributes"):
        return failure
    told = Failure()
    told.CopyFrom(failure)
    restore(told)
    # What is read once is not read again, and is made anew when this failure is passed on.
    told.ClearField("encoded_attributes")
    return told


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


def _without_reference(payload: Payload) -> Payload:
    metadata = payload.metadata
    named = metadata.get("encoding") == _SDK_ENCODING or metadata.get("messageType") == _SDK_TYPE
    if not named and _SDK_MARK not in metadata:
        return payload
    sealed = seal(payload)
    sealed.metadata.pop(_SDK_MARK, None)
    return sealed
