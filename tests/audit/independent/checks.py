"""The checks of what was exported, and of who said it: section 7, its first half."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.audit.independent import saying
from tests.audit.independent.archive import FAILS, MISSING, Archive, Trouble
from tests.audit.independent.container import OUTSIDE, sha256
from tests.audit.independent.history import Done, ended, signed_form
from tests.audit.independent.payloads import SEALED
from tests.audit.independent.saying import evidence, when
from tests.audit.independent.strict import Unreadable, digest, parse, token

ASKED = {"read": ("operation", "arguments"), "reason": ("purpose", "inputs", "result_schema")}
ALSO = {"read": (), "reason": ("sensitive", "fallback", "dialogue")}
ANSWERED = {"propose": ("proposal", "refusal"), "settle": ("settlement",)}
KNOWN = re.compile(
    r"runs/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.(json|pb)|payloads/[0-9a-f]{64}|history\.(json|pb)|keys\.json|uses/[0-9a-f]{64}(\.[1-9][0-9]*)?\.(json|pb)|policies/[0-9a-f]{64}/.+"
    r"|(rail\.json|cards/[0-9a-f]{64}\.(json|txt))(\.sealed)?"
)


def members(archive: Archive) -> Iterator[Trouble]:
    """Exactly those that are listed."""
    found = {name: content for name, content in archive.files.items() if name not in OUTSIDE}
    listed = archive.manifest["members"]
    for name in found.keys() | listed.keys():
        if (
            listed.get(name) != {"sha256": sha256(found.get(name, b"")), "bytes": len(found.get(name, b""))}
            or name not in found
        ):
            yield FAILS, f"`{name}` is not what is listed", None
        elif not KNOWN.fullmatch(name):
            yield MISSING, f"`{name}` is not known", None


def checkpoint(archive: Archive) -> Iterator[Trouble]:
    """A pinned exporter signed the manifest."""
    text = archive.files.get("checkpoint.jws")
    try:
        made = token(text.decode("latin-1")) if text is not None else None
    except Unreadable as error:
        return (yield FAILS, str(error), None)
    key = archive.trust.signer(made.kid, "export") if made else None
    if made is None or key is None:
        return (yield FAILS if made and not made.kid else MISSING, "no exporter whom you pin signed it", None)
    says, links = made.payload, archive.manifest["chain"]
    head = {"through": len(links), "digest": links[-1]}
    what = {"format": archive.manifest["format"], "closed": archive.manifest["closed"], "head": head, **archive.where}
    what["manifest"] = sha256(archive.files["manifest.json"])
    good = not key.revoked and made.good("sayso-checkpoint+jws", key) and type(says.get("closed")) is bool
    if not good or says != {**what, "iat": says.get("iat")} or type(says["iat"]) is not int:
        yield FAILS, "the checkpoint is not good, or over another manifest", None


def chain(archive: Archive) -> Iterator[Trouble]:
    """The recomputed chain is the manifest's."""
    if [event.link for event in archive.run.events] != archive.manifest["chain"]:
        yield FAILS, "the events are not those that were exported", None


def run(archive: Archive) -> Iterator[Trouble]:
    """It is this run, and over."""
    says, mission, last = archive.run.events[0].says, archive.mission, archive.run.events[-1]
    named = says.workflow_type.name, says.first_execution_run_id
    same = named == (mission["mission_type"], mission["first_execution_run_id"])
    resets = {event.says.new_run_id for event in archive.run.of("WORKFLOW_TASK_FAILED")}
    if not same or says.workflow_id not in ("", mission["mission_id"]):
        yield FAILS, "the history is of another mission", 1
    elif mission["run_id"] not in {says.original_execution_run_id, *resets}:
        yield FAILS, "the history is of another run", 1
    if ended(last) != archive.manifest["closed"]:
        yield FAILS, "the manifest tells another end", last.id
    elif not ended(last):
        yield MISSING, "the run is open", last.id


def contents(archive: Archive) -> Iterator[Trouble]:
    """Every payload outside signals can be read."""
    encrypted = [event for event in archive.run.events if event.encrypted and event.type != "WORKFLOW_EXECUTION_SIGNALED"]
    if archive.manifest["sealed"] != bool(encrypted):
        yield FAILS, "the manifest tells otherwise whether payloads are encrypted", None
    for event in archive.run.events:
        if event.sealed and event.type != "WORKFLOW_EXECUTION_SIGNALED":
            yield MISSING, "it is sealed", event.id


def start(archive: Archive) -> Iterator[Trouble]:
    """The signed start proves the owner."""
    if archive.unbegun:
        return (yield MISSING, "the run that was started cannot be told", 1)
    signed = archive.signed_start
    try:
        saying.owner(
            archive.course.first or archive.run, archive.mission["namespace"], archive.mission["mission_id"], archive.trust
        )
    except Unreadable as error:
        signs = isinstance(signed, str) and archive.pinned(signed, archive.trust.holder) is not False
        yield FAILS if signs else MISSING, str(error), 1


def witnesses(archive: Archive) -> Iterator[Trouble]:
    """Every read and every answer of a model is signed."""
    for done in archive.run.done:
        signature = done.result.get("signature") if isinstance(done.result, dict) else None
        if done.name not in ASKED or _witnessed(archive, done, signature):
            continue
        signs = isinstance(signature, str) and archive.pinned(signature, archive.trust.holder) is not False
        shut = archive.sealed(done.id) or archive.sealed(done.asked_at)
        yield FAILS if signs and not shut else MISSING, "it is not what a service signed", done.id


def _witnessed(archive: Archive, done: Done, signature: Any) -> bool:
    try:
        made = token(signature)
        key = archive.trust.signer(made.kid, done.name)
        asked = None if done.asked is SEALED else done.asked
        if isinstance(asked, dict):
            more = {name: asked[name] for name in ALSO[done.name] if name in asked}
            asked = {name: asked.get(name) for name in ASKED[done.name]} | more
        answer = {name: value for name, value in done.result.items() if name != "signature"}
        what = {"kind": done.name, "activity": done.activity, **archive.where}
        what |= {"request": digest("request", asked), "result": digest("answer", answer)}
        says = {name: made.payload.get(name) for name in what}
        return key is not None and key.at(done.at) and made.good("sayso-testimony+jws", key) and says == what
    except Unreadable:
        return False


def answers(archive: Archive) -> Iterator[Trouble]:
    """Every answer of the gate is signed, for this run."""
    for done in archive.run.done:
        if done.name not in ANSWERED:
            continue
        kind = signed_form(done.result, done.size)
        if kind is None:
            yield MISSING if archive.sealed(done.id) else FAILS, "it is not signed", done.id
            continue
        unsure = archive.standing(done.result, kind)
        if unsure or kind not in ANSWERED[done.name]:
            yield unsure or FAILS, f"this {kind} is not a gate's, or not asked for", done.id
        elif kind == "refusal" and None in (done.result["body"].get("mission"), done.result["body"].get("evidence")):
            yield MISSING, "this refusal names no run", done.id
        elif not _in_place(archive, done, kind):
            yield FAILS, f"this {kind} is not of this run, or of no history before it", done.id


def _in_place(archive: Archive, done: Done, kind: str) -> bool:
    body, before = done.result["body"], archive.run.before(done.id)
    try:
        if kind != "proposal":
            head = evidence(body, "head" if kind == "settlement" else "evidence")
            return body["mission"] == archive.mission and before.has(head) and bool(when(body, "at"))
        card = archive.member(f"cards/{done.result['digest']}.json")
        drawn = card is None or digest("card", parse(card)) == body["card"]
        return archive.here(body) and before.has(evidence(body, "evidence")) and drawn
    except (Unreadable, KeyError, TypeError):
        return False


def rail(archive: Archive) -> Iterator[Trouble]:
    """Rail and cards are there; what they show, only the checkpoint says here."""
    plain = [name.removesuffix(".sealed") for name in archive.files if name.startswith(("cards/", "rail.json"))]
    if not plain or any(archive.member(name) is None for name in plain):
        yield MISSING, "they are sealed or not there", None
    elif "rail.json" not in plain or "keys.json" not in archive.files:
        yield FAILS, "there is no rail, or nothing that it was made with", None
