"""Archives of one mission's runs, put side by side: whether they are all of it. Each was verified by itself before."""

from __future__ import annotations

from collections.abc import Sequence

from approvals.evidence import RunHead
from audit.verification.result import Verdict, Verification
from policies.model import Recorded


class Whole(Recorded):
    """What the archives of one mission come to together."""

    mission_id: str
    runs: tuple[str, ...]
    """Those that are here, the first one first."""
    whole: bool
    """Whether they are every run from the first to the last, each VERIFIED, and each the one that the next ones go on from."""
    words: str


def missions(found: Sequence[Verification]) -> tuple[Whole, ...]:
    """For each mission of several runs of which an archive is among *found*, whether all of it is."""
    groups: dict[tuple[str, str, str], list[Verification]] = {}
    for each in found:
        if each.mission is not None and (each.earlier or each.went_on_as):
            mission = each.mission
            groups.setdefault((mission.namespace, mission.mission_id, mission.first_execution_run_id), []).append(each)
    return tuple(_together(mission_id, group) for (_, mission_id, _), group in groups.items())


def _together(mission_id: str, group: list[Verification]) -> Whole:
    ordered = sorted(group, key=lambda each: len(each.earlier))
    runs = tuple(each.mission.run_id for each in ordered if each.mission is not None)
    trouble = _trouble(ordered)
    words = trouble or f"all {len(runs)} runs of it are here, each VERIFIED and each going on in the next"
    return Whole(mission_id=mission_id, runs=runs, whole=trouble is None, words=words)


def _trouble(ordered: Sequence[Verification]) -> str | None:
    heads: list[RunHead] = []
    for each in ordered:
        if each.verdict is not Verdict.VERIFIED or each.mission is None or each.head is None:
            return "one of its archives is not VERIFIED"
        # The nearest run is named first.
        before = tuple(reversed(each.earlier))
        if before[: len(heads)] != tuple(heads[: len(before)]) or len(before) < len(heads):
            return "two of its archives are of one run, or tell another history of one"
        if len(before) > len(heads):
            return f"run `{before[len(heads)].run_id}`, from which it went on, has no archive here"
        heads.append(RunHead(mission_id=each.mission.mission_id, run_id=each.mission.run_id, head=each.head))
    last = ordered[-1].went_on_as
    return f"run `{last}`, as which it went on, has no archive here" if last else None
