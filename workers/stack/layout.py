"""
What a stack keeps in its data directory, and making what is missing of it.

`policies/` the bundle, a person's from the first start on · `keys/` private keys of the demo's people · `secrets/` what
one role alone may hold · `state/` what the gate remembers · `archive/` missions that closed · `payloads/` what is
too large for a history · `systems/` the example
systems' data · `temporal.db` · `logs/` · `run/` · `ports.json` · `sayso.json`, the profile. Made so that a start that was cut
short is finished by the next one.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
import shutil
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from activities.errors import StoreSilent
from approvals.jws import Signer
from examples.refund.clients import Resources, write_clients
from policies.keys import PublicKey
from policies.load import load, shipped
from workers.errors import WrongUse
from workers.profile import FILE, Encryption, Profile
from workers.ring_files import make_ring
from workers.stack.files import write_whole
from workers.stack.keyfiles import new_key, read_key, replace_secret, write_key, write_secret
from workers.stack.ports import HOST, PURPOSES, Ports

NAMESPACE = "default"
GATE = "gate"
EXPORT = "export"
SERVICES = {"read": "read-worker", "reason": "reason-worker", EXPORT: "exporter"}
"""The services that sign what they say, by role; exporting is no worker's."""
RESOURCES = ("orders", "payments", "knowledge", "parcels")
"""The systems that tokens are for."""
_LOOPBACK = re.compile(r"http://127\.0\.0\.1:\d+")
_HEADER = "# Who is who. Public keys only; see `sayso keys new`. The private keys of the demo's people are in ../keys.\n"


class Layout:
    """The paths in one data directory."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.policies = data / "policies"
        self.keys = data / "keys"
        self.secrets = data / "secrets"
        self.state = data / "state"
        self.systems = data / "systems"
        self.archive = data / "archive"
        self.payloads = data / "payloads"
        self.database = data / "temporal.db"
        self.gate_key = self.secrets / "gate.jwk"
        self.clients = self.secrets / "clients.json"
        self.key_ring = self.secrets / "key-ring.json"
        self.codec_token = self.secrets / "codec-token"
        self.codec_tokens = self.secrets / "codec-tokens.json"

    def client(self, role: str) -> Path:
        """The issuer credential of *role*."""
        return self.secrets / f"{role}-client.json"

    def service_key(self, role: str) -> Path:
        """The signing key of *role*'s service."""
        return self.secrets / f"{role}-signing-key.jwk"

    def make(self) -> None:
        """Makes the private directories."""
        for path in (self.data, self.keys, self.secrets, self.state, self.systems):
            path.mkdir(parents=True, exist_ok=True, mode=0o700)


def prepare(layout: Layout, ports: Ports, encryption: Encryption = "on") -> Profile:
    """
    Makes the bundle with its people's keys, key ring, credentials and profile where they are missing, and leaves what is there.

    Args:
        encryption: With `off` no key ring is made; one that is there stays, to open what was encrypted with it.

    Raises:
        BundleError: The bundle that is there does not load.
        WrongUse: A key file cannot be read or written, or the key ring of earlier missions is gone.
    """
    layout.make()
    _prepare_encryption(layout, encryption)
    _prepare_payloads(layout)
    if not layout.policies.exists():
        _write_bundle(layout)
    load(layout.policies)
    _move_endpoints(layout, layout.policies / "integrations.yaml", ports)
    _replace_lost_gate_key(layout, layout.policies / "directory.yaml")
    for role in SERVICES:
        _replace_lost_service_key(layout, layout.policies / "directory.yaml", role)
    write_clients(layout.secrets, Resources(*(ports.endpoint(name) for name in RESOURCES)))
    profile = Profile(
        address=f"{HOST}:{ports.temporal}",
        namespace=NAMESPACE,
        ui=ports.url("ui"),
        policies=layout.policies,
        keys=layout.keys,
        start_as="olga",
        decide_as="sam",
        state=layout.state,
        export_key=layout.service_key(EXPORT),
        key_ring=layout.key_ring if layout.key_ring.exists() else None,
        encryption=encryption,
        payload_store=str(layout.payloads),
    )
    write_whole(layout.data / FILE, profile.model_dump_json(indent=2) + "\n", layout.data)
    return profile


def _prepare_encryption(layout: Layout, encryption: Encryption) -> None:
    """
    The key ring and the codec server's token. A ring that is gone while its missions are there is never replaced: with another
    one they would read sealed answers, and fail.
    """
    if not layout.key_ring.exists():
        if layout.database.exists() and _had_ring(layout):
            raise WrongUse(
                f"`{layout.key_ring}` is gone, and what is in `{layout.database}` is encrypted with it: put it back; "
                f"to begin anew without those missions, remove `{layout.database}`"
            )
        if encryption == "off":
            return
        make_ring(layout.key_ring)
    if not (layout.codec_token.exists() and layout.codec_tokens.exists()):
        layout.codec_token.unlink(missing_ok=True)
        token = secrets.token_urlsafe(32)
        write_secret(layout.codec_token, token)
        replace_secret(layout.codec_tokens, json.dumps({"temporal-ui": hashlib.sha256(token.encode()).hexdigest()}) + "\n")


def _prepare_payloads(layout: Layout) -> None:
    """The payload store. One that is gone while its missions are there is never replaced: they would read sealed answers."""
    from activities.payload_stores import open_store

    store = open_store(str(layout.payloads))
    before = _last(layout)
    try:
        if layout.database.exists() and before is not None and before.payload_store is not None:
            store.check()
        else:
            store.make()
    except StoreSilent as error:
        raise WrongUse(
            f"{error} Missions in `{layout.database}` need it: put it back; "
            f"to begin anew without them, remove `{layout.database}`"
        ) from error


def _had_ring(layout: Layout) -> bool:
    """Whether the stack was encrypted when it last ran."""
    before = _last(layout)
    return before is not None and before.key_ring is not None


def _last(layout: Layout) -> Profile | None:
    """The profile of when the stack last ran. One that cannot be read is somebody else's trouble."""
    try:
        return Profile.model_validate_json((layout.data / FILE).read_text())
    except (OSError, ValidationError):
        return None


def _write_bundle(layout: Layout) -> None:
    """
    The shipped bundle with a key for each of its people and for the gate. It appears whole: a rename is its last step.

    The private halves are written first. An unfinished start leaves them behind, and the next one goes on with them.
    """
    staged = layout.data / "policies.partial"
    shutil.rmtree(staged, ignore_errors=True)
    shutil.copytree(shipped(), staged)
    directory = _directory(staged / "directory.yaml")
    paths = {who: layout.keys / f"{who}.jwk" for who in directory["people"]} | {GATE: layout.gate_key}
    paths |= {service: layout.service_key(role) for role, service in SERVICES.items() if service in directory["services"]}
    for who, path in paths.items():
        if not path.exists():
            write_key(path, new_key(who))
        _enrol(directory, who, read_key(path))
    _write_directory(layout, staged / "directory.yaml", directory)
    staged.rename(layout.policies)


def _replace_lost_gate_key(layout: Layout, path: Path) -> None:
    """
    A new key for the gate where its file is gone. People get none: a person without a key may have been shut out.

    The public half is written first: a public key whose private half was never kept is harmless, the reverse is not.
    """
    if layout.gate_key.exists():
        return
    directory, signer = _directory(path), new_key(GATE)
    _enrol(directory, GATE, signer)
    _write_directory(layout, path, directory)
    write_key(layout.gate_key, signer)


def _replace_lost_service_key(layout: Layout, path: Path, role: str) -> None:
    """A new key for the service of *role* where its file is gone, and the right to sign; none where no such service is."""
    service, directory = SERVICES[role], _directory(path)
    if layout.service_key(role).exists() or service not in (directory.get("services") or {}):
        return
    signer = new_key(service)
    directory["services"][service].setdefault("signs", [role])
    _enrol(directory, service, signer)
    _write_directory(layout, path, directory)
    write_key(layout.service_key(role), signer)


def _enrol(directory: dict[str, Any], who: str, signer: Signer) -> None:
    entry = _entry(signer.public())
    named = directory["services"] if who in SERVICES.values() else directory["people"]
    holder = directory if who == GATE else named[who]
    place = "gates" if who == GATE else "keys"
    holder[place] = [*(holder.get(place) or []), entry]


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
