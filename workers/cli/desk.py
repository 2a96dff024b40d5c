"""The desk: what a command at the terminal works with. The stack's profile, its bundle and a connected client."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from temporalio.client import Client
from temporalio.converter import PayloadCodec
from temporalio.service import RPCError, RPCStatusCode

from activities.errors import StoreSilent, Unreachable
from activities.exports import Sealer
from approvals.display import visible
from audit.errors import AuditError
from audit.law import Law
from policies.load import load as load_bundle
from workers import profile
from workers.connection import connect
from workers.encryption import RingCodec, codec_for
from workers.errors import CannotReach, CommandError, Refused, WrongUse
from workers.ring_files import OFF, SWITCH, VARIABLE, encrypts, ring_in_file, ring_of
from workers.storing import Storing, store_named, storing
from workers.telemetry.begin import begin

AT_ONCE = 8
"""So many histories are asked for at the same time."""

_Given = TypeVar("_Given")
_Found = TypeVar("_Found")
_SILENT = (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED)


@dataclass(frozen=True)
class Desk:
    """One command's view of one stack."""

    profile: profile.Profile
    law: Law
    client: Client
    sealer: Sealer | None = None
    """Encrypts what is written from the contents of encrypted histories; None where this machine has no key."""

    @property
    def codec(self) -> PayloadCodec | None:
        """What opens this namespace's payloads here: what it has a key for, and what is in the payload store it knows."""
        return self.client.data_converter.payload_codec

    def must_not_tell(self) -> None:
        """
        For who is about to send something that the server must not read.

        Raises:
            WrongUse: It would reach it in clear, and nobody switched encryption off.
        """
        if self.sealer is None and encrypting(self.profile):
            raise WrongUse(
                f"this machine has no key ring, so this would reach the Temporal server in clear: set {VARIABLE}, "
                f"or {SWITCH}={OFF} where payloads are not encrypted"
            )


async def open_desk(data: Path | None) -> Desk:
    """
    The desk of the stack in *data*; the command's own bundle is what it trusts.

    Raises:
        WrongUse: No stack, or a bundle that does not load.
        CannotReach: No Temporal server.
    """
    found = profile.load(profile.data_directory(data))
    codec, kept = codec_here(found), storing_here(found)
    # The bundle is read in a thread while the connection is made.
    bundle, client = await asyncio.gather(
        asyncio.to_thread(load_bundle, found.policies),
        connect(found.address, found.namespace, codec, kept, plugins=begin("sayso-cli", command=True).plugins),
    )
    return Desk(found, Law(bundle, bundle.directory), client, codec.ring if codec is not None else None)


def codec_here(found: profile.Profile) -> RingCodec | None:
    """
    The codec of this machine: with the ring that SAYSO_KEY_RING names, else with the profile's where it is there.

    Raises:
        WrongUse: There is a ring, and it cannot be used.
    """
    ring = ring_of(os.environ)
    if ring is None and found.key_ring is not None and found.key_ring.exists():
        ring = ring_in_file(found.key_ring)
    return codec_for(ring, encrypts=encrypting(found))


def storing_here(found: profile.Profile) -> Storing:
    """
    How this machine keeps large payloads: where SAYSO_PAYLOAD_STORE names, else where the profile does, else not at all.

    Raises:
        WrongUse: What is named can be no payload store.
    """
    return storing(store_named(os.environ) or found.payload_store)


def encrypting(found: profile.Profile) -> bool:
    """Whether what is sent from here is to be encrypted: as SAYSO_ENCRYPTION says, else the profile. Raises WrongUse."""
    return encrypts(os.environ) if os.environ.get(SWITCH) else found.encryption != OFF


async def each(work: Callable[[_Given], Awaitable[_Found]], given: Iterable[_Given]) -> list[_Found]:
    """What *work* finds for each of *given*, in their order, a few at a time: most of it is waiting for the server."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(value: _Given) -> _Found:
        async with room:
            return await work(value)

    return await asyncio.gather(*(one(value) for value in given))


@contextmanager
def answering(desk: Desk) -> Iterator[None]:
    """Errors of server and history as errors for people."""
    try:
        yield
    except RPCError as error:
        raise _told(error, desk.profile) from error
    except StoreSilent as error:
        raise CannotReach(str(error)) from error
    except Unreachable as error:
        raise CannotReach(f"the Temporal server at {desk.profile.address} does not answer ({error})") from error
    except AuditError as error:
        raise Refused(str(error)) from error


def missing(error: RPCError) -> bool:
    """Whether the server says that there is no such run, or none that is open; an unknown namespace is another error."""
    return error.status is RPCStatusCode.NOT_FOUND and not error.message.startswith("Namespace")


def _told(error: RPCError, found: profile.Profile) -> CommandError:
    if error.status in _SILENT:
        return CannotReach(
            f"the Temporal server at {found.address} does not answer: is the stack running? `sayso up` starts it"
        )
    if error.status is RPCStatusCode.NOT_FOUND:
        return WrongUse(f"the Temporal server at {found.address} says: {visible(error.message)}")
    return Refused(f"the Temporal server at {found.address} refuses: {visible(error.message or error.status.name)}")
