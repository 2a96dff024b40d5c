"""The checks of what was decided and done: section 7, its second half."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta

import yaml

from tests.audit.independent.archive import FAILS, MISSING, Archive, Item, Paper, Trouble, claimed
from tests.audit.independent.deciding import Judge, Judgement
from tests.audit.independent.history import Run, signed_form
from tests.audit.independent.payloads import only
from tests.audit.independent.saying import FINAL, Body, actions, decision, evidence, key_of, opened, when
from tests.audit.independent.strict import Unreadable, digest

BY_WORD = ("not_sent", "receipt", "unknown")
ACTION = ("mission", "step", "integration", "endpoint", "operation", "contract", "arguments")


def policies(archive: Archive) -> Iterator[Trouble]:
    """Every bundle that a gate named is here, and no other."""
    named = [body["bundle"] for _, body in [*archive.proposals.values(), *archive.settled]]
    for name in set(named):
        if archive.bundle(name) is None:
            yield MISSING, f"bundle `{name[:12]}` is not in the archive", None
    there = {name.split("/")[1] for name in archive.files if name.startswith("policies/")}
    for name in there - archive.named()[0]:
        yield MISSING if _shut(archive) else FAILS, f"nothing names bundle `{name[:12]}`", None


def _shut(archive: Archive) -> bool:
    return any(event.sealed for event in archive.run.events)


def decisions(archive: Archive) -> Iterator[Trouble]:
    """Each settlement is what the decisions come to."""
    for event, body in archive.settled:
        if body["proposal"] not in archive.proposals:
            yield archive.unproposed, "no gate that you pin proposed it", event
        elif archive.unbegun or archive.bundle(body["bundle"]) is None:
            yield MISSING, "its bundle, or how the mission began, is not here", event
        else:
            run, first = archive.run.before(evidence(body, "head")[0] + 1), archive.course.first
            judge = Judge(run, first, archive.mission, archive.trust, when(body, "at"))
            judged = judge.judge(body["proposal"], body["item"], body.get("approvals_this_hour", {}))
            exactly = body.get("directory") == archive.trust.digest
            if body["kind"] not in BY_WORD and (judged.admits or judged.answer != body["kind"]):
                yield (
                    FAILS if exactly and not archive.unheard else MISSING,
                    f"settled `{body['kind']}`, judged `{judged.answer}`",
                    event,
                )
            yield from _votes(archive, body, judged, exactly)


def _votes(archive: Archive, body: Body, judged: Judgement, exactly: bool) -> Iterator[Trouble]:
    for told in body["votes"]:
        worth = (told.get("who"), told.get("assurance", "claimed"), told.get("verdict"), not told.get("refused"))
        found = judged.votes.get(told["event_id"])
        if told["event_id"] in archive.unheard and (found is None or worth != found.worth):
            yield MISSING, "what was said is not in the archive", told["event_id"]
        elif found is None:
            yield FAILS, "the gate judged what the history does not hold", told["event_id"]
        elif worth != found.worth:
            eased = worth[3] and not found.counts
            unsure = not exactly and (not eased or {1, told["event_id"]} & strangers(archive, body["proposal"]))
            yield MISSING if unsure else FAILS, f"judged {found.worth}, not {worth}", told["event_id"]


def strangers(archive: Archive, proposal: str) -> set[int]:
    """Decisions about *proposal* under keys that are not pinned; the start too."""
    found = {1} if archive.pinned(archive.signed_start, archive.trust.holder) is False else set()
    for signal in archive.run.signals:
        try:
            said = decision(signal)
        except Unreadable:
            continue
        if said.token and said.proposal == proposal and archive.trust.holder(said.token.kid) is None:
            found.add(signal.id)
    return found


def uses(archive: Archive) -> Iterator[Trouble]:
    """Each use was announced over this history, and is here."""
    for (name, item), (event, body) in archive.announced.items():
        use = archive.used.get(key_of(name, item))
        if body["mission"] != archive.mission:
            continue
        if name not in archive.proposals:
            yield archive.unproposed, "no gate that you pin proposed it", event
            continue
        if not archive.run.before(event).has(evidence(body, "head")):
            yield FAILS, "its head is of another history", event
        if use is None or any(each.sealed for each in use.events):
            yield MISSING, "the use is not in the archive, or sealed", event
        elif not _begun(archive, use, (name, item), event):
            yield MISSING, "the use is not the one that was announced", event
    for key in archive.used.keys() - archive.named()[1]:
        yield MISSING if _shut(archive) else FAILS, f"nothing names the use `{key[:12]}`", None
    for settled, body in archive.settled:
        told = body["proposal"], body["item"]
        announced = archive.announced.get(told)
        if body["kind"] == "unknown" and (announced is None or announced[0] >= settled):
            yield never(archive, told, settled)


def _begun(archive: Archive, use: Run, item: Item, event: int) -> bool:
    """Whether a gate began the use, and before it announced."""
    first, signed = use.events[0], only(use.events[0].says.input.payloads)
    if first.at > archive.run.events[event - 1].at + timedelta(seconds=5) or signed_form(signed, 0) is None:
        return False
    try:
        body = opened(signed, "claim", archive.trust, ever=True)
    except Unreadable:
        return False
    return item == (body.get("proposal"), body.get("item", 0))


def never(archive: Archive, item: Item, event: int | None) -> Trouble:
    """What was never announced; missing where a gate that is not pinned says that it was."""
    said = (claimed(signal.values[0]) for signal in archive.run.signals if signal.name == "used" and len(signal.values) == 1)
    unpinned = any(each[0] == item and archive.pinned(each[1], archive.trust.gates.get) is False for each in said if each)
    return MISSING if unpinned or archive.unheard else FAILS, "its use was never announced", event


def receipts(archive: Archive) -> Iterator[Trouble]:
    """What was sent was announced, admitted, as approved, once."""
    for event, body in archive.settled:
        signed = body["receipt"]
        if body["kind"] == "receipt" and signed is None:
            yield FAILS, "there is no receipt", event
        elif signed is not None:
            unsure = FAILS if signed_form(signed, 0) != "receipt" else archive.standing(signed, "receipt")
            yield from [(unsure, "the receipt is not a gate's", event)] if unsure else []
    papers: dict[Item, list[Paper]] = {}
    for paper in archive.papers:
        within = paper.settlement
        if within is not None and paper.item != (within["proposal"], within["item"]):
            yield FAILS, "the receipt is of another action than its settlement", paper.event
        papers.setdefault(paper.item, []).append(paper)
    for (name, number), theirs in papers.items():
        if name in archive.proposals and 0 <= number < len(actions(archive.proposals[name][1])):
            yield from _item(archive, (name, number), theirs)


def _item(archive: Archive, item: Item, papers: list[Paper]) -> Iterator[Trouble]:
    if item not in archive.announced:
        return (yield never(archive, item, papers[0].event))
    (event, claim), action = archive.announced[item], actions(archive.proposals[item[0]][1])[item[1]]
    about = {"operation": action["operation"], "arguments": action["arguments"]}
    where = {part: archive.mission[part] for part in ("namespace", "mission_id", "first_execution_run_id")}
    key = digest("idempotency", {**where, "step": action["step"], **about})
    expected = digest("action", {part: action[part] for part in ACTION}), key
    if (claim["action"], claim["idempotency_key"]) != expected:
        yield FAILS, "another action was announced", event
    for paper in papers:
        sent = tuple(paper.body[name] for name in ("action", "idempotency_key", "operation", "sent"))
        if sent != (*expected, action["operation"], digest("sent", about)):
            yield FAILS, "another action was sent", paper.event
        head = evidence(paper.body, "admitted")
        if not archive.run.has(head) or head[0] < event - 1:
            yield FAILS, "it was admitted over another history", paper.event
    yield from _admitted(archive, item, papers, event)


def _admitted(archive: Archive, item: Item, papers: list[Paper], event: int) -> Iterator[Trouble]:
    told = next((paper.settlement for paper in papers if paper.settlement is not None), None)
    proposal = archive.proposals[item[0]][1]
    bundle = archive.bundle((told or proposal)["bundle"])
    if bundle is None or archive.unbegun:
        return (yield MISSING, "its bundle, or how the mission began, is not here", event)
    counted = told.get("approvals_this_hour", {}) if told and evidence(told, "head")[0] == event - 1 else {}
    at, first = archive.run.events[event - 1].at, archive.course.first
    judge = Judge(archive.run.before(event), first, archive.mission, archive.trust, at)
    if not judge.judge(*item, counted).admits:
        yield MISSING if strangers(archive, item[0]) or archive.unheard else FAILS, "it was not admitted", event
    once = len({paper.digest for paper in papers}) == 1
    if not once and not (told and idempotent(bundle, actions(proposal)[item[1]]["operation"])):
        yield FAILS, "it has two receipts", event


def idempotent(bundle: Mapping[str, bytes], operation: str) -> bool:
    """Whether the catalogue declares *operation* idempotent."""
    integration, _, name = operation.partition(".")
    try:
        found = yaml.safe_load(bundle.get("integrations.yaml", b""))["integrations"][integration]["operations"][name]
        return bool(found.get("idempotency"))
    except (yaml.YAMLError, KeyError, TypeError):
        return False


def ends(archive: Archive) -> Iterator[Trouble]:
    """The gate said how each item ended."""
    told = [body for _, body in archive.settled]
    over = {body["proposal"] for body in told if body["kind"] in FINAL}
    closed = {(body["proposal"], body["item"]) for body in told if not _open(body)} | {paper.item for paper in archive.papers}
    for name, (event, body) in archive.proposals.items():
        for item in range(len(actions(body))):
            if name not in over and (name, item) not in closed:
                yield MISSING, f"item {item} of `{name[:12]}` has no end", event


def _open(settlement: Body) -> bool:
    waits = settlement["kind"] == "not_sent" and settlement["retry_seconds"] is not None
    return settlement["kind"] == "pending" or waits
