"""Scenarios as data: what does not load, and where it says so. Source: policies/scenario.py."""

from __future__ import annotations

import pytest

from policies.errors import BundleError
from policies.load import load
from policies.scenario import ActionScenario, read
from tests.policy.conftest import Copy

HEAD = """
- name: mine
  mission: refund
  owner: olga
  operation: payments.issue_refund
  arguments: {order_id: O, amount_minor: 1, currency: EUR, reason: r}
"""
GATE = HEAD + "  expect: {ruling: gate, resolution: open}\n"
MISTAKES = {
    "unknown operation": (HEAD.replace("issue_refund", "wipe") + "  expect: {ruling: forbid}", "operation `payments.wipe`"),
    "unknown operation among others": (GATE + "  operations: [payments.wipe]", "operation `payments.wipe`"),
    "unknown owner": (GATE.replace("olga", "bob"), "`bob` is neither a person nor a service"),
    "unknown decider": (GATE + "  decisions: [{who: bob, verdict: approve}]", "`bob` is neither"),
    "unknown starter": ("- {name: mine, mission: refund, start: bob, expect: {may: true}}", "`bob` is neither"),
    "unknown group": (HEAD + '  expect: {ruling: gate, requires: "ceo: 1"}', "group `ceo` is not listed"),
    "unknown missing group": (HEAD + '  expect: {ruling: gate, resolution: open, missing: "ceo: 1"}', "group `ceo`"),
    "unknown asked group": (
        "- {name: mine, mission: refund, approve: sam, operation: payments.issue_refund, asked: [ceo], expect: {may: true}}",
        "group `ceo`",
    ),
    "unknown key": (GATE + "  skip: true", "`skip`: Extra inputs"),
    "unknown key of a decision": (GATE + "  decisions: [{who: sam, verdict: approve, forged: true}]", "forged`: Extra"),
    "unknown ruling": (HEAD + "  expect: {ruling: maybe}", "`expect.ruling`"),
    "unknown verdict": (GATE + "  decisions: [{who: sam, verdict: perhaps}]", "verdict`: Input should be"),
    "unknown resolution": (HEAD + "  expect: {ruling: gate, resolution: done}", "`expect.resolution`"),
    "no expectation": (HEAD, "`expect`: Field required"),
    "no duration": (GATE + "  at: 90", "is not a duration"),
    "duration of another form": (GATE + "  at: 1w", "is not a duration"),
    "rules of another form": (HEAD + '  expect: {ruling: gate, requires: "support-lead"}', "is not of the form"),
    "rules that YAML reads": (HEAD + "  expect: {ruling: gate, requires: {support-lead: 1}}", "put it in quotes"),
    "date as argument": (GATE.replace("order_id: O", "order_id: 2026-01-01"), "`arguments.order_id"),
    "infinity as argument": (GATE.replace("amount_minor: 1", "amount_minor: .inf"), "no single form"),
    "text outside NFC": (GATE.replace("reason: r", 'reason: "e\\u0301"'), "no single form"),
    "decision about a read": (
        HEAD + "  decisions: [{who: sam, verdict: approve}]\n  expect: {ruling: allow}",
        "no requirement, no decisions and no resolution",
    ),
    "decision that shows nothing": (
        HEAD + "  decisions: [{who: sam, verdict: approve}]\n  expect: {ruling: gate}",
        "without an expected `resolution`",
    ),
    "moment before a decision": (GATE + "  decisions: [{who: sam, verdict: approve, after: 2h}]\n  at: 1h", "before the last"),
    "name twice": (GATE + GATE, "the name is used twice"),
    "key twice": (GATE + "  owner: sam\n", "given twice"),
    "no name": (GATE.replace("name: mine", "name: ''"), "`name`"),
}


@pytest.mark.promise("H3")
@pytest.mark.parametrize("name", MISTAKES)
def test_scenario_with_a_mistake_keeps_the_bundle_from_loading(copy: Copy, name: str) -> None:
    """It names the file and the reason, and where it got so far, the scenario."""
    text, why = MISTAKES[name]
    copy.write("scenarios.yaml", text)
    with pytest.raises(BundleError) as error:
        load(copy.root)
    assert why in str(error.value)
    assert "scenarios.yaml" in error.value.where


@pytest.mark.parametrize(("text", "why"), [("{}", "not a list"), ("- a", "entry 1"), ("[", "not YAML")])
def test_what_is_no_list_of_scenarios_does_not_load(copy: Copy, text: str, why: str) -> None:
    """Before any scenario has a name."""
    with pytest.raises(BundleError, match=why):
        load(copy.write("scenarios.yaml", text).root)


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "[]"])
def test_empty_file_holds_no_scenario(copy: Copy, text: str) -> None:
    """And a bundle without the file has none either."""
    assert load(copy.write("scenarios.yaml", text).root).scenarios == ()
    (copy.root / "scenarios.yaml").unlink()
    assert load(copy.root).scenarios == ()


def test_mistake_is_found_by_the_scenario_it_is_in(copy: Copy) -> None:
    """Among many, by number and name."""
    copy.append("scenarios.yaml", GATE.replace("olga", "bob"))
    with pytest.raises(BundleError, match=r"entry \d+ `mine`"):
        load(copy.root)


def test_scenarios_count_into_the_digest(copy: Copy) -> None:
    """What was expected belongs to what was approved."""
    before = load(copy.root).digest
    assert load(copy.append("scenarios.yaml", "# one more word\n").root).digest != before


def test_arguments_are_taken_in_the_form_in_which_they_are_sent(copy: Copy) -> None:
    """`1.0` is `1`, as the gate would have it."""
    bundle = load(copy.root)
    item = {"name": "a", "mission": "m", "operation": "payments.issue_refund", "arguments": {"amount_minor": 1.0}}
    (found,) = read([item | {"expect": {"ruling": "forbid"}}], bundle.catalogue, bundle.directory)
    assert isinstance(found, ActionScenario)
    assert isinstance(found.arguments["amount_minor"], int)
