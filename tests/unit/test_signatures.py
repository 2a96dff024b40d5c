"""Compact JWS, signed bodies and signed starts. Source: approvals/jws.py, approvals/signed.py, approvals/start.py."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from approvals import start
from approvals.errors import SignatureError
from approvals.jws import MAX_TOKEN, Signer, take_apart, verify
from approvals.signed import Kind, Signed, opened, seal
from policies.keys import PublicKey
from tests.fakes.bench import GIVEN, Bench

ONE, TWO = Signer.generate("one"), Signer.generate("two")
TYP = "sayso-test+jws"


def key_of(kid: str) -> PublicKey | None:
    """A directory of one key."""
    return ONE.public() if kid == "one" else None


def test_what_was_signed_verifies() -> None:
    """The happy path."""
    token = take_apart(ONE.sign(TYP, {"a": 1}))
    verify(token, TYP, ONE.public())
    assert (token.kid, token.payload) == ("one", {"a": 1})


@pytest.mark.parametrize("change", ["spare bits", "padding", "line", "skipped"])
def test_token_has_one_form(change: str) -> None:
    """A lenient reader of base64 takes all of these for the same token: then one signature had many texts."""
    text = ONE.sign(TYP, {"a": 1})
    last = "".join(chr(ord(text[-1]) + 1))
    other = {
        "spare bits": text[:-1] + last,
        "padding": text + "==",
        "line": text + "\n",
        "skipped": text[:-9] + "!" + text[-9:],
    }
    with pytest.raises(SignatureError, match="compact JWS"):
        take_apart(other[change])


def test_signature_of_another_key_under_the_same_kid_does_not_verify() -> None:
    """The key is the directory's."""
    as_one = Signer.from_jwk(json.dumps({**TWO.to_jwk(), "kid": "one"}))
    with pytest.raises(SignatureError, match="not signed by key"):
        verify(take_apart(as_one.sign(TYP, {})), TYP, ONE.public())


def test_remembered_signature_is_good_for_its_own_key_type_and_text_alone() -> None:
    """The same text under the same key is not verified twice; nothing else profits from that."""
    text = ONE.sign(TYP, {"a": 1})
    other_key = TWO.public().model_copy(update={"kid": "one"})
    for _ in range(2):
        verify(take_apart(text), TYP, ONE.public())
        with pytest.raises(SignatureError, match="not signed by key"):
            verify(take_apart(text), TYP, other_key)
        with pytest.raises(SignatureError, match="not a"):
            verify(take_apart(text), "sayso-other+jws", ONE.public())
        with pytest.raises(SignatureError, match="not signed by key"):
            verify(take_apart(f"{text[:-4]}AAAA"), TYP, ONE.public())


def test_remembered_bad_signature_does_not_void_a_good_one() -> None:
    """Nobody spoils a key's signatures by sending forgeries of them first."""
    text, forged = ONE.sign(TYP, {"a": 1}), ONE.sign(TYP, {"a": 2})
    mixed = f"{text.rpartition('.')[0]}.{forged.rpartition('.')[2]}"
    for _ in range(2):
        with pytest.raises(SignatureError):
            verify(take_apart(mixed), TYP, ONE.public())
        verify(take_apart(text), TYP, ONE.public())


def test_revoked_gate_key_is_void_for_what_was_verified_before() -> None:
    """What is remembered is arithmetic, not trust."""
    signed = seal(Kind.RECEIPT, BODY, ONE)
    assert opened(signed, Kind.RECEIPT, key_of) == BODY
    with pytest.raises(SignatureError, match="revoked"):
        opened(signed, Kind.RECEIPT, lambda kid: ONE.public().model_copy(update={"revoked": True}))


def test_signature_of_another_type_does_not_verify() -> None:
    """Each use has its own `typ`."""
    with pytest.raises(SignatureError, match="not a"):
        verify(take_apart(ONE.sign("sayso-other+jws", {})), TYP, ONE.public())


@given(st.integers(0, 10_000), st.sampled_from("AZaz09-_."))
def test_token_with_any_character_changed_does_not_verify(index: int, char: str) -> None:
    """Or says the same: the last digit of a signature has unused bits."""
    text = ONE.sign(TYP, {"verdict": "approve", "proposal": "a" * 64})
    index %= text.rindex(".")
    changed = text[:index] + char + text[index + 1 :]
    if changed == text:
        return
    with pytest.raises(SignatureError):
        verify(take_apart(changed), TYP, ONE.public())


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a.b", "a.b.c.d", "\u00e9.e.e", "e30.W10.x", "W10.e30.x", "x" * (MAX_TOKEN + 1)]
)
def test_text_that_is_no_token_is_refused(text: str) -> None:
    """Neither parts nor objects."""
    with pytest.raises(SignatureError):
        take_apart(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"kty": "OKP"}',
        json.dumps({**ONE.to_jwk(), "kid": ""}),
        json.dumps({**ONE.to_jwk(), "kid": 1}),
        json.dumps({key: value for key, value in ONE.to_jwk().items() if key != "d"}),
        json.dumps({**ONE.to_jwk(), "crv": "X25519"}),
        json.dumps({"kty": "oct", "k": "c2VjcmV0", "kid": "one"}),
        '{"kid": "a", "kid": "b"}',
    ],
)
def test_text_that_is_no_private_key_is_refused(text: str) -> None:
    """With a sentence, never a stack."""
    with pytest.raises(SignatureError):
        Signer.from_jwk(text)


def test_signer_shows_no_secret() -> None:
    """Promise I8, in small."""
    secret = str(ONE.to_jwk()["d"])
    assert secret not in repr(ONE) + str(ONE) + f"{ONE}"


BODY: dict[str, JsonValue] = {"amount": 1, "later": {"field": None}}


def test_signed_body_opens_as_its_kind() -> None:
    """And survives JSON."""
    signed = Signed.model_validate_json(seal(Kind.RECEIPT, BODY, ONE).model_dump_json())
    assert opened(signed, Kind.RECEIPT, key_of) == BODY


CHANGES: dict[str, dict[str, object]] = {
    "body": {"body": {**BODY, "amount": 2}},
    "body grown": {"body": {**BODY, "more": None}},
    "digest": {"digest": "0" * 64},
    "no token": {"jws": "a.b.c"},
    "no form": {"body": {"a": float("nan")}},
    "another's token": {"jws": seal(Kind.RECEIPT, {}, ONE).jws},
    "a stranger's": {"jws": seal(Kind.RECEIPT, BODY, TWO).jws},
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_signed_body_does_not_open(name: str) -> None:
    """Body, digest and token belong together."""
    signed = seal(Kind.RECEIPT, BODY, ONE).model_copy(update=CHANGES[name])
    with pytest.raises(SignatureError):
        opened(signed, Kind.RECEIPT, key_of)


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.RECEIPT])
def test_signature_over_one_kind_is_void_for_another(kind: Kind) -> None:
    """Relabelled or not."""
    signed = seal(Kind.RECEIPT, BODY, ONE)
    for claimed in (signed, signed.model_copy(update={"kind": kind})):
        with pytest.raises(SignatureError):
            opened(claimed, kind, key_of)


def test_revoked_gate_key_opens_nothing() -> None:
    """Whatever it signed before."""
    revoked = ONE.public().model_copy(update={"revoked": True})
    with pytest.raises(SignatureError, match="revoked"):
        opened(seal(Kind.RECEIPT, BODY, ONE), Kind.RECEIPT, lambda kid: revoked)


def test_signed_start_names_its_owner_and_whom_it_is_for(bench: Bench) -> None:
    """The happy path."""
    claims = bench.claims(bench.mission, on_behalf_of="lena")
    signed = start.sign(claims, bench.kit.signers["olga"])
    assert start.owner(signed, claims, bench.clock(), bench.directories.now) == ("olga", "lena")


@pytest.mark.parametrize("offset", [timedelta(minutes=-3), timedelta(minutes=5), timedelta(days=365)])
def test_signed_start_outside_its_minutes_names_nobody(bench: Bench, offset: timedelta) -> None:
    """Two minutes of skew before, five minutes of life after."""
    claims = bench.claims(bench.mission)
    signed = start.sign(claims, bench.kit.signers["olga"])
    with pytest.raises(SignatureError, match="not valid when"):
        start.owner(signed, claims, bench.clock() + offset, bench.directories.now)


def test_input_is_digested_by_value() -> None:
    """Order of keys does not count, content does."""
    assert start.input_digest({"a": 1, "b": 2}) == start.input_digest({"b": 2, "a": 1})
    assert start.input_digest(GIVEN) != start.input_digest({"case_id": "CASE-1002"})


def test_key_is_good_from_its_first_to_before_its_last_moment() -> None:
    """Half open, as every span here."""
    first, last = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    key = ONE.public().model_copy(update={"not_before": first, "not_after": last})
    tick = timedelta(microseconds=1)
    found = [key.trouble(at) is None for at in (first - tick, first, last - tick, last)]
    assert found == [False, True, True, False]
