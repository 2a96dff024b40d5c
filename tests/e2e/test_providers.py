"""What litellm makes of the answers of a real provider, and what that means here. Source: activities/providers.py."""

from __future__ import annotations

import warnings

import pytest

from activities.errors import ActivityError, Misshapen, ProviderRefused, Unreachable
from activities.models import LiteLLMModels
from activities.prompted import Prompted
from policies.routes import Limits, Prices, Route, Routes
from tests.e2e.provider_server import Answer, failing, provider, saying

TOO_LONG = "This model's maximum context length is 4097 tokens. However, your messages resulted in 9000 tokens."
UNSAFE = "Your request was rejected as a result of the safety system."
MEANING: dict[str, tuple[Answer, type[ActivityError], str]] = {
    "bad request": (failing(400), ProviderRefused, "cannot read the question (BadRequestError, 400)"),
    "too long": (failing(400, TOO_LONG, "context_length_exceeded"), ProviderRefused, "too long for it"),
    "unsafe": (failing(400, UNSAFE, "content_policy_violation"), ProviderRefused, "refuses the contents"),
    "no key": (failing(401), ProviderRefused, "the key is missing or wrong (AuthenticationError, 401)"),
    "not paid": (failing(402), ProviderRefused, "402"),
    "not allowed": (failing(403), ProviderRefused, "403"),
    "no model": (failing(404), ProviderRefused, "no such model or place (NotFoundError, 404)"),
    "timed out there": (failing(408), Unreachable, "no answer in time"),
    "too large": (failing(413), ProviderRefused, "413"),
    "unprocessable": (failing(422), ProviderRefused, "422"),
    "too many": (failing(429), Unreachable, "it counts too many questions: RateLimitError, 429"),
    "failed": (failing(500), Unreachable, "it failed: InternalServerError, 500"),
    "bad gateway": (failing(502), Unreachable, "it is not available"),
    "unavailable": (failing(503), Unreachable, "it is not available: ServiceUnavailableError, 503"),
    "slow gateway": (failing(504), Unreachable, "no answer in time"),
    "overloaded": (failing(529), Unreachable, "529"),
    "no answer in it": ((200, b'{"choices": []}'), Misshapen, "answered with something that is no answer"),
    "a page": ((200, b"<html>"), Unreachable, "it failed"),
}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Providers ask for one; and litellm warns while it builds its types."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-nobody")
    warnings.filterwarnings("ignore", module="pydantic")


def at(url: str, limits: Limits | None = None, prices: Prices | None = None) -> LiteLLMModels:
    """Models whose only one answers at *url*."""
    route = Route(model="openai/judge", endpoint=url, perimeter="inside", limits=limits or Limits(), prices=prices)
    return LiteLLMModels(None, Routes(currency="EUR", routes={"*": route}))


ASKED = Prompted("a/b", ({"role": "user", "content": "hello"},))


@pytest.mark.promise("H6")
@pytest.mark.parametrize("name", MEANING)
async def test_error_is_final_or_may_pass(name: str) -> None:
    """By class and status; and it was sent once."""
    answer, kind, words = MEANING[name]
    with provider(answer) as there, pytest.raises(kind) as refused:
        await at(there.url).complete(ASKED)
    assert words in str(refused.value) and len(there.heard) == 1


async def test_nobody_there_may_pass() -> None:
    """Somebody may be there tomorrow."""
    with pytest.raises(Unreachable):
        await at("http://127.0.0.1:1/v1").complete(ASKED)


async def test_limits_and_prices_are_the_routes() -> None:
    """What is too long is not sent; what is sent costs what the route says, rounded up."""
    limits = Limits(max_output_tokens=77, max_input_chars=100)
    with provider(saying("hi")) as there:
        using = at(there.url, limits, Prices(input_micros_per_1k=1, output_micros_per_1k=1000))
        answer = await using.complete(ASKED)
        with pytest.raises(ProviderRefused, match="has 137 characters, and its route allows 100"):
            await using.complete(Prompted("a/b", ({"role": "user", "content": "x" * 107},)))
    assert (answer.cost_micros, len(there.heard), b'"max_tokens":77' in there.heard[0].replace(b" ", b"")) == (46, 1, True)


async def test_rules_hold_no_dialogue_and_a_route_ends() -> None:
    """Neither is asked, and both say so."""
    with pytest.raises(ProviderRefused, match="it only assesses refunds; set SAYSO_MODEL"):
        await LiteLLMModels(None).complete(ASKED)
    with pytest.raises(ProviderRefused, match="its route has no fallback 3"):
        await LiteLLMModels(None).complete(Prompted("a/b", ASKED.messages, schema={}, fallback=3))
