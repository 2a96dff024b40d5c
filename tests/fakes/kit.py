"""The shipped bundle with keys for its people, made once, and changed copies of it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from approvals.jws import Signer
from policies.bundle import Bundle
from policies.directory import Directory
from policies.load import load, shipped

PEOPLE = ("olga", "sam", "lena", "fay", "dora", "iris")
SERVICES = ("mission-worker", "read-worker", "reason-worker")
Edit = Callable[[Path], None]


@dataclass
class Kit:
    """Keys and bundles of one test session. Nothing in it is ever changed in place."""

    root: Path
    signers: Mapping[str, Signer]
    _loaded: dict[str, Bundle] = field(default_factory=dict)

    @classmethod
    def make(cls, root: Path) -> Kit:
        """Generates keys and writes the bundle to *root*/kit."""
        signers = {who: Signer.generate(f"{who}-1") for who in (*PEOPLE, *SERVICES, "gate", "stranger")}
        target = root / "kit"
        shutil.copytree(shipped(), target)
        edit_yaml(target / "directory.yaml", lambda directory: _with_keys(directory, signers))
        return cls(target, signers)

    @property
    def bundle(self) -> Bundle:
        """The shipped bundle with keys."""
        return self.changed("as shipped", lambda root: None)

    def changed(self, name: str, edit: Edit) -> Bundle:
        """A copy of the bundle after *edit*; kept by *name*."""
        if name not in self._loaded:
            self._loaded[name] = load(self.copy(name, edit))
        return self._loaded[name]

    def copy(self, name: str, edit: Edit) -> Path:
        """The directory of a copy after *edit*, not loaded."""
        target = self.root.parent / "changed" / name.replace(" ", "-")
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(self.root, target)
        edit(target)
        return target


def edit_yaml(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Rewrites a YAML file after *change*."""
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content))


def in_file(name: str, old: str, new: str) -> Edit:
    """An edit that replaces *old*, which must be there."""

    def edit(root: Path) -> None:
        text = (root / name).read_text()
        assert old in text, f"{name} does not hold {old!r}"
        (root / name).write_text(text.replace(old, new))

    return edit


def asking(**annotations: str) -> Edit:
    """A small refund asks for more: *annotations* of its permit by name, in place of those it had."""

    def edit(root: Path) -> None:
        text = (root / "refund.cedar").read_text()
        head, tail = text.split('@id("refund-small")')
        body, rest = tail.split("permit", 1)
        lines = [line for line in body.splitlines() if not line.startswith(tuple(f"@{name}(" for name in annotations))]
        added = [f'@{name}("{value}")' for name, value in annotations.items() if value]
        (root / "refund.cedar").write_text(f'{head}@id("refund-small")' + "\n".join([*lines, *added]) + f"\npermit{rest}")

    return edit


def without_idempotency(root: Path) -> None:
    """The payment system knows no idempotency key."""

    def change(catalogue: dict[str, Any]) -> None:
        del catalogue["integrations"]["payments"]["operations"]["issue_refund"]["idempotency"]

    edit_yaml(root / "integrations.yaml", change)


def regrouped(directory: Directory, **groups: tuple[str, ...]) -> Directory:
    """*directory* with the named people in exactly these groups."""
    people = {
        who: person.model_copy(update={"groups": groups.get(who, person.groups)}) for who, person in directory.people.items()
    }
    return directory.model_copy(update={"people": people})


def revoked(directory: Directory, *whose: str) -> Directory:
    """*directory* with all keys of the named people revoked."""
    people = dict(directory.people)
    for who in whose:
        keys = tuple(key.model_copy(update={"revoked": True}) for key in people[who].keys)
        people[who] = people[who].model_copy(update={"keys": keys})
    return directory.model_copy(update={"people": people})


def _with_keys(directory: dict[str, Any], signers: Mapping[str, Signer]) -> None:
    for who in PEOPLE:
        directory["people"][who] |= {"keys": [_public(signers[who])], "principals": [f"user:{who}"]}
    for service in SERVICES:
        directory["services"][service]["keys"] = [_public(signers[service])]
    directory["gates"] = [_public(signers["gate"])]


def _public(signer: Signer) -> dict[str, str]:
    key = signer.public()
    return {"kid": key.kid, "x": key.x}
