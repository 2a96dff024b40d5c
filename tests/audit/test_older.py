"""
Archives that an older Sayso recorded, before missions of several runs and payload stores: they are verified as they were then,
by both verifiers. They are never recorded again.
"""

from __future__ import annotations

import pytest

from audit.verification.result import verdict_of
from policies.load import load_trust
from tests.audit.codec import KEYS
from tests.audit.independent.strict import Trust
from tests.audit.independent.verify import verify
from tests.audit.stories import ARCHIVES
from tests.audit.verifying import verifier

OLDER = ARCHIVES / "older"
TRUST = OLDER / "trust.yaml"


ARCHIVED = {path.stem: path.read_bytes() for path in sorted(OLDER.glob("*.sayso"))}


@pytest.mark.parametrize("name", ARCHIVED)
async def test_older_archive_is_verified_as_it_was(name: str) -> None:
    """But for the rail: it was made by the same version in the making, whose words have changed since."""
    data = ARCHIVED[name]
    found = [each for each in (await verifier(load_trust(TRUST)).verify(data)).findings if each.check != "rail"]
    assert verdict_of(found) == "VERIFIED", [(each.check, each.words) for each in found if each.result != "holds"]
    assert verify(data, Trust(TRUST.read_text("utf-8")), KEYS)[0] == "VERIFIED"
