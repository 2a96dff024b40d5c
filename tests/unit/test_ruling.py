"""Policy's answers, each rule's outcome as data. Source: policies/bundles/refund/refund.cedar; promises H1, H2."""

from __future__ import annotations

import cedarpy
import pytest
from pydantic import JsonValue

from policies.action import Principals
from policies.bundle import Bundle
from policies.errors import BundleError
from policies.rulebook import Approvable
from policies.ruling import Ruling
from tests.fakes.actions import REFUND, action, refund
from tests.fakes.kit import Kit, in_file

OLGA = Principals(owner="olga", scope={"case_id": "CASE-1001"})


def ruled(bundle: Bundle, **changes: JsonValue) -> Ruling:
    """The ruling of a refund with changed arguments."""
    return bundle.rule(refund(bundle, **changes), OLGA, bundle.directory)


SCENARIOS: list[tuple[dict[str, JsonValue], str, str | None]] = [
    # Up to 100.00 a support lead says so.
    ({"amount_minor": 1}, "gate", "refund-small"),
    ({"amount_minor": 10000}, "gate", "refund-small"),
    # Beyond it two people, up to 5000.00.
    ({"amount_minor": 10001}, "gate", "refund-large"),
    ({"amount_minor": 500000}, "gate", "refund-large"),
    # Nobody's say-so is enough for more, for nothing, or for taking money.
    ({"amount_minor": 500001}, "forbid", None),
    ({"amount_minor": 0}, "forbid", None),
    ({"amount_minor": -100}, "forbid", None),
    ({"amount_minor": 2**53 - 1}, "forbid", None),
    # Currencies that the rules name, as they name them.
    ({"currency": "USD"}, "gate", "refund-small"),
    ({"currency": "eur"}, "forbid", None),
    ({"currency": "JPY"}, "forbid", None),
    ({"currency": ""}, "forbid", None),
    # What does not fit the contract is not judged.
    ({"amount_minor": True}, "forbid", None),
    ({"amount_minor": "4200"}, "forbid", None),
    ({"amount_minor": 42.5}, "forbid", None),
    ({"amount_minor": None}, "forbid", None),
    ({"order_id": ["ORD-1", "ORD-2"]}, "forbid", None),
    ({"reason": {"text": "late"}}, "forbid", None),
    ({"force": True}, "forbid", None),
]


@pytest.mark.parametrize(("changes", "outcome", "policy"), SCENARIOS)
def test_refund_is_ruled_as_written(kit: Kit, changes: dict[str, JsonValue], outcome: str, policy: str | None) -> None:
    """The shipped rules, at their edges."""
    ruling = ruled(kit.bundle, **changes)
    assert (ruling.outcome, ruling.policies) == (outcome, (policy,) if policy else ())
    assert (ruling.requirement is not None) is (outcome == "gate")
    assert bool(list(ruling.reasons())) is (outcome == "forbid")


@pytest.mark.parametrize("name", REFUND)
def test_refund_with_an_argument_missing_is_forbidden(kit: Kit, name: str) -> None:
    """The contract requires all four."""
    arguments = {key: value for key, value in REFUND.items() if key != name}
    ruling = kit.bundle.rule(action(kit.bundle, "payments.issue_refund", arguments), OLGA, kit.bundle.directory)
    assert ruling.outcome == "forbid"
    assert name in " ".join(ruling.reasons())


READS: list[tuple[str, dict[str, JsonValue], str, str]] = [
    ("orders.get_case", {"case_id": "CASE-1001"}, "refund", "allow"),
    ("orders.get_order", {"order_id": "ORD-2001"}, "refund", "allow"),
    ("knowledge.search", {"query": "window", "collection": "refunds"}, "refund", "allow"),
    # Another collection, another mission type.
    ("knowledge.search", {"query": "window", "collection": "salaries"}, "refund", "forbid"),
    ("orders.get_case", {"case_id": "CASE-1001"}, "shipping", "forbid"),
    ("orders.get_case", {"case_id": "CASE-1001"}, "Refund", "forbid"),
    ("orders.get_case", {"case": "CASE-1001"}, "refund", "forbid"),
]


@pytest.mark.parametrize(("operation", "arguments", "mission_type", "outcome"), READS)
def test_read_is_ruled_as_written(
    kit: Kit, operation: str, arguments: dict[str, JsonValue], mission_type: str, outcome: str
) -> None:
    """Reads are free within the mission type's scope."""
    asked = action(kit.bundle, operation, arguments, mission_type)
    assert kit.bundle.rule(asked, OLGA, kit.bundle.directory).outcome == outcome


@pytest.mark.parametrize("field", ["integration", "endpoint", "contract", "operation"])
def test_action_for_another_server_or_contract_is_forbidden(kit: Kit, field: str) -> None:
    """An action names what the catalogue names, or is not judged."""
    other = refund(kit.bundle).model_copy(update={field: "payments.other" if field == "operation" else "other"})
    assert kit.bundle.rule(other, OLGA, kit.bundle.directory).outcome == "forbid"


def test_every_field_of_an_action_is_in_its_digest(kit: Kit) -> None:
    """Change any of it and it is another action."""
    one = refund(kit.bundle)
    others = [one.model_copy(update={field: "other"}) for field in ("step", "integration", "endpoint", "operation", "contract")]
    missions = [one.mission.model_copy(update={field: "other"}) for field in type(one.mission).model_fields]
    others += [one.model_copy(update={"mission": mission}) for mission in missions]
    others += [refund(kit.bundle, **{name: "other"}) for name in REFUND]
    assert len({found.digest for found in (one, *others)}) == 1 + len(others)


APPROVERS = [("sam", True), ("lena", True), ("fay", False), ("olga", False), ("nobody", False), ("mission-worker", False)]


@pytest.mark.parametrize(("who", "may"), APPROVERS)
def test_who_may_approve_a_small_refund(kit: Kit, who: str, may: bool) -> None:
    """People of the group asked for."""
    bundle = kit.bundle
    asked = approvable(OLGA)
    assert bundle.rulebook.may_approve(who, asked, bundle.directory).holds is may


def approvable(principals: Principals, groups: tuple[str, ...] = ("support-lead",)) -> Approvable:
    """A small refund's proposal, as policies see it."""
    return Approvable("refund", "payments.issue_refund", groups, principals)


DUTIES = [Principals(owner="sam"), Principals(owner="olga", on_behalf_of="sam"), Principals()]


@pytest.mark.promise("H1")
@pytest.mark.parametrize("principals", DUTIES)
def test_forbid_holds_where_its_attribute_is_there_and_where_it_is_missing(kit: Kit, principals: Principals) -> None:
    """The owner, whom it is for, and everybody where nobody knows the owner."""
    bundle = kit.bundle
    assert not bundle.rulebook.may_approve("sam", approvable(principals), bundle.directory).holds


CARELESS = "when { principal == resource.on_behalf_of }"


@pytest.mark.promise("H1")
def test_forbid_that_reads_an_attribute_without_asking_for_it_does_not_load(kit: Kit) -> None:
    """Under the schema an optional attribute is asked for first, or the bundle is refused."""
    edit = in_file("refund.cedar", "when { resource has on_behalf_of && principal == resource.on_behalf_of }", CARELESS)
    with pytest.raises(BundleError, match="on_behalf_of"):
        kit.changed("careless forbid", edit)


@pytest.mark.control("H1")
@pytest.mark.control("H2")
def test_erroring_forbid_is_skipped_where_cedar_is_asked_without_a_schema() -> None:
    """One defence: the schema. Without it the forbid errors, is skipped, and the answer is Allow."""
    policies = f"permit (principal, action, resource); forbid (principal, action, resource) {CARELESS};"
    uid = {"type": "P", "id": "x"}
    request = {"principal": uid, "action": {"type": "Action", "id": "a"}, "resource": {"type": "R", "id": "r"}, "context": {}}
    answer = cedarpy.is_authorized(request, policies, [{"uid": request["resource"], "attrs": {}, "parents": []}])
    assert answer.decision is cedarpy.Decision.Allow
    assert answer.diagnostics.errors


@pytest.mark.promise("H2")
@pytest.mark.parametrize("broken", [{"amount_minor": 2**70}, {"amount_minor": "x"}, {"currency": 1}, {"more": 1}])
def test_request_that_cedar_cannot_decide_is_not_permitted(kit: Kit, broken: dict[str, JsonValue]) -> None:
    """Asked past the contract check: no decision, no reading and no permit are all no."""
    bundle = kit.bundle
    permission = bundle.rulebook.permits(refund(bundle, **broken), OLGA, bundle.directory)
    assert not permission.finding.holds
    assert permission.requirement is None


@pytest.mark.parametrize("name", ['"', "\\", "\n", 'sam"; permit', 'Person::"sam"', "\u0000"])
def test_name_cannot_break_out_of_a_cedar_entity(kit: Kit, name: str) -> None:
    """Ids go in as data."""
    bundle = kit.bundle
    assert not bundle.rulebook.may_start(name, "refund", bundle.directory).holds
    assert not bundle.rulebook.may_approve(name, approvable(OLGA), bundle.directory).holds
