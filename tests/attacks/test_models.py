"""What leaves for a model outside, and what may not: as a real provider hears it. Source: docs/threats.md I."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from activities import departing, models, providers
from activities.errors import ActivityError, NotPermitted, Unreachable
from activities.models import LiteLLMModels
from activities.prompted import ChatMessage, ModelAnswer, Prompted
from activities.question import Setback
from policies import masking
from policies.errors import BundleError
from policies.load import load
from policies.routes import ModelChoice, Route, Routes
from tests.e2e.provider_server import Answer, Provider, failing, provider, saying
from tests.fakes.kit import Kit
from workers.errors import WrongUse
from workers.roles import build
from workers.settings import Role, read

PII = {"pii": ("Marguerite Duras", "m@duras.example", "DE", "1914"), "bank": ('DE89 "37"\\04',)}
NOTE = 'pay to DE89 "37"\\04, says m@duras.example'
CASE: dict[str, JsonValue] = {"who": "Marguerite Duras", "country": "DE", "born": 1914, "note": NOTE}
SECRET = "the customer is Marguerite Duras"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Providers ask for one; and litellm warns while it builds its types."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-nobody")
    warnings.filterwarnings("ignore", module="pydantic")


def told(case: dict[str, JsonValue]) -> tuple[ChatMessage, ...]:
    """A dialogue that holds *case* in every way there is: escaped or not, in calls, in answers of tools, in prose."""
    function: JsonValue = {"name": "orders__get", "arguments": json.dumps({"a": case})}
    call: JsonValue = {"id": "1", "type": "function", "function": function}
    return (
        {"role": "system", "content": "Assess."},
        {"role": "user", "content": json.dumps(case, ensure_ascii=False)},
        {"role": "assistant", "content": f"I see {NOTE} of Marguerite Duras, born 1914", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": json.dumps({"result": json.dumps({"deep": case})})},
    )


async def asked(
    at: Provider, messages: tuple[ChatMessage, ...], *, sensitive: dict[str, tuple[str, ...]] | None = None, **route: Any
) -> ModelAnswer:
    """What a model outside answers; *route* says what else of it."""
    how = {"model": "openai/judge", "endpoint": at.url, "perimeter": "outside"} | route
    using = LiteLLMModels(None, Routes(routes={"*": Route.model_validate(how)}))
    return await using.complete(Prompted("a/b", messages, sensitive=PII if sensitive is None else sensitive, mission="run-1"))


CLEAR = ("Marguerite", "duras.example", "1914", "37", '"DE"')


@pytest.mark.promise("I1")
async def test_shape_of_an_answer_leaves_masked_where_it_holds_data() -> None:
    """docs/threats.md I1: the ids that a finding may cite come from what was read."""
    schema: dict[str, JsonValue] = {"type": "object", "properties": {"cites": {"items": {"enum": ["of m@duras.example@1:00"]}}}}
    route = Route.model_validate({"model": "openai/judge", "perimeter": "outside"})
    with provider(saying('{"cites": []}')) as at:
        using = LiteLLMModels(None, Routes(routes={"*": route.model_copy(update={"endpoint": at.url})}))
        await using.complete(Prompted("a/b", told(CASE), schema=schema, sensitive=PII, mission="run-1"))
    assert "duras" not in at.text and '"type": "object"' in at.text.replace('":"', '": "')


@pytest.mark.promise("I1")
async def test_nothing_that_is_classed_leaves_for_a_model_that_may_not_be_told() -> None:
    """docs/threats.md I1: whichever way it is written."""
    with provider(saying("fine")) as at:
        answer = await asked(at, told(CASE))
    assert [clear for clear in CLEAR if clear in at.text.replace("\\", "")] == []
    assert answer.departure is not None and answer.departure.masked == {"bank": 1, "pii": 5}


@pytest.mark.control("I1")
@pytest.mark.parametrize("route", [{"allows": ["pii", "bank"]}, {"perimeter": "inside"}], ids=["allowed", "inside"])
async def test_what_a_route_allows_leaves_as_it_is(route: dict[str, Any]) -> None:
    """The test above can see what leaves."""
    with provider(saying("fine")) as at:
        answer = await asked(at, told(CASE), **route)
    assert [clear for clear in CLEAR if clear not in at.text.replace("\\", "")] == []
    assert answer.departure is not None and answer.departure.masked == {}


@pytest.mark.promise("I1")
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.lists(st.text(min_size=4, max_size=12), min_size=1, max_size=4),
    around=st.text(max_size=8),
    escape=st.booleans(),
)
async def test_no_value_is_in_what_a_provider_hears(values: list[str], around: str, escape: bool) -> None:
    """Whatever it is made of, as the provider reads it."""
    inner = json.dumps({"v": values, "t": around.join(values)}, ensure_ascii=escape)
    messages: tuple[ChatMessage, ...] = ({"role": "user", "content": inner}, {"role": "user", "content": around.join(values)})
    with provider(saying("fine")) as at:
        await asked(at, messages, sensitive={"pii": tuple(values)})
    (first, second) = (message["content"] for message in at.questions[0])
    heard = [*json.loads(first)["v"], json.loads(first)["t"], second]
    # What a placeholder is made of may look like a value: that is ours.
    left = [part for text in heard for part in re.split(r"<pii-\d+-[0-9a-f]{8}>", text)]
    assert [value for value in values if any(value.encode("utf-8", "replace").decode() in part for part in left)] == []


async def test_answer_and_calls_come_back_unmasked() -> None:
    """So that a mission acts on the real thing; a value with quotes does not break a call's JSON."""

    def echo(body: dict[str, Any]) -> Answer:
        case = json.loads(body["messages"][1]["content"])
        call = {"id": "2", "type": "function", "function": {"name": "x", "arguments": json.dumps({"iban": case["note"]})}}
        return saying(f"for {case['who']}", tool_calls=[call])

    with provider(echo) as at:
        answer = await asked(at, told(CASE))
    assert (answer.text, json.loads(answer.calls[0].arguments)) == ("for Marguerite Duras", {"iban": NOTE})


INSIDE = "model: a/b, endpoint: 'http://h/v1', perimeter: inside"
CLOSED = {
    "an outside route": "{model: a/b, endpoint: 'https://h/v1', perimeter: outside}",
    "a route without an endpoint": "{model: a/b, perimeter: inside}",
    "an outside fallback": f"{{{INSIDE}, fallbacks: [{{model: c, perimeter: outside}}]}}",
    "a fallback without an endpoint": f"{{{INSIDE}, fallbacks: [{{model: c, perimeter: inside}}]}}",
}


def models_file(kit: Kit, name: str, perimeter: str, route: str) -> Path:
    """A bundle with that one route."""
    text = f"perimeter: {perimeter}\nroutes: {{'*': {route}}}\n"

    def edit(root: Path) -> None:
        (root / "models.yaml").write_text(text)

    return kit.copy(f"{perimeter} {name}", edit)


@pytest.mark.promise("I2")
@pytest.mark.parametrize("name", CLOSED)
def test_closed_perimeter_with_a_way_out_does_not_load(kit: Kit, name: str) -> None:
    """docs/threats.md I2: fallbacks count, and so does a model whose place nobody named."""
    with pytest.raises(BundleError, match="the perimeter is closed"):
        load(models_file(kit, name, "closed", CLOSED[name]))


@pytest.mark.control("I2")
@pytest.mark.parametrize("name", CLOSED)
def test_open_perimeter_with_a_way_out_loads(kit: Kit, name: str) -> None:
    """It is the one word that keeps it shut."""
    assert load(models_file(kit, name, "open", CLOSED[name])).models.route("any") is not None


@pytest.mark.promise("I2")
async def test_variable_of_the_library_sends_nothing_to_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even what our own rules are asked, who answer in this process."""
    monkeypatch.setenv("USE_LITELLM_PROXY", "true")
    monkeypatch.setenv("LITELLM_PROXY_API_KEY", "sk-of-nobody")
    asked: dict[str, Any] = {
        "ticket": {"text": SECRET},
        "order": {"days_since_delivery": 0, "paid_minor": 1, "currency": "EUR"},
    }
    with provider(saying("{}")) as outside:
        monkeypatch.setenv("LITELLM_PROXY_API_BASE", outside.url)
        answer = await LiteLLMModels(None, Routes(perimeter="closed")).complete(
            Prompted("refund/assess", ({"role": "user", "content": json.dumps(asked)},), schema={})
        )
    assert answer.rule_based and "refundable" in answer.text and not outside.heard


@pytest.mark.promise("I2")
def test_variable_opens_no_closed_perimeter(kit: Kit) -> None:
    """SAYSO_MODEL has no place to say where its model is."""
    root = models_file(kit, "variable", "closed", f"{{{INSIDE}}}")
    with pytest.raises(NotPermitted, match="and the perimeter in"):
        LiteLLMModels("openai/gpt-5", load(root).models)
    given = {
        "SAYSO_ENCRYPTION": "off",
        "SAYSO_PAYLOAD_STORE": "off",
        "SAYSO_MODEL": "openai/gpt-5",
        "SAYSO_POLICIES": str(root),
    }
    with pytest.raises(WrongUse, match="SAYSO_MODEL names `openai/gpt-5`, which counts as outside"):
        build(Role.REASON, None, read([Role.REASON], given))  # type: ignore[arg-type]


async def test_variable_alone_is_told_no_class() -> None:
    """It counts as outside, with nothing allowed, wherever its endpoint is."""
    (choice,) = LiteLLMModels("openai/gpt-5").choices("any")
    assert choice == ModelChoice(model="openai/gpt-5", perimeter="outside")


def forged(prompted_tag: str) -> tuple[ChatMessage, ...]:
    """A case whose data holds a placeholder as it would be made, escaped and not, for a model that copies what it reads."""
    escaped = json.dumps({"to": f"<pii-1-{prompted_tag}>"}).replace("<", "\\u003c").replace("-", "\\u002d")
    return (
        {"role": "user", "content": json.dumps({"who": "Marguerite Duras"})},
        {"role": "user", "content": f"ship to <pii-1-{prompted_tag}>"},
        {"role": "user", "content": escaped},
    )


def _copying(body: dict[str, Any]) -> Answer:
    said = f"{body['messages'][1]['content']} {json.loads(body['messages'][2]['content'])['to']}"
    return saying(said)


@pytest.mark.promise("I3")
async def test_placeholder_in_data_is_never_unmasked() -> None:
    """docs/threats.md I3: even by somebody who knows what the tag would be."""
    tag = masking._tag("run-1", "")
    with provider(_copying) as at:
        answer = await asked(at, forged(tag), sensitive={"pii": ("Marguerite Duras",)})
    assert answer.text == f"ship to <pii-1-{tag}> <pii-1-{tag}>"
    assert "Marguerite" not in at.text


@pytest.mark.control("I3")
async def test_placeholder_in_data_is_unmasked_with_a_fixed_tag(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the tag that occurs nowhere else that keeps them apart."""
    tag = masking._tag("run-1", "")
    monkeypatch.setattr(masking, "_tag", lambda seed, everything: tag)
    with provider(_copying) as at:
        answer = await asked(at, forged(tag), sensitive={"pii": ("Marguerite Duras",)})
    assert answer.text == "ship to Marguerite Duras Marguerite Duras"


def _whole(error: BaseException | None) -> str:
    """Everything that an error carries along."""
    if error is None:
        return ""
    return f"{error!r} {error.args} {getattr(error, 'details', '')} {_whole(error.__cause__)} {_whole(error.__context__)}"


ERRORS = {400: "final", 401: "final", 404: "final", 422: "final", 429: "passing", 500: "passing", 503: "passing"}


async def _refused(status: int) -> ActivityError:
    with provider(failing(status, f"cannot take: {SECRET}")) as at, pytest.raises(ActivityError) as refused:
        await asked(at, ({"role": "user", "content": SECRET},), sensitive={}, perimeter="inside")
    assert len(at.heard) == 1, "it is Temporal that asks again"
    return refused.value


@pytest.mark.promise("I4")
@pytest.mark.parametrize("status", ERRORS)
async def test_error_of_a_provider_is_told_without_its_words(status: int) -> None:
    """docs/threats.md I4: they may quote what was asked. Class and status are enough."""
    error = await _refused(status)
    assert "Marguerite" not in _whole(error) and str(status) in str(error)
    setback = Setback.model_validate(error.details[0])
    assert setback.departure is not None and setback.departure.perimeter == "inside"


@pytest.mark.control("I4")
async def test_error_of_a_provider_quotes_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the table of classes, its words are the prompt's."""
    monkeypatch.setattr(models, "told", lambda error, model: Unreachable("the model", model, str(error)))
    assert "Marguerite" in _whole(await _refused(500))


def test_what_is_digested_is_what_is_sent() -> None:
    """SHA-256 over the messages in canonical form, however large."""
    choice = ModelChoice(model="a/b", perimeter="outside")
    prompted = Prompted("a/b", ({"role": "user", "content": "x" * 300_000},))
    made = departing.depart(prompted, choice)
    assert made.departure.digest == departing.departed([{"content": "x" * 300_000, "role": "user"}])
    assert providers.FINAL.keys() & providers.PASSING.keys() == set()
