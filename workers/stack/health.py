"""
Seeing that a process works: plain HTTP to its own door.

The Temporal UI passes `/api/v1` on to the frontend, so one request sees both; a worker is seen by the server it polls.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable
from typing import Any

from workers.settings import QUEUES, Role, identity
from workers.stack.ports import HOST, Ports

_TIMEOUT_SECONDS = 2.0


def answers(port: int, path: str = "/healthz") -> Callable[[int], bool]:
    """Whether the server on *port* answers 200."""
    return lambda _pid: _get(port, path) is not None


def serves(ports: Ports, namespace: str) -> Callable[[int], bool]:
    """Whether Temporal serves *namespace*."""
    return lambda _pid: attributes(ports, namespace) is not None


def attributes(ports: Ports, namespace: str) -> frozenset[str] | None:
    """The search attributes that Temporal knows in *namespace*; None where it does not answer."""
    found = _get(ports.ui, f"/api/v1/namespaces/{namespace}/search-attributes")
    return frozenset(json.loads(found).get("customAttributes", {})) if found is not None else None


def polls(ports: Ports, namespace: str, role: Role, kinds: tuple[str, ...]) -> Callable[[int], bool]:
    """Whether the worker of *role* polls its task queue for each of *kinds* (`WORKFLOW`, `ACTIVITY`)."""

    def healthy(pid: int) -> bool:
        base = f"/api/v1/namespaces/{namespace}/task-queues/{QUEUES[role]}?taskQueueType=TASK_QUEUE_TYPE_"
        return all(identity(role, pid) in _identities(_get(ports.ui, base + kind)) for kind in kinds)

    return healthy


def _identities(answer: bytes | None) -> set[str]:
    pollers: list[dict[str, Any]] = json.loads(answer).get("pollers", []) if answer else []
    return {str(poller.get("identity")) for poller in pollers}


def _get(port: int, path: str) -> bytes | None:
    connection = http.client.HTTPConnection(HOST, port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        return body if response.status == http.client.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
