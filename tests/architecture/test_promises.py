"""Every promise that is kept has a test and a control, and no test proves what nobody promised."""

from __future__ import annotations

import ast
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parents[1]
LISTED: dict[str, dict[str, Any]] = tomllib.loads((TESTS / "promises.toml").read_text())
KEPT = [promise for promise, entry in LISTED.items() if entry["status"] == "kept"]
Marks = dict[str, dict[str, set[str]]]


def marked(text: str) -> Iterator[tuple[str, str, str]]:
    """Kind (`promise` or `control`), id and test name of each marked test in a module's *text*."""
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.name.startswith("test_"):
            continue
        for decorator in node.decorator_list:
            match decorator:
                case ast.Call(func=ast.Attribute(attr="promise" | "control" as kind), args=[ast.Constant(value=str(promise))]):
                    yield kind, promise, node.name


def collected() -> Marks:
    """Test names by kind and promise, over all test files."""
    found: Marks = {"promise": defaultdict(set), "control": defaultdict(set)}
    for path in sorted(TESTS.rglob("test_*.py")):
        for kind, promise, name in marked(path.read_text()):
            found[kind][promise].add(f"{path.relative_to(TESTS)}::{name}")
    return found


MARKS = collected()


def test_every_entry_says_what_it_promises_and_where_it_stands() -> None:
    """`kept`, or `not yet` with a reason."""
    assert {entry["status"] for entry in LISTED.values()} <= {"kept", "not yet"}
    assert all(entry["words"] for entry in LISTED.values())
    assert [promise for promise, entry in LISTED.items() if entry["status"] == "not yet" and not entry.get("reason")] == []


@pytest.mark.parametrize("promise", KEPT)
def test_kept_promise_has_a_test(promise: str) -> None:
    """Source: docs/threats.md."""
    assert MARKS["promise"][promise], f"no test carries {promise}: {LISTED[promise]['words']}"


@pytest.mark.parametrize("promise", KEPT)
def test_kept_promise_has_a_control_or_a_reason_why_none_is_meaningful(promise: str) -> None:
    """A test that cannot fail proves nothing."""
    assert MARKS["control"][promise] or LISTED[promise].get("no_control")


def test_tests_claim_only_what_is_listed_as_kept() -> None:
    """A promise that is not listed, or not kept yet, has no tests."""
    claimed = {**MARKS["promise"], **MARKS["control"]}
    assert sorted(promise for promise, tests in claimed.items() if tests and promise not in KEPT) == []
