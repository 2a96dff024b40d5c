"""
Every mutation of every recorded mission against the verifier: `python -m tests.audit.fuzz [STORY…]`, or `make fuzz`.

Ends with 1 when something verified that is not declared, or the verifier raised. The suite runs a sample of the same.
"""

from __future__ import annotations

import asyncio
import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from audit import manifest
from audit.enclosed import contents_of
from audit.manifest import MANIFEST
from audit.references import Contents
from audit.verification.material import Material, opened_record, opened_runs
from audit.verification.result import Verdict
from audit.verification.verify import Verifier
from policies.directory import Directory
from policies.load import load_trust
from tests.audit.attacker import Event, Loot, Strength, same
from tests.audit.declared import Class, class_of
from tests.audit.mutations import Mutant, edits, structural
from tests.audit.stories import STORIES, TRUST, archive
from tests.audit.verifying import RING, verifier


@dataclass
class Tally:
    """What came of a run."""

    tried: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    declared: Counter[Class] = field(default_factory=Counter)
    """Mutations that verified, by the class that they are in."""
    holes: list[str] = field(default_factory=list)
    """Mutations that verified and are in none."""


async def fuzzed(name: str, mutants: Iterable[Mutant], strength: Strength, using: Verifier, tally: Tally) -> None:
    """Hands each of *mutants* of story *name* to the verifier, as an attacker of *strength* would."""
    loot = Loot.of(archive(name))
    material, events = await _material(loot, using.trust), loot.events
    for mutant in mutants:
        if mutant.events == events:
            continue
        verification = await using.verify(loot.holding(mutant.events).packed(strength))
        tally.tried += 1
        tally.verdicts[verification.verdict] += 1
        if verification.verdict is not Verdict.VERIFIED or _same(mutant, events, strength):
            continue
        known = class_of(mutant, material) if strength is Strength.SIGNED else None
        if known is None:
            tally.holes.append(f"{name}: {mutant.name} ({strength})")
        else:
            tally.declared[known] += 1


async def changed_uses(name: str, strength: Strength, using: Verifier, tally: Tally, every: int = 1) -> None:
    """The same for the use workflows in the archive of story *name*, one in *every* mutation."""
    loot = Loot.of(archive(name))
    for member in sorted(each for each in loot.members if each.startswith("uses/")):
        events = loot.events_of(member)
        for mutant in sampled(chain(structural(events), edits(events)), every):
            verification = await using.verify(loot.holding(mutant.events, member).packed(strength))
            tally.tried += 1
            tally.verdicts[verification.verdict] += 1
            if verification.verdict is Verdict.VERIFIED and strength is Strength.SIGNED:
                tally.declared[Class.USE] += 1
            elif verification.verdict is Verdict.VERIFIED:
                tally.holes.append(f"{name}: {mutant.name} in `{member[:17]}…` ({strength})")


async def changed_runs(name: str, strength: Strength, using: Verifier, tally: Tally, every: int = 1) -> None:
    """The same for the earlier runs in it: proposals of this run answer for them whole, so nothing in them may change."""
    loot = Loot.of(archive(name))
    for member in sorted(each for each in loot.members if each.startswith("runs/")):
        events = loot.events_of(member)
        for mutant in sampled(chain(structural(events), edits(events)), every):
            if mutant.events == events or _same(mutant, events, strength):
                continue
            verification = await using.verify(loot.holding(mutant.events, member).packed(strength))
            tally.tried += 1
            tally.verdicts[verification.verdict] += 1
            if verification.verdict is Verdict.VERIFIED:
                tally.holes.append(f"{name}: {mutant.name} in `{member[:17]}…` ({strength})")


async def changed_payloads(name: str, strength: Strength, using: Verifier, tally: Tally) -> None:
    """The same for stored payloads: each byte that is another one, and each that is left out."""
    loot = Loot.of(archive(name))
    for member in sorted(each for each in loot.members if each.startswith("payloads/")):
        content = loot.members[member]
        changed = [content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :] for at in range(0, len(content), 97)]
        for other in [*(loot.with_member(member, each) for each in changed), loot.without(member)]:
            verification = await using.verify(other.packed(strength))
            tally.tried += 1
            tally.verdicts[verification.verdict] += 1
            if verification.verdict is Verdict.VERIFIED:
                tally.holes.append(f"{name}: `{member[:22]}…` ({strength})")


def _same(mutant: Mutant, events: list[Event], strength: Strength) -> bool:
    """Whether an attacker with the exporter's key only spelled the same events otherwise."""
    return strength is Strength.SIGNED and same(mutant.events, events)


async def _material(loot: Loot, trust: Directory | None) -> Material:
    assert trust is not None
    listed = manifest.read(loot.members[MANIFEST])
    codec = Contents(contents_of(loot.members), RING)
    runs = await opened_runs(listed, loot.members, codec)
    record = await opened_record(listed, loot.members, codec, runs)
    return Material(loot.members, listed, record, {}, trust, {}, None, runs=runs)


def sampled(mutants: Iterable[Mutant], every: int) -> Iterator[Mutant]:
    """One in *every* of *mutants*, by their names: the same ones each time, at all positions."""
    return (mutant for mutant in mutants if zlib.crc32(mutant.name.encode()) % every == 0)


def mutants_of(name: str) -> Iterator[Mutant]:
    """All mutations of story *name*."""
    events = Loot.of(archive(name)).events
    return chain(structural(events), edits(events))


async def main(names: list[str]) -> int:
    """Every mutation of *names*, or of every story that is VERIFIED as it is."""
    using, holes = verifier(load_trust(TRUST)), 0
    for name in names or [name for name, story in STORIES.items() if story.verdict is Verdict.VERIFIED]:
        for strength in Strength:
            tally = Tally()
            every = 1 if strength is Strength.SIGNED else 7
            await fuzzed(name, sampled(mutants_of(name), every), strength, using, tally)
            await changed_uses(name, strength, using, tally, every)
            await changed_runs(name, strength, using, tally, every)
            await changed_payloads(name, strength, using, tally)
            print(f"{name}, {strength}: {tally.tried} mutations, {dict(tally.verdicts)}", flush=True)
            for hole in tally.holes:
                print(f"  VERIFIED: {hole}", flush=True)
            holes += len(tally.holes)
    print(f"{holes} holes")
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
