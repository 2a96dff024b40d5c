"""Archives of a newer server: what this version does not know is never read as nothing."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf import json_format

from audit.verification.result import Verdict
from audit.verification.verify import Verifier
from tests.audit.attacker import HISTORY, Loot, Strength
from tests.audit.stories import archive
from tests.audit.verifying import words

Change = Callable[[list[dict[str, Any]]], object]


def _attributes(events: list[dict[str, Any]]) -> dict[str, Any]:
    return next(value for key, value in events[-1].items() if key.endswith("EventAttributes"))


STRANGE: dict[str, Change] = {
    "a field of the event": lambda events: events[-1].update(novelty="x"),
    "a field inside": lambda events: _attributes(events).update(novelty="x"),
    "a kind of event": lambda events: events[-1].update(eventType=9999),
    "a kind of event by name": lambda events: events[-1].update(eventType="EVENT_TYPE_NOVELTY"),
    "an enumeration inside": lambda events: events[1]["workflowTaskScheduledEventAttributes"]["taskQueue"].update(kind=77),
}


def _strange(what: str, name: str = HISTORY) -> Loot:
    loot = Loot.of(archive("refunded"))
    name = name if name in loot.members else next(each for each in loot.members if each.startswith(name))
    events = copy.deepcopy(loot.events_of(name))
    STRANGE[what](events)
    return loot.with_member(name, json.dumps({"events": events}).encode())


@pytest.mark.promise("G11")
@pytest.mark.parametrize("strength", Strength)
@pytest.mark.parametrize("what", STRANGE)
@pytest.mark.parametrize("member", [HISTORY, "uses/"])
async def test_event_this_version_does_not_know_is_never_verified(
    what: str, strength: Strength, member: str, ours: Verifier
) -> None:
    """docs/threats.md G11: in the history and in a use; whoever verifies is told what to do."""
    verification = await ours.verify(_strange(what, member).packed(strength))
    assert verification.verdict is not Verdict.VERIFIED
    assert "update sayso" in words(verification, "chain")


@pytest.mark.promise("G11")
async def test_archive_of_a_newer_format_says_so(ours: Verifier) -> None:
    """docs/threats.md G11: the format has a version."""
    verification = await ours.verify(Loot.of(archive("refunded")).packed(Strength.SIGNED, format="sayso-archive/2"))
    assert verification.verdict is Verdict.FAILED and "update sayso" in words(verification, "container")


@pytest.mark.control("G11")
async def test_where_unknown_fields_are_skipped_the_event_verifies(ours: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: the usual way to read newer messages is to leave out what is new, and then nobody is told."""
    parse = json_format.Parse
    monkeypatch.setattr(json_format, "Parse", lambda data, into: parse(data, into, ignore_unknown_fields=True))
    verification = await ours.verify(_strange("a field inside").packed(Strength.SIGNED))
    assert verification.verdict is Verdict.VERIFIED
