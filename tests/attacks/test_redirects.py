"""A model's place that sends the question on to another one. Source: activities/straight.py, docs/threats.md I2."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from activities import models
from activities.errors import ActivityError
from activities.models import LiteLLMModels
from activities.prompted import Prompted
from policies.routes import Route, Routes
from tests.e2e.provider_server import Provider, provider, saying, sending_on

KINDS = ("openai", "hosted_vllm", "ollama_chat", "anthropic")
"""Providers of litellm, which make their clients each in its own way."""
ASKED = Prompted("a/b", ({"role": "user", "content": "Marguerite Duras asks"},))


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Providers ask for one; and litellm warns while it builds its types."""
    for name in ("OPENAI", "ANTHROPIC"):
        monkeypatch.setenv(f"{name}_API_KEY", "sk-of-nobody")
    warnings.filterwarnings("ignore", module="pydantic")


@pytest.fixture
def outside() -> Iterator[Provider]:
    """Where nothing may go."""
    with provider(saying("hi")) as made:
        yield made


async def asked(kind: str, status: int, outside: Provider) -> None:
    """Asks a model in a closed perimeter whose place answers with *status* and the place *outside*."""
    place = f"{outside.url.replace('127.0.0.1', 'localhost')}/chat/completions"
    with provider(sending_on(status, place)) as inside:
        route = Route(model=f"{kind}/judge", endpoint=inside.url, perimeter="inside")
        await LiteLLMModels(None, Routes(perimeter="closed", routes={"*": route})).complete(ASKED)


@pytest.mark.promise("I2")
@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("kind", KINDS)
async def test_no_redirect_leads_out_of_a_closed_perimeter(kind: str, status: int, outside: Provider) -> None:
    """The question is not sent again, to whoever the answer names."""
    with pytest.raises(ActivityError) as refused:
        await asked(kind, status, outside)
    assert not outside.heard and "localhost" not in str(refused.value)


@pytest.mark.promise("I2")
async def test_redirect_is_final_and_says_so(outside: Provider) -> None:
    """Asking again would mend nothing, and a person has to look at it."""
    with pytest.raises(ActivityError, match="refused: it sends whoever asks to another place"):
        await asked("openai", 307, outside)


@pytest.mark.control("I2")
async def test_without_the_rule_a_redirect_leads_out(outside: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """The libraries follow by themselves."""
    monkeypatch.setattr(models, "straight", nullcontext)
    await asked("openai", 307, outside)
    assert b"Marguerite Duras" in outside.heard[0]
