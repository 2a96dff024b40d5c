"""Who gets which token. Source: RFC 6749, 8414, 8707, 9068, 9396; the brief of the example enterprise."""

import json
import stat
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import OKPKey

from examples.refund.clients import read_credential, write_clients
from examples.refund.operations import operation_details
from tests.examples.enterprise import PLAIN, REFUND, Enterprise


def details(enterprise: Enterprise, **changed: Any) -> str:
    """The authorization_details of one refund, with fields changed."""
    entry = operation_details(enterprise.resources.payments, "issue_refund", REFUND)[0]
    return json.dumps([{**entry, **changed}])


def claims(enterprise: Enterprise, token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of a token, verified with the published key."""
    keys = httpx2.get(f"{enterprise.issuer}/jwks", **PLAIN).json()["keys"]
    decoded = jwt.decode(token, OKPKey.import_key(keys[0]), algorithms=["Ed25519"])
    return dict(decoded.header), dict(decoded.claims)


def test_metadata_names_the_issuer_and_its_endpoints(enterprise: Enterprise) -> None:
    """RFC 8414: the issuer in the metadata is the URL it was asked at."""
    said = httpx2.get(f"{enterprise.issuer}/.well-known/oauth-authorization-server", **PLAIN).json()
    assert said["issuer"] == enterprise.issuer
    assert said["token_endpoint"] == f"{enterprise.issuer}/token"
    assert said["jwks_uri"] == f"{enterprise.issuer}/jwks"


def test_scope_token_is_an_access_token_for_one_resource(enterprise: Enterprise) -> None:
    """RFC 9068 claims; five minutes; no operation in it."""
    header, said = claims(enterprise, enterprise.scope_token("read", enterprise.resources.orders, "orders:read"))
    assert header["typ"] == "at+jwt"
    assert (said["aud"], said["scope"]) == (enterprise.resources.orders, "orders:read")
    assert said["sub"] == said["client_id"] == "sayso-read"
    assert said["exp"] - said["iat"] == 300
    assert "authorization_details" not in said


def test_operation_token_names_exactly_the_operation_for_thirty_seconds(enterprise: Enterprise) -> None:
    """RFC 9396: the arguments come back to the letter."""
    _, said = claims(enterprise, enterprise.operation_token(REFUND))
    expected = operation_details(enterprise.resources.payments, "issue_refund", REFUND)
    assert said["authorization_details"] == expected
    assert said["exp"] - said["iat"] == 30
    assert "scope" not in said


def test_published_key_is_public_and_the_kept_one_is_private_to_its_owner(enterprise: Enterprise) -> None:
    """No `d` on the wire, mode 0600 on disk."""
    keys = httpx2.get(f"{enterprise.issuer}/jwks", **PLAIN).json()["keys"]
    assert [key for key in keys if "d" in key] == []
    assert stat.S_IMODE((enterprise.data / "issuer.jwk").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("role", "form", "code"),
    [
        ("read", {"resource": "orders", "scope": "orders:write"}, "invalid_scope"),
        ("read", {"resource": "orders", "scope": "payments:read"}, "invalid_scope"),
        ("read", {"resource": "orders"}, "invalid_scope"),
        ("read", {"resource": "http://127.0.0.1:1/mcp", "scope": "orders:read"}, "invalid_target"),
        ("read", {"scope": "orders:read"}, "invalid_target"),
        ("commit", {"resource": "orders", "scope": "orders:read"}, "invalid_target"),
        ("commit", {"resource": "payments", "scope": "payments:read"}, "invalid_scope"),
        ("read", {"resource": "orders", "scope": "orders:read", "grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_scope_request_beyond_the_client_is_refused(enterprise: Enterprise, role: str, form: dict[str, str], code: str) -> None:
    """A client gets nothing that its entry does not list."""
    named = {"orders": enterprise.resources.orders, "payments": enterprise.resources.payments}
    asked = {key: named.get(value, value) for key, value in form.items()}
    answer = enterprise.request_token(role, **asked)
    assert (answer.status_code, answer.json()["error"]) == (400, code)


def test_read_client_gets_no_operation_token(enterprise: Enterprise) -> None:
    """Not even at the resource where it may read."""
    answer = enterprise.request_token("read", resource=enterprise.resources.payments, authorization_details=details(enterprise))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_authorization_details")


@pytest.mark.parametrize(
    "changed",
    [
        {"actions": ["list_refunds"]},
        {"actions": ["issue_refund", "issue_refund"]},
        {"actions": []},
        {"locations": ["http://127.0.0.1:1/mcp"]},
        {"type": "payment_initiation"},
        {"arguments": [REFUND]},
        {"extra": 1},
    ],
)
def test_details_other_than_one_known_operation_are_refused(enterprise: Enterprise, changed: dict[str, Any]) -> None:
    """Exactly one action at exactly the resource, and no field the issuer does not know."""
    asked = details(enterprise, **changed)
    answer = enterprise.request_token("commit", resource=enterprise.resources.payments, authorization_details=asked)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_authorization_details")


@pytest.mark.parametrize("shape", ["{0}", "[]", "[{0}, {0}]", "[{0}", '[{{"type": "x", "type": "y"}}]', "[NaN]"])
def test_details_that_are_no_list_of_one_are_refused(enterprise: Enterprise, shape: str) -> None:
    """Two entries, none, broken JSON, equal keys and NaN."""
    asked = shape.format(details(enterprise)[1:-1])
    answer = enterprise.request_token("commit", resource=enterprise.resources.payments, authorization_details=asked)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_authorization_details")


def test_scope_and_operation_do_not_share_a_token(enterprise: Enterprise) -> None:
    """An operation token carries nothing else."""
    payments = enterprise.resources.payments
    answer = enterprise.request_token(
        "commit", resource=payments, scope="payments:describe", authorization_details=details(enterprise)
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_wrong_secret_is_refused_like_an_unknown_client(enterprise: Enterprise) -> None:
    """Same status and text: the answer does not tell which clients exist."""
    form = {"grant_type": "client_credentials", "resource": enterprise.resources.orders, "scope": "orders:read"}
    answers = [
        httpx2.post(f"{enterprise.issuer}/token", data=form, auth=(client_id, "wrong"), **PLAIN)
        for client_id in ("sayso-read", "nobody")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["error"] == "invalid_client"


def test_secret_in_the_body_counts_as_well(enterprise: Enterprise) -> None:
    """client_secret_post."""
    who = read_credential(enterprise.data / "read-client.json")
    form = {"grant_type": "client_credentials", "client_id": who.client_id, "client_secret": who.client_secret}
    asked = {**form, "resource": enterprise.resources.orders, "scope": "orders:read"}
    answer = httpx2.post(f"{enterprise.issuer}/token", data=asked, **PLAIN)
    assert (answer.status_code, answer.json()["token_type"]) == (200, "Bearer")


def test_parameter_that_comes_twice_is_refused(enterprise: Enterprise) -> None:
    """RFC 6749, 3.2; a second resource would widen the token."""
    who = read_credential(enterprise.data / "read-client.json")
    body = f"grant_type=client_credentials&scope=orders:read&resource={enterprise.resources.orders}&resource=x"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = httpx2.post(
        f"{enterprise.issuer}/token", content=body, headers=kind, auth=(who.client_id, who.client_secret), **PLAIN
    )
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_clients_written_again_keep_their_secrets(enterprise: Enterprise) -> None:
    """So that a second `up` does not lock out running workers; all three files stay private."""
    before = read_credential(enterprise.data / "commit-client.json")
    write_clients(enterprise.data, enterprise.resources)
    files = [enterprise.data / name for name in ("clients.json", "read-client.json", "commit-client.json")]
    assert read_credential(enterprise.data / "commit-client.json") == before
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
