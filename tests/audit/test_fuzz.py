"""
A sample of what `make fuzz` does: mutations at every event of several missions, in three strengths. Nothing verifies that is
not declared, and nothing makes the verifier raise.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from audit.verification import verify
from audit.verification.result import Found, Verdict, holds
from audit.verification.verify import CHECKS, Verifier
from tests.audit.attacker import Loot, Strength
from tests.audit.declared import Class
from tests.audit.fuzz import Tally, changed_payloads, changed_runs, changed_uses, fuzzed, mutants_of, sampled
from tests.audit.mutations import Mutant, structural
from tests.audit.stories import archive
from tests.conftest import Without

SIGNED_STORIES = ["refunded", "denied", "batch", "not-due", "unknown-then-retried"]
TURNS = ("drop and renumber", "double", "swap", "truncate and end", "drop", "truncate", "insert a copy of a signal")


def _each_position(name: str) -> Iterator[Mutant]:
    """At every event one kind of structural change, and another kind at the next."""
    for mutant in structural(Loot.of(archive(name)).events):
        if mutant.kind == TURNS[mutant.event % len(TURNS)]:
            yield mutant


@pytest.mark.slow
@pytest.mark.promise("G1")
@pytest.mark.promise("G2")
@pytest.mark.parametrize("name", SIGNED_STORIES)
async def test_structural_change_at_any_event_verifies_only_where_declared(name: str, ours: Verifier) -> None:
    """docs/threats.md G1 to G3: dropped, doubled, swapped, cut off, by somebody with the exporter's key."""
    tally = Tally()
    await fuzzed(name, _each_position(name), Strength.SIGNED, ours, tally)
    assert tally.holes == [] and tally.tried > len(Loot.of(archive(name)).events) // 2


@pytest.mark.promise("G1")
@pytest.mark.promise("G3")
@pytest.mark.parametrize("name", [*SIGNED_STORIES, "continued", "stored"])
async def test_changed_value_verifies_only_where_declared(name: str, ours: Verifier) -> None:
    """docs/threats.md G1, G3: values changed and left out, by somebody with the exporter's key."""
    tally = Tally()
    await fuzzed(name, sampled(mutants_of(name), 23), Strength.SIGNED, ours, tally)
    assert tally.holes == [] and tally.tried > 30


@pytest.mark.promise("G1")
@pytest.mark.promise("G2")
@pytest.mark.promise("G3")
@pytest.mark.parametrize("strength", [Strength.RAW, Strength.REBUILT])
@pytest.mark.parametrize("name", ["refunded", "encrypted"])
async def test_without_the_exporters_key_nothing_verifies(name: str, strength: Strength, ours: Verifier) -> None:
    """docs/threats.md G1 to G3: no class is declared here."""
    tally = Tally()
    await fuzzed(name, sampled(mutants_of(name), 37), strength, ours, tally)
    assert tally.holes == [] and set(tally.verdicts) <= {Verdict.FAILED, Verdict.INCOMPLETE}


@pytest.mark.promise("G3")
async def test_changed_use_never_verifies_as_something_else(ours: Verifier) -> None:
    """docs/threats.md G3: a use workflow is not chained; what counts in it is signed."""
    tally = Tally()
    await changed_uses("refunded", Strength.SIGNED, ours, tally, every=5)
    assert tally.holes == [] and set(tally.declared) <= {Class.USE}


@pytest.mark.promise("G3")
async def test_changed_earlier_run_or_stored_payload_never_verifies(ours: Verifier) -> None:
    """docs/threats.md G3: no class is declared there, as proposals of the run answer for all runs before it."""
    tally = Tally()
    await changed_runs("continued", Strength.SIGNED, ours, tally, every=61)
    await changed_payloads("stored", Strength.SIGNED, ours, tally)
    assert tally.holes == [] and tally.tried > 50


@pytest.mark.control("G1")
@pytest.mark.control("G2")
@pytest.mark.control("G3")
async def test_fuzzer_finds_the_holes_of_a_verifier_without_checks(
    ours: Verifier, monkeypatch: pytest.MonkeyPatch, without: Without
) -> None:
    """The control: a fuzzer that finds nothing anywhere proves nothing."""
    for name in ("check_members", "check_checkpoint"):
        monkeypatch.setattr(verify, name, _nothing)
    for name in [name for name in CHECKS if name != "contents"]:
        without(CHECKS, name)
    tally = Tally()
    await fuzzed("refunded", sampled(mutants_of("refunded"), 97), Strength.RAW, ours, tally)
    assert len(tally.holes) > tally.tried // 2


def _nothing(*given: object) -> list[Found]:
    return [holds("container", "not looked at")]
