"""The enterprise, started once for all tests of this folder."""

from collections.abc import Iterator

import pytest

from tests.examples.enterprise import Enterprise, running_enterprise


@pytest.fixture(scope="session")
def enterprise(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Enterprise]:
    """Issuer, orders, payments and knowledge as real processes."""
    with running_enterprise(tmp_path_factory.mktemp("enterprise")) as running:
        yield running
