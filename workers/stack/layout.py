"""
What a stack keeps in its data directory, and making what is missing of it.

`policies/` the bundle, a person's from the first start on · `keys/` private keys of the demo's people · `secrets/` what
one role alone may hold · `systems/` the example systems' data · `temporal.db` · `logs/` · `run/` · `ports.json` ·
`sayso.json`, the profile. Made so that a start that was cut short is finished by the next one.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from approvals.jws import Signer
from examples.refund.clients import Resources, write_clients
from policies.keys import PublicKey
from policies.load import load, shipped
from workers.profile import FILE, Profile
from workers.stack.files import write_whole
from workers.stack.keyfiles import new_key, read_key, write_key
from workers.stack.ports import HOST, PURPOSES, Ports

NAMESPACE = "default"
GATE = "gate"
_LOOPBACK = re.compile(r"http://127\.0\.0\.1:\d+")
_HEADER = "# Who is who. Public keys only; see `sayso keys new`. The private keys of the demo's people are in ../keys.\n"


class Layout:
    """The paths in one data directory."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.policies = data / "policies"
        self.keys = data / "keys"
        self.secrets = data / "secrets"
        self.systems = data / "systems"
        self.database = data / "temporal.db"
        self.gate_key = self.secrets / "gate.jwk"
        self.clients = self.secrets / "clients.json"

    def client(self, role: str) -> Path:
        """The issuer credential of *role*."""
        return self.secrets / f"{role}-client.json"

    def make(self) -> None:
        """Makes the private directories."""
        for path in (self.data, self.keys, self.secrets, self.systems):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)


def prepare(layout: Layout, ports: Ports) -> Profile:
    """
    Makes bundle, keys, credentials and profile where they are missing, and leaves what is there.

    Raises:
        BundleError: The bundle that is there does not load.
        WrongUse: A key file cannot be read or written.
    """
    layout.make()
    if not layout.policies.exists():
        _write_bundle(layout)
    load(layout.policies)
    _move_endpoints(layout, layout.policies / "integrations.yaml", ports)
    _add_missing_keys(layout, layout.policies / "directory.yaml")
    write_clients(layout.secrets, Resources(ports.endpoint("orders"), ports.endpoint("payments"), ports.endpoint("knowledge")))
    profile = Profile(
        address=f"{HOST}:{ports.temporal}",
        namespace=NAMESPACE,
        ui=ports.url("ui"),
        policies=layout.policies,
        keys=layout.keys,
        start_as="olga",
        decide_as="sam",
    )
    write_whole(layout.data / FILE, profile.model_dump_json(indent=2) + "\n", layout.data)
    return profile


def _write_bundle(layout: Layout) -> None:
    """The shipped bundle with keys of an earlier, unfinished start. It appears whole: a rename is its last step."""
    staged = layout.data / "policies.partial"
    shutil.rmtree(staged, ignore_errors=True)
    shutil.copytree(shipped(), staged)
    directory = _directory(staged / "directory.yaml")
    for who in directory["people"]:
        if (path := layout.keys / f"{who}.jwk").exists():
            _enrol(directory, who, read_key(path))
    if layout.gate_key.exists():
        _enrol(directory, GATE, read_key(layout.gate_key))
    _write_directory(layout, staged / "directory.yaml", directory)
    staged.rename(layout.policies)


def _add_missing_keys(layout: Layout, path: Path) -> None:
    """
    Keys for people who have none, here or in the directory, and for the gate.

    The public half is written first: a public key whose private half was never kept is harmless, the reverse is not.
    """
    directory = _directory(path)
    made: list[tuple[Path, Signer]] = []
    for who, person in (directory.get("people") or {}).items():
        private = layout.keys / f"{who}.jwk"
        if not person.get("keys") and not private.exists():
            made.append((private, _enrol(directory, who, new_key(who))))
    if not layout.gate_key.exists():
        made.append((layout.gate_key, _enrol(directory, GATE, new_key(GATE))))
    if made:
        _write_directory(layout, path, directory)
    for private, signer in made:
        write_key(private, signer)


def _enrol(directory: dict[str, Any], who: str, signer: Signer) -> Signer:
    entry = _entry(signer.public())
    holder = directory if who == GATE else directory["people"][who]
    place = "gates" if who == GATE else "keys"
    holder[place] = [*(holder.get(place) or []), entry]
    return signer


def _entry(key: PublicKey) -> dict[str, str]:
    return {"kid": key.kid, "x": key.x}


def _directory(path: Path) -> dict[str, Any]:
    directory: dict[str, Any] = yaml.safe_load(path.read_text())
    return directory


def _write_directory(layout: Layout, path: Path, directory: dict[str, Any]) -> None:
    write_whole(path, _HEADER + yaml.safe_dump(directory, sort_keys=False, allow_unicode=True), layout.data)


def _move_endpoints(layout: Layout, path: Path, ports: Ports) -> None:
    """Puts this stack's ports where the bundle names loopback ones, in its text, so that comments and edits stay."""
    text = path.read_text()
    catalogue = yaml.safe_load(text)
    named = {"issuer": catalogue["issuer"]} | {name: entry["url"] for name, entry in catalogue["integrations"].items()}
    moved = text
    for name, url in named.items():
        local = _LOOPBACK.match(url)
        if local and name in PURPOSES:
            moved = re.sub(re.escape(local[0]) + r"(?!\d)", ports.url(name), moved)
    if moved != text:
        write_whole(path, moved, layout.data)
