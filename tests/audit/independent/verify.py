"""The checks and their verdict: section 7."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tests.audit.independent import container
from tests.audit.independent.container import sha256
from tests.audit.independent.deciding import Judge, Judgement
from tests.audit.independent.history import ENDS, KINDS, SEALED, Done, Run, data_of, only, read, signed_form, unseal, value_of
from tests.audit.independent.saying import (
    FINAL,
    Body,
    actions,
    announcements,
    decision,
    evidence,
    key_of,
    opened,
    owner,
    proposals,
    settlements,
    when,
)
from tests.audit.independent.strict import Trust, Unknown, Unreadable, digest, need, parse, token

HOLDS, FAILS, MISSING = "holds", "fails", "missing"
ASKED = {"read": ("operation", "arguments"), "reason": ("purpose", "inputs", "result_schema")}
BY_WORD = ("not_sent", "receipt", "unknown")


@dataclass(frozen=True)
class Finding:
    """What one check found at one place."""

    check: str
    result: str
    words: str = ""
    event: int | None = None


Trouble = tuple[str, str, int | None]


def verify(data: bytes, trust: Trust, ring: Mapping[str, bytes] | None = None) -> tuple[str, list[Finding]]:
    """The verdict over an archive, and every finding."""
    findings: list[Finding] = []
    try:
        members = container.unpack(data)
        archive = Archive(members, container.manifest(members.get("manifest.json", b"")), trust, ring or {})
    except Unreadable as error:
        return "FAILED", [Finding("container", FAILS, str(error))]
    checks = {"members": archive.members_, "checkpoint": archive.checkpoint}
    try:
        archive.read()
        names = "chain run contents start witnesses answers policies decisions uses receipts ends rail"
        checks |= {name: getattr(archive, name) for name in names.split()}
    except Unreadable as error:
        findings.append(Finding("chain", FAILS, str(error)))
    except Unknown as error:
        findings.append(Finding("chain", MISSING, str(error)))
    for name, check in checks.items():
        troubles = [Finding(name, *trouble) for trouble in check()]
        findings += troubles or [Finding(name, HOLDS)]
    results = {finding.result for finding in findings}
    return "FAILED" if FAILS in results else "INCOMPLETE" if MISSING in results else "VERIFIED", findings


class Archive:
    """One archive, beside what it is verified with."""

    def __init__(self, members: dict[str, bytes], manifest: Body, trust: Trust, ring: Mapping[str, bytes]) -> None:
        self.files, self.manifest, self.trust, self.ring = members, manifest, trust, ring
        self.mission: Body = manifest["mission"]

    def members_(self) -> Iterator[Trouble]:
        """Exactly those that are listed."""
        found = {name: content for name, content in self.files.items() if name not in container.OUTSIDE}
        listed = self.manifest["members"]
        for name in found.keys() ^ listed.keys():
            yield FAILS, f"`{name}` is not both listed and there", None
        for name in found.keys() & listed.keys():
            if listed[name] != {"sha256": sha256(found[name]), "bytes": len(found[name])}:
                yield FAILS, f"`{name}` is another", None

    def checkpoint(self) -> Iterator[Trouble]:
        """A pinned exporter signed the manifest."""
        text = self.files.get("checkpoint.jws")
        try:
            made = token(text.decode("latin-1")) if text is not None else None
        except Unreadable as error:
            return (yield FAILS, str(error), None)
        key = self.trust.signer(made.kid, "export") if made else None
        if made is None or key is None:
            return (yield MISSING, "no exporter whom you pin signed it", None)
        says, chain = made.payload, self.manifest["chain"]
        head = {"through": len(chain), "digest": chain[-1]}
        where = {name: self.mission[name] for name in ("namespace", "mission_id", "run_id")}
        what = {"format": self.manifest["format"], "closed": self.manifest["closed"], "head": head, **where}
        what["manifest"] = sha256(self.files["manifest.json"])
        good = not key.revoked and made.good("sayso-checkpoint+jws", key) and type(says.get("closed")) is bool
        if not good or says != {**what, "iat": says.get("iat")} or type(says["iat"]) is not int:
            yield FAILS, "the checkpoint is not good, or over another manifest", None

    def read(self) -> None:
        """Reads what the checks are about."""
        self.run_ = read(self.files.get("history.json", b""), self.ring, settle=True)
        names = [name for name in self.files if name.startswith("uses/") and name.endswith(".json")]
        self.used = {name[5:-5]: self._use(name) for name in names}
        here = proposals(self.run_, self.trust)
        mine = {name: (event, body) for name, (event, body) in here.items() if self._here(body)}
        self.proposals, self.foreign = mine, here.keys() - mine.keys()
        told = settlements(self.run_, self.trust)
        own = [(event, body) for event, body in told if body["mission"] == self.mission]
        self.settled = [(event, body) for event, body in own if self.run_.has(evidence(body, "head"))]
        self.announced = announcements(self.run_, self.trust)
        self.papers = list(self._papers())

    def _use(self, name: str) -> Run:
        run = read(self.files[name], self.ring, settle=False)
        need(run.events[0].says.workflow_id in ("", f"use/{name[5:-5]}"), f"`{name}` is another workflow")
        return run

    def _here(self, body: Body) -> bool:
        return all(action["mission"] == self.mission for action in actions(body))

    def chain(self) -> Iterator[Trouble]:
        """The recomputed chain is the manifest's."""
        links = [event.link for event in self.run_.events]
        if links != self.manifest["chain"]:
            yield FAILS, "the events are not those that were exported", None

    def run(self) -> Iterator[Trouble]:
        """It is this run, and over."""
        says, mission, last = self.run_.events[0].says, self.mission, self.run_.events[-1]
        first = says.first_execution_run_id
        same = says.workflow_type.name == mission["mission_type"] and first == mission["first_execution_run_id"]
        same = same and says.workflow_id in ("", mission["mission_id"])
        original = says.original_execution_run_id
        if not same or (original not in ("", mission["run_id"]) and original == first == mission["run_id"]):
            yield FAILS, "the history is of another mission", 1
        closed = last.type.removeprefix("WORKFLOW_EXECUTION_") in ENDS
        if closed != self.manifest["closed"]:
            yield FAILS, "the manifest tells another end", last.id
        elif not closed:
            yield MISSING, "the run is open", last.id

    def contents(self) -> Iterator[Trouble]:
        """Every payload outside signals can be read."""
        for event in self.run_.events:
            if event.sealed and event.type != "WORKFLOW_EXECUTION_SIGNALED":
                yield MISSING, "it is sealed", event.id

    def start(self) -> Iterator[Trouble]:
        """The signed start proves the owner."""
        fields = self.run_.events[0].says.memo.fields
        signed = only([fields["sayso_start"]]) if "sayso_start" in fields else SEALED
        try:
            owner(self.run_, self.mission["namespace"], self.mission["mission_id"], self.trust)
        except Unreadable as error:
            known = isinstance(signed, str) and self._kid(signed, lambda kid: self.trust.holder(kid))
            yield FAILS if known or known is None else MISSING, str(error), 1

    def _kid(self, text: str, find: Callable[[str], Any]) -> bool | None:
        """Whether the key of a JWS is pinned; None where it is no JWS."""
        try:
            return find(token(text).kid) is not None
        except Unreadable:
            return None

    def witnesses(self) -> Iterator[Trouble]:
        """Every read and every answer of a model is signed."""
        for done in self.run_.done:
            signature = done.result.get("signature") if isinstance(done.result, dict) else None
            if done.name not in ASKED or self._witnessed(done, signature):
                continue
            pinned = self._kid(signature, self.trust.holder) if isinstance(signature, str) else False
            sealed = self.run_.events[done.id - 1].sealed
            yield MISSING if sealed or pinned is False else FAILS, "it is not what a service signed", done.id

    def _witnessed(self, done: Done, signature: Any) -> bool:
        try:
            made = token(signature)
            key = self.trust.signer(made.kid, done.name)
            asked = None if done.asked is SEALED else done.asked
            asked = {name: asked.get(name) for name in ASKED[done.name]} if isinstance(asked, dict) else asked
            answer = {name: value for name, value in done.result.items() if name != "signature"}
            where = {name: self.mission[name] for name in ("namespace", "mission_id", "run_id")}
            what = {"kind": done.name, "activity": done.activity, **where}
            what |= {"request": digest("request", asked), "result": digest("answer", answer)}
            says = {name: made.payload.get(name) for name in what}
            return key is not None and key.at(done.at) and made.good("sayso-testimony+jws", key) and says == what
        except Unreadable:
            return False

    def answers(self) -> Iterator[Trouble]:
        """Every answer of the gate is signed, for this run."""
        kinds = {"propose": ("proposal", "refusal"), "settle": ("settlement",)}
        for done in self.run_.done:
            if done.name not in kinds:
                continue
            kind = signed_form(done.result, done.size)
            if kind is None:
                sealed = self.run_.events[done.id - 1].sealed
                yield MISSING if sealed else FAILS, "it is not signed", done.id
                continue
            unsure = self._standing(done.result, kind)
            if unsure or kind not in kinds[done.name]:
                yield unsure or FAILS, f"this {kind} is not a gate's, or not asked for", done.id
            elif kind != "refusal" and not self._in_place(done, kind):
                yield FAILS, f"this {kind} is not of this run, or of no history before it", done.id

    def _standing(self, signed: Body, kind: str) -> str | None:
        try:
            opened(signed, kind, self.trust)
        except Unreadable:
            return MISSING if self._kid(signed["jws"], self.trust.gates.get) is False else FAILS
        return None

    def _in_place(self, done: Done, kind: str) -> bool:
        body, before = done.result["body"], self.run_.before(done.id)
        try:
            if kind == "settlement":
                return body["mission"] == self.mission and before.has(evidence(body, "head")) and when(body, "at") is not None
            card = self._member(f"cards/{done.result['digest']}.json")
            drawn = card is None or digest("card", parse(card)) == body["card"]
            known = {**self.proposals, **dict.fromkeys(self.foreign)}
            return self._here(body) and before.has(evidence(body, "evidence")) and drawn and done.result["digest"] in known
        except (Unreadable, KeyError, TypeError):
            return False

    def _member(self, name: str) -> bytes | None:
        """A member, unsealed; None where it is sealed or not there."""
        try:
            sealed = self.files.get(f"{name}.sealed")
            return self.files.get(name) if sealed is None else unseal(sealed, self.ring, name)
        except Unreadable:
            return None

    def _bundles(self) -> set[str]:
        return {body["bundle"] for body in [*dict(self.proposals.values()).values(), *dict(self.settled).values()]}

    def _bundle(self, name: str) -> dict[str, bytes] | None:
        """Its files; None where they are not here, or others."""
        prefix = f"policies/{name}/"
        files = {path[len(prefix) :]: content for path, content in self.files.items() if path.startswith(prefix)}
        lines = [f"{path} {sha256(files[path])}" for path in sorted(files, key=lambda path: path.split("/"))]
        return files if files and sha256(json.dumps(["sayso:bundle:v1", lines]).encode()) == name else None

    def policies(self) -> Iterator[Trouble]:
        """Every bundle that a gate named is here."""
        for name in self._bundles():
            if self._bundle(name) is None:
                yield MISSING, f"bundle `{name[:12]}` is not in the archive", None
        there = {name.split("/")[1] for name in self.files if name.startswith("policies/")}
        bodies = [signed["body"] for kind in KINDS[::2] for _, signed in self.run_.signed(kind)]
        for name in there - {str(body.get("bundle")) for body in bodies}:
            yield FAILS, f"nothing names bundle `{name[:12]}`", None

    def _judge(self, before: int, at: Any, counted: Mapping[str, int]) -> Judge:
        return Judge(self.run_.before(before), self.mission, self.trust, at, counted)

    def decisions(self) -> Iterator[Trouble]:
        """Each settlement is what the decisions come to."""
        for event, body in self.settled:
            if body["proposal"] not in self.proposals:
                yield FAILS, "no gate that you pin proposed it", event
                continue
            if self._bundle(body["bundle"]) is None:
                yield MISSING, "its bundle is not here", event
                continue
            through, counted = evidence(body, "head")[0], body.get("approvals_this_hour", {})
            judged = self._judge(through + 1, when(body, "at"), counted).judge(body["proposal"], body["item"])
            exactly = body.get("directory") == self.trust.digest
            if body["kind"] not in BY_WORD and (judged.admits or judged.answer != body["kind"]):
                yield FAILS if exactly else MISSING, f"settled `{body['kind']}`, judged `{judged.answer}`", event
            yield from self._votes(body, judged, exactly)

    def _votes(self, body: Body, judged: Judgement, exactly: bool) -> Iterator[Trouble]:
        for told in body["votes"]:
            worth = (told.get("who"), told.get("assurance", "claimed"), told.get("verdict"), not told.get("refused"))
            found = judged.votes.get(told["event_id"])
            if found is None:
                yield FAILS, "the gate judged what the history does not hold", told["event_id"]
            elif worth != found.worth:
                eased = worth[3] and not found.counts
                unsure = told["event_id"] in self._strangers(body["proposal"]) if eased else True
                yield MISSING if unsure and not exactly else FAILS, f"judged {found.worth}, not {worth}", told["event_id"]

    def _strangers(self, proposal: str) -> set[int]:
        """Decisions about *proposal* under keys that are not pinned."""
        found = set()
        for signal in self.run_.signals:
            try:
                said = decision(signal)
            except Unreadable:
                continue
            if said.token and said.proposal == proposal and self.trust.holder(said.token.kid) is None:
                found.add(signal.id)
        return found

    def uses(self) -> Iterator[Trouble]:
        """Each use was announced over this history, and is here."""
        for (name, item), (event, body) in self.announced.items():
            use = self.used.get(key_of(name, item))
            if name not in self.proposals:
                yield FAILS, "no gate that you pin proposed it", event
                continue
            if not self.run_.before(event).has(evidence(body, "head")):
                yield FAILS, "its head is of another history", event
            if use is None or any(each.sealed for each in use.events):
                yield MISSING, "the use is not in the archive, or sealed", event

    def _papers(self) -> Iterator[tuple[Body, str, int | None, Body | None]]:
        """Every receipt: its body and digest, and the settlement that it stands in."""
        for event, body in self.settled:
            signed = body["receipt"]
            if signed is not None and signed_form(signed, 0) == "receipt" and not self._standing(signed, "receipt"):
                yield {"item": 0, **signed["body"]}, signed["digest"], event, body
        for run in self.used.values():
            for signal in run.of("WORKFLOW_EXECUTION_SIGNALED"):
                for value in (value_of(data_of(payload)) for payload in signal.says.input.payloads):
                    if signed_form(value, 0) == "receipt" and not self._standing(value, "receipt"):
                        yield {"item": 0, **value["body"]}, value["digest"], None, None

    def receipts(self) -> Iterator[Trouble]:
        """What was sent was announced, admitted, as approved, once."""
        papers: dict[tuple[str, int], list[tuple[Body, str, int | None, Body | None]]] = {}
        for event, body in self.settled:
            signed = body["receipt"]
            if body["kind"] == "receipt" and signed is None:
                yield FAILS, "there is no receipt", event
            unsure = signed and (FAILS if signed_form(signed, 0) != "receipt" else self._standing(signed, "receipt"))
            if unsure:
                yield unsure, "the receipt is not a gate's", event
        for paper in self.papers:
            item = paper[0]["proposal"], paper[0]["item"]
            if paper[3] is not None and item != (paper[3]["proposal"], paper[3]["item"]):
                yield FAILS, "the receipt is of another action than its settlement", paper[2]
            papers.setdefault(item, []).append(paper)
        for (name, number), theirs in papers.items():
            if name in self.proposals and 0 <= number < len(actions(self.proposals[name][1])):
                yield from self._item(name, number, theirs)

    def _item(self, name: str, number: int, papers: list[tuple[Body, str, int | None, Body | None]]) -> Iterator[Trouble]:
        if (name, number) not in self.announced:
            return (yield FAILS, "its use was never announced", papers[0][2])
        event, claim = self.announced[name, number]
        action = actions(self.proposals[name][1])[number]
        about = {"operation": action["operation"], "arguments": action["arguments"]}
        where = {part: self.mission[part] for part in ("namespace", "mission_id", "first_execution_run_id")}
        names = ["mission", "step", "integration", "endpoint", "operation", "contract", "arguments"]
        whole = digest("action", {part: action[part] for part in names})
        expected = (whole, digest("idempotency", {**where, "step": action["step"], **about}))
        if (claim["action"], claim["idempotency_key"]) != expected:
            yield FAILS, "another action was announced", event
        for body, _, place, _ in papers:
            sent = (body["action"], body["idempotency_key"], body["operation"], body["sent"])
            if sent != (*expected, action["operation"], digest("sent", about)):
                yield FAILS, "another action was sent", place
            if not self.run_.has(evidence(body, "admitted")) or evidence(body, "admitted")[0] < event - 1:
                yield FAILS, "it was admitted over another history", place
        told = next((body for _, _, _, body in papers if body is not None), None)
        bundle = self._bundle((told or self.proposals[name][1])["bundle"])
        if bundle is None:
            return (yield MISSING, "its bundle is not here", event)
        counted = told.get("approvals_this_hour", {}) if told and evidence(told, "head")[0] == event - 1 else {}
        if not self._judge(event, self.run_.events[event - 1].at, counted).judge(name, number).admits:
            yield MISSING if self._strangers(name) else FAILS, "it was not admitted", event
        if len({paper[1] for paper in papers}) > 1 and not (told and idempotent(bundle, action["operation"])):
            yield FAILS, "it has two receipts", event

    def ends(self) -> Iterator[Trouble]:
        """The gate said how each item ended."""
        told = [body for _, body in self.settled]
        over = {body["proposal"] for body in told if body["kind"] in FINAL}
        waits = [
            body["kind"] == "pending" or (body["kind"] == "not_sent" and body["retry_seconds"] is not None) for body in told
        ]
        closed = {(body["proposal"], body["item"]) for body, open_ in zip(told, waits, strict=True) if not open_}
        closed |= {(paper[0]["proposal"], paper[0]["item"]) for paper in self.papers}
        for name, (event, body) in self.proposals.items():
            for item in range(len(actions(body))):
                if name not in over and (name, item) not in closed:
                    yield MISSING, f"item {item} of `{name[:12]}` has no end", event

    def rail(self) -> Iterator[Trouble]:
        """Rail and cards are there; what they show, only the checkpoint says here."""
        names = [name for name in self.files if name.startswith(("cards/", "rail.json"))]
        plain = [name.removesuffix(".sealed") for name in names]
        if not names or any(self._member(name) is None for name in plain):
            yield MISSING, "they are sealed or not there", None
        elif "rail.json" not in plain:
            yield FAILS, "there are cards and no rail", None


def idempotent(bundle: Mapping[str, bytes], operation: str) -> bool:
    """Whether the catalogue declares *operation* idempotent."""
    integration, _, name = operation.partition(".")
    try:
        found = yaml.safe_load(bundle.get("integrations.yaml", b""))["integrations"][integration]["operations"][name]
        return bool(found.get("idempotency"))
    except (yaml.YAMLError, KeyError, TypeError):
        return False
