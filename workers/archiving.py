"""Exporting and verifying on this machine: the exporter, the bundles it knows, and loading a bundle out of an archive."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from temporalio.client import Client

from activities.exports import Exporter, Sealer
from activities.ports import PayloadStore
from activities.shelf import Shelf
from approvals.jws import Signer
from audit.verification.material import Open
from policies.bundle import Bundle, bundle_digest
from policies.canonical import Digest
from policies.directory import Directory
from policies.load import load, read_files
from workers.errors import CannotOpen
from workers.keyring import KeyRing


def sayso_version() -> str:
    """Of the installed distribution."""
    return version("sayso")


class KnownBundles:
    """Bundles on the gate's shelf and in directories, by digest."""

    def __init__(self, shelf: Shelf | None, roots: Iterable[Path]) -> None:
        self._shelf = shelf
        self._roots = tuple(roots)

    def find(self, names: Iterable[Digest]) -> Mapping[Digest, Mapping[str, bytes]]:
        """The files of those of *names* that are known. Raises BundleError: a directory cannot be read."""
        wanted = tuple(names)
        found: dict[Digest, Mapping[str, bytes]] = dict(self._shelf.find(wanted)) if self._shelf else {}
        for root in self._roots:
            files = read_files(root)
            if bundle_digest(files) in wanted:
                found.setdefault(bundle_digest(files), files)
        return found


class ArchivedBundles:
    """Loads bundles out of archives, each once."""

    def __init__(self) -> None:
        self._loaded: dict[Digest, Bundle] = {}

    def __call__(self, name: Digest, files: Mapping[str, bytes]) -> Bundle:
        """The bundle of *files*, whose digest is *name*. Raises PolicyError."""
        if name not in self._loaded:
            with tempfile.TemporaryDirectory(prefix="sayso-bundle-") as folder:
                root = Path(folder) / "bundle"
                for path, content in files.items():
                    place = root / path
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(content)
                self._loaded[name] = load(root)
        return self._loaded[name]


def opener(ring: KeyRing) -> Open:
    """What opens sealed members with *ring*."""

    def opened(sealed: bytes, purpose: str) -> bytes | None:
        try:
            return ring.open(sealed, purpose)
        except CannotOpen:
            return None

    return opened


def exporter(
    client: Client,
    signer: Signer,
    directory: Directory,
    bundles: KnownBundles,
    sealer: Sealer | None = None,
    store: PayloadStore | None = None,
) -> Exporter:
    """The exporter of this installation."""
    return Exporter(client, signer, directory, bundles, version=sayso_version(), clock=_now, sealer=sealer, store=store)


def _now() -> datetime:
    return datetime.now(UTC)
