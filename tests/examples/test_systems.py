"""What the order and knowledge systems answer, and to which tokens."""

import json
import time

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from examples.refund.seed import SEEDS
from examples.refund.signing import signing_key
from tests.examples.enterprise import MODERN, PLAIN, Enterprise, call, document, text, tools


@pytest.fixture(scope="session")
def orders_token(enterprise: Enterprise) -> str:
    """A token to read orders."""
    return enterprise.scope_token("read", enterprise.resources.orders, "orders:read")


async def test_case_and_its_order_are_read(enterprise: Enterprise, orders_token: str) -> None:
    """CASE-1001 is the happy path that everyone builds on."""
    case = await call(enterprise.resources.orders, orders_token, "get_case", {"case_id": "CASE-1001"})
    order = await call(enterprise.resources.orders, orders_token, "get_order", {"order_id": "ORD-2001"})
    assert case.structured_content["order_id"] == "ORD-2001"
    assert "refund of 42.00 EUR" in case.structured_content["text"]
    facts = ("paid_minor", "currency", "days_since_delivery", "refunded_minor")
    assert [order.structured_content[fact] for fact in facts] == [4200, "EUR", 12, 0]


@pytest.mark.parametrize(("tool", "key", "like"), [("get_case", "case_id", "CASE-"), ("get_order", "order_id", "ORD-")])
async def test_unknown_id_is_a_tool_error_that_tells_how_ids_look(
    enterprise: Enterprise, orders_token: str, tool: str, key: str, like: str
) -> None:
    """The model can read it and correct itself."""
    said = text(await call(enterprise.resources.orders, orders_token, tool, {key: "X-1"}))
    assert "`X-1`" in said
    assert f"`{like}" in said


@pytest.mark.parametrize("arguments", [{}, {"case_id": 1001}, {"case_id": "CASE-1001", "all": True}])
async def test_arguments_off_the_closed_schema_are_refused(
    enterprise: Enterprise, orders_token: str, arguments: dict[str, object]
) -> None:
    """Missing, mistyped and extra."""
    said = text(await call(enterprise.resources.orders, orders_token, "get_case", arguments))
    assert "see its input schema" in said


async def test_hostile_case_arrives_to_the_letter(enterprise: Enterprise, orders_token: str) -> None:
    """Escapes, marks and markup are for the reader to disarm; the transport changes none of them."""
    case = await call(enterprise.resources.orders, orders_token, "get_case", {"case_id": "CASE-1013"})
    assert case.structured_content["text"] == SEEDS[12].text.replace("{asked}", "9999.99 EUR")
    assert all(mark in case.structured_content["text"] for mark in ("\x1b[", "\u202e", "\u200b", "<script>", "# "))


async def test_refund_window_is_found(enterprise: Enterprise) -> None:
    """The passage that missions cite comes first."""
    token = enterprise.scope_token("read", enterprise.resources.knowledge, "knowledge:read")
    wanted = {"query": "refund window", "collection": "refunds"}
    found = await call(enterprise.resources.knowledge, token, "search", wanted)
    assert "30 days" in found.structured_content["passages"][0]["text"]


@pytest.mark.parametrize("query", ['"', 'window" OR text:*', "NEAR(", "-window", "a" * 5000])
async def test_query_language_is_taken_as_words(enterprise: Enterprise, query: str) -> None:
    """No query is a syntax error of the database."""
    token = enterprise.scope_token("read", enterprise.resources.knowledge, "knowledge:read")
    found = await call(enterprise.resources.knowledge, token, "search", {"query": query, "collection": "refunds"})
    assert not found.is_error or "holds no word" in text(found)


async def test_unknown_collection_names_the_known_ones(enterprise: Enterprise) -> None:
    """The next step is in the error."""
    token = enterprise.scope_token("read", enterprise.resources.knowledge, "knowledge:read")
    said = text(await call(enterprise.resources.knowledge, token, "search", {"query": "a", "collection": "b"}))
    assert "refunds, shipping, warranty" in said


def _reader(enterprise: Enterprise) -> tuple[str, str]:
    return enterprise.resources.knowledge, enterprise.scope_token("read", enterprise.resources.knowledge, "knowledge:read")


async def test_document_is_read_by_its_uri(enterprise: Enterprise) -> None:
    """All its passages in order, as JSON; a passage can be read alone."""
    whole = json.loads(await document(*_reader(enterprise), "knowledge://refunds/refund-terms"))
    one = json.loads(await document(*_reader(enterprise), "knowledge://refunds/refund-terms%23late"))
    assert (whole["passages"][0]["source"], len(whole["passages"])) == ("refund-terms#window", 5)
    assert [each["source"] for each in one["passages"]] == ["refund-terms#late"]


@pytest.mark.parametrize(
    "uri",
    [
        "knowledge://warranty/refund-terms",
        "knowledge://refunds/refund%25",
        "knowledge://refunds/_efund-terms",
        "knowledge://refunds/..%2Fwarranty",
        "knowledge://refunds/%27%20OR%201%3D1",
    ],
)
async def test_document_that_is_not_there_is_an_error(enterprise: Enterprise, uri: str) -> None:
    """Neither wildcards nor quotes find another."""
    assert (await document(*_reader(enterprise), uri)).startswith("error: ")


async def test_document_needs_its_scope(enterprise: Enterprise) -> None:
    """A token without one for it reads nothing."""
    token = enterprise.signed(enterprise.resources.knowledge, scope="other")
    said = await document(enterprise.resources.knowledge, token, "knowledge://refunds/refund-terms")
    assert said.startswith("error: reading needs a token with scope `knowledge:read`")


async def test_tools_are_closed_and_typed(enterprise: Enterprise) -> None:
    """Every input schema forbids what it does not name, and requires all it names."""
    systems = {"orders": "orders:read", "knowledge": "knowledge:read", "payments": "payments:read", "parcels": "parcels:track"}
    for name, scope in systems.items():
        resource = getattr(enterprise.resources, name)
        for tool in (await tools(resource, enterprise.scope_token("read", resource, scope))).tools:
            assert tool.input_schema["additionalProperties"] is False
            assert tool.input_schema["required"] == list(tool.input_schema["properties"])


async def test_old_handshake_meets_the_same_door(enterprise: Enterprise) -> None:
    """A client of the protocol before 2026 is let in and refused alike."""
    token = enterprise.scope_token("read", enterprise.resources.payments, "payments:read")
    payments = enterprise.resources.payments
    listed = await call(payments, token, "list_refunds", {"order_id": "ORD-9"}, mode="legacy")
    said = text(await call(payments, token, "issue_refund", {"order_id": "ORD-9"}, mode="legacy"))
    assert listed.structured_content == {"refunds": [], "total_minor": 0}
    assert "needs a token for this one operation" in said


def status(resource: str, token: str | None) -> int:
    """The HTTP status that *resource* answers a tools/list with."""
    meta = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/list", "Accept": "application/json"}
    bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    return httpx2.post(resource, json=body, headers=headers | bearer, **PLAIN).status_code


def forged(enterprise: Enterprise, *, key: OKPKey | None = None, alg: str = "Ed25519", typ: str = "at+jwt") -> str:
    """A token that says all the right things, under the issuer's key id, with something wrong about its signature."""
    kept = signing_key(enterprise.data).as_dict(private=True)
    own = OKPKey.import_key({name: str(value) for name, value in kept.items() if name != "alg"})
    said = jwt.decode(enterprise.signed(enterprise.resources.orders), own, algorithms=["Ed25519"]).claims
    return jwt.encode({"alg": alg, "typ": typ, "kid": own.kid}, said, key or own, algorithms=[alg])


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
def test_only_live_tokens_for_this_resource_are_let_in(enterprise: Enterprise, orders_token: str) -> None:
    """Expired, other resource, issuer, key, type or algorithm, no token, no JWT: 401. The control is the last one."""
    here, there, now = enterprise.resources.orders, enterprise.resources.payments, int(time.time())
    refused = [
        enterprise.signed(here, exp=now - 1),
        enterprise.signed(here, exp=now),
        enterprise.signed(there),
        enterprise.signed(f"{here}/"),
        enterprise.signed(here, aud=[here, there]),
        enterprise.signed(here, iss="http://127.0.0.1:1"),
        orders_token[:-4] + "AAAA",
        forged(enterprise, typ="JWT"),
        forged(enterprise, alg="EdDSA"),
        forged(enterprise, key=OKPKey.generate_key("Ed25519")),
        "junk",
        None,
    ]
    assert [status(here, token) for token in refused] == [401] * len(refused)
    assert status(here, enterprise.signed(here)) == 200
