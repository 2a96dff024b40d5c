"""Attacks on what an archive encloses beside a mission's history: the runs before it, and the payloads that were stored."""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from temporalio.api.common.v1 import Payload

from audit.references import MAX_STORED, address_of, content_of, reference_to
from audit.verification.result import Verdict
from tests.audit.attacker import Event, Loot
from tests.audit.mutations import renumbered
from tests.audit.stories import archive

Attack = Callable[[Loot], Loot]
FAILED, INCOMPLETE, VERIFIED = Verdict.FAILED, Verdict.INCOMPLETE, Verdict.VERIFIED


@dataclass(frozen=True)
class Enclosed:
    """One attack by somebody who holds the exporter's key, with the best verdict it may come to and the check that tells."""

    story: str
    attack: Attack
    verdict: Verdict
    check: str


def members(loot: Loot, folder: str) -> list[str]:
    """The members in *folder*, the first run first, where it holds runs."""
    found = sorted(name for name in loot.members if name.startswith(folder))
    return sorted(found, key=lambda name: loot.events_of(name)[0]["eventTime"]) if folder == "runs/" else found


def dropping(folder: str, *places: int) -> Attack:
    """Some members left out."""
    return lambda loot: loot.without(*(members(loot, folder)[place] for place in places))


def swapped(folder: str) -> Attack:
    """Two members under each other's names."""

    def attack(loot: Loot) -> Loot:
        one, other = members(loot, folder)[:2]
        return loot.with_member(one, loot.members[other]).with_member(other, loot.members[one])

    return attack


def added(name: str, content: Callable[[Loot], bytes]) -> Attack:
    """A further member; `{}` in its name stands for the content's own address."""
    return lambda loot: loot.with_member(name.format(address_of(content(loot))), content(loot))


def flipped(folder: str) -> Attack:
    """A byte of a member changed."""

    def attack(loot: Loot) -> Loot:
        name = members(loot, folder)[0]
        content = loot.members[name]
        return loot.with_member(name, content[:20] + bytes([content[20] ^ 1]) + content[21:])

    return attack


def retold(place: int, change: Callable[[list[Event]], list[Event]]) -> Attack:
    """The events of an earlier run changed."""

    def attack(loot: Loot) -> Loot:
        name = members(loot, "runs/")[place]
        return loot.holding(change(loot.events_of(name)), name)

    return attack


def started(**fields: object) -> Callable[[list[Event]], list[Event]]:
    """Attributes of a run's first event."""

    def change(events: list[Event]) -> list[Event]:
        events[0]["workflowExecutionStartedEventAttributes"] |= fields
        return events

    return change


def _ended(**fields: object) -> Callable[[list[Event]], list[Event]]:
    def change(events: list[Event]) -> list[Event]:
        events[-1]["workflowExecutionContinuedAsNewEventAttributes"] |= fields
        return events

    return change


def _input(text: str) -> dict[str, object]:
    encoding = base64.b64encode(b"json/plain").decode()
    return {"payloads": [{"metadata": {"encoding": encoding}, "data": base64.b64encode(text.encode()).decode()}]}


def _done(events: list[Event]) -> list[Event]:
    """The run ended, and did not go on."""
    last = {name: events[-1][name] for name in ("eventId", "eventTime")}
    completed = {"workflowTaskCompletedEventId": "1"}
    kind = "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED"
    return [*events[:-1], {**last, "eventType": kind, "workflowExecutionCompletedEventAttributes": completed}]


def _identity(events: list[Event]) -> list[Event]:
    events[2]["workflowTaskStartedEventAttributes"]["identity"] = "somebody else"
    return events


def itself(loot: Loot) -> Loot:
    """The run as one before itself."""
    return loot.with_member(f"runs/{loot.manifest.mission.run_id}.json", loot.members["history.json"])


def foreign(place: int) -> Attack:
    """The run of another mission in the place of one."""
    return lambda loot: loot.with_member(members(loot, "runs/")[place], Loot.of(archive("refunded")).members["history.json"])


def forked(loot: Loot) -> Loot:
    """The history as the mission's first run: the ones before it are said never to have been."""
    events = loot.events
    own = loot.manifest.mission.run_id
    events[0]["workflowExecutionStartedEventAttributes"] |= {
        "firstExecutionRunId": own,
        "continuedExecutionRunId": "",
        "initiator": "CONTINUE_AS_NEW_INITIATOR_UNSPECIFIED",
    }
    return loot.without(*members(loot, "runs/")).holding(events)


def doubled(loot: Loot) -> Loot:
    """An earlier run in both forms."""
    name = members(loot, "runs/")[0]
    return loot.with_member(name.replace(".json", ".pb"), b"")


def _references(loot: Loot) -> list[tuple[list[Event], Payload, dict[str, object]]]:
    """The payloads of completed activities that are references, each with the events that hold it."""
    events, found = loot.events, []
    for event in events:
        held = event.get("activityTaskCompletedEventAttributes", {}).get("result", {}).get("payloads", [])
        for payload in held:
            if base64.b64decode(payload["metadata"]["encoding"]) == b"binary/sayso-stored":
                found.append((events, Payload(data=base64.b64decode(payload["data"])), payload))
    return found


def referring(reference: Callable[[Payload], Payload], contents: Callable[[Payload], Mapping[str, bytes]]) -> Attack:
    """The last result that was stored refers to something else; the archive holds that as well."""

    def attack(loot: Loot) -> Loot:
        events, _, held = _references(loot)[-1]
        name = f"payloads/{base64.b64decode(str(held['data'])).decode()}"
        stored, loot = loot.members[name], loot.without(name)
        new = reference(Payload.FromString(stored))
        held["data"] = base64.b64encode(new.data).decode()
        held["metadata"] = {name: base64.b64encode(value).decode() for name, value in new.metadata.items()}
        for address, content in contents(Payload.FromString(stored)).items():
            loot = loot.with_member(f"payloads/{address}", content)
        return loot.holding(events)

    return attack


def _twice(stored: Payload) -> Payload:
    return Payload(metadata={"encoding": b"binary/sayso-stored"}, data=address_of(content_of(reference_to(stored))).encode())


def _nested(stored: Payload) -> dict[str, bytes]:
    content = content_of(reference_to(stored))
    return {address_of(content): content, address_of(content_of(stored)): content_of(stored)}


def _nesting(stored: Payload) -> dict[str, bytes]:
    content = content_of(reference_to(stored))
    return {address_of(content): content}


def _huge(stored: Payload) -> Payload:
    return Payload(metadata=dict(stored.metadata), data=b" " * MAX_STORED + stored.data)


def _whole(stored: Payload) -> dict[str, bytes]:
    content = content_of(_huge(stored))
    return {address_of(content): content}


def _lying(stored: Payload) -> Payload:
    reference = reference_to(stored)
    reference.metadata["encryption-key-id"] = b"tests-1"
    return reference


def strangers(loot: Loot) -> Loot:
    """A stranger's signal, the last thing that happened, that refers to something which nobody has."""
    events = loot.events
    encoding = base64.b64encode(b"binary/sayso-stored").decode()
    payload = {"metadata": {"encoding": encoding}, "data": base64.b64encode(b"f" * 64).decode()}
    signal = {
        "eventId": "1",
        "eventTime": events[-1]["eventTime"],
        "eventType": "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED",
        "workflowExecutionSignaledEventAttributes": {"signalName": "decide", "input": {"payloads": [payload]}, "identity": "x"},
    }
    # Before the task that ended the run: no server writes anything between that and its end.
    at = len(events) - 4
    return loot.holding(renumbered([*events[:at], copy.deepcopy(signal), *events[at:]], at + 1, 1, since=at + 1))


def _itself(stored: Payload) -> dict[str, bytes]:
    return {address_of(content_of(stored)): content_of(stored)}


UNKNOWN_RUN = "runs/00000000-0000-4000-8000-000000000000.json"
ENCLOSED: dict[str, Enclosed] = {
    "the run just before left out": Enclosed("continued", dropping("runs/", 1), INCOMPLETE, "runs"),
    "the first run left out": Enclosed("continued", dropping("runs/", 0), INCOMPLETE, "runs"),
    "all runs before left out": Enclosed("continued", dropping("runs/", 0, 1), INCOMPLETE, "runs"),
    "two runs under each other's names": Enclosed("continued", swapped("runs/"), FAILED, "runs"),
    "the first run cut off": Enclosed("continued", retold(0, lambda events: events[:-1]), FAILED, "runs"),
    "the run just before cut off": Enclosed("continued", retold(1, lambda events: events[:-1]), FAILED, "runs"),
    "a run that ended otherwise": Enclosed("continued", retold(1, _done), FAILED, "runs"),
    "a run that went on in another": Enclosed(
        "continued", retold(1, _ended(newExecutionRunId="00000000-0000-4000-8000-000000000000")), FAILED, "runs"
    ),
    "a run that handed on something else": Enclosed("continued", retold(1, _ended(input=_input("{}"))), FAILED, "runs"),
    "a run that went on as another type": Enclosed(
        "continued", retold(1, _ended(workflowType={"name": "payout"})), FAILED, "runs"
    ),
    "a first run of another type": Enclosed("continued", retold(0, started(workflowType={"name": "x"})), FAILED, "runs"),
    "a first run of another id": Enclosed("continued", retold(0, started(workflowId="other")), FAILED, "runs"),
    "a first run that is another": Enclosed("continued", retold(0, started(originalExecutionRunId="x")), FAILED, "runs"),
    "a run that says it was the first": Enclosed("continued", retold(1, started(continuedExecutionRunId="")), FAILED, "runs"),
    "a run that a schedule began": Enclosed(
        "continued", retold(1, started(initiator="CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE")), FAILED, "runs"
    ),
    "what the first run was given": Enclosed("continued", retold(0, started(input=_input('{"items":[]}'))), FAILED, "start"),
    "who signed the first run": Enclosed("continued", retold(0, started(memo={})), FAILED, "runs"),
    "who worked in a run before": Enclosed("continued", retold(0, _identity), FAILED, "runs"),
    "events of a run before in another order": Enclosed(
        "continued", retold(0, lambda events: [*events[:4], events[5], events[4], *events[6:]]), FAILED, "runs"
    ),
    "another mission's run in place of the first": Enclosed("continued", foreign(0), FAILED, "runs"),
    "another mission's run in place of the one before": Enclosed("continued", foreign(1), FAILED, "runs"),
    "another mission's run besides": Enclosed(
        "continued", added(UNKNOWN_RUN, lambda _: Loot.of(archive("refunded")).members["history.json"]), FAILED, "runs"
    ),
    "a run before a mission's first": Enclosed(
        "refunded", added(UNKNOWN_RUN, lambda loot: loot.members["history.json"]), FAILED, "runs"
    ),
    "the run before itself": Enclosed("continued", itself, FAILED, "runs"),
    "the runs before denied": Enclosed("continued", forked, FAILED, "answers"),
    "a run in two forms": Enclosed("continued", doubled, FAILED, "chain"),
    "a run under no run's name": Enclosed(
        "continued", added("runs/x/y.json", lambda loot: loot.members["history.json"]), FAILED, "runs"
    ),
    "a run without events": Enclosed("continued", added(UNKNOWN_RUN, lambda _: b'{"events":[]}'), FAILED, "chain"),
    "a stored payload left out": Enclosed("stored", dropping("payloads/", 0), INCOMPLETE, "payloads"),
    "all stored payloads left out": Enclosed("stored", dropping("payloads/", 0, 1, 2, 3, 4, 5), INCOMPLETE, "payloads"),
    "two payloads under each other's names": Enclosed("stored", swapped("payloads/"), FAILED, "payloads"),
    "a stored payload changed": Enclosed("stored", flipped("payloads/"), FAILED, "payloads"),
    "an encrypted payload changed": Enclosed("stored-encrypted", flipped("payloads/"), FAILED, "payloads"),
    "a payload that nothing refers to": Enclosed("stored", added("payloads/{}", lambda _: b"more"), FAILED, "payloads"),
    "a payload where none is stored": Enclosed("refunded", added("payloads/{}", lambda _: b"more"), FAILED, "payloads"),
    "a payload under another form of its name": Enclosed(
        "stored", added("payloads/{}.json", lambda _: b"x"), FAILED, "payloads"
    ),
    "a payload in a folder": Enclosed("stored", added("payloads/x/{}", lambda _: b"x"), FAILED, "payloads"),
    "a sealed payload": Enclosed("stored", added("payloads/{}.sealed", lambda _: b"x"), FAILED, "payloads"),
    "a reference to a reference": Enclosed("stored", referring(_twice, _nested), FAILED, "contents"),
    "a reference to a reference alone": Enclosed("stored", referring(_twice, _nesting), INCOMPLETE, "contents"),
    "more than one reference may stand for": Enclosed(
        "stored", referring(lambda stored: reference_to(_huge(stored)), _whole), INCOMPLETE, "contents"
    ),
    "a reference that boasts of a key": Enclosed("stored", referring(_lying, _itself), FAILED, "contents"),
    "a reference to no address": Enclosed(
        "stored",
        referring(lambda _: Payload(metadata={"encoding": b"binary/sayso-stored"}, data=b"../manifest.json"), lambda _: {}),
        INCOMPLETE,
        "contents",
    ),
    "a stranger's reference to nothing": Enclosed("stored", strangers, VERIFIED, ""),
}
"""By what they do."""
