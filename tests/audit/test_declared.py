"""Each declared class is real: an example of it verifies, for who holds the exporter's key, and for nobody else."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from audit.verification.result import Verdict
from audit.verification.verify import Verifier
from tests.audit.attacker import Loot, Strength
from tests.audit.attacks import content, put
from tests.audit.declared import Class
from tests.audit.mutations import renumbered, structural
from tests.audit.stories import archive


def _cut(loot: Loot) -> Loot:
    """An outcome was called unknown: that people were asked and said that it was done is left out."""
    cuts = (mutant for mutant in structural(loot.events) if mutant.kind == "truncate and end")
    answered = [event["eventType"] for event in loot.events].index("EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED", 20)
    return loot.holding([cut for cut in cuts if cut.event <= answered - 5][-1].events)


def _earlier(loot: Loot) -> Loot:
    """The run ends as soon as it began, and proposes nothing; who worked in the run before it is another."""
    cut = next(each.events for each in structural(loot.events) if (each.kind, each.event) == ("truncate and end", 2))
    name = next(each for each in loot.members if each.startswith("runs/"))
    before = loot.events_of(name)
    before[2]["workflowTaskStartedEventAttributes"]["identity"] = "somebody else"
    left = loot.without(*(each for each in loot.members if each.startswith(("uses/", "policies/"))))
    return left.holding(cut).holding(before, name)


def _another_verdict(loot: Loot) -> Loot:
    events = copy.deepcopy(loot.events)
    (payload,) = events[-1]["workflowExecutionCompletedEventAttributes"]["result"]["payloads"]
    put(payload, {**content(payload), "verdict": "not_refunded"})
    return loot.holding(events)


def _empty_use(loot: Loot) -> Loot:
    name = next(each for each in loot.members if each.startswith("uses/"))
    events = [event for event in loot.events_of(name) if not event["eventType"].endswith("SIGNALED")]
    return loot.holding(renumbered(events, 1000, 1), name)


def _another_hint(loot: Loot) -> Loot:
    hints = json.loads(loot.members["keys.json"])
    hints["people"]["iris"]["name"] = "Somebody Else"
    return loot.with_member("keys.json", json.dumps(hints).encode())


EXAMPLES: dict[Class, tuple[str, Callable[[Loot], Loot], dict[str, Any]]] = {
    Class.CUT: ("unknown-then-done", _cut, {}),
    Class.TAIL: ("refunded", _another_verdict, {}),
    Class.EARLIER: ("continued", _earlier, {}),
    Class.USE: ("refunded", _empty_use, {}),
    Class.HINTS: ("refunded", _another_hint, {}),
    Class.MAKER: ("refunded", lambda loot: loot, {"sayso": "9.9"}),
}


@pytest.mark.parametrize("which", Class)
async def test_declared_change_verifies_with_the_exporters_key(which: Class, ours: Verifier) -> None:
    """docs/audit-format.md §10: the list says no more than is true."""
    story, change, manifest = EXAMPLES[which]
    changed = change(Loot.of(archive(story))).packed(Strength.SIGNED, **manifest)
    assert (await ours.verify(changed)).verdict is Verdict.VERIFIED


@pytest.mark.promise("G3")
@pytest.mark.parametrize("which", Class)
async def test_and_without_it_never(which: Class, ours: Verifier) -> None:
    """docs/threats.md G3."""
    story, change, manifest = EXAMPLES[which]
    changed = change(Loot.of(archive(story))).packed(Strength.REBUILT, **manifest)
    assert (await ours.verify(changed)).verdict is Verdict.FAILED
