"""Which loopback port each server of a stack has. Chosen once, then remembered: endpoints are part of every action."""

from __future__ import annotations

import secrets
import socket
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from policies.model import Written
from workers.errors import WrongUse
from workers.stack.files import write_whole

HOST = "127.0.0.1"
FILE = "ports.json"
# Below the ranges from which Linux and macOS take the ports of outgoing connections.
_LOWEST, _HIGHEST = 20_000, 32_000
PURPOSES = {
    "temporal": "the Temporal server",
    "ui": "the Temporal UI",
    "issuer": "the token issuer",
    "orders": "the order system",
    "payments": "the payment system",
    "knowledge": "the knowledge system",
    "codec": "the codec server",
    "parcels": "the parcels system",
}
Choice = Literal["fixed", "auto"]


class Ports(Written):
    """The ports of one stack."""

    temporal: int = 7233
    ui: int = 8233
    issuer: int = 7810
    orders: int = 7811
    payments: int = 7812
    knowledge: int = 7813
    codec: int = 7814
    parcels: int = 7815

    def url(self, name: str) -> str:
        """Base URL of the server *name*."""
        return f"http://{HOST}:{getattr(self, name)}"

    def endpoint(self, name: str) -> str:
        """MCP endpoint of the system *name*; its resource, too."""
        return f"{self.url(name)}/mcp"


def remembered(data: Path) -> Ports | None:
    """
    The ports of the stack in *data*, or None before the first start.

    Raises:
        WrongUse: The file is not readable.
    """
    path = data / FILE
    try:
        return Ports.model_validate_json(path.read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise WrongUse(f"`{path}` does not hold the ports: remove it and run `sayso up --ports auto`") from error


def choose(data: Path, choice: Choice) -> Ports:
    """
    The ports to start on, remembered in *data*. With `auto` the first time all are picked among free ones, later only
    those that somebody else has taken.

    Raises:
        WrongUse: A port is taken and the choice is `fixed`.
    """
    known = remembered(data)
    ports = known or (_picked(Ports(), list(PURPOSES)) if choice == "auto" else Ports())
    blocked = [name for name in PURPOSES if taken(getattr(ports, name))]
    if blocked and choice == "fixed":
        port = getattr(ports, blocked[0])
        raise WrongUse(f"port {port}, for {PURPOSES[blocked[0]]}, is taken: free it, or use `sayso up --ports auto`")
    ports = _picked(ports, blocked)
    if ports != known:
        write_whole(data / FILE, ports.model_dump_json(indent=2) + "\n", data)
    return ports


def spare(ports: Ports) -> int:
    """A port that nobody has, for a server that is no lasting part of the stack."""
    return _picked(ports, ["codec"]).codec


def taken(port: int) -> bool:
    """Whether somebody listens on *port*."""
    with socket.socket() as probe:
        # Connections of the last run that linger do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def _picked(ports: Ports, names: list[str]) -> Ports:
    picked: dict[str, int] = {}
    while len(picked) < len(names):
        port = _LOWEST + secrets.randbelow(_HIGHEST - _LOWEST)
        if port not in (*ports.model_dump().values(), *picked.values()) and not taken(port):
            picked[names[len(picked)]] = port
    return ports.model_copy(update=picked)
