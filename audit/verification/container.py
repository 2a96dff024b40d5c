"""The archive as a thing: its members against the manifest, the manifest against the checkpoint."""

from __future__ import annotations

import re
from collections.abc import Mapping

from approvals.errors import SignatureError
from approvals.jws import take_apart
from audit.manifest import CHECKPOINT, Checkpoint, Manifest, checkpoint_of, exporter, misfits, sha256, written
from audit.verification.result import Found, fails, holds, missing, of
from policies.directory import Directory

_MEMBER = re.compile(
    r"history\.(json|pb)|keys\.json|uses/[0-9a-f]{64}(\.[1-9][0-9]*)?\.(json|pb)|policies/[0-9a-f]{64}/.+"
    r"|runs/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(json|pb)|payloads/[0-9a-f]{64}"
    r"|(rail\.json|cards/[0-9a-f]{64}\.(json|txt))(\.sealed)?"
)
"""What an archive of this format has in it."""


def check_members(manifest: Manifest, members: Mapping[str, bytes]) -> list[Found]:
    """Whether the archive holds exactly what the manifest lists, byte for byte, and nothing that no verifier reads."""
    found = [fails("members", line) for line in misfits(manifest, members)]
    strange = sorted(name for name in manifest.members if not _MEMBER.fullmatch(name))
    found += [missing("members", f"`{name}` is a member that this version does not know: update sayso") for name in strange]
    return found or [holds("members", f"as listed: {of(len(manifest.members), 'member')}")]


def check_checkpoint(manifest: Manifest, members: Mapping[str, bytes], trust: Directory) -> list[Found]:
    """Whether an exporter whom the verifier pins signed this manifest and the whole chain."""
    text = members.get(CHECKPOINT)
    if text is None:
        return [missing("checkpoint", "there is no checkpoint: nobody vouches that this is the whole history")]
    try:
        kid = take_apart(text.decode("ascii")).kid
    except (SignatureError, UnicodeDecodeError) as error:
        return [fails("checkpoint", f"the checkpoint is none: it {error}")]
    known = exporter(trust, kid)
    if known is None:
        return [
            (missing if kid else fails)("checkpoint", f"the checkpoint is signed by `{kid}`, which is not an exporter you pin")
        ]
    who, key = known
    if key.revoked:
        return [fails("checkpoint", f"the checkpoint is signed with key `{kid}`, which you pin as revoked")]
    try:
        checkpoint = checkpoint_of(text, key)
    except SignatureError as error:
        return [fails("checkpoint", f"the checkpoint {error}")]
    if not _over(checkpoint, manifest):
        return [fails("checkpoint", "the checkpoint is over another archive than this one")]
    return [holds("checkpoint", f"{who} signed the whole chain, through event {checkpoint.head.through}")]


def _over(checkpoint: Checkpoint, manifest: Manifest) -> bool:
    mission = manifest.mission
    named = (checkpoint.namespace, checkpoint.mission_id, checkpoint.run_id)
    return (
        checkpoint.format == manifest.format
        and checkpoint.manifest == sha256(written(manifest))
        and named == (mission.namespace, mission.mission_id, mission.run_id)
        and (checkpoint.head, checkpoint.closed) == (manifest.head, manifest.closed)
    )
