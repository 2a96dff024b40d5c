"""
Records one archive per story with a real server, enterprise and exporter: `python -m tests.audit.record [STORY…]`.

Record all of them again when what an archive holds changes: the rail's words, for example. Keys are always the same.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml
from temporalio.client import Client, WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from activities.observe import observe
from activities.payload_stores import open_store
from activities.ports import PayloadStore
from approvals.jws import Signer
from audit.archive import SUFFIX
from examples.refund.clients import Resources, write_clients
from tests.audit import keys
from tests.audit.codec import KEYS, TestCodec
from tests.audit.plots import PLOTS, Plot, Scene
from tests.audit.stories import ARCHIVES, STORIES, THEIR_TRUST, TRUST
from tests.e2e.conftest import ATTRIBUTES, BIN
from tests.e2e.hostile import hostile_worker
from tests.e2e.shop import Shop
from tests.e2e.teller import Teller
from tests.examples.enterprise import Enterprise, free_port, running_enterprise
from tests.world import World, _warmed_up, world_of, write_bundle
from workers.archiving import KnownBundles, exporter
from workers.connection import converter
from workers.storing import Storing

Handle = WorkflowHandle[Any, Any]
THRESHOLD = 1024
"""Bytes from which a payload is stored: low, so that a small mission has some."""


@dataclass
class Stage:
    """What all stories share: clients of one server, with and without encryption and a payload store, and two enterprises."""

    clients: dict[tuple[bool, bool], Client]
    """By whether payloads are encrypted, and whether they are stored."""
    enterprise: Enterprise
    shop: Enterprise
    root: Path
    store: PayloadStore

    async def record(self, name: str) -> None:
        """Lives through story *name* and writes its archive."""
        plot = PLOTS[name]
        signers = keys.signers(plot.house)
        world = self._world(name, plot, signers)
        async with self._working(world, plot) as scene:
            handle = await plot.play(scene)
            run_id = handle.run_id or handle.result_run_id or (await handle.describe()).run_id
            codec = TestCodec(KEYS) if plot.sealed else None
            bundles = KnownBundles(None, (world.policies,))
            store = self.store if plot.stored else None
            exports = exporter(world.client, signers["exporter"], world.law.directory, bundles, codec, store)
            exported = await exports.export(handle.id, str(run_id))
            if not exported.record.closed:
                # Nobody else's workers should find it waiting.
                await handle.terminate()
        (ARCHIVES / f"{name}{SUFFIX}").write_bytes(exported.data)
        trust = TRUST if plot.house == keys.OURS else THEIR_TRUST
        shutil.copyfile(world.policies / "directory.yaml", trust)

    def _world(self, name: str, plot: Plot, signers: dict[str, Signer]) -> World:
        enterprise = self.shop if plot.shop else self.enterprise
        policies = self.root / name / "policies"
        write_bundle(policies, enterprise, signers)
        # It decides nothing, and is the largest file.
        (policies / "scenarios.yaml").unlink()
        path = policies / "directory.yaml"
        directory = yaml.safe_load(path.read_text())
        public = signers["exporter"].public()
        directory["services"]["exporter"]["keys"] = [{"kid": public.kid, "x": public.x}]
        path.write_text(yaml.safe_dump(directory))
        plot.policies(policies)
        return world_of(self.clients[plot.sealed, plot.stored], enterprise, policies, signers)

    @asynccontextmanager
    async def _working(self, world: World, plot: Plot) -> AsyncIterator[Scene]:
        """Everybody at work on this story alone."""
        async with AsyncExitStack() as stack:
            for role in ("mission", "read", "reason"):
                await stack.enter_async_context(world.worker(role))
            patience = timedelta(0) if plot.shop else timedelta(seconds=60)
            await stack.enter_async_context(world.commit_worker("commits", patience=patience))
            hostile = await stack.enter_async_context(hostile_worker(world, f"hostile-{uuid4().hex[:8]}"))
            tellers = f"tellers-{uuid4().hex[:8]}"
            content: dict[str, Any] = {"workflows": [Teller], "activities": [observe], "max_cached_workflows": 0}
            await stack.enter_async_context(Worker(world.client, task_queue=tellers, **content))
            stack.push_async_callback(world.reader.close)
            stack.push_async_callback(world.committer.close)
            shop = Shop(world)
            if plot.shop:
                _open(shop, stack.enter_context(ExitStack()))
            yield Scene(world, hostile, tellers, shop)


def _open(shop: Shop, stack: ExitStack) -> None:
    for module in ("issuer", "payments"):
        shop.start(module)
        stack.callback(_stop, shop, module)


def _stop(shop: Shop, module: str) -> None:
    if module in shop.running:
        shop.stop(module)


async def main(names: list[str]) -> None:
    """Records the stories *names*, or every one."""
    ARCHIVES.mkdir(exist_ok=True)
    await _warmed_up()
    server = await WorkflowEnvironment.start_local(
        data_converter=converter(),
        dev_server_existing_path=str(BIN / "temporal"),
        search_attributes=ATTRIBUTES,
        dev_server_extra_args=[
            "--dynamic-config-value=history.transferProcessorMaxPollRPS=2000",
            "--dynamic-config-value=history.timerProcessorMaxPollRPS=2000",
            '--dynamic-config-value=history.transferProcessorUpdateAckInterval="50ms"',
            '--dynamic-config-value=history.visibilityProcessorUpdateAckInterval="50ms"',
        ],
    )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        resources = Resources(*(f"http://127.0.0.1:{free_port()}/mcp" for _ in range(4)))
        write_clients(root / "shop", resources)
        shop = Enterprise(root / "shop", f"http://127.0.0.1:{free_port()}", resources)
        with running_enterprise(root / "data") as enterprise:
            async with server:
                address = server.client.service_client.config.target_host
                store = open_store(str(root / "payloads"))
                store.make()
                clients = {
                    (sealed, stored): await Client.connect(
                        address,
                        data_converter=converter(
                            TestCodec(KEYS) if sealed else None, Storing(store if stored else None, THRESHOLD)
                        ),
                    )
                    for sealed in (False, True)
                    for stored in (False, True)
                }
                stage = Stage(clients, enterprise, shop, root, store)
                for name in names or list(STORIES):
                    await stage.record(name)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
