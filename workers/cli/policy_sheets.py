"""What `sayso policy` prints: the same facts as text for a person and as data for a script."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import ndiff
from pathlib import Path
from typing import Any

from approvals.changes import Change
from approvals.checkup import Level, Remark
from approvals.display import visible, visible_json
from approvals.expectation import differences, expected, outcome, why
from approvals.explanation import Candidate, Explanation
from approvals.rehearsal import Played
from policies.bundle import Bundle
from policies.ruling import Finding
from policies.source import Source, sources
from workers.cli.tree import Branch, drawn


def check_data(root: Path, bundle: Bundle | None, found: Sequence[Remark]) -> dict[str, Any]:
    """`sayso policy check --json`."""
    return {
        "directory": str(root),
        "bundle": bundle.digest if bundle else None,
        "ok": not any(remark.level is Level.FAILURE for remark in found),
        "policies": len(sources(bundle.rulebook.text)) if bundle else None,
        "scenarios": len(bundle.scenarios) if bundle else None,
        "classes": list(bundle.catalogue.classes) if bundle else None,
        "models": bundle.models.model_dump(mode="json") if bundle else None,
        "remarks": [remark.model_dump(mode="json") for remark in found],
    }


def check_text(root: Path, bundle: Bundle | None, found: Sequence[Remark]) -> str:
    """One line a remark, and a last one that sums up."""
    width = max((len(remark.level) for remark in found), default=0)
    lines = [f"{remark.level.ljust(width)}  {visible(remark.where)}: {visible(remark.words)}" for remark in found]
    failures = sum(remark.level is Level.FAILURE for remark in found)
    said = f"{_count(failures, 'failure')}, {_count(len(found) - failures, 'warning')}"
    if bundle is None:
        return "\n".join([*lines, f"`{visible(str(root))}` does not load"])
    lines += _models(bundle)
    size = f"{_count(len(sources(bundle.rulebook.text)), 'policy')}, {_count(len(bundle.scenarios), 'scenario')}"
    return "\n".join([*lines, f"`{visible(str(root))}` (bundle {bundle.digest[:12]}): {size}; {said}"])


def _models(bundle: Bundle) -> Iterator[str]:
    """What leaves for models, for a reviewer: all that is classed, and who may be told of it."""
    if bundle.catalogue.classes:
        yield f"data classes: {', '.join(bundle.catalogue.classes)}"
    for name, integration in bundle.catalogue.integrations.items():
        for tool, operation in integration.operations.items():
            yield from (f"classed     {name}.{tool} {visible(path)}: {each}" for path, each in operation.classes.items())
    if bundle.models.perimeter == "closed":
        yield "the perimeter is closed: no model outside is asked"
    for purpose, route in bundle.models.routes.items():
        for number, choice in enumerate(route.choices):
            yield f"{f'fallback {number}' if number else 'route'.ljust(10)}  {visible(purpose)}: {visible(choice.words())}"


def test_data(bundle: Bundle, played: Sequence[Played]) -> dict[str, Any]:
    """`sayso policy test --json`."""
    return {
        "bundle": bundle.digest,
        "failed": sum(bool(differences(each)) for each in played),
        "scenarios": [
            {
                "name": each.scenario.name,
                "ok": not differences(each),
                "expected": expected(each),
                "got": outcome(each),
                "policies_reached": sorted(each.reached),
                "why": list(why(each)),
            }
            for each in played
        ],
    }


def test_text(played: Sequence[Played]) -> str:
    """One line a scenario; a failed one has what differs and why under it."""
    lines = [line for each in played for line in _tested(each)]
    failed = sum(bool(differences(each)) for each in played)
    return "\n".join([*lines, f"{_count(len(played), 'scenario')}, {failed} failed"])


def diff_text(found: Sequence[Change]) -> str:
    """What changes, grouped; long texts whole, one under the other."""
    if not found:
        return "nothing changes: every scenario is answered as before"
    lines = [line for change in found for line in _changed(change)]
    answers = {change.name for change in found if change.kind == "scenario"}
    return "\n".join([*lines, f"{_count(len(answers), 'scenario')} answered otherwise"])


def explain_data(found: Explanation) -> dict[str, Any]:
    """`sayso policy explain --json`."""
    return {
        "operation": found.action.operation,
        "mission_type": found.action.mission.mission_type,
        "arguments": found.action.arguments,
        "owner": found.principals.owner,
        "on_behalf_of": found.principals.on_behalf_of,
        "scope": found.principals.scope,
        "outcome": str(found.ruling.outcome),
        "findings": [finding.model_dump(mode="json") for finding in found.ruling.findings],
        "policies": [{"name": each.name, "effect": each.effect, "text": each.text} for each in found.policies],
        "requirement": found.ruling.requirement.model_dump(mode="json") if found.ruling.requirement else None,
        "start": found.start.model_dump(mode="json"),
        "people": [{"who": each.who, "groups": list(each.groups), "refused": list(each.refused)} for each in found.candidates],
        "missing": list(found.missing),
        "bundle": found.ruling.bundle,
    }


def explain_text(found: Explanation) -> str:
    """The ruling as a tree."""
    action, ruling = found.action, found.ruling
    title = f"{ruling.outcome}: {visible(action.operation)} {visible_json(action.arguments)}"
    branches = [
        Branch(f"mission {visible(action.mission.mission_type)}, {_whose(found)}", (_finding(found.start),)),
        Branch("findings", tuple(_finding(finding) for finding in ruling.findings)),
    ]
    if found.policies:
        branches.append(Branch("determining policies", tuple(_policy(each) for each in found.policies)))
    if ruling.requirement is not None:
        branches.append(Branch(f"needs {visible(ruling.requirement.words())}", tuple(_people(found))))
    return drawn(Branch(title, tuple(branches)))


def _changed(change: Change) -> Iterator[str]:
    title = f"{change.kind} `{visible(change.name)}`" + (f" {visible(change.what)}" if change.what else "")
    if change.kind == "policy":
        yield f"{_sign(change)} {title}"
        for line in ndiff(_lines(change.old or ""), _lines(change.new or "")):
            if not line.startswith("?"):
                yield f"    {line}".rstrip()
    elif change.old is None or change.new is None:
        yield f"{_sign(change)} {title}: {visible(change.old or change.new or 'none')}"
    else:
        yield f"~ {title}: {visible(change.old) or 'none'} -> {visible(change.new) or 'none'}"


def _sign(change: Change) -> str:
    return "+" if change.old is None else "-" if change.new is None else "~"


def _whose(found: Explanation) -> str:
    owner = f"owned by {visible(found.principals.owner)}" if found.principals.owner else "owned by nobody known"
    return (
        owner
        + (f", on behalf of {visible(found.principals.on_behalf_of)}" if found.principals.on_behalf_of else "")
        + _scope(found)
    )


def _scope(found: Explanation) -> str:
    scope = found.principals.scope
    return f", for {visible_json(dict(scope))}" if scope else ""


def _finding(finding: Finding) -> Branch:
    return Branch(f"{'ok' if finding.holds else 'NO'}  {visible(finding.words)}")


def _policy(policy: Source) -> Branch:
    return Branch("\n".join([f"{policy.effect} {visible(policy.name)}", *(f"  {line}" for line in _lines(policy.text))]))


def _people(found: Explanation) -> Iterator[Branch]:
    requirement = found.ruling.requirement
    yield from (Branch(f"{label}: {visible(text)}") for label, text in (requirement.details() if requirement else ()))
    yield from (_candidate(candidate) for candidate in found.candidates)
    if found.missing:
        yield Branch(f"NO  nobody could meet it: the directory lacks {visible(', '.join(found.missing))}")


def _candidate(candidate: Candidate) -> Branch:
    groups = visible(", ".join(candidate.groups)) or "no group"
    if not candidate.refused:
        return Branch(f"ok  {visible(candidate.who)} ({groups}) could approve")
    return Branch(f"no  {visible(candidate.who)} ({groups}): {visible('; '.join(candidate.refused))}")


def _tested(played: Played) -> Iterator[str]:
    found = differences(played)
    yield f"{'FAIL' if found else 'ok'.ljust(4)}  {visible(played.scenario.name)}"
    yield from (f"        {one.what}: expected {visible(one.expected)}, got {visible(one.got)}" for one in found)
    if found:
        yield from (f"        because {visible(words)}" for words in why(played))


def _lines(text: str) -> list[str]:
    """Each line as it is, escaped. Indentation of a policy's text stays readable."""
    shown = []
    for line in text.split("\n") if text else []:
        body = line.lstrip(" ")
        shown.append(" " * min(len(line) - len(body), 40) + visible(body))
    return shown


def _count(number: int, noun: str) -> str:
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
