"""Fixtures of the tests without a server, and the check that every marked promise is a listed one."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from tests.fakes.bench import Bench
from tests.fakes.kit import Kit

# Before a test module imports the library, which would ask the network for prices.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

settings.register_profile("sayso", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("sayso")

PROMISES = Path(__file__).with_name("promises.toml")
Without = Callable[..., None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Stops a run in which a test is marked with a promise that nobody lists."""
    listed = tomllib.loads(PROMISES.read_text())
    for item in items:
        for mark in (*item.iter_markers("promise"), *item.iter_markers("control")):
            if mark.args[0] not in listed:
                raise pytest.UsageError(f"{item.nodeid}: promise {mark.args[0]} is not in {PROMISES.name}")


@pytest.fixture(scope="session")
def kit(tmp_path_factory: pytest.TempPathFactory) -> Kit:
    """Keys and bundles."""
    return Kit.make(tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def bench(kit: Kit) -> Bench:
    """A started mission before a gate."""
    return Bench(kit)


@pytest.fixture
def without() -> Iterator[Without]:
    """Takes named checks out of a table, for negative controls; afterwards it is whole again, and in its order."""
    whole: list[tuple[MutableMapping[str, Any], dict[str, Any]]] = []

    def take_out(table: MutableMapping[str, Any], *names: str) -> None:
        whole.append((table, dict(table)))
        for name in names:
            del table[name]

    yield take_out
    for table, before in reversed(whole):
        table.clear()
        table.update(before)
