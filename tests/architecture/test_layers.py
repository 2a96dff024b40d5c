"""The house has the folders it says it has, and each takes its place. Source: docs/architecture.md."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONFIG = tomllib.loads((ROOT / "pyproject.toml").read_text())
LAYERS: list[str] = CONFIG["tool"]["importlinter"]["contracts"][0]["layers"]
BESIDE = {"examples", "tests", "benchmarks"}
"""Packages that no layer may import."""


def test_every_top_level_package_has_its_place() -> None:
    """import-linter's `exhaustive` needs containers, and top-level packages have none."""
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")} - BESIDE
    assert packages == set(LAYERS)


def sources(*folders: str) -> list[Path]:
    """The modules of *folders*, in order."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def name(path: Path) -> str:
    """How a test names a module."""
    return path.relative_to(ROOT).as_posix()


PURE = [p for p in sources("policies", "approvals", "audit") if name(p) not in ("policies/load.py", "approvals/queue.py")]
IMPURE_MODULES = {"os", "random", "secrets", "uuid", "time", "socket", "subprocess", "tempfile", "shutil", "io", "requests"}
IMPURE_CALLS = {"open", "input", "print", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"}
IMPURE_METHODS = {
    "read_text",
    "read_bytes",
    "write_text",
    "write_bytes",
    "mkdir",
    "unlink",
    "now",
    "utcnow",
    "today",
    "urandom",
}
EXCEPTIONS = {
    "audit/archive.py": {"io", "tarfile.open"},  # A tar file in memory: nothing is read from a disk, or written to one.
    "approvals/jws.py": {"OKPKey.generate_key"},  # A new key pair is the system's randomness, or it is no key.
}


def dotted(node: ast.expr) -> str:
    """`a.b.c` of a name or attribute; empty for anything else."""
    match node:
        case ast.Name(id=found):
            return found
        case ast.Attribute(value=inner, attr=attr):
            return f"{dotted(inner)}.{attr}".lstrip(".")
    return ""


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module that is imported, wherever in the file."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield module
                yield from (f"{module}.{alias.name}" for alias in names)


def called(tree: ast.AST) -> Iterator[str]:
    """Every call by its dotted name."""
    return (dotted(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call))


def impure(call: str) -> bool:
    """Whether the call reads a clock, chance, the environment or a file."""
    return call in IMPURE_CALLS or call.rpartition(".")[2] in IMPURE_METHODS | {"uuid4", "generate_key", "getenv"}


@pytest.mark.parametrize("path", PURE, ids=name)
def test_pure_module_takes_no_clock_no_chance_no_environment_and_no_file(path: Path) -> None:
    """Pass-through switches Temporal's sandbox off for these: nothing else would tell."""
    tree = ast.parse(path.read_text())
    excepted = EXCEPTIONS.get(name(path), set())
    modules = {module.partition(".")[0] for module in imported(tree)} & IMPURE_MODULES - excepted
    calls = {call for call in called(tree) if impure(call)} - excepted
    assert (sorted(modules), sorted(calls)) == ([], [])


@pytest.mark.parametrize("path", PURE, ids=name)
def test_pure_module_has_no_default_that_is_made_anew(path: Path) -> None:
    """A `default_factory` is a container or nothing: it must not read a clock or an id."""
    tree = ast.parse(path.read_text())
    keywords = [word for node in ast.walk(tree) if isinstance(node, ast.Call) for word in node.keywords]
    factories = [dotted(word.value) for word in keywords if word.arg == "default_factory"]
    assert set(factories) <= {"dict", "list", "tuple", "frozenset"}


JUDGING = {"cryptography", "joserfc", "cedarpy", "rfc8785", "cedar_mcp_schema_generator", "jsonschema"}
JUDGES = {
    "approvals.jws",
    "approvals.votes",
    "approvals.thaw",
    "approvals.resolution",
    "policies.rulebook",
    "policies.bundle",
    "policies.load",
}


@pytest.mark.parametrize("path", sources("workflows"), ids=name)
def test_workflow_judges_nothing(path: Path) -> None:
    """Invariant I10: no rule, no key, no cryptography in a workflow."""
    tree = ast.parse(path.read_text())
    modules = set(imported(tree))
    assert {module.partition(".")[0] for module in modules} & JUDGING == set()
    assert modules & JUDGES == set()
    words = {"verify", "opened", "resolve", "judge", "sign", "seal", "rule", "permits", "may_approve"}
    assert {call.rpartition(".")[2] for call in called(tree)} & words == set()


@pytest.mark.promise("E14")
def test_tools_are_called_in_the_one_way_that_sends_once() -> None:
    """`client.session.call_tool` sends once; `Client.call_tool` sends again by itself (measured: four times)."""
    calls = [call for path in sources("activities", "workers") for call in called(ast.parse(path.read_text()))]
    assert [call for call in calls if call.rpartition(".")[2] == "call_tool"] == ["client.session.call_tool"]


@pytest.mark.parametrize("path", sources("policies", "approvals", "audit", "activities", "workflows", "workers"), ids=name)
def test_module_and_its_functions_are_of_a_size_to_read(path: Path) -> None:
    """Modules up to 400 lines, functions up to 60."""
    text = path.read_text()
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [f.name for f in functions if (f.end_lineno or 0) - f.lineno >= 60]
    assert (len(text.splitlines()) <= 400, long) == (True, [])


@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "from uuid import uuid4",
        "def f():\n    import time",
        "datetime.now()",
        "a.datetime.now(UTC)",
        "p.read_text()",
    ],
)
def test_this_test_finds_what_it_looks_for(text: str) -> None:
    """A check that cannot fail proves nothing."""
    tree = ast.parse(text)
    modules = {module.partition(".")[0] for module in imported(tree)} & IMPURE_MODULES
    assert modules or {call for call in called(tree) if impure(call)}
