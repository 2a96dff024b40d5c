"""An archive opened, beside what it is verified with, and what pinned gates said in it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.audit.independent import saying
from tests.audit.independent.container import sha256
from tests.audit.independent.history import KINDS, Run, read, signed_form
from tests.audit.independent.lineage import course, goes_on
from tests.audit.independent.payloads import SEALED, data_of, only, unseal, value_of
from tests.audit.independent.saying import Body, actions, evidence, key_of, opened
from tests.audit.independent.strict import Trust, Unreadable, digest, need, token

HOLDS, FAILS, MISSING = "holds", "fails", "missing"
Trouble = tuple[str, str, int | None]
"""Result, words and event."""
Item = tuple[str, int]


@dataclass(frozen=True)
class Paper:
    """A receipt, and the settlement that it stands in."""

    body: Body
    digest: str
    event: int | None
    settlement: Body | None

    @property
    def item(self) -> Item:
        """What it is of."""
        return self.body["proposal"], self.body["item"]


class Archive:
    """Everything that the checks are about."""

    def __init__(self, members: dict[str, bytes], manifest: Body, trust: Trust, ring: Mapping[str, bytes]) -> None:
        self.files, self.manifest, self.trust, self.ring = members, manifest, trust, ring
        self.mission: Body = manifest["mission"]
        self.where = {name: self.mission[name] for name in ("namespace", "mission_id", "run_id")}

    def read(self) -> None:
        """Reads the histories. Raises Unreadable, Unknown."""
        self.contents = {name[9:]: content for name, content in self.files.items() if name.startswith("payloads/")}
        self.run = self._history("history", settle=True)
        earlier = {name[5:].rpartition(".")[0] for name in self.files if name.startswith("runs/")}
        self.runs = {name: self._history(f"runs/{name}", settle=True) for name in earlier}
        self.course = course(self.run, self.mission, self.runs)
        names = {name.rpartition(".")[0] for name in self.files if name.startswith("uses/")}
        self.used = {name[5:]: self._use(name) for name in names}
        known = saying.proposals(self.run, self.trust)
        self.proposals = {name: (event, body) for name, (event, body) in known.items() if self.here(body)}
        told = saying.settlements(self.run, self.trust)
        own = [(event, body) for event, body in told if body["mission"] == self.mission]
        self.settled = [(event, body) for event, body in own if self.run.has(evidence(body, "head"))]
        self.announced = saying.announcements(self.run, self.trust)
        self.papers = list(self._papers())

    def _use(self, name: str) -> Run:
        run = self._history(name, settle=False)
        need(run.events[0].says.workflow_id in ("", f"use/{name[5:]}"), f"`{name}` is another workflow")
        return run

    def _history(self, name: str, *, settle: bool) -> Run:
        text, binary = self.files.get(f"{name}.json"), self.files.get(f"{name}.pb")
        need(text is None or binary is None, f"`{name}` is there twice")
        data = text or b"" if binary is None else binary
        return read(data, self.ring, self.contents, settle, as_json=binary is None)

    @property
    def signed_start(self) -> Any:
        """The JWS in the memo, or what is there instead."""
        fields = (self.course.first or self.run).events[0].says.memo.fields
        return only([fields["sayso_start"]]) if "sayso_start" in fields else SEALED

    @property
    def unbegun(self) -> bool:
        """Whether how the mission began cannot be told, or not be read."""
        absent = self.course.first is None and goes_on(self.run, self.mission["run_id"])
        return absent or (self.course.first or self.run).events[0].sealed

    @property
    def unproposed(self) -> str:
        """What it comes to that no gate proposed something."""
        return MISSING if any(done.name == "propose" and self.sealed(done.id) for done in self.run.done) else FAILS

    @property
    def unheard(self) -> set[int]:
        """The signals that refer to what is not here."""
        signals = self.run.of("WORKFLOW_EXECUTION_SIGNALED")
        return {event.id for event in signals if set(event.names) - self.contents.keys()}

    def here(self, proposal: Body) -> bool:
        """Whether it is for this run."""
        return all(action["mission"] == self.mission for action in actions(proposal))

    def sealed(self, event: int) -> bool:
        """Whether *event* has a payload that cannot be opened."""
        return self.run.events[event - 1].sealed

    def pinned(self, text: Any, find: Callable[[str], Any]) -> bool | None:
        """Whether the key of a JWS is pinned; None where it is no JWS, or names none."""
        try:
            kid = token(text).kid
            return find(kid) is not None if kid else None
        except Unreadable:
            return None

    def standing(self, signed: Body, kind: str) -> str | None:
        """What is wrong with a thing that a pinned gate should have signed."""
        try:
            opened(signed, kind, self.trust)
        except Unreadable:
            return MISSING if self.pinned(signed["jws"], self.trust.gates.get) is False else FAILS
        return None

    def member(self, name: str) -> bytes | None:
        """A member, unsealed; None where it is sealed or not there."""
        try:
            sealed = self.files.get(f"{name}.sealed")
            return self.files.get(name) if sealed is None else unseal(sealed, self.ring, name)
        except Unreadable:
            return None

    def bundle(self, name: str) -> dict[str, bytes] | None:
        """Its files; None where they are not here, or others."""
        prefix = f"policies/{name}/"
        files = {path[len(prefix) :]: content for path, content in self.files.items() if path.startswith(prefix)}
        lines = [f"{path} {sha256(files[path])}" for path in sorted(files, key=lambda path: path.split("/"))]
        return files if files and sha256(json.dumps(["sayso:bundle:v1", lines]).encode()) == name else None

    def _papers(self) -> Iterator[Paper]:
        for event, body in self.settled:
            if signed_form(body["receipt"], 0) == "receipt" and not self.standing(body["receipt"], "receipt"):
                yield Paper({"item": 0, **body["receipt"]["body"]}, body["receipt"]["digest"], event, body)
        for run in self.used.values():
            for signal in run.of("WORKFLOW_EXECUTION_SIGNALED"):
                for value in (value_of(data_of(payload)) for payload in signal.says.input.payloads):
                    if signed_form(value, 0) == "receipt" and not self.standing(value, "receipt"):
                        yield Paper({"item": 0, **value["body"]}, value["digest"], None, None)

    def named(self) -> tuple[set[str], set[str]]:
        """The bundles and the uses that somebody named, whoever it was."""
        bodies = [signed["body"] for kind in KINDS[::2] for _, signed in self.run.signed(kind)]
        proposed = [signed["body"] for _, signed in self.run.signed("proposal")]
        keys = {key_of(*each) for each in self.announced}
        for signal in self.run.signals:
            said = claimed(signal.values[0]) if signal.name == "used" and len(signal.values) == 1 else None
            keys |= {key_of(*said[0])} if said else set()
        for body in proposed:
            try:
                keys |= {key_of(digest("proposal", body), item) for item in range(len(actions(body)))}
            except (Unreadable, KeyError):
                continue
        return {str(body.get("bundle")) for body in bodies}, keys


def claimed(data: bytes | None) -> tuple[Item, str] | None:
    """The item that calls itself announced in *data*, and the JWS that says so."""
    value = value_of(data)
    body = value.get("body") if isinstance(value, dict) else None
    name, item = (body.get("proposal"), body.get("item", 0)) if isinstance(body, dict) else (None, 0)
    if not isinstance(name, str) or not re.fullmatch("[0-9a-f]{64}", name) or type(item) is not int or item < 0:
        return None
    return (name, item), str(value.get("jws"))
