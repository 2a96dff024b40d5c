"""
Settings of a worker process, read once from its environment.

| variable                 | roles                  | meaning                                                              |
|--------------------------|------------------------|----------------------------------------------------------------------|
| `TEMPORAL_ADDRESS`       | all                    | Temporal frontend, `host:port`; else from Temporal's own config file |
| `TEMPORAL_NAMESPACE`     | all                    | namespace; else `default`                                            |
| `SAYSO_KEY_RING`         | all                    | where the key ring is: `file:PATH` or `env:NAME`                     |
| `SAYSO_ENCRYPTION`       | all, optional          | `off`: payloads reach the server in clear, and a ring only opens     |
| `SAYSO_PAYLOAD_STORE`    | all                    | where large payloads and transcripts are kept; `off`: nowhere        |
| `SAYSO_PAYLOAD_THRESHOLD`| all, optional          | from how many bytes on a payload is large; else 32768                |
| `SAYSO_LOG_LEVEL`        | all                    | `debug`, `info`, `warning` or `error`; else `info`                   |
| `SAYSO_POLICIES`         | read, commit           | the policy bundle; optional for reason: its model routes and tools   |
| `SAYSO_CLIENT_FILE`      | read, commit           | JSON with the role's `client_id` and `client_secret` at the issuer   |
| `SAYSO_GATE_KEY_FILE`    | commit                 | private JWK of the gate                                              |
| `SAYSO_SIGNING_KEY_FILE` | read, reason, optional | private JWK of the service; without it, its answers show as claims   |
| `SAYSO_STATE`            | commit, optional       | where the gate remembers freezes; else it does so until it ends      |
| `OTEL_*`                 | all, optional          | OpenTelemetry's own variables; see docs/telemetry.md                 |
| `SAYSO_METRICS_LISTEN`   | all, optional          | `host:port` of a Prometheus page; else there is none                 |
| `SAYSO_PENDING_SECONDS`  | commit, optional       | how often the queue is read for the metrics; else 15                 |
| `SAYSO_MODEL`            | reason, optional       | litellm model name; else the bundle's routes, else plain rules        |

Secrets stay in files: no value here is one, so a message may quote it. The key ring's reference is the exception: somebody
may have put the ring itself there.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from workers.errors import WrongUse
from workers.keyring import KeyRing
from workers.ring_files import OFF, SWITCH, VARIABLE, encrypts, ring_of
from workers.storing import THRESHOLD, threshold_of
from workers.storing import VARIABLE as STORE

LogLevel = Literal["debug", "info", "warning", "error"]
DEFAULT_ADDRESS = "127.0.0.1:7233"
DEFAULT_NAMESPACE = "default"


class Role(StrEnum):
    """A trust zone: what one kind of process runs and holds."""

    MISSION = "mission"
    REASON = "reason"
    READ = "read"
    COMMIT = "commit"


QUEUES = {Role.MISSION: "missions", Role.REASON: "reasoning", Role.READ: "reads", Role.COMMIT: "commits"}
"""The task queue of each role."""


def identity(role: Role, pid: int) -> str:
    """What the worker of *role* in process *pid* calls itself towards the server."""
    return f"sayso-{role}-{pid}"


class Settings(BaseModel):
    """What the environment says, for the roles it was read for. What another role needs is None."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    address: str
    namespace: str
    ring: KeyRing | None = None
    """None only where encryption is off."""
    encrypts: bool = True
    payload_store: str | None = None
    """The place that is named; None only where storing is off."""
    payload_threshold: int = THRESHOLD
    """Bytes from which a payload is stored."""
    log_level: LogLevel = "info"
    policies: Path | None = None
    read_client_file: Path | None = None
    commit_client_file: Path | None = None
    gate_key_file: Path | None = None
    read_signing_key_file: Path | None = None
    reason_signing_key_file: Path | None = None
    state: Path | None = None
    model: str | None = None


_FIXES = {
    "SAYSO_POLICIES": "the directory of the policy bundle, such as `policies` in the data directory of `sayso up`",
    "SAYSO_CLIENT_FILE": "the file with the client id and secret of this role",
    "SAYSO_READ_CLIENT_FILE": "the file with the read role's client id and secret",
    "SAYSO_COMMIT_CLIENT_FILE": "the file with the commit role's client id and secret",
    "SAYSO_SIGNING_KEY_FILE": "the private key of this role's service, made with `sayso keys new`",
    "SAYSO_READ_SIGNING_KEY_FILE": "the private key of the read worker's service, made with `sayso keys new`",
    "SAYSO_REASON_SIGNING_KEY_FILE": "the private key of the reason worker's service, made with `sayso keys new`",
    "SAYSO_GATE_KEY_FILE": "the gate's private key, made with `sayso keys new gate`",
    "SAYSO_STATE": "a directory of the gate's own, in which it remembers freezes",
}


def read(roles: Collection[Role], environment: Mapping[str, str] | None = None) -> Settings:
    """
    The settings for *roles*. A process of several roles names one client file for each:
    `SAYSO_READ_CLIENT_FILE`, `SAYSO_COMMIT_CLIENT_FILE`; and likewise for signing keys, where it has any:
    `SAYSO_READ_SIGNING_KEY_FILE`, `SAYSO_REASON_SIGNING_KEY_FILE`.

    Raises:
        WrongUse: A variable is missing or wrong; names it and what belongs there.
    """
    found = os.environ if environment is None else environment
    address, namespace = _temporal(found)
    both = Role.READ in roles and Role.COMMIT in roles
    values: dict[str, object] = {"address": address, "namespace": namespace}
    values["log_level"] = found.get("SAYSO_LOG_LEVEL", "info").lower()
    values |= _encryption(found) | _storing(found)
    if {Role.READ, Role.COMMIT} & set(roles) or (Role.REASON in roles and found.get("SAYSO_POLICIES")):
        values["policies"] = _path(found, "SAYSO_POLICIES", directory=True)
    if Role.READ in roles:
        values["read_client_file"] = _path(found, "SAYSO_READ_CLIENT_FILE" if both else "SAYSO_CLIENT_FILE")
    if Role.COMMIT in roles:
        values["commit_client_file"] = _path(found, "SAYSO_COMMIT_CLIENT_FILE" if both else "SAYSO_CLIENT_FILE")
        values["gate_key_file"] = _path(found, "SAYSO_GATE_KEY_FILE")
        values["state"] = _path(found, "SAYSO_STATE", directory=True) if found.get("SAYSO_STATE") else None
    if Role.REASON in roles:
        values["model"] = found.get("SAYSO_MODEL") or None
    values |= _signing_keys(roles, found)
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        # Everything but the level was made above in the right form.
        raise WrongUse(f"SAYSO_LOG_LEVEL is `{values['log_level']}`: use debug, info, warning or error") from error


def _encryption(environment: Mapping[str, str]) -> dict[str, object]:
    """The key ring, which only a process may lack that was told so."""
    ring, wanted = ring_of(environment), encrypts(environment)
    if wanted and ring is None:
        raise WrongUse(
            f"{VARIABLE} is not set: it says where the key ring is, `file:PATH` or `env:NAME`; "
            f"`sayso keys ring new` makes one, and {SWITCH}={OFF} goes without"
        )
    return {"ring": ring, "encrypts": wanted}


def _storing(environment: Mapping[str, str]) -> dict[str, object]:
    """The payload store, which only a process may lack that was told so."""
    named = environment.get(STORE)
    if not named:
        raise WrongUse(
            f"{STORE} is not set: it says where large payloads are kept, a directory or a URL; "
            f"`sayso payloads new` makes one, and {STORE}={OFF} goes without"
        )
    return {"payload_store": None if named == OFF else named, "payload_threshold": threshold_of(environment)}


def _signing_keys(roles: Collection[Role], environment: Mapping[str, str]) -> dict[str, object]:
    """The key files of the services among *roles* that have one; one that is named must be there."""
    services = [role for role in (Role.READ, Role.REASON) if role in roles]
    found: dict[str, object] = {}
    for role in services:
        name = f"SAYSO_{role.upper()}_SIGNING_KEY_FILE" if len(services) > 1 else "SAYSO_SIGNING_KEY_FILE"
        if environment.get(name):
            found[f"{role}_signing_key_file"] = _path(environment, name)
    return found


def _temporal(environment: Mapping[str, str]) -> tuple[str, str]:
    """Address and namespace, by Temporal's own rules: environment first, then its config file."""
    from temporalio.envconfig import ClientConfigProfile

    try:
        profile = ClientConfigProfile.load(override_env_vars=dict(environment))
    except RuntimeError as error:
        raise WrongUse(f"Temporal's configuration cannot be read: {error}") from error
    if profile.api_key is not None or (profile.tls is not None and profile.tls.disabled is not True):
        raise WrongUse("Temporal's configuration asks for TLS or an API key, which sayso does not speak yet: unset them")
    return profile.address or DEFAULT_ADDRESS, profile.namespace or DEFAULT_NAMESPACE


def _path(environment: Mapping[str, str], name: str, *, directory: bool = False) -> Path:
    value = environment.get(name)
    if not value:
        raise WrongUse(f"{name} is not set: it names {_FIXES[name]}")
    path = Path(value).expanduser()
    if not (path.is_dir() if directory else path.is_file()):
        kind = "directory" if directory else "file"
        raise WrongUse(f"{name} is `{value}`, where no {kind} is: it names {_FIXES[name]}")
    return path
