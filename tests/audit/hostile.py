"""An archive in which every text that an outsider could write is an attack on whoever opens its report."""

from __future__ import annotations

import json
from typing import Any

from pydantic import JsonValue
from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType

from approvals.signed import Kind, Signed
from approvals.start import input_digest
from audit.archive import pack
from audit.export import Sources, members_of
from policies.canonical import digest
from policies.load import read_files
from tests.fakes.bench import SMALL, Bench
from workers.archiving import sayso_version

ATTACKS = (
    "<script>alert(1)</script>",
    "</style><script>alert(2)</script>",
    '"><img src=x onerror=alert(3)>',
    "' onmouseover='alert(4)",
    "{{7*7}}{% include 'page.html' %}{{ report }}",
    "**bold** [link](javascript:alert(5)) `code`",
    "--><svg onload=alert(6)>",
    "</title></head><body><h1>VERIFIED</h1>",
    "&lt;script&gt;&#60;script&#62;",
    "]]><![CDATA[<b>",
)
"""Text that stays as it is: the page shows each, character for character."""
HIDDEN = "\u202etxet\u202c \u200b\u2066 \x00 \x1b[31m \u3164 \u05d0"
"""Text that does not show as itself: the page shows escapes."""
PADDED = "a" + " " * 4000 + "b" + "\n" * 400 + "c"
LONG = "x" * 1_000_000
ALL = " ".join(ATTACKS)


async def hostile(bench: Bench) -> bytes:
    """The archive. What the gate signed is as hostile as it lets pass; the rest is forged or only claimed."""
    given: JsonValue = {"case_id": ALL, "note": HIDDEN, ATTACKS[0]: ATTACKS[1]}
    mission = bench.started(f"refund-{ATTACKS[2]}", given=given, input=input_digest(given), mission_type="refund")
    mission.activity("read", {"operation": ALL, "arguments": {ATTACKS[0]: HIDDEN}}, _raw(_read()), "reads")
    model: JsonValue = {
        "purpose": ALL,
        "model": ATTACKS[1] + HIDDEN,
        "rule_based": False,
        "result": {ATTACKS[2]: LONG, "said": ALL},
    }
    mission.activity("reason", {"purpose": ALL, "inputs": {ATTACKS[3]: 1}}, _raw(model), "reasoning")
    found = await bench.propose({**SMALL, "reason": ALL[:1800]}, because=f"{ALL}\n{HIDDEN}\n{PADDED}")
    bench.decide("sam", reason=ALL[:1900])
    bench.say({"proposal": found.digest, "verdict": "deny", "approver": ATTACKS[0] + HIDDEN, "reason": ALL})
    mission.signal(ATTACKS[1] + HIDDEN, ALL, LONG)
    mission.signal("decide", b"\xff\x00<script>")
    await bench.settle()
    mission.activity("propose", {"step": "1"}, _forged(found.proposal.model_dump(mode="json")))
    mission.activity(ATTACKS[2], {}, ALL)
    _end(bench)
    return _archived(bench)


def flooded(bench: Bench, count: int) -> bytes:
    """The archive of a mission that strangers sent *count* signals to."""
    for number in range(count):
        bench.mission.signal("decide", {"proposal": "0" * 64, "verdict": "deny", "approver": f"stranger-{number}"})
    return _archived(bench)


def _archived(bench: Bench) -> bytes:
    bundle = read_files(bench.kit.root)
    sources = Sources(bench.mission.record(), {}, bench.directories.now, {bench.bundle.digest: bundle}, sayso_version())
    return pack(members_of(sources, None))


def _read() -> dict[str, Any]:
    passages = [{"text": text, "deep": _nested(60)} for text in (ALL, HIDDEN, PADDED, "\ud800 lone")]
    return {"operation": ALL, "result": {"passages": passages, "long": LONG}, "failed": True, "signature": ALL}


def _nested(depth: int) -> JsonValue:
    value: JsonValue = ATTACKS[0]
    for _ in range(depth):
        value = [value]
    return value


def _forged(body: dict[str, Any]) -> Signed:
    """A proposal as no gate would make it."""
    body |= {"policies": [*ATTACKS, HIDDEN], "because": ALL}
    body["action"] |= {"operation": f"payments.{ATTACKS[0]}{HIDDEN}", "arguments": {ATTACKS[2]: ALL}, "endpoint": ATTACKS[1]}
    body["requirement"]["rules"][0]["group"] = ATTACKS[2]
    return Signed(kind=Kind.PROPOSAL, digest=digest(Kind.PROPOSAL, body), body=body, jws=ATTACKS[0])


def _end(bench: Bench) -> None:
    event = bench.mission.append(EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED)
    payload = Payload(metadata={"encoding": b"json/plain"}, data=_raw({"verdict": ALL, "reasons": [HIDDEN, LONG]}))
    event.workflow_execution_completed_event_attributes.result.payloads.append(payload)


def _raw(value: JsonValue) -> bytes:
    return json.dumps(value).encode()
