"""Verifiers for the recorded archives, each made once: with the pins of the house they were recorded in, and with nobody's."""

from __future__ import annotations

import pytest

from audit.verification.verify import Verifier
from policies.directory import Directory
from policies.load import load_trust
from tests.audit.stories import TRUST
from tests.audit.verifying import verifier


@pytest.fixture(scope="session")
def trust() -> Directory:
    """The pins of the house that the archives were recorded in."""
    return load_trust(TRUST)


@pytest.fixture(scope="session")
def ours(trust: Directory) -> Verifier:
    """Verifies with them."""
    return verifier(trust)
