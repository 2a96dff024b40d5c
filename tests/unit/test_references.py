"""What policies name, there is. Source: policies/references.py, policies/egress.py; promises H3, E8."""

from __future__ import annotations

from pathlib import Path

import pytest

from policies.errors import BundleError
from policies.load import load
from tests.fakes.kit import Kit

FORBID = 'forbid (principal, action == Action::"start", resource)'
STRANGE = {
    "scope": 'permit (principal in Group::"ops", action == Action::"start", resource);',
    "narrowed scope": 'forbid (principal is Person in Group::"ops", action == Action::"start", resource);',
    "condition": f'{FORBID} when {{ principal in Group::"ops" }};',
    "exception": f'{FORBID} unless {{ principal in [Group::"finance", Group::"ops"] }};',
    "person": f'{FORBID} when {{ principal == Person::"ops" }};',
    "person in a scope": 'forbid (principal == Person::"ops", action, resource);',
    "owner": 'forbid (principal is Mission, action, resource) unless { principal has owner && principal.owner==Person::"ops"};',
    "integration": 'forbid (principal, action, resource == Integration::"ops");',
    "nested": f'{FORBID} when {{ if true then true else [1].contains(1) && principal in Group::"ops" }};',
}


def with_policy(kit: Kit, name: str, text: str) -> Path:
    """A bundle with one policy more."""

    def edit(root: Path) -> None:
        (root / "more.cedar").write_text(f'@id("mine") {text}')

    return kit.copy(f"names {name}", edit)


@pytest.mark.promise("H3")
@pytest.mark.parametrize("name", STRANGE)
def test_policy_that_names_nobody_does_not_load(kit: Kit, name: str) -> None:
    """It says which policy, which name, and what there is."""
    with pytest.raises(BundleError) as error:
        load(with_policy(kit, name, STRANGE[name]))
    assert error.value.where == "policy `mine`"
    assert '::"ops", which is not in' in error.value.reason and "there is `" in error.value.reason


@pytest.mark.parametrize(
    "text",
    [
        f'@description("Group::ops") {FORBID} when {{ principal == Person::"mission-worker" }};',
        'forbid (principal, action, resource == Integration::"orders") when { principal == Person::"sam" };',
        'forbid (principal, action == Action::"start", resource == MissionType::"whatever");',
    ],
)
def test_policy_that_names_whom_there_is_loads(kit: Kit, text: str) -> None:
    """People, services, groups, integrations; a mission type is nobody's to list."""
    assert load(with_policy(kit, "known", text)).rulebook
