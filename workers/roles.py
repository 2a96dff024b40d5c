"""
What each role runs, and the adapters it acts through. A role imports only its own: the mission worker never loads an MCP
client or a model library, and no worker but one loads the gate's key.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

from temporalio.client import Client
from temporalio.worker import Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions
from temporalio.workflow import SandboxImportNotificationPolicy

from workers.activity_log import LoggedActivities
from workers.errors import WrongUse
from workers.settings import QUEUES, Role, Settings, identity
from workers.telemetry.off import OFF, Telemetry

if TYPE_CHECKING:
    from activities.transcripts import Transcripts
    from approvals.jws import Signer

Content = tuple[Sequence[type], Sequence[Callable[..., Any]]]
"""The workflows and the activities of a role."""
GRACE = timedelta(seconds=5)
"""How long running activities may go on after the process was asked to end."""


def build(role: Role, client: Client, settings: Settings, telemetry: Telemetry = OFF) -> Worker:
    """
    The worker of *role*, ready to run.

    Args:
        settings: Read for this role.
        telemetry: What watches the role's ports.

    Raises:
        WrongUse: A file that the role needs does not hold what it should.
        BundleError: The bundle does not load.
        SignatureError: The gate's key file holds no private key.
    """
    workflows, activities = _content(role, client, settings, telemetry)
    return Worker(
        client,
        task_queue=QUEUES[role],
        workflows=workflows,
        activities=activities,
        workflow_runner=_sandbox(),
        interceptors=[LoggedActivities()],
        identity=identity(role, os.getpid()),
        graceful_shutdown_timeout=GRACE,
    )


def _content(role: Role, client: Client, settings: Settings, telemetry: Telemetry) -> Content:
    match role:
        case Role.MISSION:
            return _mission()
        case Role.REASON:
            return _reason(settings, telemetry)
        case Role.READ:
            return _read(client, settings, telemetry)
        case Role.COMMIT:
            return _commit(client, settings, telemetry)
        case _:
            assert_never(role)


def _mission() -> Content:
    from activities.observe import observe
    from workflows.missions import MISSIONS

    return [offer.workflow for offer in MISSIONS.values()], [observe]


def _reason(settings: Settings, telemetry: Telemetry) -> Content:
    from activities.errors import NotPermitted
    from activities.models import LiteLLMModels
    from activities.reason import ReasonActivities
    from policies.load import load_catalogue, load_routes
    from policies.routes import NO_ROUTES

    routes = load_routes(settings.policies) if settings.policies else NO_ROUTES
    tools = load_catalogue(settings.policies) if settings.policies else None
    signer = _optional(settings.reason_signing_key_file)
    try:
        models = telemetry.models(LiteLLMModels(settings.model, routes))
    except NotPermitted as error:
        raise WrongUse(str(error)) from error
    return [], [ReasonActivities(models, signer, tools=tools, transcripts=_transcripts(settings)).reason]


def _transcripts(settings: Settings) -> Transcripts | None:
    """Where dialogues are kept, encrypted as payloads are."""
    from activities.payload_stores import open_store
    from activities.transcripts import Transcripts
    from workers.encryption import codec_for

    if settings.payload_store is None:
        return None
    return Transcripts(open_store(settings.payload_store), codec_for(settings.ring, encrypts=settings.encrypts))


def _read(client: Client, settings: Settings, telemetry: Telemetry) -> Content:
    from activities.histories import ServerStarts
    from activities.mcp_tools import McpTools
    from activities.read import ReadActivities
    from policies.load import load

    bundle = load(_given(settings.policies))
    tokens = _tokens(bundle.catalogue.issuer, _given(settings.read_client_file))
    signer = _optional(settings.read_signing_key_file)
    return [], [ReadActivities(bundle, ServerStarts(client), telemetry.tools(McpTools()), tokens, signer).read]


def _commit(client: Client, settings: Settings, telemetry: Telemetry) -> Content:
    from activities.commit import CommitActivities
    from activities.directories import FileDirectories
    from activities.freezes import ServerFreezes
    from activities.gate import Gate
    from activities.histories import ServerHistories
    from activities.mcp_tools import McpTools
    from activities.memory import FileMemory, ProcessMemory
    from activities.ports import Ports
    from activities.proposer import Proposer
    from activities.uses import ServerUses
    from activities.workloads import ServerWorkloads
    from policies.load import load
    from workers.shelving import shelve
    from workflows.freeze import Freeze
    from workflows.use import Use

    root = _given(settings.policies)
    bundle, signer = load(root), _signer(_given(settings.gate_key_file))
    if settings.state is not None:
        shelve(root, bundle.digest, settings.state)
    ports = Ports(
        histories=telemetry.histories(ServerHistories(client), bundle),
        uses=telemetry.uses(ServerUses(client)),
        tools=telemetry.tools(McpTools()),
        tokens=_tokens(bundle.catalogue.issuer, _given(settings.commit_client_file)),
        directories=FileDirectories(root),
        clock=_now,
        workloads=ServerWorkloads(client),
        freezes=ServerFreezes(client),
        memory=FileMemory(settings.state, client.namespace) if settings.state else ProcessMemory(),
    )
    telemetry.queue(client, ports.histories, bundle)
    commit = CommitActivities(Gate(ports, bundle, signer), Proposer(ports, bundle, signer))
    return [Use, Freeze], [commit.propose, commit.settle]


def _tokens(issuer: str, path: Path) -> Any:
    from activities.tokens import IssuerTokens

    try:
        return IssuerTokens(issuer, path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WrongUse(f"`{path}` does not hold a `client_id` and a `client_secret`") from error


def _signer(path: Path) -> Signer:
    from workers.stack.keyfiles import read_key

    return read_key(path)


def _optional(path: Path | None) -> Signer | None:
    return _signer(path) if path is not None else None


def _given(path: Path | None) -> Path:
    if path is None:
        raise WrongUse("the settings were read for another role")
    return path


def _now() -> datetime:
    return datetime.now(UTC)


def _sandbox() -> SandboxedWorkflowRunner:
    # An import that was forgotten in a workflow's pass-through block fails at start, not at 3 a.m.
    policy = SandboxImportNotificationPolicy.RAISE_ON_UNINTENTIONAL_PASSTHROUGH
    return SandboxedWorkflowRunner(dataclasses.replace(SandboxRestrictions.default, import_notification_policy=policy))
