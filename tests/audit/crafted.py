"""
Archives that somebody made with thought, for two verifiers to agree on: not an edit at random, but what a reader could take for
something else. Each is made from a recorded one, and handed on in every strength.
"""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

from tests.audit.attacker import Event, Loot
from tests.audit.mutations import renumbered
from tests.audit.stories import archive

Craft = Callable[[Loot], Loot]
SIGNALED = "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED"
COMPLETED = "EVENT_TYPE_ACTIVITY_TASK_COMPLETED"
SCHEDULED = "EVENT_TYPE_ACTIVITY_TASK_SCHEDULED"


def b64(data: bytes) -> str:
    """As proto JSON writes bytes."""
    return base64.b64encode(data).decode()


def payload_of(event: Event) -> dict[str, Any]:
    """The one payload that a signal, a result or a question holds."""
    for name in ("workflowExecutionSignaledEventAttributes", "activityTaskScheduledEventAttributes"):
        if name in event:
            found: dict[str, Any] = event[name]["input"]["payloads"][0]
            return found
    return dict_of(event["activityTaskCompletedEventAttributes"]["result"]["payloads"][0])


def dict_of(value: Any) -> dict[str, Any]:
    """*value*, which is an object."""
    assert isinstance(value, dict)
    return value


def text_of(event: Event) -> str:
    """The JSON in it."""
    return base64.b64decode(payload_of(event)["data"]).decode()


def written(event: Event, text: str) -> Event:
    """*event* holding *text*."""
    changed = copy.deepcopy(event)
    payload_of(changed)["data"] = b64(text.encode())
    return changed


def answers(events: list[Event], activity: str) -> list[int]:
    """Where activities of that name were completed."""
    asked = {
        event["eventId"]: event["activityTaskScheduledEventAttributes"]["activityType"]["name"]
        for event in events
        if event["eventType"] == SCHEDULED
    }
    done = [(place, event) for place, event in enumerate(events) if event["eventType"] == COMPLETED]
    return [
        place for place, event in done if asked[event["activityTaskCompletedEventAttributes"]["scheduledEventId"]] == activity
    ]


def signals(events: list[Event], name: str) -> list[int]:
    """Where signals of that name stand."""
    return [
        place
        for place, event in enumerate(events)
        if event["eventType"] == SIGNALED and event["workflowExecutionSignaledEventAttributes"]["signalName"] == name
    ]


def retold(change: Callable[[str], str], where: Callable[[list[Event]], list[int]], member: str = "history.json") -> Craft:
    """The JSON of some events changed as text."""

    def craft(loot: Loot) -> Loot:
        events = loot.events_of(member)
        for place in where(events):
            events[place] = written(events[place], change(text_of(events[place])))
        return loot.holding(events, member)

    return craft


def said(name: str) -> Callable[[list[Event]], list[int]]:
    """Places of a signal."""
    return lambda events: signals(events, name)


def done(name: str) -> Callable[[list[Event]], list[int]]:
    """Places of an activity's answers."""
    return lambda events: answers(events, name)


def with_jws(change: Callable[[dict[str, Any], str], str]) -> Callable[[str], str]:
    """Changes the JWS in a signed thing or a decision; *change* gets the header and the JWS."""

    def text(found: str) -> str:
        value = json.loads(found)
        jws = value if isinstance(value, str) else value.get("jws") or value["signature"]
        head = jws.split(".")[0]
        new = change(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))), jws)
        return found.replace(jws, new)

    return text


def header(**fields: Any) -> Callable[[str], str]:
    """The JWS with another header; the signature stays."""

    def change(head: dict[str, Any], jws: str) -> str:
        new = json.dumps({**head, **fields}, separators=(",", ":"), sort_keys=True).encode()
        return ".".join([base64.urlsafe_b64encode(new).rstrip(b"=").decode(), *jws.split(".")[1:]])

    return with_jws(change)


def spare_bits(head: dict[str, Any], jws: str) -> str:
    """The same signature by another text: its last digit has four bits to spare."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return jws[:-1] + digits[digits.index(jws[-1]) + 1]


def inserted(make: Callable[[Loot, list[Event]], Event], place: int = -1) -> Craft:
    """A further event before the last one, or at *place*."""

    def craft(loot: Loot) -> Loot:
        events = loot.events
        at = place % len(events)
        whole = [*events[:at], make(loot, events), *events[at:]]
        return loot.holding(renumbered(whole, at + 1, 1, since=at + 1))

    return craft


def signal(name: str, *values: str) -> Event:
    """A signal by whoever may write to the namespace."""
    payloads = [{"metadata": {"encoding": b64(b"json/plain")}, "data": b64(value.encode())} for value in values]
    attributes = {"signalName": name, "input": {"payloads": payloads}, "identity": "x"}
    return {
        "eventId": "1",
        "eventTime": "2026-11-25T09:00:00.000000001Z",
        "eventType": SIGNALED,
        "workflowExecutionSignaledEventAttributes": attributes,
    }


def of_other(story: str, where: Callable[[list[Event]], list[int]]) -> str:
    """What another mission of the same house recorded there."""
    events = Loot.of(archive(story)).events
    return text_of(events[where(events)[-1]])


def again(where: Callable[[list[Event]], list[int]]) -> Craft:
    """The signal at a place once more, at the end."""
    return inserted(lambda loot, events: events[where(events)[-1]])


def answered(activity: str, find: Callable[[Loot, list[Event]], str]) -> Craft:
    """The activity asked once more, at the end, and answered by whoever may complete one."""

    def craft(loot: Loot) -> Loot:
        events = loot.events
        place = answers(events, activity)[-1]
        asked = int(events[place]["activityTaskCompletedEventAttributes"]["scheduledEventId"])
        end = len(events)
        order = {**copy.deepcopy(events[asked - 1]), "eventId": str(end)}
        answer = {**written(events[place], find(loot, events)), "eventId": str(end + 1)}
        answer["activityTaskCompletedEventAttributes"]["scheduledEventId"] = str(end)
        return loot.holding([*events[:-1], order, answer, {**events[-1], "eventId": str(end + 2)}])

    return craft


def in_use(find: Callable[[Loot], str]) -> Craft:
    """A further signal in the use."""

    def craft(loot: Loot) -> Loot:
        for name in [name for name in loot.members if name.startswith("uses/")]:
            events = loot.events_of(name)
            whole = [*events[:-1], signal("record", find(loot)), events[-1]]
            loot = loot.holding(renumbered(whole, len(events), 1, since=len(events)), name)
        return loot

    return craft


def receipt(story: str) -> str:
    """The signed receipt of another mission."""
    loot = Loot.of(archive(story))
    name = next(name for name in loot.members if name.startswith("uses/"))
    events = loot.events_of(name)
    return text_of(events[signals(events, "record")[0]])


def raw(name: str, change: Callable[[bytes], bytes]) -> Craft:
    """A member's bytes changed."""
    return lambda loot: loot.with_member(name, change(loot.members[name]))


def each(prefix: str, change: Callable[[bytes], bytes]) -> Craft:
    """The bytes of every member below *prefix* changed."""

    def craft(loot: Loot) -> Loot:
        for name in [name for name in loot.members if name.startswith(prefix)]:
            loot = loot.with_member(name, change(loot.members[name]))
        return loot

    return craft


def swapped_uses(loot: Loot) -> Loot:
    """The use of another mission under this one's name."""
    other = Loot.of(archive("denied-late"))
    mine = next(name for name in loot.members if name.startswith("uses/"))
    theirs = next(name for name in other.members if name.startswith("uses/"))
    return loot.with_member(mine, other.members[theirs])


def empty_uses(loot: Loot) -> Loot:
    """A use without events."""
    mine = next(name for name in loot.members if name.startswith("uses/"))
    return loot.with_member(mine, b'{"events":[]}')


def event(number: int, **fields: Any) -> Craft:
    """Fields of one event set."""

    def craft(loot: Loot) -> Loot:
        events = loot.events
        events[number - 1] = {**events[number - 1], **fields}
        return loot.holding(events)

    return craft


def start(**fields: Any) -> Craft:
    """Attributes of the first event set."""

    def craft(loot: Loot) -> Loot:
        events = loot.events
        events[0]["workflowExecutionStartedEventAttributes"] |= fields
        return loot.holding(events)

    return craft


def second_input(loot: Loot) -> Loot:
    """A second input beside the one that was signed."""
    events = loot.events
    payloads = events[0]["workflowExecutionStartedEventAttributes"]["input"]["payloads"]
    payloads.append(copy.deepcopy(payloads[0]))
    return loot.holding(events)


def doubled_key(text: str) -> str:
    """The object with its first key twice."""
    key = next(iter(json.loads(text)))
    return f"{{{json.dumps(key)}:0,{text[1:]}"


BASE = "refunded"
CRAFTED: dict[str, Craft] = {
    "a header with an algorithm of none": retold(header(alg="none"), said("decide")),
    "a header with EdDSA": retold(header(alg="EdDSA"), done("settle")),
    "a header that brings its key": retold(header(jwk={"kty": "OKP"}), done("propose")),
    "a header with `crit`": retold(header(crit=["b64"], b64=False), done("settle")),
    "a kid of another holder": retold(header(kid="sam-1"), done("settle")),
    "a kid that is a number": retold(header(kid=1), done("settle")),
    "a kid of nobody": retold(header(kid="nobody"), done("settle")),
    "a decision under a service's kid": retold(header(kid="read-worker-1"), said("decide")),
    "a decision under the gate's kid": retold(header(kid="gate-1"), said("decide")),
    "a settlement typed as a receipt": retold(header(typ="sayso-receipt+jws"), done("settle")),
    "spare bits in a settlement": retold(with_jws(spare_bits), done("settle")),
    "spare bits in a decision": retold(with_jws(spare_bits), said("decide")),
    "spare bits in an announcement": retold(with_jws(spare_bits), said("used")),
    "padding on a read": retold(with_jws(lambda head, jws: jws + "=="), done("read")),
    "a line feed in a jws": retold(with_jws(lambda head, jws: jws + "\\n"), done("propose")),
    "a key twice in a settlement": retold(doubled_key, done("settle")),
    "a key twice in an announcement": retold(doubled_key, said("used")),
    "a key twice in a read": retold(doubled_key, done("read")),
    "a key twice in the request of a read": retold(doubled_key, lambda events: [4]),
    "1.0 for 1 in a settlement": retold(lambda text: text.replace('"item":0', '"item":0.0'), done("settle")),
    "1.0 for 1 in a proposal": retold(lambda text: text.replace("4200", "4200.0"), done("propose")),
    "1e0 for 1 in a claim": retold(lambda text: text.replace('"item":0', '"item":0e0'), said("used")),
    "true for 1 in a settlement": retold(lambda text: text.replace('"item":0', '"item":false'), done("settle")),
    "spaces in a settlement": retold(lambda text: json.dumps(json.loads(text), indent=1), done("settle")),
    "another order of keys in a settlement": retold(lambda text: json.dumps(json.loads(text)), done("settle")),
    "a byte order mark": retold(lambda text: "\ufeff" + text, done("settle")),
    "trailing data": retold(lambda text: text + " {}", done("settle")),
    "a settlement that says more": retold(lambda text: '{"more":1,' + text[1:], done("settle")),
    "a settlement of another kind word": retold(
        lambda text: text.replace('"kind":"settlement"', '"kind":"receipt"'), done("settle")
    ),
    "a settlement of no kind": retold(lambda text: text.replace('"kind":"settlement"', '"kind":"x"'), done("settle")),
    "another digest beside the body": retold(lambda text: text.replace('"digest":"', '"digest":"0', 1), done("propose")),
    "escapes for letters": retold(lambda text: text.replace("settlement", "s\\u0065ttlement", 1), done("settle")),
    "text outside NFC in a read": retold(lambda text: text.replace('"result":{', '"result":{"e\u0301":1,', 1), done("read")),
    "a lone surrogate in a read": retold(lambda text: text.replace('"result":{', '"result":{"\\ud800":1,', 1), done("read")),
    "an integer beyond 2^53 in a read": retold(
        lambda text: text.replace('"result":{', '"result":{"x":9007199254740993,', 1), done("read")
    ),
    "infinity in a read": retold(lambda text: text.replace('"result":{', '"result":{"x":1e999,', 1), done("read")),
    "NaN in a read": retold(lambda text: text.replace('"result":{', '"result":{"x":NaN,', 1), done("read")),
    "depth in a read": retold(
        lambda text: text.replace('"result":{', '"result":{"x":' + "[" * 40 + "]" * 40 + ",", 1), done("read")
    ),
    "an endless depth in a read": retold(lambda text: "[" * 100_000, done("read")),
    "a proposal as the answer to settle": answered(
        "settle", lambda loot, events: text_of(events[answers(events, "propose")[0]])
    ),
    "a settlement as the answer to propose": answered(
        "propose", lambda loot, events: text_of(events[answers(events, "settle")[0]])
    ),
    "the signed proposal once more": answered("propose", lambda loot, events: text_of(events[answers(events, "propose")[0]])),
    "the settlement once more": answered("settle", lambda loot, events: text_of(events[answers(events, "settle")[0]])),
    "a claim as the answer to settle": answered("settle", lambda loot, events: text_of(events[signals(events, "used")[0]])),
    "a receipt as the answer to settle": answered("settle", lambda loot, events: receipt(BASE)),
    "the settlement of another run": answered("settle", lambda loot, events: of_other("denied-late", done("settle"))),
    "the proposal of another run": answered("propose", lambda loot, events: of_other("denied-late", done("propose"))),
    "the refusal of another run": answered("propose", lambda loot, events: of_other("forbidden", done("propose"))),
    "the read of another run": answered("read", lambda loot, events: of_other("not-due", done("read"))),
    "a denied run's settlement": answered("settle", lambda loot, events: of_other("denied", done("settle"))),
    "the claim announced twice": again(said("used")),
    "the decision sent twice": again(said("decide")),
    "the claim of another run": inserted(lambda loot, events: signal("used", of_other("denied-late", said("used")))),
    "the decision of another run": inserted(lambda loot, events: signal("decide", of_other("large", said("decide")))),
    "a claim as a decision": inserted(lambda loot, events: signal("decide", text_of(events[signals(events, "used")[0]]))),
    "two values in a signal": inserted(lambda loot, events: signal("decide", "1", "2")),
    "no value in a signal": inserted(lambda loot, events: signal("decide")),
    "a settlement as an announcement": inserted(
        lambda loot, events: signal("used", text_of(events[answers(events, "settle")[0]]))
    ),
    "an announcement without a body": inserted(lambda loot, events: signal("used", '{"body":{"proposal":"x"},"jws":3}')),
    "the receipt of another run in the use": in_use(lambda loot: receipt("denied-late")),
    "the receipt twice in the use": in_use(lambda loot: receipt(BASE)),
    "nonsense in the use": in_use(lambda loot: '{"kind":"receipt","digest":"x","body":{},"jws":"a.b.c"}'),
    "the use of another run": swapped_uses,
    "a use without events": empty_uses,
    "a use of nothing": lambda loot: loot.with_member(f"uses/{'0' * 64}.json", b'{"events":[]}'),
    "a member that nobody knows": lambda loot: loot.with_member("notes.txt", b"hello"),
    "a bundle that nothing names": lambda loot: loot.with_member(f"policies/{'0' * 64}/a.cedar", b""),
    "a bundle with a line more": each("policies/", lambda content: content + b"\n"),
    "a bundle that is gone": lambda loot: loot.without(*[name for name in loot.members if name.startswith("policies/")]),
    "no keys": lambda loot: loot.without("keys.json"),
    "no rail and no cards": lambda loot: loot.without(*[name for name in loot.members if name.startswith(("rail", "cards"))]),
    "no history": lambda loot: loot.without("history.json"),
    "a checkpoint with a line feed": raw("checkpoint.jws", lambda content: content + b"\n"),
    "an empty checkpoint": raw("checkpoint.jws", lambda content: b""),
    "a checkpoint that is no text": raw("checkpoint.jws", lambda content: b"\xff" * 9),
    "no checkpoint": lambda loot: loot.without("checkpoint.jws"),
    "a manifest with a line feed": raw("manifest.json", lambda content: content + b"\n"),
    "a manifest with a word more": raw("manifest.json", lambda content: content.replace(b'"sealed":', b'"seal":1,"sealed":')),
    "a history that is no JSON": raw("history.json", lambda content: content[:-1]),
    "a history with trailing data": raw("history.json", lambda content: content + b" 1"),
    "a history with a key twice": raw(
        "history.json", lambda content: content.replace(b'{"events"', b'{"events":[],"events"', 1)
    ),
    "a history with a field more": raw("history.json", lambda content: content.replace(b'{"events"', b'{"more":1,"events"', 1)),
    "a history of lists": raw("history.json", lambda content: b"[[]]"),
    "a history with spaces": raw("history.json", lambda content: json.dumps(json.loads(content), indent=1).encode()),
    "an event type by number": event(2, eventType=5),
    "an event type that nobody knows": event(2, eventType=999),
    "an event type of a newer server": event(2, eventType="EVENT_TYPE_WORKFLOW_THOUGHT"),
    "an event id as a number": event(2, eventId=2),
    "a task id": event(3, taskId="77"),
    "a nanosecond more": event(1, eventTime="2026-11-25T08:00:00.999999999Z"),
    "a time in another zone": event(1, eventTime="2026-11-25T09:00:00+01:00"),
    "a time before there were clocks": event(1, eventTime="0001-01-01T00:00:00Z"),
    "a time beyond all clocks": event(41, eventTime="9999-12-31T23:59:59.999999999Z"),
    "no time": event(1, eventTime=None),
    "a principal": event(41, principal={"type": "jwt", "name": "sam"}),
    "another mission type": start(workflowType={"name": "other"}),
    "another workflow id": start(workflowId="other"),
    "another first run": start(firstExecutionRunId="other"),
    "another original run": start(originalExecutionRunId="other"),
    "no original run": start(originalExecutionRunId=""),
    "no input": start(input=None),
    "a second input": second_input,
    "no memo": start(memo=None),
}
"""By what was done."""


def crafted() -> Iterator[tuple[str, Loot]]:
    """Each of them, made from the recorded small refund."""
    for name, craft in CRAFTED.items():
        yield name, craft(Loot.of(archive(BASE)))
