"""
The profile of a stack: where it runs, and which keys its people have on this machine. `sayso up` writes it into the data
directory as `sayso.json`; every other command reads it from there. Environment variables win over it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from policies.model import Written
from workers.errors import WrongUse

FILE = "sayso.json"
Encryption = Literal["on", "off"]


class Profile(Written):
    """How to reach one Sayso."""

    address: str
    """Temporal frontend, `host:port`."""
    namespace: str
    ui: str | None = None
    """Base URL of the Temporal UI."""
    policies: Path
    """The bundle directory."""
    keys: Path | None = None
    """Directory with one private JWK per person (`NAME.jwk`)."""
    start_as: str | None = None
    """Whose key signs starts when no `--as` is given."""
    decide_as: str | None = None
    """Whose key signs decisions when no `--as` is given."""
    state: Path | None = None
    """Where the stack's gate remembers freezes, and keeps the bundles it ruled with."""
    export_key: Path | None = None
    """Private key of the exporter."""
    key_ring: Path | None = None
    """The key ring by which payloads are encrypted and opened."""
    encryption: Encryption = "on"
    """Whether what this machine sends is encrypted. What was encrypted before is opened either way."""
    payload_store: str | None = None
    """Where large payloads are kept: a directory or an fsspec URL."""


_CHOOSING = (
    "SAYSO_POLICIES",
    "SAYSO_KEY",
    "SAYSO_DATA",
    "SAYSO_KEY_RING",
    "SAYSO_ENCRYPTION",
    "SAYSO_PAYLOAD_STORE",
    "SAYSO_PAYLOAD_THRESHOLD",
    "SAYSO_EXPORT_KEY_FILE",
    "SAYSO_ARCHIVE",
    "SAYSO_STATE",
)


@contextmanager
def own_stack_only() -> Iterator[None]:
    """
    Within it nothing in the environment chooses a server, a bundle, a data directory or a key, here and in processes started
    from here: for who acts on a stack of their own, while the person's shell may point at a cluster with real missions.
    """
    names = [name for name in os.environ if name.startswith("TEMPORAL_") or name in _CHOOSING]
    hidden = {name: os.environ.pop(name) for name in names}
    try:
        yield
    finally:
        os.environ.update(hidden)


def data_directory(given: Path | None) -> Path:
    """`--data`, else SAYSO_DATA, else `sayso` under XDG_DATA_HOME (`~/.local/share`)."""
    if given is not None:
        return given.expanduser().resolve()
    named = os.environ.get("SAYSO_DATA")
    if named:
        return Path(named).expanduser().resolve()
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share").expanduser() / "sayso"


def load(data: Path) -> Profile:
    """
    The profile in *data*, overlaid by TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE and SAYSO_POLICIES.

    Raises:
        WrongUse: There is none, or it is not readable, and the environment does not say everything.
    """
    overlay = {
        key: os.environ[name]
        for key, name in (
            ("address", "TEMPORAL_ADDRESS"),
            ("namespace", "TEMPORAL_NAMESPACE"),
            ("policies", "SAYSO_POLICIES"),
        )
        if os.environ.get(name)
    }
    path = data / FILE
    try:
        written = Profile.model_validate_json(path.read_text()).model_dump() if path.exists() else {}
        if overlay.keys() & {"address", "namespace"}:
            # What this stack's gate remembers is nothing about another server; its key opens nothing there, and its payloads
            # are not those of that one.
            for name in ("state", "key_ring", "encryption", "payload_store"):
                written.pop(name, None)
        return Profile.model_validate({"namespace": "default", **written, **overlay})
    except ValidationError as error:
        if not path.exists():
            raise WrongUse(f"no stack is set up in `{data}`: run `sayso up` first, or name another with `--data`") from error
        raise WrongUse(f"`{path}` is not a profile: remove it and run `sayso up` again") from error
    except OSError as error:
        raise WrongUse(f"`{path}` cannot be read ({error.strerror})") from error
