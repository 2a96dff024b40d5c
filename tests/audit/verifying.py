"""Verifying archives in tests: one loader of bundles for all, and what is asserted about a verification."""

from __future__ import annotations

from temporalio.converter import PayloadCodec

from audit.verification.material import Open
from audit.verification.result import Result, Verification
from audit.verification.verify import Verifier
from policies.directory import Directory
from tests.audit.codec import KEYS, TestCodec
from workers.archiving import ArchivedBundles, sayso_version

BUNDLES = ArchivedBundles()
RING = TestCodec(KEYS)


def verifier(trust: Directory | None, codec: PayloadCodec | None = RING, unseal: Open | None = RING.unseal) -> Verifier:
    """A verifier with these pins, and the key of the encrypted mission unless told otherwise."""
    return Verifier(trust, BUNDLES, sayso_version(), codec, unseal)


def doubts(verification: Verification) -> set[str]:
    """The checks that do not hold."""
    return {found.check for found in verification.findings if found.result is not Result.HOLDS}


def words(verification: Verification, check: str) -> str:
    """What *check* says where it does not hold."""
    told = (found for found in verification.findings if found.check == check and found.result is not Result.HOLDS)
    return "; ".join(found.words for found in told)
