"""The shipped bundle: what it permits, and that its contracts are what the example servers serve."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import JsonValue

from policies.action import Action, MissionRef, Principals
from policies.bundle import Bundle
from policies.load import load, shipped
from policies.rulebook import Approvable
from policies.ruling import Ruling
from tests.examples.enterprise import running_enterprise
from tests.stack.pin import served

MISSION = MissionRef(namespace="default", mission_type="refund", mission_id="m", run_id="r", first_execution_run_id="r")


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    """The bundle in the package."""
    return load(shipped())


def rule(bundle: Bundle, operation: str, arguments: dict[str, JsonValue], mission: MissionRef = MISSION) -> Ruling:
    """The ruling for a call of *mission*."""
    found = bundle.catalogue.find(operation)
    assert found is not None
    name, integration, spec = found
    action = Action(
        mission=mission,
        step="1",
        integration=name,
        endpoint=integration.url,
        operation=operation,
        contract=spec.contract,
        arguments=arguments,
    )
    return bundle.rule(action, Principals(owner="olga", scope={"case_id": "C"}), bundle.directory)


async def test_pinned_contracts_are_what_the_servers_list(bundle: Bundle, tmp_path: Path) -> None:
    with running_enterprise(tmp_path) as enterprise:
        listed = await served(enterprise)
    digests = {f"{name}.{contract.name}": contract.digest for name, contracts in listed.items() for contract in contracts}
    assert digests == {name: contract.digest for name, contract in bundle.catalogue.contracts.items()}


@pytest.mark.parametrize(
    ("amount", "currency", "needs"),
    [
        (-1, "EUR", None),
        (0, "EUR", None),
        (1, "EUR", ["support-lead"]),
        (10_000, "EUR", ["support-lead"]),
        (10_001, "EUR", ["finance", "support-lead"]),
        (500_000, "CHF", ["finance", "support-lead"]),
        (500_001, "EUR", None),
        (4200, "JPY", None),
    ],
)
def test_refund_needs(bundle: Bundle, amount: int, currency: str, needs: list[str] | None) -> None:
    arguments: dict[str, JsonValue] = {"order_id": "O", "amount_minor": amount, "currency": currency, "reason": "r"}
    requirement = rule(bundle, "payments.issue_refund", arguments).requirement
    assert (requirement and [rule.group for rule in requirement.rules]) == needs
    assert requirement is None or requirement.expires_seconds == 24 * 3600


@pytest.mark.parametrize(
    ("operation", "arguments", "outcome"),
    [
        ("orders.get_case", {"case_id": "C"}, "allow"),
        ("orders.get_order", {"order_id": "O"}, "allow"),
        ("payments.list_refunds", {"order_id": "O"}, "allow"),
        ("knowledge.search", {"query": "q", "collection": "refunds"}, "allow"),
        ("knowledge.search", {"query": "q", "collection": "warranty"}, "forbid"),
    ],
)
def test_refund_missions_read(bundle: Bundle, operation: str, arguments: dict[str, JsonValue], outcome: str) -> None:
    other = MISSION.model_copy(update={"mission_type": "other"})
    assert rule(bundle, operation, arguments).outcome == outcome
    assert rule(bundle, operation, arguments, other).outcome == "forbid"


@pytest.mark.parametrize(
    ("person", "owner", "on_behalf_of", "may"),
    [
        ("sam", "olga", None, True),
        ("fay", "olga", None, False),
        ("sam", "sam", None, False),
        ("sam", "olga", "sam", False),
        ("sam", None, None, False),
        ("mission-worker", "olga", None, False),
    ],
)
def test_who_may_decide(bundle: Bundle, person: str, owner: str | None, on_behalf_of: str | None, may: bool) -> None:
    proposal = Approvable(
        mission_type="refund",
        operation="payments.issue_refund",
        groups=("support-lead",),
        principals=Principals(owner=owner, on_behalf_of=on_behalf_of),
    )
    assert bundle.rulebook.may_approve(person, proposal, bundle.directory).holds is may


@pytest.mark.parametrize(("person", "may"), [("olga", True), ("sam", False), ("fay", False), ("nobody", False)])
def test_who_may_start(bundle: Bundle, person: str, may: bool) -> None:
    assert bundle.rulebook.may_start(person, "refund", bundle.directory).holds is may
