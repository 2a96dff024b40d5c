"""Connecting to Temporal: one data converter for client, workers and replay."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from temporalio.api.common.v1 import Payload
from temporalio.client import Client, Plugin
from temporalio.common import HeaderCodecBehavior
from temporalio.converter import DataConverter, PayloadCodec
from temporalio.runtime import Runtime
from temporalio.service import RPCError

from audit.errors import NotNow
from audit.payloads import PLAIN, seal
from workers.conversion import EncodedFailures, FinalPayloads, OwnReferences, PlainFailures
from workers.encryption import ReadingCodec
from workers.errors import CannotReach
from workers.storing import NO_STORE, Storing, StoringCodec

CONNECT_SECONDS = 5.0


class LenientCodec(PayloadCodec):
    """
    Another codec that never raises anything but `NotNow`: what it cannot open becomes a sealed payload, so no signal can stop a
    mission.
    """

    def __init__(self, inner: PayloadCodec) -> None:
        self._inner = inner

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """As the inner codec."""
        return await self._inner.encode(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """As the inner codec, one by one; an error seals that payload alone. What no codec wrote passes. Raises NotNow."""
        return [await self._open(payload) for payload in payloads]

    async def _open(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") in PLAIN:
            return payload
        try:
            (opened,) = await self._inner.decode([payload])
        except NotNow:
            raise
        except Exception:  # a codec may raise anything on hostile bytes; the mark is the answer
            return seal(payload)
        return opened


def converter(codec: PayloadCodec | None = None, storing: Storing = NO_STORE) -> DataConverter:
    """
    Pydantic JSON payloads, through *codec* where one is given; then the messages of failures go through it too. What is large
    then is kept as *storing* says.
    """
    plain = codec is None or isinstance(codec, ReadingCodec)
    inner = LenientCodec(codec) if codec is not None else None
    return OwnReferences(
        payload_converter_class=FinalPayloads,
        failure_converter_class=PlainFailures if plain else EncodedFailures,
        payload_codec=StoringCodec(inner, storing.store, storing.threshold),
    )


async def connect(
    address: str,
    namespace: str,
    codec: PayloadCodec | None = None,
    storing: Storing = NO_STORE,
    *,
    plugins: Sequence[Plugin] = (),
    runtime: Runtime | None = None,
) -> Client:
    """
    A connected client.

    Args:
        plugins: Reach the client, its workers and a replayer that is given them.
        runtime: Of the SDK's core; else its default.

    Raises:
        CannotReach: No Temporal server answers at *address*.
    """
    # Headers too: whoever puts something there for the next worker means that worker, and not the server.
    headers = HeaderCodecBehavior.NO_CODEC if codec is None and storing.store is None else HeaderCodecBehavior.CODEC
    connecting = Client.connect(
        address,
        namespace=namespace,
        data_converter=converter(codec, storing),
        header_codec_behavior=headers,
        plugins=plugins,
        runtime=runtime,
    )
    try:
        return await asyncio.wait_for(connecting, CONNECT_SECONDS)
    except (RuntimeError, RPCError, TimeoutError) as error:
        raise CannotReach(f"no Temporal server answers at {address}: run `sayso up`, or set TEMPORAL_ADDRESS") from error
