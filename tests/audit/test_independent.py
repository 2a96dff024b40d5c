"""
The second verifier, `tests/audit/independent`, agrees with the first: on every recorded mission, on what attackers make of it
in every strength, and whoever pins what.

It draws no rail and does no Cedar. `ONLY_OURS` is what only these can tell, and what the first verifier finds there may be
left out of its verdict: so the second may be kinder in that, and in nothing else, and never the reverse.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from audit.errors import ArchiveError
from audit.verification.result import Found, Verdict, verdict_of
from audit.verification.verify import CHECKS, Verifier
from policies.directory import Directory
from policies.errors import PolicyError
from policies.load import load_trust
from tests.audit.attacker import Loot, Strength
from tests.audit.attacks import ATTACKS
from tests.audit.codec import KEYS
from tests.audit.crafted import BASE, CRAFTED
from tests.audit.fuzz import mutants_of, sampled
from tests.audit.independent.strict import Trust, Unreadable
from tests.audit.independent.verify import verify
from tests.audit.mutations import Mutant, edits, structural
from tests.audit.stories import STORIES, THEIR_TRUST, TRUST, archive
from tests.audit.trusts import TRICKS, changed_pins
from tests.audit.verifying import verifier
from tests.conftest import Without

OURS = {"policies", "approvals", "audit", "activities", "workflows", "workers", "examples", "benchmarks"}
HERE = Path(__file__).parent / "independent"
PINS = Trust(TRUST.read_text("utf-8"))
ONLY_OURS = {
    "rail": (r".*", "rail and card text are drawn by the first alone; §7 lets the second rely on the checkpoint"),
    "receipts": (
        r"this was sent, .* not admitted: policy does not permit [^;]*",
        "whether the owner may start such missions, and the action is permitted, is Cedar's to say",
    ),
}
"""By check: which of its findings, by their words, and why only the first can tell."""


def _only_ours(found: Found) -> bool:
    words, _ = ONLY_OURS.get(found.check, ("(?!)", ""))
    return re.fullmatch(words, found.words) is not None


async def disagreement(data: bytes, ours: Verifier, pins: Trust = PINS, ring: Mapping[str, bytes] = KEYS) -> str | None:
    """What the two say of *data*, where the second says neither what the first does, nor that without what only it can tell."""
    first, (second, findings) = await ours.verify(data), verify(data, pins, ring)
    if second in (first.verdict, verdict_of(found for found in first.findings if not _only_ours(found))):
        return None
    said = [(found.check, str(found.result), found.words) for found in first.findings if found.result != "holds"]
    other = [(found.check, found.result, found.words) for found in findings if found.result != "holds"]
    return f"{first.verdict} for {said}, and {second} for {other}"


def test_second_verifier_imports_nothing_of_ours() -> None:
    """By its syntax trees: it may not even name a module of the product, or another of the tests."""
    found = set()
    for path in HERE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            found |= {name for name in names if not name.startswith("tests.audit.independent")}
            assert not isinstance(node, ast.ImportFrom) or node.level == 0
    assert {name.partition(".")[0] for name in found} & {*OURS, "tests", "importlib"} == set()


def test_second_verifier_loads_nothing_of_ours() -> None:
    """By what a process has loaded that verified an archive with it: exit code 0, and none of our packages."""
    script = (
        "import sys; from tests.audit.independent import __main__ as it; code = it.main(); print(*sys.modules); sys.exit(code)"
    )
    command = [sys.executable, "-c", script, "--trust", str(TRUST), str(TRUST.parent / "refunded.sayso")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parents[2], timeout=60, check=False)
    assert (done.returncode, {name.partition(".")[0] for name in done.stdout.split()} & OURS) == (0, set())


@pytest.mark.parametrize(("name", "code"), [("refunded", 0), ("copied-read", 1), ("open", 2)])
def test_second_verifier_ends_with_the_code_of_its_verdict(name: str, code: int) -> None:
    """Used by hand: `python -m tests.audit.independent --trust FILE ARCHIVE…`."""
    command = [sys.executable, "-m", "tests.audit.independent", "--trust", str(TRUST), str(TRUST.parent / f"{name}.sayso")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=HERE.parents[2], timeout=60, check=False)
    assert done.returncode == code and done.stdout.startswith(STORIES[name].verdict)


@pytest.mark.parametrize("name", STORIES)
async def test_both_find_the_same_in_a_recorded_mission(name: str, ours: Verifier) -> None:
    """Not the verdict alone: the same checks hold and do not."""
    first, (second, findings) = await ours.verify(archive(name)), verify(archive(name), PINS, KEYS)
    here = {(found.check, str(found.result)) for found in first.findings if not _only_ours(found)}
    assert second == verdict_of(found for found in first.findings if not _only_ours(found))
    assert {(found.check, found.result) for found in findings if found.check != "rail"} == here


@pytest.mark.parametrize(
    ("check", "name"), [("witnesses", "copied-read"), ("answers", "forged-settlement"), ("ends", "terminated")]
)
async def test_a_check_that_one_of_them_lacks_is_noticed(check: str, name: str, ours: Verifier, without: Without) -> None:
    """The control: what is compared can differ."""
    without(CHECKS, check)
    assert await disagreement(archive(name), ours) is not None


@pytest.mark.slow
@pytest.mark.parametrize("strength", Strength)
async def test_both_agree_about_crafted_archives(strength: Strength, ours: Verifier) -> None:
    """What a reader could take for something else: tests/audit/crafted.py."""
    found = {}
    for name, craft in CRAFTED.items():
        try:
            data = craft(Loot.of(archive(BASE))).packed(strength)
        except (ArchiveError, KeyError):
            continue  # Who rebuilds has a manifest to begin with, or there is nothing to rebuild.
        found[name] = await disagreement(data, ours)
    assert {name: words for name, words in found.items() if words} == {} and len(found) > 90


@pytest.mark.parametrize("strength", Strength)
async def test_both_agree_about_named_attacks(strength: Strength, ours: Verifier) -> None:
    """tests/audit/attacks.py."""
    found = {}
    for name, named in ATTACKS.items():
        found[name] = await disagreement(named.attack(Loot.of(archive(named.story))).packed(strength), ours)
    assert {name: words for name, words in found.items() if words} == {}


async def _over(name: str, member: str, mutants: Iterable[Mutant], strength: Strength, ours: Verifier) -> tuple[int, list[str]]:
    """How many were tried, and where the two disagree."""
    loot, tried, found = Loot.of(archive(name)), 0, []
    for mutant in mutants:
        words = await disagreement(loot.holding(mutant.events, member).packed(strength), ours)
        tried += 1
        found += [f"{mutant.name}: {words}"] if words else []
    return tried, found


@pytest.mark.slow
@pytest.mark.parametrize(("strength", "every"), [(Strength.RAW, 503), (Strength.REBUILT, 431), (Strength.SIGNED, 211)])
async def test_both_agree_about_changed_histories(strength: Strength, every: int, ours: Verifier) -> None:
    """A sample of the fuzzer's mutants of every story, the same each time; most of them by an attacker who can sign."""
    results = [await _over(name, "history.json", sampled(mutants_of(name), every), strength, ours) for name in STORIES]
    assert [words for _, found in results for words in found] == []
    assert sum(tried for tried, _ in results) > 5_000 // every


@pytest.mark.slow
@pytest.mark.parametrize("name", ["refunded", "unknown-then-retried", "batch", "encrypted"])
async def test_both_agree_about_changed_uses(name: str, ours: Verifier) -> None:
    """The use workflows, by an attacker who can sign."""
    loot = Loot.of(archive(name))
    for member in [each for each in loot.members if each.startswith("uses/")]:
        events = loot.events_of(member)
        mutants = [*sampled(structural(events), 5), *sampled(edits(events), 47)]
        tried, found = await _over(name, member, mutants, Strength.SIGNED, ours)
        assert found == [] and tried > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["large", "unknown-then-retried", "amended-then-approved"])
async def test_both_agree_whoever_pins_what(name: str, tmp_path: Path) -> None:
    """Each person, service and gate unknown, without keys, with a void key, in another group, signing something else."""
    found = {}
    for change, text in changed_pins():
        (tmp_path / "trust.yaml").write_text(text, "utf-8")
        trust = load_trust(tmp_path / "trust.yaml")
        found[change] = await disagreement(archive(name), verifier(trust), Trust(text))
    assert {change: words for change, words in found.items() if words} == {} and len(found) > 80


async def test_both_agree_about_another_house() -> None:
    """The attacker's own pins, and what nobody pins."""
    theirs = Trust(THEIR_TRUST.read_text("utf-8"))
    assert await disagreement(archive("theirs"), verifier(load_trust(THEIR_TRUST)), theirs) is None
    nobody = Trust("groups: []\npeople: {}\n")
    for name in STORIES:
        assert await disagreement(archive(name), verifier(Directory(groups=(), people={})), nobody) is None


@pytest.mark.promise("G6")
async def test_both_agree_about_an_encrypted_mission_without_its_keys(trust: Directory) -> None:
    """§9: chain and checkpoint alone."""
    second, _ = verify(archive("encrypted"), PINS)
    assert second == Verdict.INCOMPLETE
    assert await disagreement(archive("encrypted"), verifier(trust, None, None), PINS, {}) is None


@pytest.mark.parametrize("name", TRICKS)
def test_both_read_a_trust_file_alike(name: str, tmp_path: Path) -> None:
    """§5: refused by both, or the same digest, which settlements name."""
    (tmp_path / "trust.yaml").write_text(TRICKS[name], "utf-8")
    try:
        first = str(load_trust(tmp_path / "trust.yaml").digest)
    except PolicyError:
        first = "refused"
    try:
        second = Trust(TRICKS[name]).digest
    except Unreadable:
        second = "refused"
    assert second == first
