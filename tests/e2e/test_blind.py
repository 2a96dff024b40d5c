"""F5: nobody decides about what this machine cannot show whole."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from approvals.proposal import proposal_id
from tests.e2e.hostile import Mission, hijacked
from tests.world import World
from workers.cli.main import run
from workers.profile import FILE, Profile


async def blind(world: World, tmp_path: Path) -> Path:
    """A machine with Sam's key and bundle, and without the key that opens this server's payloads."""
    (tmp_path / "sam.jwk").write_text(json.dumps(world.signers["sam"].to_jwk()))
    address = world.client.service_client.config.target_host
    profile = Profile(
        address=address,
        namespace=world.client.namespace,
        policies=world.policies,
        keys=tmp_path,
        start_as="sam",
        decide_as="sam",
        # Else it would be the lack of a key that keeps this machine from deciding.
        encryption="off",
    )
    (tmp_path / FILE).write_text(profile.model_dump_json())
    return tmp_path


COMMANDS = [("review",), ("approve", "--yes"), ("deny", "--yes"), ("sign", "--verdict", "approve")]


@pytest.mark.promise("F5")
@pytest.mark.parametrize("command", COMMANDS)
async def test_proposal_that_cannot_be_opened_is_not_shown_and_not_decided(
    attacker: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    """docs/threats.md F5: without its payload there is no card, and without a card no signature."""
    mission: Mission = await hijacked(attacker)
    found = await mission.proposed()
    data = await blind(attacker, tmp_path)
    for identifier in (mission.handle.id, proposal_id(found.digest)):
        code = await asyncio.to_thread(run, [command[0], identifier, *command[1:], "--data", str(data)])
        said = capsys.readouterr()
        assert (code, said.err.count("\n")) == (2, 1)
        assert "WILL BE SENT" not in said.out + said.err and "eyJ" not in said.out + said.err
    assert (await attacker.record(mission.handle)).signals == ()
    await mission.handle.terminate()
