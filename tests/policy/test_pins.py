"""Pins exchanged in a text that stays a person's; drift named by its part. Source: policies/pins.py, policies/drift.py."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from policies.canonical import Digest
from policies.catalogue import Catalogue, Integration
from policies.contract import Contract, of_resource
from policies.drift import Standing, compared, difference, parts
from policies.errors import BundleError
from policies.load import shipped
from policies.pins import with_digest, with_operation

TEXT = (shipped() / "integrations.yaml").read_text()
NEW = Digest("0123456789abcdef" * 4)
OPERATIONS = [
    *("orders.get_case", "orders.get_order", "payments.issue_refund", "payments.list_refunds"),
    *("knowledge.search", "knowledge.document", "parcels.track"),
]


def pinned(text: str) -> dict[str, str]:
    """Digest by operation."""
    catalogue = Catalogue.model_validate(yaml.safe_load(text))
    return {
        f"{name}.{tool}": operation.contract
        for name, entry in catalogue.integrations.items()
        for tool, operation in entry.operations.items()
    }


@given(
    st.sampled_from(OPERATIONS),
    st.sampled_from(['"{}"', "'{}'", "{}", "{}  # looked at on Monday, contract: no", "!!str {}"]),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\ufeff", "# contract: é 🙂\n\n", "---\n"]),
)
def test_exchanging_a_digest_changes_nothing_else(operation: str, style: str, newline: str, head: str) -> None:
    """However the line is written, and whatever stands around it."""
    digest = pinned(TEXT)[operation]
    text = (head + TEXT.replace(digest, style.format(digest))).replace("\n", newline)
    changed = with_digest(text, operation, NEW)
    assert pinned(changed) == pinned(text) | {operation: NEW}
    assert changed.replace(NEW, "") in (text.replace(style.format(digest).partition("  #")[0], ""), text.replace(digest, ""))


@pytest.mark.parametrize("name", ["void", "yes", "null", "on_hold"])
@pytest.mark.parametrize("integration", ["orders", "payments", "knowledge", "parcels"])
def test_new_operation_is_a_commit_and_nothing_else_changes(integration: str, name: str) -> None:
    """After the last one, at its depth, with every line that was there still there in its order."""
    changed = with_operation(TEXT, f"{integration}.{name}", NEW)
    catalogue = Catalogue.model_validate(yaml.safe_load(changed))
    found = catalogue.find(f"{integration}.{name}")
    assert found is not None
    assert (found[2].effect, found[2].contract, found[2].scope) == ("commit", NEW, None)
    assert pinned(changed) == pinned(TEXT) | {f"{integration}.{name}": NEW}
    kept = iter(changed.splitlines())
    assert all(line in kept for line in TEXT.splitlines())


@pytest.mark.promise("H3")
@pytest.mark.parametrize("name", ["x:\n        effect: read\n        y", "effect", "a: {effect: read}", "A", "x__y", "x.y", ""])
def test_name_that_a_server_chose_cannot_write_a_read_into_the_catalogue(name: str) -> None:
    """It is refused, or is one key below the operations of its integration."""
    try:
        changed = with_operation(TEXT, f"payments.{name}", NEW)
    except BundleError:
        return
    catalogue = Catalogue.model_validate(yaml.safe_load(changed))
    assert [str(entry.effect) for entry in catalogue.integrations["payments"].operations.values()][-1] == "commit"


@pytest.mark.parametrize(
    ("text", "operation"),
    [
        ("", "orders.get_case"),
        ("issuer: x", "orders.get_case"),
        (TEXT, "orders.wipe"),
        (TEXT, "nobody.get_case"),
        ("integrations: {a: {operations: {b: {effect: read}}}}", "a.b"),
        ("integrations: [", "a.b"),
        ("x: &d abc\nintegrations: {a: {operations: {b: {contract: *d}}}}", "a.b.c"),
    ],
)
def test_text_that_cannot_be_edited_is_left_to_a_person(text: str, operation: str) -> None:
    """With a reason, and nothing written."""
    with pytest.raises(BundleError, match=r"integrations\.yaml"):
        with_digest(text, operation, NEW)


@pytest.mark.parametrize("tail", ["", "  # none yet", "\n  other:\n    operations: {}"])
def test_first_operation_of_an_integration_makes_a_block(tail: str) -> None:
    """A person writes the server and `operations: {}`, and pins."""
    text = f"issuer: i\nintegrations:\n  a:\n    url: u\n    operations: {{}}{tail}\n"
    changed = with_operation(with_operation(text, "a.one", NEW), "a.two", NEW)
    found = yaml.safe_load(changed)["integrations"]["a"]
    assert found == {"url": "u", "operations": {name: {"effect": "commit", "contract": NEW} for name in ("one", "two")}}
    assert tail.strip() in changed


def test_flow_mapping_is_left_to_a_person() -> None:
    """A line cannot be put into it."""
    with pytest.raises(BundleError, match="add `c` yourself"):
        with_operation("integrations: {a: {operations: {b: {contract: d}}}}", "a.c", NEW)


ONE = Contract(name="one", description="Does one.", input_schema={"type": "object", "default": True})
LISTED = Integration.model_validate(
    {"url": "u", "resource": "u", "operations": {"one": {"effect": "read", "scope": "s", "contract": ONE.digest}}}
)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"description": "Does two."}, ("description",)),
        ({"input_schema": {"type": "object", "default": 1}}, ("input schema",)),
        ({"description": "", "input_schema": {}}, ("description", "input schema")),
    ],
)
def test_drift_is_named_by_its_part(changes: dict[str, object], what: tuple[str, ...]) -> None:
    """`true` and `1` are different schemas."""
    served = ONE.model_copy(update=changes)
    (tool,) = compared("x", LISTED, [ONE], [served])
    assert (tool.standing, tool.parts, parts(ONE, served)) == (Standing.DRIFTED, what, what)
    assert any(line.startswith("+") for line in difference(ONE, served))


def test_renamed_tool_is_gone_and_says_what_it_is_called_now() -> None:
    """The name is a part of the contract too."""
    gone, new = compared("x", LISTED, [ONE], [ONE.model_copy(update={"name": "uno"})])
    assert (gone.standing, gone.parts, "`uno`" in gone.words) == (Standing.GONE, ("name",), True)
    assert (new.standing, new.operation) == (Standing.UNLISTED, "x.uno")


def test_tool_as_pinned_is_said_to_be_so_only_with_its_contract_kept() -> None:
    """A contract file that is not what was pinned is drift too: nobody could see what was agreed to."""
    other = ONE.model_copy(update={"description": "x"})
    standings = [compared("x", LISTED, kept, [ONE])[0] for kept in ([ONE], [], [other])]
    assert [tool.standing for tool in standings] == [Standing.PINNED, Standing.DRIFTED, Standing.DRIFTED]
    assert all("contract file" in tool.parts for tool in standings[1:])


@pytest.mark.parametrize("served", [[ONE, ONE], [ONE.model_copy(update={"description": "e\u0301"})]])
def test_what_has_no_single_reading_is_not_to_be_pinned(served: list[Contract]) -> None:
    """Listed twice, or without a canonical form."""
    assert compared("x", LISTED, [ONE], served)[0].words


PINNED = of_resource("document", "A document.", "k://{collection}/{document}")


def test_new_resource_is_a_commit_with_its_template() -> None:
    """Until somebody classifies it."""
    found = Catalogue.model_validate(yaml.safe_load(with_operation(TEXT, "orders.paper", NEW, "orders://{order_id}"))).find(
        "orders.paper"
    )
    assert found is not None
    assert (found[2].effect, found[2].resource, found[2].contract) == ("commit", "orders://{order_id}", NEW)


@pytest.mark.promise("H3")
@pytest.mark.parametrize("template", ['k://"\n        effect: read #', "k://{a}\n", "{a", "", "k://\\{a}"])
def test_template_that_a_server_chose_cannot_write_a_read_into_the_catalogue(template: str) -> None:
    """It stands between quotes, or is refused."""
    with pytest.raises(BundleError, match="URI template"):
        with_operation(TEXT, "orders.paper", NEW, template)


@pytest.mark.parametrize(
    ("served", "standing", "parts_", "words"),
    [
        ([PINNED], Standing.PINNED, (), ""),
        ([of_resource("document", "Another.", "k://{collection}/{document}")], Standing.DRIFTED, ("description",), ""),
        (
            [of_resource("document", "A document.", "k://{document}/{collection}/all")],
            Standing.DRIFTED,
            ("input schema", "URI template"),
            "",
        ),
        (
            [of_resource("document", "A document.", "k://{+collection}/{document}")],
            Standing.DRIFTED,
            ("input schema", "URI template"),
            "its URI template is no template",
        ),
        ([PINNED, PINNED], Standing.PINNED, (), "the server lists it more than once"),
        (
            [of_resource("doc", "A document.", "k://{collection}/{document}")],
            Standing.GONE,
            ("name",),
            "the server lists the same as `doc`",
        ),
        ([], Standing.GONE, (), ""),
    ],
)
def test_drift_of_a_resource_is_named(served: list[Contract], standing: Standing, parts_: tuple[str, ...], words: str) -> None:
    """By its part, like a tool's."""
    first = compared("k", _library(), [PINNED], served)[0]
    assert (first.standing, first.parts) == (standing, parts_)
    assert first.words.startswith(words) and bool(first.words) is bool(words)


def test_tool_and_resource_of_one_name_are_two_things() -> None:
    """The one is as pinned; the other cannot be called, and cannot be pinned over it."""
    tool = Contract(name="document", description="A document.", input_schema=PINNED.input_schema)
    listed, other = compared("k", _library(), [PINNED], [tool, PINNED])
    assert (listed.standing, other.standing) == (Standing.PINNED, Standing.UNLISTED)
    assert other.words == "the catalogue has another of this name: one is a tool, and one a resource"
    assert tool.digest != PINNED.digest


def _library() -> Integration:
    document = {"effect": "read", "scope": "s", "resource": PINNED.uri_template, "contract": PINNED.digest}
    return Integration.model_validate({"url": "u", "resource": "u", "operations": {"document": document}})
