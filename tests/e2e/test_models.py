"""Refund missions whose models fail, on a real server: fallbacks are in the history, and what is masked comes back."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from activities.question import Reasoned, ReasonRequest
from audit.observation import Observation, ObservationKind
from audit.rail import rail
from tests.e2e.conftest import ATTRIBUTES, BIN
from tests.e2e.provider_server import Answer, Provider, failing, provider, saying
from tests.examples.enterprise import Enterprise
from tests.fakes.rings import CODEC
from tests.world import World, make_world
from workers.connection import converter
from workflows.refund import RefundVerdict, Verdict

pytestmark = pytest.mark.slow

TEXT = "the kettle stopped working"
CUSTOMER = "CUST-3001"


@pytest.fixture(scope="module")
async def alone() -> AsyncIterator[Client]:
    """A server of its own: routes are the reason worker's, and all missions of a server share that."""
    environment = await WorkflowEnvironment.start_local(
        data_converter=converter(CODEC), dev_server_existing_path=str(BIN / "temporal"), search_attributes=ATTRIBUTES
    )
    async with environment:
        yield environment.client


def routed(client: Client, enterprise: Enterprise, root: Path, *at: Provider) -> World:
    """A world whose assessments are asked of the providers *at*, one after the other; customers and their words are classed."""
    world = make_world(client, enterprise, root)
    choices = [
        {
            "model": f"openai/judge-{number}",
            "endpoint": each.url,
            "perimeter": "outside",
            "prices": {"input_micros_per_1k": 1000, "output_micros_per_1k": 2000},
        }
        for number, each in enumerate(at)
    ]
    routes = {"refund/assess": {**choices[0], "fallbacks": choices[1:]}}
    (world.policies / "models.yaml").write_text(yaml.safe_dump({"currency": "EUR", "routes": routes}))
    path = world.policies / "integrations.yaml"
    catalogue = yaml.safe_load(path.read_text())
    catalogue["classes"] = ["pii"]
    operations = catalogue["integrations"]["orders"]["operations"]
    operations["get_case"]["classes"] = {"customer_id": "pii", "text": "pii"}
    operations["get_order"]["classes"] = {"customer_id": "pii"}
    path.write_text(yaml.safe_dump(catalogue))
    return world


def assessing(body: dict[str, Any]) -> Answer:
    """Pays, with a reason that names the customer as the model knows them: by placeholder."""
    found = re.search(r'"customer_id": ?"([^"]+)"', json.loads(json.dumps(body["messages"][-1]["content"])))
    assert found is not None
    return saying(json.dumps({"refundable": True, "amount_minor": 4200, "reason": f"{found[1]} waited long enough"}))


def reasoned(observations: tuple[Observation, ...]) -> list[str]:
    """What the rail tells of models, and of trouble with them."""
    kinds = (ObservationKind.REASONED, ObservationKind.TROUBLE)
    return [each.what for each in observations if each.kind in kinds]


@pytest.mark.promise("I1")
async def test_second_model_answers_where_the_first_refuses(
    alone: Client, enterprise: Enterprise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is an activity, and on the rail; neither is told who the customer is; the mission gets the real name back."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-nobody")
    with provider(failing(401, f"no key to tell of {CUSTOMER}")) as first, provider(assessing) as second:
        world = routed(alone, enterprise, tmp_path, first, second)
        async with world.working():
            handle = await world.start("CASE-1001")
            proposal = (await world.proposed(handle)).proposal
            record = await world.record(handle)
            await handle.terminate()
    assert [clear for clear in (CUSTOMER, TEXT) for at in (first, second) if clear in at.text] == []
    assert [len(first.heard), len(second.heard)] == [1, 1]
    assert f"{CUSTOMER} waited long enough" in str(proposal)
    answers = [entry for entry in record.completed if entry.activity == "reason"]
    (answer,) = (Reasoned.model_validate(each.result) for each in answers)
    assert (answer.model, answer.usage.input_tokens, answer.usage.cost_micros) == ("openai/judge-1", 321, 411)
    assert ReasonRequest.model_validate(answers[0].input).fallback == 1
    told = rail(record, world.bundle.directory)
    refused, by_second = reasoned(told)
    assert refused.startswith("reason: `openai/judge-0` refused: the key is missing or wrong (AuthenticationError, 401)")
    assert f"sent to {first.url} (outside, masked: 2 of pii)" in refused
    assert by_second.startswith("refund/assess by model openai/judge-1 (fallback 1), sent to")
    assert [each.digests["departure"] for each in told if "departure" in each.digests][1] == answer.departure.digest  # type: ignore[union-attr]


@pytest.mark.promise("I4")
async def test_mission_ends_with_a_verdict_where_no_model_answers(
    alone: Client, enterprise: Enterprise, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal, and answers of another shape until the worker gives up; what the providers said is nowhere in the history."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-nobody")
    monkeypatch.setattr("activities.patience.MISSHAPEN", 2)
    quoting = failing(400, "cannot read: gossip about the kettle")
    with provider(quoting) as first, provider(saying('{"gossip": true}')) as second:
        world = routed(alone, enterprise, tmp_path, first, second)
        async with world.working():
            handle = await world.start("CASE-1001")
            verdict: RefundVerdict = await handle.result()
            record = await world.record(handle)
    assert verdict.verdict is Verdict.NOT_ASSESSED and len(second.heard) == 2
    assert verdict.reasons == (
        "`openai/judge-0` refused: it cannot read the question (BadRequestError, 400)",
        "`openai/judge-1` answered another shape at `$`",
    )
    assert all(b"gossip" not in event.SerializeToString() for event in record.opened)
