"""The whole verification of one archive: its checks in order, and their verdict."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import ValidationError
from temporalio.converter import PayloadCodec

from approvals.errors import ApprovalError
from audit import archive, manifest
from audit.enclosed import contents_of
from audit.errors import ArchiveError, AuditError, NotAMissionError
from audit.manifest import MANIFEST, Manifest
from audit.references import Contents
from audit.verification.answers import check_answers, check_witnesses
from audit.verification.container import check_checkpoint, check_members
from audit.verification.decisions import check_decisions
from audit.verification.derived import check_derived, check_policies
from audit.verification.history import check_chain, check_contents, check_run, check_start
from audit.verification.material import NOBODY, Material, Open, opened_record, opened_runs, opened_uses
from audit.verification.payloads import check_payloads
from audit.verification.result import Found, Verification, fails, missing, verdict_of
from audit.verification.runs import check_runs, run_head
from audit.verification.transcripts import check_transcripts
from audit.verification.uses import check_ends, check_receipts, check_uses
from policies.bundle import Bundle, bundle_digest
from policies.canonical import Digest
from policies.directory import Directory
from policies.errors import PolicyError

LoadBundle = Callable[[Digest, Mapping[str, bytes]], Bundle]
"""Loads a bundle from its files; raises PolicyError where it cannot."""

Check = Callable[[Material], list[Found]]
CHECKS: Mapping[str, Check] = {
    "chain": check_chain,
    "run": check_run,
    "runs": check_runs,
    "payloads": check_payloads,
    "contents": check_contents,
    "start": check_start,
    "witnesses": check_witnesses,
    "transcripts": check_transcripts,
    "answers": check_answers,
    "policies": check_policies,
    "decisions": check_decisions,
    "uses": check_uses,
    "receipts": check_receipts,
    "ends": check_ends,
    "rail": check_derived,
}
"""What is checked of a history that can be read, in this order. Before it: the container, its members and its checkpoint."""
UNTOLD = (
    *(AuditError, ApprovalError, PolicyError),
    *(ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError),
)
"""
What hostile content can make fail, ours and the libraries'. Then the check could not be made, and that is never VERIFIED; it is
no reason to end without a verdict, and to say nothing of the archives after it.
"""


@dataclass(frozen=True)
class Examined:
    """One archive with what was found about it."""

    verification: Verification
    material: Material | None
    """What the checks looked at; None where the history could not be read."""


@dataclass(frozen=True)
class Verifier:
    """What archives are verified with; good for any number of them."""

    trust: Directory | None
    """The verifier's own pins; None pins nobody."""
    load: LoadBundle
    version: str
    codec: PayloadCodec | None = None
    unseal: Open | None = None

    async def verify(self, data: bytes) -> Verification:
        """What the archive *data* proves."""
        return (await self.examine(data)).verification

    async def examine(self, data: bytes) -> Examined:
        """What the archive *data* proves, beside the material that it was proven from."""
        try:
            members = archive.unpack(data)
            listed = manifest.read(members[MANIFEST])
        except KeyError:
            return Examined(_ended(None, [fails("container", "it holds no manifest")]), None)
        except ArchiveError as error:
            return Examined(_ended(None, [fails("container", str(error))]), None)
        trust = self.trust if self.trust is not None else NOBODY
        findings = [*check_members(listed, members), *check_checkpoint(listed, members, trust)]
        try:
            material = await self._material(listed, members, trust)
        except NotAMissionError as error:
            return Examined(_ended(listed, [*findings, fails("chain", str(error))]), None)
        except UNTOLD as error:
            words = f"the history cannot be read here: {str(error)[:300]}"
            return Examined(_ended(listed, [*findings, missing("chain", words)]), None)
        for name, check in CHECKS.items():
            findings += _checked(name, check, material)
        return Examined(_placed(_ended(listed, findings), material), material)

    async def _material(self, listed: Manifest, members: Mapping[str, bytes], trust: Directory) -> Material:
        contents = contents_of(members)
        codec = Contents(contents, self.codec)
        runs = await opened_runs(listed, members, codec)
        record = await opened_record(listed, members, codec, runs)
        bundles: dict[Digest, Bundle | str] = {}
        material = Material(
            members=members,
            manifest=listed,
            record=record,
            uses=await opened_uses(members, codec),
            trust=trust,
            bundles=bundles,
            hints=_hints(members),
            unseal=self.unseal,
            version=self.version,
            runs=runs,
            contents=contents,
        )
        bundles |= self._bundles(material)
        return material

    def _bundles(self, material: Material) -> dict[Digest, Bundle | str]:
        """The bundles in the archive that a pinned gate named. Others are a stranger's text, and are not loaded."""
        named = {settlement.bundle for settlement in material.settlements.values()}
        named |= {each.proposal.bundle for each in material.proposals.values()}
        found: dict[Digest, Bundle | str] = {}
        for name in sorted(named):
            prefix = f"policies/{name}/"
            files = {path[len(prefix) :]: content for path, content in material.members.items() if path.startswith(prefix)}
            if not files:
                continue
            if bundle_digest(files) != name:
                found[name] = f"the files of policy bundle `{name[:12]}` are not those that the gate judged by"
                continue
            try:
                found[name] = self.load(name, files)
            except PolicyError as error:
                found[name] = f"policy bundle `{name[:12]}` does not load here: {error}"
        return found


def _placed(verification: Verification, material: Material) -> Verification:
    """*verification* with the place of its run in the mission."""
    try:
        heads = tuple(run_head(run) for run in material.course.before)
    except UNTOLD:
        heads = ()
    told = {"head": material.manifest.head, "earlier": heads, "went_on_as": material.record.went_on_as}
    return verification.model_copy(update=told)


def _checked(name: str, check: Check, material: Material) -> list[Found]:
    try:
        return check(material)
    except NotAMissionError as error:
        return [fails(name, str(error))]
    except UNTOLD as error:
        return [missing(name, f"this cannot be judged here: {str(error)[:300] or type(error).__name__}")]


def _hints(members: Mapping[str, bytes]) -> Directory | None:
    try:
        return Directory.model_validate_json(members.get("keys.json", b""))
    except ValidationError:
        return None


def _ended(listed: Manifest | None, findings: list[Found]) -> Verification:
    return Verification(verdict=verdict_of(findings), mission=listed.mission if listed else None, findings=tuple(findings))
