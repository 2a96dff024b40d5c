"""A worker process: connects, runs its roles, and ends in order when it is asked to."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Collection

import structlog

from workers import logs
from workers.connection import connect
from workers.encryption import codec_for
from workers.roles import GRACE, build
from workers.settings import Role, Settings
from workers.storing import Storing, check, opened_store
from workers.telemetry.begin import begin, end
from workers.telemetry.core import core_runtime

_log = structlog.stdlib.get_logger("sayso.worker")
END_SECONDS = GRACE.total_seconds() + 3.0


async def run(roles: Collection[Role], settings: Settings) -> None:
    """
    Runs until SIGTERM or SIGINT.

    Raises:
        CannotReach: No Temporal server answers, or the payload store does not.
        WrongUse, BundleError, SignatureError: A file that a role needs is not as it should be.
    """
    logs.set_up(settings.log_level)
    telemetry = begin(f"sayso-{next(iter(roles))}" if len(roles) == 1 else "sayso")
    codec = codec_for(settings.ring, encrypts=settings.encrypts)
    kept = storing_of(settings)
    client = await connect(settings.address, settings.namespace, codec, kept, plugins=telemetry.plugins, runtime=core_runtime())
    if not settings.encrypts:
        _log.warning("encryption.off", roles=[str(role) for role in roles], namespace=settings.namespace)
    if kept.store is None:
        _log.warning("payloads.not_stored", roles=[str(role) for role in roles], namespace=settings.namespace)
    workers = [build(role, client, settings, telemetry) for role in roles]
    # Until here a signal ends the process at once: nothing has begun that wants ending in order.
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running = [asyncio.create_task(worker.run()) for worker in workers]
    watching = asyncio.create_task(telemetry.watch())
    asked = asyncio.create_task(stop.wait())
    _log.info("worker.started", roles=[str(role) for role in roles], address=settings.address, namespace=settings.namespace)
    await asyncio.wait({asked, *running}, return_when=asyncio.FIRST_COMPLETED)
    _log.info("worker.stopping", roles=[str(role) for role in roles])
    watching.cancel()
    ending = asyncio.gather(*(worker.shutdown() for worker in workers), *running)
    try:
        await asyncio.wait_for(asyncio.shield(ending), END_SECONDS)
    except TimeoutError:
        # What an activity left undone is Temporal's to give to the next worker; waiting longer helps nobody.
        _log.warning("worker.abandoned", seconds=END_SECONDS)
        os._exit(1)
    finally:
        end()


def storing_of(settings: Settings) -> Storing:
    """How a worker keeps large payloads. Raises WrongUse, CannotReach: there is no payload store that answers."""
    named = settings.payload_store
    if named is None:
        return Storing(None, settings.payload_threshold)
    check(named)
    return Storing(opened_store(named), settings.payload_threshold)
