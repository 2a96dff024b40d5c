"""
The manifest of an archive, and the checkpoint: the exporter's signature over the manifest and the whole chain.

Source: docs/audit-format.md
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime

from pydantic import Field, ValidationError

from approvals.errors import SignatureError
from approvals.evidence import Evidence
from approvals.jws import Signer, take_apart, verify
from audit.errors import ArchiveError
from policies.action import MissionRef
from policies.canonical import Digest
from policies.directory import Directory
from policies.keys import PublicKey
from policies.model import Recorded, Written

FORMAT = "sayso-archive/1"
MANIFEST, CHECKPOINT = "manifest.json", "checkpoint.jws"
CHECKPOINT_TYP = "sayso-checkpoint+jws"
EXPORTS = "export"
"""What the directory's entry of an exporter `signs`."""


class Member(Recorded):
    """One member of an archive."""

    sha256: Digest
    bytes: int = Field(ge=0)


class Manifest(Recorded):
    """What an archive holds. Only the manifest itself and the checkpoint are not listed."""

    format: str
    sayso: str
    """Version of the exporter."""
    mission: MissionRef
    closed: bool
    """Whether the run had ended when it was exported."""
    sealed: bool
    """Whether payloads of the history are encrypted; then the members made from its contents are sealed with the same key."""
    chain: tuple[Digest, ...] = Field(min_length=1)
    """Digest of the trail through each event, in order."""
    members: dict[str, Member]

    @property
    def head(self) -> Evidence:
        """The trail through the last event."""
        return Evidence(through=len(self.chain), digest=self.chain[-1])


class Checkpoint(Written):
    """The payload of a checkpoint."""

    format: str
    namespace: str
    mission_id: str
    run_id: str
    head: Evidence
    closed: bool
    manifest: Digest
    """SHA-256 of the manifest's bytes."""
    iat: int
    """Seconds since 1970, by the exporter's clock."""


def member(content: bytes) -> Member:
    """What a manifest says of *content*."""
    return Member(sha256=sha256(content), bytes=len(content))


def written(manifest: Manifest) -> bytes:
    """The manifest in the one form it has."""
    return json.dumps(manifest.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def read(content: bytes) -> Manifest:
    """
    The manifest in *content*.

    Raises:
        ArchiveError: Not a manifest, of another format, or not in its one form.
    """
    try:
        manifest = Manifest.model_validate_json(content)
    except ValidationError as error:
        raise ArchiveError("the manifest is not one this version can read") from error
    if manifest.format != FORMAT:
        raise ArchiveError(f"the archive is a `{manifest.format[:40]}`, this version reads `{FORMAT}`: update sayso")
    if written(manifest) != content:
        raise ArchiveError("the manifest is not in the one form it has")
    return manifest


def misfits(manifest: Manifest, members: Mapping[str, bytes]) -> list[str]:
    """Why *members* are not those that *manifest* lists, one line each; empty when they are."""
    found = {name: content for name, content in members.items() if name not in (MANIFEST, CHECKPOINT)}
    lines = [f"`{name}` is missing" for name in sorted(manifest.members.keys() - found.keys())]
    lines += [f"`{name}` is not listed in the manifest" for name in sorted(found.keys() - manifest.members.keys())]
    both = sorted(found.keys() & manifest.members.keys())
    return lines + [f"`{name}` is not what was exported" for name in both if member(found[name]) != manifest.members[name]]


def sign(manifest: Manifest, signer: Signer, now: datetime) -> bytes:
    """The checkpoint over *manifest*, as a compact JWS."""
    mission = manifest.mission
    checkpoint = Checkpoint(
        format=FORMAT,
        namespace=mission.namespace,
        mission_id=mission.mission_id,
        run_id=mission.run_id,
        head=manifest.head,
        closed=manifest.closed,
        manifest=sha256(written(manifest)),
        iat=int(now.timestamp()),
    )
    return signer.sign(CHECKPOINT_TYP, checkpoint.model_dump(mode="json")).encode()


def checkpoint_of(text: bytes, key: PublicKey) -> Checkpoint:
    """
    The checkpoint in *text*, signed by *key*.

    Raises:
        SignatureError: It is not.
    """
    try:
        token = take_apart(text.decode("ascii"))
        verify(token, CHECKPOINT_TYP, key)
        return Checkpoint.model_validate(token.payload)
    except (UnicodeDecodeError, ValidationError) as error:
        raise SignatureError("is no checkpoint") from error


def exporter(directory: Directory, kid: str) -> tuple[str, PublicKey] | None:
    """The service of *directory* that signs exports with key *kid*, and the key; None where there is none."""
    holder = directory.holder(kid)
    service = directory.services.get(holder[0]) if holder else None
    return holder if service is not None and EXPORTS in service.signs else None


def sha256(content: bytes) -> Digest:
    """SHA-256 of bytes, without a prefix: any tool can compute it."""
    return Digest(hashlib.sha256(content).hexdigest())
