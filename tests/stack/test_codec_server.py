"""The codec server over real HTTP: who gets an answer, for what, and what is written down about it."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from google.protobuf.json_format import MessageToDict
from joserfc import jwt
from joserfc.jwk import OKPKey
from temporalio.api.common.v1 import Payload

from activities.payload_stores import open_store
from audit.payloads import KEY_ID, STORED
from policies.canonical import Digest
from tests.examples.enterprise import PLAIN as LOCAL
from tests.examples.enterprise import free_port
from tests.fakes.rings import OTHER, RING, ring_file
from tests.fakes.stores import made_store
from tests.stack.commands import SAYSO, until
from workers.cli.main import run
from workers.codec_server import MAX_BODY
from workers.storing import THRESHOLD

TOKEN, ORIGIN = "a-token-of-ada", "https://temporal.example.com"
PLAIN = Payload(metadata={"encoding": b"json/plain"}, data=b'{"iban": "DE02120300000000202051"}')
ISSUER, AUDIENCE = "https://login.example.com", "sayso-codec"
PROVIDER = OKPKey.generate_key("Ed25519", {"kid": "idp-1"})


@dataclass(frozen=True)
class Server:
    """A codec server at work."""

    url: str
    log: Path
    store: Path

    def ask(self, verb: str, payloads: Sequence[Payload] = (), *, token: str | None = TOKEN, **how: Any) -> httpx2.Response:
        """One request; headers in *how* replace the usual ones, None leaves one out."""
        usual = {"authorization": f"Bearer {token}" if token else None, "x-namespace": "default", "origin": ORIGIN}
        headers = {name: value for name, value in (usual | how.pop("headers", {})).items() if value is not None}
        body = {"payloads": [MessageToDict(payload) for payload in payloads]}
        return httpx2.post(f"{self.url}/{verb}", headers=headers, **{"json": body, **LOCAL, **how})

    def told(self) -> list[dict[str, Any]]:
        """What was written down."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One with tokens of its own and an identity provider."""
    root = tmp_path_factory.mktemp("codec")
    (root / "tokens.json").write_text(json.dumps({"ada": hashlib.sha256(TOKEN.encode()).hexdigest()}))
    (root / "jwks.json").write_text(json.dumps({"keys": [PROVIDER.as_dict(private=False)]}))
    made_store(root / "payloads")
    port = free_port()
    where = ("--port", str(port), "--tokens", str(root / "tokens.json"), "--allow-origin", ORIGIN)
    provider = ("--jwks", str(root / "jwks.json"), "--issuer", ISSUER, "--audience", AUDIENCE)
    command = [
        SAYSO,
        "codec",
        "serve",
        *where,
        *provider,
        "--key-ring",
        f"file:{ring_file(root)}",
        "--payload-store",
        str(root / "payloads"),
    ]
    with (root / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log, cwd=root) as process:
        made = Server(f"http://127.0.0.1:{port}", root / "log", root / "payloads")
        until(lambda: process.poll() is None and _healthy(made))
        yield made
        process.terminate()


def _healthy(server: Server) -> bool:
    try:
        return httpx2.get(f"{server.url}/healthz", **LOCAL).status_code == 200
    except httpx2.TransportError:
        return False


def payloads(response: httpx2.Response) -> list[dict[str, Any]]:
    """What came back."""
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["payloads"]
    return found


def data(payload: dict[str, Any]) -> bytes:
    """What a payload in JSON holds."""
    return b64decode(payload["data"])


def access_token(**changes: object) -> str:
    """What the identity provider gives Ada."""
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada@example.com", "exp": int(time.time()) + 60} | changes
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": "Ed25519", "kid": "idp-1"}, kept, PROVIDER, algorithms=["Ed25519"])


def test_what_is_encoded_is_decoded(server: Server) -> None:
    (sealed,) = payloads(server.ask("encode", [PLAIN]))
    assert PLAIN.data not in data(sealed)
    (opened,) = payloads(server.ask("decode", [Payload(metadata=_metadata(sealed), data=data(sealed))]))
    assert data(opened) == PLAIN.data


def _metadata(payload: dict[str, Any]) -> dict[str, bytes]:
    return {name: b64decode(value) for name, value in payload["metadata"].items()}


def test_unopened_and_plain_ones_come_back_beside_the_others(server: Server) -> None:
    """One that cannot be opened hides no other."""
    found = payloads(server.ask("decode", [OTHER.encrypted(PLAIN), PLAIN, RING.encrypted(PLAIN)]))
    assert [_metadata(payload)["encoding"] for payload in found] == [b"sayso/sealed", b"json/plain", b"json/plain"]


def test_each_request_is_told_before_it_is_answered_and_what_it_held_never(server: Server) -> None:
    sealed, foreign = RING.encrypted(PLAIN), OTHER.encrypted(PLAIN)
    server.ask("decode", [sealed, foreign, PLAIN])
    told = server.told()[-1]
    assert {name: told[name] for name in ("event", "who", "namespace", "origin", "payloads", "unopened")} == {
        "event": "codec.decoded",
        "who": "ada",
        "namespace": "default",
        "origin": ORIGIN,
        "payloads": 3,
        "unopened": 1,
    }
    assert told["ciphertexts"] == [hashlib.sha256(payload.data).hexdigest() for payload in (sealed, foreign)]
    assert told["key_ids"] == ["other-1", "test-1"]
    log = server.log.read_text()
    assert "DE0212" not in log and TOKEN not in log and b64encode(PLAIN.data).decode() not in log


def test_token_may_stand_in_the_path_and_is_not_told(server: Server) -> None:
    """The UI of `temporal server start-dev` can send no header."""
    assert server.ask(f"{TOKEN}/decode", [RING.encrypted(PLAIN)], token=None).status_code == 200
    assert server.told()[-1]["who"] == "ada" and TOKEN not in server.log.read_text()


@pytest.mark.parametrize(
    ("verb", "token"),
    [("decode", None), ("decode", "wrong"), ("wrong/decode", None), ("encode", None), ("decode", "x" * 20_000)],
)
def test_without_a_token_nothing_is_opened(server: Server, verb: str, token: str | None) -> None:
    refused = server.ask(verb, [RING.encrypted(PLAIN)], token=token)
    assert (refused.status_code, "payloads" in refused.json()) == (401, False)
    told = server.told()[-1]
    assert (told["event"], told["who"], told["status"]) == ("codec.refused", None, 401)
    assert "wrong" not in json.dumps(told)


WRONG_TOKENS = {
    "expired": access_token(exp=int(time.time()) - 60),
    "without an end": access_token(exp=None),
    "of another issuer": access_token(iss="https://evil.example.com"),
    "for another audience": access_token(aud="mail"),
    "of nobody": access_token(sub=None),
    "unsigned": access_token().rpartition(".")[0] + ".",
    "without algorithm": "eyJhbGciOiJub25lIn0." + access_token().split(".")[1] + ".",
}


@pytest.mark.parametrize("token", WRONG_TOKENS.values(), ids=WRONG_TOKENS)
def test_access_token_that_is_not_for_this_opens_nothing(server: Server, token: str) -> None:
    assert server.ask("decode", [RING.encrypted(PLAIN)], token=token).status_code == 401


def test_access_token_of_the_provider_opens_and_its_subject_is_told(server: Server) -> None:
    """What Temporal's UI passes with `passAccessToken`."""
    assert server.ask("decode", [RING.encrypted(PLAIN)], token=access_token(aud=[AUDIENCE, "mail"])).status_code == 200
    assert server.told()[-1]["who"] == "ada@example.com"


@pytest.mark.parametrize(
    ("headers", "how", "status"),
    [
        ({"x-namespace": "other"}, {}, 403),
        ({"x-namespace": None}, {}, 403),
        ({"origin": "https://evil.example.com"}, {}, 403),
        ({"origin": f"{ORIGIN}.evil.example.com"}, {}, 403),
        ({}, {"json": None, "content": b"x" * (MAX_BODY + 1)}, 413),
        ({}, {"json": {"payloads": [{}] * 10_001}}, 413),
        ({}, {"json": None, "content": b"{"}, 400),
        ({}, {"json": []}, 400),
        ({}, {"json": {"payloads": [{"data": 5}]}}, 400),
        ({}, {"json": {"payloads": [{"colour": "red"}]}}, 400),
    ],
)
def test_request_that_is_not_right_is_refused(
    server: Server, headers: dict[str, str | None], how: dict[str, Any], status: int
) -> None:
    assert server.ask("decode", headers=headers, **how).status_code == status
    assert (server.told()[-1]["event"], server.told()[-1]["who"]) == ("codec.refused", "ada")


def test_command_line_without_an_origin_is_answered(server: Server) -> None:
    """`temporal --codec-endpoint` is no page."""
    assert server.ask("decode", headers={"origin": None}).status_code == 200


@pytest.mark.parametrize(("origin", "allowed"), [(ORIGIN, True), ("https://evil.example.com", False), ("null", False)])
def test_browser_may_ask_from_the_uis_origin_alone(server: Server, origin: str, allowed: bool) -> None:
    """The preflight, which a browser sends without a token."""
    asked = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-namespace",
    }
    answer = httpx2.options(f"{server.url}/decode", headers=asked, **LOCAL)
    assert (answer.status_code == 200, answer.headers.get("access-control-allow-origin") == origin) == (allowed, allowed)


def test_answer_is_kept_nowhere(server: Server) -> None:
    assert server.ask("decode", [RING.encrypted(PLAIN)]).headers["cache-control"] == "no-store"


LARGE = Payload(metadata={"encoding": b"json/plain"}, data=b'"' + b"x" * 2 * THRESHOLD + b'"')


async def test_stored_payload_is_encoded_fetched_and_told_by_its_address(server: Server) -> None:
    """What the UI sends may be large, and what it shows may lie in the store; the log says which, and not what was in it."""
    (sent,) = payloads(server.ask("encode", [LARGE]))
    assert (_metadata(sent)["encoding"], _metadata(sent)[KEY_ID]) == (STORED, RING.active.encode())
    kept = Payload(metadata=_metadata(sent), data=data(sent))
    (opened,) = payloads(server.ask("decode", [kept]))
    assert data(opened) == LARGE.data
    assert server.told()[-1]["stored"] == [kept.data.decode()] and "xxxx" not in server.log.read_text()
    content = await open_store(str(server.store)).get(Digest(kept.data.decode()))
    assert content is not None and b"xxxx" not in content


def test_forged_reference_comes_back_closed_beside_the_others(server: Server) -> None:
    found = payloads(server.ask("decode", [Payload(metadata={"encoding": STORED}, data=b"0" * 64), RING.encrypted(PLAIN)]))
    assert [_metadata(payload)["encoding"] for payload in found] == [b"sayso/sealed", b"json/plain"]
    assert server.told()[-1]["unopened"] == 1


def test_store_that_is_away_is_said_and_nothing_is_sealed(server: Server) -> None:
    """Or a page would show for good what is so for a minute."""
    (sent,) = payloads(server.ask("encode", [LARGE]))
    away = server.store.rename(server.store.with_name("away"))
    try:
        refused = server.ask("decode", [Payload(metadata=_metadata(sent), data=data(sent))])
    finally:
        away.rename(server.store)
    assert (refused.status_code, refused.json()) == (503, {"message": "the payload store does not answer"})
    assert str(server.store) not in server.log.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "there is no key ring to open anything with"),
        (["--key-ring", "file:RING"], "nobody could ask for anything"),
        (["--key-ring", "file:RING", "--tokens", "RING"], "`RING` cannot be used: it is a JSON object"),
        (["--key-ring", "file:RING", "--jwks", "RING"], "`--jwks` goes with `--issuer` and `--audience`"),
        (["--key-ring", "file:RING", "--jwks", "RING", "--issuer", "a", "--audience", "b"], "`RING` is no JWK set"),
        (["--key-ring", "file:RING", "--tokens", "NAMES"], "there is no payload store to fetch from"),
    ],
)
def test_server_that_nobody_should_run_does_not_start(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ring_file(tmp_path).rename(tmp_path / "RING")
    (tmp_path / "NAMES").write_text("{}")
    monkeypatch.chdir(tmp_path)
    assert run(["codec", "serve", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"sayso: {message}") and len(said.splitlines()) == 1


def test_taken_port_is_one_line(server: Server, tmp_path: Path) -> None:
    (tmp_path / "tokens.json").write_text("{}")
    port = server.url.rpartition(":")[2]
    files = ("--tokens", str(tmp_path / "tokens.json"), "--key-ring", f"file:{ring_file(tmp_path)}")
    options = (*files, "--port", port, "--payload-store", "off")
    done = subprocess.run([SAYSO, "codec", "serve", *options], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert f"cannot listen on `127.0.0.1:{port}`" in done.stderr
