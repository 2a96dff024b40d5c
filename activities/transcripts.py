"""
Transcripts of dialogues, kept whole in a payload store and passed on by reference.

A transcript is one payload, encrypted like any other of its namespace. A reference is anybody's claim, so what it leads to
must be a transcript of the very mission that asks, and its messages must have the digest that the reference names.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence

from google.protobuf.message import DecodeError
from pydantic import TypeAdapter, ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from activities.dialogue import Message, TranscriptRef, chained
from activities.errors import TranscriptGone, TranscriptTooLong
from activities.ports import PayloadStore
from audit.payloads import json_of
from policies.canonical import Digest
from policies.errors import CanonicalError

MAX_TRANSCRIPT = 16 * 1024 * 1024
"""Bytes. No model takes as much, and each answer is kept with all that was said before it."""
_WHOSE = "sayso-mission"
_MESSAGES = TypeAdapter(tuple[Message, ...])


class Transcripts:
    """The transcripts of all missions."""

    def __init__(self, store: PayloadStore, codec: PayloadCodec | None = None) -> None:
        """
        Args:
            codec: What encrypts payloads of the namespace; None where they are in clear.
        """
        self._store = store
        self._codec = codec

    async def fetch(self, reference: TranscriptRef, mission: str) -> tuple[Message, ...]:
        """
        The messages that *reference* stands for.

        Args:
            mission: Whose transcript it must be.

        Raises:
            TranscriptGone: It is not there, cannot be opened, is another mission's, or is not what the reference says.
            Unreachable: The store does not answer.
        """
        content = await self._store.get(reference.address)
        if content is None or hashlib.sha256(content).hexdigest() != reference.address:
            raise TranscriptGone("the payload store has nothing of that address")
        payload = await self._opened(content)
        if payload.metadata.get(_WHOSE) != mission.encode():
            raise TranscriptGone("it cannot be opened here, or is none of this mission")
        return await asyncio.to_thread(_read, payload, reference)

    async def keep(
        self, before: TranscriptRef | None, messages: Sequence[Message], new: Sequence[Message], mission: str
    ) -> TranscriptRef:
        """
        Keeps *messages*, all of the dialogue, of which *new* came after *before*.

        Raises:
            TranscriptTooLong: They are larger than MAX_TRANSCRIPT.
            Unreachable: The store does not answer.
        """
        data = await asyncio.to_thread(_MESSAGES.dump_json, tuple(messages))
        if len(data) > MAX_TRANSCRIPT:
            raise TranscriptTooLong(MAX_TRANSCRIPT)
        payload = Payload(metadata={"encoding": b"json/plain", _WHOSE: mission.encode()}, data=data)
        if self._codec is not None:
            (payload,) = await self._codec.encode([payload])
        address = await self._store.put(payload.SerializeToString(deterministic=True))
        digest = chained(before.digest if before is not None else None, new)
        return TranscriptRef(address=address, digest=digest, length=len(messages))

    async def _opened(self, content: bytes) -> Payload:
        try:
            payload = Payload.FromString(content)
            if self._codec is not None:
                (payload,) = await self._codec.decode([payload])
        except DecodeError as error:
            raise TranscriptGone("what lies there is no payload") from error
        return payload


def _read(payload: Payload, reference: TranscriptRef) -> tuple[Message, ...]:
    try:
        messages = _MESSAGES.validate_python(json.loads(json_of(payload) or b""))
        digest: Digest = chained(None, messages)
    except (ValueError, RecursionError, ValidationError, CanonicalError) as error:
        raise TranscriptGone("what lies there are no messages") from error
    if (digest, len(messages)) != (reference.digest, reference.length):
        raise TranscriptGone("what lies there are other messages")
    return messages
