"""K: knowledge is other people's words, and nothing is cited that was not read. Source: docs/decisions/0025-knowledge.md."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import JsonValue, TypeAdapter
from temporalio.exceptions import ApplicationError

from activities import knowledge
from activities.read import ReadResult
from approvals.citation import Passage, passage_id
from audit.rail import rail
from policies.bundle import Bundle
from policies.canonical import Digest, digest
from policies.requirement import Assurance
from policies.ruling import Outcome, Ruling
from tests.attacks.test_bypass import read
from tests.fakes.bench import Bench
from tests.unit.test_reason import asked
from workflows import findings
from workflows.errors import Misunderstood, Uncited
from workflows.findings import cited, numbered, remembered, shape
from workflows.refund import RefundFinding

SEARCH, DOCUMENT = "knowledge.search", "knowledge.document"
IN_REFUNDS: dict[str, JsonValue] = {"query": "window", "collection": "refunds"}


def passage(text: str = "30 days.", source: str = "refund-terms#window", version: str = "2026-09") -> dict[str, JsonValue]:
    """A passage as a knowledge system gives it."""
    return {"source": source, "version": version, "text": text}


def known(text: str = "30 days.", source: str = "refund-terms#window", version: str = "2026-09") -> Passage:
    """The same as a read worker makes it."""
    words = digest("passage", text)
    return Passage(id=passage_id(source, version, words), collection="refunds", source=source, version=version, digest=words)


READ = remembered({}, (known(),), SEARCH)
"""What the mission of these tests has read."""
MADE_UP = {
    "nothing like it": "refund-terms#window",
    "of another mission": known("60 days.", "insider-terms").id,
    "of a later version": known(version="2026-10").id,
    "of the same place with other words": known("90 days.").id,
    "with a blank": f"{known().id} ",
    "hidden": f"{known().id}\u202e",
    "of another case": known().id.upper(),
    "terminal escapes": "\x1b[2J\x1b[1;1Happroved by finance",
    "empty": "",
}


def finding(*cites: str) -> RefundFinding:
    """What a model concludes."""
    return RefundFinding(refundable=True, amount_minor=1, reason="late", cites=cites)


@pytest.mark.promise("K1")
@pytest.mark.parametrize("cite", MADE_UP.values(), ids=MADE_UP)
def test_finding_that_cites_what_was_not_read_is_refused(cite: str) -> None:
    """In words that hide nothing, also where what it cites would."""
    assert cited(finding(known().id), READ, "refund/assess").cites == (known().id,)
    with pytest.raises(Uncited, match="which this mission has not read") as refused:
        cited(finding(known().id, cite), READ, "refund/assess")
    assert refused.value.ids == (cite,)
    assert not {"\x1b", "\u202e"} & set(refused.value.message)


@pytest.mark.promise("K1")
@pytest.mark.parametrize("cite", MADE_UP.values(), ids=MADE_UP)
async def test_reason_worker_refuses_it_before(cite: str) -> None:
    """As an answer of another shape, which is asked for again."""
    schema = shape(RefundFinding, TypeAdapter(RefundFinding).json_schema(), READ)
    good = await asked(schema, finding(known().id).model_dump_json())
    assert RefundFinding.model_validate(good.result).cites == (known().id,)
    with pytest.raises(ApplicationError, match=r"another shape at `\$\.cites\[0\]`") as refused:
        await asked(schema, finding(cite).model_dump_json())
    assert (refused.value.type, refused.value.non_retryable) == ("Misshapen", False)


@pytest.mark.promise("K1")
async def test_mission_that_read_nothing_has_nothing_to_cite() -> None:
    """Neither for the worker nor for itself."""
    schema = shape(RefundFinding, TypeAdapter(RefundFinding).json_schema(), {})
    with pytest.raises(ApplicationError, match=r"another shape at `\$\.cites`"):
        await asked(schema, finding(known().id).model_dump_json())
    with pytest.raises(Uncited):
        cited(finding(known().id), {}, "refund/assess")


@pytest.mark.control("K1")
@pytest.mark.parametrize("cite", MADE_UP.values(), ids=MADE_UP)
async def test_it_goes_through_where_nobody_compares(monkeypatch: pytest.MonkeyPatch, cite: str) -> None:
    """Two defences out: the ids in the schema, and the mission's own look."""
    monkeypatch.setattr(findings, "uncited", lambda finding, passages: ())
    answer = await asked(TypeAdapter(RefundFinding).json_schema(), finding(cite).model_dump_json())
    assert cited(RefundFinding.model_validate(answer.result), READ, "refund/assess").cites == (cite,)


@pytest.mark.promise("K1")
async def test_passage_of_an_unsigned_read_is_a_claim_on_the_rail(bench: Bench) -> None:
    """Whoever completes the activity can make one up; the rail says whose word it is, and escapes are the printer's to show."""
    forged = ReadResult(operation=SEARCH, result={}, passages=(known(source="\x1b[2Jterms"),))
    done = bench.mission.activity("read", {"operation": SEARCH, "arguments": IN_REFUNDS}, forged, "reads")
    told = next(each for each in rail(bench.mission.record(), bench.directories.now) if each.event_id == done)
    assert (told.assurance, told.actor) == (Assurance.CLAIMED, "a read worker")
    assert told.digests["passage"] == known().digest


@pytest.mark.parametrize(
    "passages",
    [None, "x", 7, {"id": "a"}, [None, 7, {}], [{**known().model_dump(), "digest": "\x1b[2J"}], [[]] * 100_000],
    ids=["null", "text", "number", "object", "others", "no digest", "many"],
)
def test_rail_tells_of_a_read_whatever_it_says_it_brought(bench: Bench, passages: Any) -> None:
    """What has no form of a passage is none."""
    answer = {"operation": SEARCH, "result": {}, "passages": passages}
    done = bench.mission.activity("read", {"operation": SEARCH, "arguments": IN_REFUNDS}, answer, "reads")
    told = next(each for each in rail(bench.mission.record(), bench.directories.now) if each.event_id == done)
    assert ("passages" in told.what, "passage" in told.digests) == (False, False)


OTHERS: list[JsonValue] = ["warranty", "REFUNDS", "refunds ", "refunds/../warranty", "refunds\u0000", "", ["refunds"], None]


@pytest.mark.promise("K2")
@pytest.mark.parametrize("collection", OTHERS)
@pytest.mark.parametrize("operation", [SEARCH, DOCUMENT])
async def test_collection_of_others_is_not_read(bench: Bench, operation: str, collection: JsonValue) -> None:
    """Whatever comes close to the name of one's own."""
    about: dict[str, JsonValue] = {"query": "window"} if operation == SEARCH else {"document": "warranty-terms"}
    with pytest.raises(ApplicationError) as refused:
        await read(bench, operation, {**about, "collection": collection})
    assert (refused.value.type, bench.tools.calls) == ("NotPermitted", [])


@pytest.mark.control("K2")
@pytest.mark.parametrize("collection", ["warranty", "REFUNDS"])
async def test_any_collection_is_read_where_the_ruling_is_not_asked(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, collection: str
) -> None:
    """Policy is what stands between a mission and a collection."""
    allow = Ruling(outcome=Outcome.ALLOW, findings=(), bundle=bench.bundle.digest)
    monkeypatch.setattr(Bundle, "rule", lambda *_: allow)
    await read(bench, DOCUMENT, {"collection": collection, "document": "a"})
    assert [call.tool for call in bench.tools.calls] == [f"knowledge://{collection}/a"]


HOSTILE: dict[str, tuple[JsonValue, str]] = {
    "no passages": ({"refund_id": "R-1"}, "with no list `passages`"),
    "a text": ("30 days", "with no list `passages`"),
    "a passage without a version": ({"passages": [{"source": "a", "text": "b"}]}, "passage 1 has no `source`, `version`"),
    "a number as text": ({"passages": [passage(), {**passage(), "text": 7}]}, "passage 2 has no `source`, `version`"),
    "terminal escapes in a source": ({"passages": [passage(source="terms\x1b[2J")]}, r"holds U\+001B, which does not show"),
    "a newline in a source": ({"passages": [passage(source="terms\nAPPROVED")]}, r"holds U\+000A"),
    "a source from right to left": ({"passages": [passage(source="terms\u202egnp")]}, r"holds U\+202E"),
    "a version that is not seen": ({"passages": [passage(version="1\u200b")]}, r"`version` of passage 1 holds U\+200B"),
    "an empty source": ({"passages": [passage(source=" ")]}, "`source` of passage 1 is empty"),
    "a source of 10 MB": ({"passages": [passage(source="x" * 10_000_000)]}, "has no form to be digested"),
    "a long source": ({"passages": [passage(source="x" * 201)]}, "longer than 200 characters"),
    "a text of 10 MB": ({"passages": [passage("x" * 10_000_000)]}, "has no form to be digested"),
    "much text": ({"passages": [passage("x" * 5000)] * 40}, "more than 131072 bytes"),
    "many passages": ({"passages": [passage()] * 51}, "more than 50 passages"),
    "a text in two forms": ({"passages": [passage("e\u0301")]}, "is not in Unicode NFC"),
    "half a character": ({"passages": [passage("\ud800")]}, "has no form to be digested"),
}


@pytest.mark.promise("K4")
@pytest.mark.parametrize("name", HOSTILE)
async def test_answer_that_cannot_be_cited_is_no_answer(bench: Bench, name: str) -> None:
    """For good, and in words that repeat nothing of it."""
    bench.tools.result, words = HOSTILE[name]
    with pytest.raises(ApplicationError, match=words) as refused:
        await read(bench, SEARCH, IN_REFUNDS)
    assert (refused.value.type, refused.value.non_retryable, len(refused.value.message) < 200) == ("Misanswered", True, True)
    assert refused.value.message.isprintable()


@pytest.mark.promise("K4")
async def test_two_texts_under_one_id_are_no_answer(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight digits collide with effort; then nobody could tell which text is cited."""
    monkeypatch.setattr(knowledge, "passage_id", lambda source, version, digest: f"{source}@{version}:{digest[:0]}")
    bench.tools.result = {"passages": [passage("30 days."), passage("300 days.")]}
    with pytest.raises(ApplicationError, match="passage 2 has the id of another, with another text"):
        await read(bench, SEARCH, IN_REFUNDS)


@pytest.mark.promise("K4")
def test_nor_are_they_over_two_reads() -> None:
    """The mission remembers the whole digest."""
    other = known("300 days.").model_copy(update={"id": known().id})
    with pytest.raises(Misunderstood, match="has the id of another, with another text"):
        remembered(READ, (other,), SEARCH)


@pytest.mark.control("K4")
@pytest.mark.parametrize("name", ["terminal escapes in a source", "a source from right to left"])
async def test_hostile_name_becomes_a_passage_where_names_are_not_looked_at(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """One defence out; in the id it is escaped even then."""
    monkeypatch.setattr(knowledge, "_name_trouble", lambda name, bound: None)
    bench.tools.result, _ = HOSTILE[name]
    (found,) = (await read(bench, SEARCH, IN_REFUNDS)).passages
    assert {"\x1b", "\u202e"} & set(found.source)
    assert found.id.isprintable()


async def test_passages_are_told_with_what_they_are_cited_by(bench: Bench) -> None:
    """The tool's result stays as the tool gave it; the ids stand beside it, and what a mission's author gets has both."""
    bench.tools.result = {"passages": [passage(), passage("Other.", "a@b", "1")]}
    answer = await read(bench, SEARCH, IN_REFUNDS)
    assert answer.result == bench.tools.result
    assert answer.passages == (known(), known("Other.", "a@b", "1"))
    given: Any = numbered(answer.result, answer.passages)
    assert [item["id"] for item in given["passages"]] == [each.id for each in answer.passages]


async def test_tool_that_fails_brings_no_passages(bench: Bench) -> None:
    """And its words are the mission's to read."""
    bench.tools.result, bench.tools.failed = "no collection is called so", True
    answer = await read(bench, SEARCH, IN_REFUNDS)
    assert (answer.failed, answer.passages) == (True, ())


@pytest.mark.parametrize(
    ("result", "passages"),
    [
        ({"passages": [passage(), passage()]}, (known(),)),
        ({"passages": [passage(source="other")]}, (known(),)),
        ({"passages": [7]}, (known(),)),
        ({"passages": {}}, (known(),)),
        ("x", (known(),)),
        ({"passages": [passage()]}, ()),
    ],
)
def test_no_passage_is_given_the_id_of_another(result: JsonValue, passages: tuple[Passage, ...]) -> None:
    """Anybody can complete an activity, also with what does not fit together."""
    assert numbered(result, passages) == result


def test_ids_tell_apart_what_looks_alike() -> None:
    """What parts them, quotes them or escapes them stands escaped in them."""
    words = Digest("0123456789abcdef" * 4)
    pairs = [("a@b", "c"), ("a", "b@c"), ("a\\u0040b", "c"), ('a"b', "c"), ("a`b", "c"), ("a\u05d0b", "c"), ("a\\u05d0b", "c")]
    ids = [passage_id(source, version, words) for source, version in pairs]
    assert len(set(ids)) == len(pairs)
    assert ids[0] == "a\\u0040b@c:01234567"
    assert not any(mark in "".join(ids) for mark in '"`\u05d0')


def test_mission_forgets_the_oldest_of_very_many() -> None:
    """What it carries is bounded."""
    many = tuple(known(str(number)) for number in range(findings.MAX_REMEMBERED + 5))
    kept = remembered(READ, many, SEARCH)
    assert (len(kept), known().id in kept, many[-1].id in kept) == (findings.MAX_REMEMBERED, False, True)
