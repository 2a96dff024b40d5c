"""
`python -m benchmarks.policies`: how long a bundle of 200 policies takes to load and to rule.

The bundle is the shipped one with 191 policies more: permits for other mission types, for the same and for other operations,
each with a condition over the arguments. Every ruling is for arguments that were not ruled on before.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from approvals.jws import Signer
from approvals.rehearsal import action_of, play, set_stage
from policies.action import Action, Principals
from policies.bundle import Bundle
from policies.load import load, shipped
from policies.source import sources

POLICIES = 200
RULINGS = 2000


def main() -> None:
    """Prints one JSON object with every figure."""
    figures: dict[str, Any] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory(prefix="sayso-bench-") as directory:
        root = grown(Path(directory) / "bundle", POLICIES)
        bundle = load(root)
        figures["policies"] = len(sources(bundle.rulebook.text))
        figures["scenarios"] = len(bundle.scenarios)
        figures["load_ms"] = _times(lambda _: load(root), 20)
        figures["rule_commit_ms"] = _times(_ruling(bundle, "payments.issue_refund"), RULINGS)
        figures["rule_read_ms"] = _times(_ruling(bundle, "orders.get_case"), RULINGS)
        figures["may_approve_ms"] = _times(_approving(bundle), RULINGS)
        figures["play_all_scenarios_ms"] = _times(lambda _: _play(bundle), 20)
        figures["check_command_ms"] = _times(lambda _: _check(root), 5)
    print(json.dumps(figures, indent=2))


def grown(root: Path, count: int) -> Path:
    """The shipped bundle in *root*, with so many policies in all."""
    shutil.copytree(shipped(), root)
    more = count - sum(len(sources(path.read_text())) for path in root.glob("*.cedar"))
    (root / "more.cedar").write_text("\n".join(_policy(number) for number in range(more)))
    return root


def _policy(number: int) -> str:
    """Every other one is about the operation that is asked for."""
    kind = f'principal.type == "kind-{number}"'
    if number % 2:
        head = f'@id("more-{number}") permit (principal is Mission, action == Action::"orders.get_order", resource)'
        return f'{head} when {{ {kind} && context.input.order_id like "ORD-{number}*" }};'
    head = f'@id("more-{number}") @requires("support-lead: 1, finance: 1") @expires("24h")'
    scope = 'permit (principal is Mission, action == Action::"payments.issue_refund", resource)'
    return f"{head} {scope} when {{ {kind} && context.input.amount_minor <= {1000 + number} }};"


def _ruling(bundle: Bundle, operation: str) -> Callable[[int], object]:
    actions: list[Action] = []
    for number in range(RULINGS):
        arguments: dict[str, object] = {"case_id": f"CASE-{number}"}
        if operation == "payments.issue_refund":
            arguments = {"order_id": f"ORD-{number}", "amount_minor": number + 1, "currency": "EUR", "reason": "broken"}
        actions.append(action_of(operation, "refund", arguments, bundle))
    owner = Principals(owner="olga")
    return lambda number: bundle.rule(actions[number], owner, bundle.directory)


def _approving(bundle: Bundle) -> Callable[[int], object]:
    from policies.rulebook import Approvable

    people = sorted(bundle.directory.people)
    asked = Approvable("refund", "payments.issue_refund", ("finance", "support-lead"), Principals(owner="olga"))
    return lambda number: bundle.rulebook.may_approve(people[number % len(people)], asked, bundle.directory)


def _play(bundle: Bundle) -> None:
    stage = set_stage(bundle, Signer.generate)
    for scenario in bundle.scenarios:
        play(scenario, stage)


def _check(root: Path) -> None:
    command = [sys.executable, "-m", "workers.cli.main", "policy", "check", str(root)]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=False)


def _times(work: Callable[[int], object], rounds: int) -> dict[str, float]:
    taken = []
    for number in range(rounds):
        began = time.perf_counter()
        work(number)
        taken.append((time.perf_counter() - began) * 1000)
    return {"median": round(statistics.median(taken), 3), "max": round(max(taken), 3), "rounds": rounds}


if __name__ == "__main__":
    main()
