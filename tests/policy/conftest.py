"""Copies of the shipped bundle to change, and `sayso` in this process, away from any stack."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from approvals.jws import Signer
from approvals.rehearsal import Played, play, set_stage
from policies.load import load, shipped
from policies.scenario import Scenario
from workers.cli.main import run


@dataclass(frozen=True)
class Answer:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Its output as JSON."""
        return json.loads(self.out)


class Copy:
    """A bundle of one test, changed as text: a person would edit it so."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.copytree(shipped(), root)

    def replace(self, name: str, old: str, new: str) -> Copy:
        """Exchanges *old*, which must be there."""
        text = (self.root / name).read_text()
        assert old in text, f"{name} does not hold {old!r}"
        (self.root / name).write_text(text.replace(old, new))
        return self

    def write(self, name: str, text: str) -> Copy:
        """Writes a file."""
        (self.root / name).write_text(text)
        return self

    def append(self, name: str, text: str) -> Copy:
        """Adds to a file."""
        return self.write(name, (self.root / name).read_text() + text)

    def played(self) -> dict[str, Played]:
        """Its scenarios as they come out, by name."""
        bundle = load(self.root)
        stage = set_stage(bundle, Signer.generate)
        return {scenario.name: play(scenario, stage) for scenario in bundle.scenarios}

    def play(self, scenario: Scenario) -> Played:
        """One scenario on this bundle."""
        return play(scenario, set_stage(load(self.root), Signer.generate))


Sayso = Callable[..., Answer]


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    """A copy of the shipped bundle."""
    return Copy(tmp_path / "bundle")


@pytest.fixture
def sayso(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Sayso:
    """The command line, with an empty data directory."""
    for name in ("SAYSO_POLICIES", "SAYSO_READ_CLIENT_FILE", "SAYSO_COMMIT_CLIENT_FILE", "SAYSO_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SAYSO_DATA", str(tmp_path / "data"))

    def command(*arguments: str | Path) -> Answer:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Answer(code, said.out, said.err)

    return command
