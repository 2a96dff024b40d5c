"""
The issuer's clients: who may get which tokens, and the secrets they prove themselves with.

Two roles: the read client has scopes and no operation; the commit client has one operation at the payment system and one at
the parcels system, and the scopes it lists their tools with.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter

from examples.refund.signing import write_private


class Client(BaseModel):
    """One entry of the clients file. Scopes and operations are by resource; what is not named is not allowed."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    client_id: str
    secret_sha256: str
    """Lower-case hex; secrets are random, so that a plain digest is enough."""
    scopes: dict[str, list[str]] = {}
    operations: dict[str, list[str]] = {}


@dataclass(frozen=True)
class Resources:
    """The RFC 8707 resources of the four systems: the URLs of their MCP endpoints, to the letter."""

    orders: str
    payments: str
    knowledge: str
    parcels: str


@dataclass(frozen=True)
class Credential:
    """What a role proves itself with."""

    client_id: str
    client_secret: str = field(repr=False)


_CLIENTS = TypeAdapter(list[Client])
_ABSENT_DIGEST = hashlib.sha256(secrets.token_bytes(32)).hexdigest()


def write_clients(directory: Path, resources: Resources) -> None:
    """
    Writes `clients.json` for the issuer, and `read-client.json` and `commit-client.json` for the two roles.

    Secrets that are there stay; `clients.json` is written anew for *resources*. All files have mode 0600.
    """
    read = _credential(directory / "read-client.json", "sayso-read")
    commit = _credential(directory / "commit-client.json", "sayso-commit")
    clients = [
        Client(
            client_id=read.client_id,
            secret_sha256=_digest(read.client_secret),
            scopes={
                resources.orders: ["orders:read"],
                resources.knowledge: ["knowledge:read"],
                resources.payments: ["payments:read"],
                resources.parcels: ["parcels:track"],
            },
        ),
        Client(
            client_id=commit.client_id,
            secret_sha256=_digest(commit.client_secret),
            scopes={resources.payments: ["payments:describe"], resources.parcels: ["parcels:describe"]},
            operations={resources.payments: ["issue_refund"], resources.parcels: ["track"]},
        ),
    ]
    write_private(directory / "clients.json", _CLIENTS.dump_json(clients, indent=2).decode())


def read_credential(path: Path) -> Credential:
    """The credential in a role's secret file."""
    return Credential(**json.loads(path.read_text()))


def load_clients(path: Path) -> list[Client]:
    """
    The entries of a clients file.

    Raises:
        OSError: It cannot be read.
        ValueError: It is no list of clients.
    """
    return _CLIENTS.validate_json(path.read_bytes())


def authenticated(clients: Sequence[Client], client_id: str, secret: str) -> Client | None:
    """The client that proved to be *client_id*, or None. Takes as long for an unknown id as for a wrong secret."""
    found = next((each for each in clients if each.client_id == client_id), None)
    expected = found.secret_sha256 if found else _ABSENT_DIGEST
    return found if hmac.compare_digest(_digest(secret).encode(), expected.encode()) else None


def _credential(path: Path, client_id: str) -> Credential:
    if not path.exists():
        write_private(path, json.dumps({"client_id": client_id, "client_secret": secrets.token_urlsafe(32)}))
    return read_credential(path)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
