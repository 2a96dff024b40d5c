"""P2: a proposal rests on what the mission has read, and on nothing else. Source: docs/decisions/0026-provenance.md."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import JsonValue

from approvals.card import as_markdown, as_text, render
from approvals.citation import MAX_CITES, Citation, Passage
from approvals.decision import Verdict
from approvals.proposal import Proposal
from audit import citations as citing
from audit.citations import MAX_TEXT, citations
from policies.canonical import Digest, digest
from tests.attacks.test_testimony import answered
from tests.fakes.bench import Bench

SEARCHED: dict[str, JsonValue] = {"operation": "knowledge.search", "arguments": {"query": "window", "collection": "refunds"}}
ANSWERED: dict[str, JsonValue] = {"operation": "knowledge.search", "result": {"passages": []}, "failed": False}
NOT_READ = "which no signed read of this mission brought"


def passage(
    source: str = "terms.md", text: str = "thirty days", version: str = "3", **changes: JsonValue
) -> dict[str, JsonValue]:
    """A passage as the read worker writes it down."""
    found = digest("passage", text)
    made: dict[str, JsonValue] = {"id": f"{source}@{version}:{found[:8]}", "collection": "refunds", "source": source}
    return made | {"version": version, "digest": found} | changes


TERMS = passage()
ID = str(TERMS["id"])


def searched(bench: Bench, *found: JsonValue, signer: str | None = "read-worker", **lies: str) -> int:
    """A read of the knowledge system that brought *found*; its event."""
    result: dict[str, JsonValue] = {**ANSWERED, "passages": [*found]}
    return answered(bench, signer, request=SEARCHED, result=result, lies=lies or None)


async def proposed(bench: Bench, *ids: str) -> Proposal:
    """A proposal that cites *ids*."""
    return (await bench.propose(cites=ids)).proposal


@pytest.mark.promise("P2")
async def test_passage_that_was_read_is_cited_with_its_source_on_the_card(bench: Bench) -> None:
    """Where it was read first."""
    event = searched(bench, TERMS, passage("other.md"))
    searched(bench, TERMS)
    proposal = await proposed(bench, ID)
    (line,) = render(proposal).cites
    expected = f'digest {str(TERMS["digest"])[:12]}, in "refunds": "terms.md", version "3"'
    assert (line.label, line.text) == (f"event {event}", expected)
    assert expected in as_text(render(proposal)) and expected in as_markdown(render(proposal))


async def test_card_without_citations_says_nothing_of_any(bench: Bench) -> None:
    """Neither in words nor in what is digested."""
    card = render(await proposed(bench))
    assert card.cites == () and "cites" not in card.form() and "CITED" not in as_text(card)


CLAIMS: dict[str, dict[str, Any]] = {
    "unsigned": {"signer": None},
    "signed by a stranger": {"signer": "stranger"},
    "signed by a reason worker": {"signer": "reason-worker"},
    "copied from another mission": {"mission_id": "refund-9"},
    "copied from another run": {"run_id": "run-9"},
    "copied from another read": {"activity": "99"},
}


@pytest.mark.promise("P2")
@pytest.mark.parametrize("case", CLAIMS)
async def test_passage_of_an_unsigned_read_cannot_be_cited(bench: Bench, case: str) -> None:
    """A mission worker may complete a read with whatever it likes."""
    searched(bench, TERMS, **CLAIMS[case])
    assert NOT_READ in await bench.refused(cites=[ID])


@pytest.mark.promise("P2")
async def test_passage_that_was_not_read_cannot_be_cited(bench: Bench) -> None:
    """Nor one that only looks like it, nor one among others that were."""
    searched(bench, TERMS)
    for wrong in ("terms.md@3:00000000", ID.upper(), f" {ID}", ID[:-1], "", "\u202e" + ID):
        assert NOT_READ in await bench.refused(cites=[ID, wrong])


@pytest.mark.control("P2")
async def test_claimed_passage_is_cited_where_nobody_asks_who_read_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """One defence: whose read it was."""
    searched(bench, TERMS, signer=None)
    monkeypatch.setattr(citing, "witness_of", lambda done, record, directory: "anybody")
    assert [each.passage.id for each in (await proposed(bench, ID)).cites] == [ID]


@pytest.mark.control("P2")
async def test_passage_that_was_not_read_is_cited_where_it_is_not_looked_for(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One defence: that each id is found."""
    monkeypatch.setattr(citing, "_trouble", lambda name, ids, found: None)
    monkeypatch.setattr(citing, "_read", lambda ids, *rest: {name: [_invented(name)] for name in ids})
    assert [each.passage.id for each in (await proposed(bench, ID)).cites] == [ID]


def _invented(name: str) -> Citation:
    return Citation(passage=Passage.model_validate({**TERMS, "id": name}), event_id=1)


@pytest.mark.promise("P2")
async def test_mission_cites_each_passage_once_and_not_too_many(bench: Bench) -> None:
    """A card is read by a person."""
    found = [passage(f"{number}.md") for number in range(MAX_CITES + 1)]
    searched(bench, *found)
    ids = [str(each["id"]) for each in found]
    assert len((await proposed(bench, *ids[:-1])).cites) == MAX_CITES
    assert f"it cites {MAX_CITES + 1} passages" in await bench.refused(cites=ids)
    assert "twice" in await bench.refused(cites=[ids[0], ids[0]])


async def test_refusal_of_hostile_ids_stays_short(bench: Bench) -> None:
    """And names some of them."""
    words = await bench.refused(cites=[f"{number}{'x' * 9000}\ud800"[:9000] for number in range(MAX_CITES)])
    assert f"longer than {MAX_TEXT} characters" in words and "and 15 more like these" in words and len(words) < 3000


@pytest.mark.promise("P2")
async def test_id_of_two_different_passages_cites_neither(bench: Bench) -> None:
    """Eight digits of a digest can be made to collide by whoever serves the text."""
    searched(bench, TERMS)
    searched(bench, {**TERMS, "digest": digest("passage", "ninety days")})
    assert "two different passages" in await bench.refused(cites=[ID])


@pytest.mark.parametrize("field", ["source", "version", "collection"])
async def test_passage_that_does_not_fit_on_a_card_cannot_be_cited(bench: Bench, field: str) -> None:
    """A knowledge system names its documents."""
    searched(bench, {**TERMS, field: "x" * (MAX_TEXT + 1)})
    assert "does not fit on a card" in await bench.refused(cites=[ID])


async def test_what_is_no_passage_is_passed_over(bench: Bench) -> None:
    """What a signed read may hold that another version wrote."""
    searched(bench, None, 7, "x", [], {"id": ID}, {**TERMS, "id": 7}, {**TERMS, "more": {}}, {**TERMS, "digest": None})
    answered(bench, request=SEARCHED, result={**ANSWERED, "passages": "many"})
    assert len((await proposed(bench, ID)).cites) == 1


@pytest.mark.promise("F2")
async def test_source_of_a_passage_cannot_imitate_the_card(bench: Bench) -> None:
    """It stands in quotes, escaped."""
    hostile = passage('x"\nowner  ceo', version="\x1b[2J\u202e")
    searched(bench, hostile)
    card = render(await proposed(bench, str(hostile["id"])))
    assert all(char.isprintable() for line in as_text(card, 80).split("\n") for char in line)
    assert not [row for row in as_text(card, 80).splitlines() if row.strip().startswith("owner  ceo")]


async def test_amended_proposal_cites_what_the_first_one_did(bench: Bench) -> None:
    """Whatever its mission asks for by then."""
    searched(bench, TERMS, passage("other.md"))
    first = await bench.propose(cites=[ID])
    bench.decide("sam", Verdict.AMEND, changes={"amount_minor": 4100})
    await bench.settle(first.digest)
    found = await bench.propose(amends=first.digest, cites=["nonsense"])
    assert [each.passage.id for each in found.proposal.cites] == [ID]


async def test_passage_of_an_earlier_run_is_cited_with_that_run(bench: Bench) -> None:
    """A mission that goes on keeps what it read."""
    event = searched(bench, TERMS)
    before = bench.mission.record()
    bench.started("refund-2", "run-2")
    finding, found = citations([ID], bench.mission.record(), [before], bench.bundle.directory)
    assert finding.holds and [(each.event_id, each.run_id) for each in found] == [(event, "run-1")]
    assert found[0].passage.digest == Digest(str(TERMS["digest"]))
