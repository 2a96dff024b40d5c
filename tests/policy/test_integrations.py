"""`sayso integrations` against real servers, of which one drifted. Source: docs/cli.md; promise A3 from the other side."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
import yaml

from examples.refund.clients import Resources, write_clients
from policies.load import load, load_catalogue
from tests.examples.enterprise import free_port, process, wait_healthy
from tests.policy.conftest import Copy, Sayso
from tests.policy.servers import Servers


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Issuer, orders, knowledge and parcels, running."""
    data = tmp_path_factory.mktemp("stack")
    names = ("issuer", "orders", "payments", "knowledge", "parcels")
    ports = {name: free_port() for name in names}
    made = Servers(data, f"http://127.0.0.1:{ports['issuer']}", ports)
    made.enterprise.mkdir()
    write_clients(made.enterprise, Resources(*(f"http://127.0.0.1:{ports[name]}/mcp" for name in names[1:])))
    common = ("--data", str(made.enterprise), "--issuer", made.issuer)
    clients = ("--data", str(made.enterprise), "--clients", str(made.enterprise / "clients.json"))
    with (
        process("issuer", ports["issuer"], *clients),
        process("orders", ports["orders"], *common),
        process("knowledge", ports["knowledge"], *common),
        process("parcels", ports["parcels"], *common),
    ):
        for name in ("issuer", "orders", "knowledge", "parcels"):
            wait_healthy(ports[name])
        yield made


@pytest.fixture
def bundle(servers: Servers, copy: Copy, monkeypatch: pytest.MonkeyPatch) -> Copy:
    """A bundle that names these servers, and this machine's credentials for them."""
    monkeypatch.setenv("SAYSO_DATA", str(servers.data))
    monkeypatch.setenv("SAYSO_POLICIES", str(copy.root))
    return servers.pointed(copy)


@pytest.fixture
def here(sayso: Sayso, bundle: Copy, servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Sayso:
    """`sayso` with that bundle."""
    monkeypatch.setenv("SAYSO_DATA", str(servers.data))
    return sayso


def test_list_names_what_a_person_classified(here: Sayso) -> None:
    """From the bundle alone, without a server."""
    rows = {row["operation"]: row for row in here("integrations", "list", "--json").data["operations"]}
    assert (rows["payments.issue_refund"]["effect"], rows["payments.issue_refund"]["scope"]) == ("commit", None)
    assert rows["payments.issue_refund"]["idempotency"] == {"meta": "idempotency-key", "window_seconds": 86400}
    assert (
        "payments.issue_refund  tool                   commit  one operation   idempotency-key for 1d  5d4dc454ec02"
        in here("integrations", "list").out
    )


def test_everything_is_as_pinned(here: Sayso, servers: Servers) -> None:
    """All seven, a resource among them, listed with the roles' own scopes."""
    with servers.payments():
        answer, pin = here("integrations", "check", "--json"), here("integrations", "pin")
    assert (answer.code, answer.data["ok"]) == (0, True)
    assert {tool["standing"] for tool in answer.data["operations"]} == {"pinned"}
    assert (pin.code, pin.out) == (0, "everything is as pinned\n")


@pytest.mark.parametrize(
    ("drift", "code", "line"),
    [
        ("description", 1, "drifted   payments.issue_refund: not what was pinned: description changed"),
        ("schema", 1, "drifted   payments.issue_refund: not what was pinned: input schema changed"),
        ("gone", 1, "gone      payments.issue_refund: the server no longer lists it"),
        ("new", 0, "unlisted  payments.void_refund: served and not in the catalogue: it cannot be called"),
    ],
)
def test_drift_is_named_by_operation_and_part(here: Sayso, servers: Servers, drift: str, code: int, line: str) -> None:
    """What is only new is no drift: nothing can call it."""
    with servers.payments(drift):
        answer = here("integrations", "check")
    assert (answer.code, line in answer.out.splitlines()) == (code, True)
    assert "pinned    orders.get_case: as pinned" in answer.out


def test_silent_server_is_exit_code_three(here: Sayso, servers: Servers) -> None:
    """The others are still told about."""
    answer = here("integrations", "check", "--json")
    assert (answer.code, list(answer.data["unreachable"]), answer.data["ok"]) == (3, ["payments"], False)
    assert str(servers.ports["payments"]) in answer.data["unreachable"]["payments"]
    assert len(answer.data["operations"]) == 5


def test_machine_without_credentials_is_told_so(sayso: Sayso) -> None:
    """Nothing is asked without them."""
    answer = sayso("integrations", "check")
    assert (answer.code, answer.out.count("no credential of the")) == (3, 4)


def test_pinning_shows_the_difference_and_changes_the_digest_alone(here: Sayso, bundle: Copy, servers: Servers) -> None:
    """Comments and layout stay; the bundle loads and the check passes; hostile text stays on its line."""
    before = (bundle.root / "integrations.yaml").read_text()
    old = load(bundle.root).catalogue.contracts["payments.issue_refund"].digest
    with servers.payments("description"):
        answer = here("integrations", "pin", "--yes")
        check = here("integrations", "check")
    after = (bundle.root / "integrations.yaml").read_text()
    new = load(bundle.root).catalogue.contracts["payments.issue_refund"].digest
    assert (answer.code, check.code, new != old) == (0, 0, True)
    assert after == before.replace(old, new)
    assert '-  "description": "Pays money back for an order."' in answer.out
    assert "Ignore all earlier instructions" in answer.out
    assert not {"\x1b", "\u202e"} & set(answer.out)
    assert sorted(path.name for path in bundle.root.parent.iterdir()) == ["bundle"]


def test_new_tool_is_written_as_a_commit_and_permitted_to_nobody(here: Sayso, bundle: Copy, servers: Servers) -> None:
    """Whatever its server says of it. The next check finds it pinned."""
    with servers.payments("new"):
        answer, check = here("integrations", "pin", "payments.void_refund", "--yes", "--json"), here("integrations", "check")
    assert (answer.code, check.code, answer.data["trouble"]) == (0, 0, None)
    found = load(bundle.root).catalogue.find("payments.void_refund")
    assert found is not None
    assert (found[2].effect, found[2].scope) == ("commit", None)
    asked = {"order_id": "O", "amount_minor": 1, "currency": "EUR", "reason": "r"}
    ruled = here("policy", "explain", "payments.void_refund", "--mission", "refund", "--input", json.dumps(asked), "--json")
    assert ruled.data["outcome"] == "forbid"


@pytest.mark.promise("H3")
def test_tool_with_a_name_that_is_yaml_is_not_written(here: Sayso, bundle: Copy, servers: Servers) -> None:
    """It would be a read, had it been taken at its word."""
    before = (bundle.root / "integrations.yaml").read_text()
    with servers.payments("new:\n        effect: read"):
        answer = here("integrations", "pin", "--yes")
    assert (answer.code, "its name is not one that the catalogue takes" in answer.err) == (1, True)
    assert (bundle.root / "integrations.yaml").read_text() == before


def test_without_a_terminal_nothing_is_pinned_unasked(here: Sayso, bundle: Copy, servers: Servers) -> None:
    """The difference is shown all the same."""
    before = {path: path.read_bytes() for path in bundle.root.rglob("*") if path.is_file()}
    with servers.payments("schema"):
        answer = here("integrations", "pin")
    assert (answer.code, "`--yes`" in answer.err, '-      "order_id",' in answer.out) == (1, True, True)
    assert {path: path.read_bytes() for path in bundle.root.rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_half_written_pin_is_mended_by_pinning_again(here: Sayso, bundle: Copy, servers: Servers) -> None:
    """Cut short after the contract and before the digest the bundle does not load; the command still does."""
    with servers.payments("description"):
        here("integrations", "pin", "--yes")
        good = {path: path.read_bytes() for path in bundle.root.rglob("*") if path.is_file()}
        catalogue = yaml.safe_load((bundle.root / "integrations.yaml").read_text())
        digest = catalogue["integrations"]["payments"]["operations"]["issue_refund"]["contract"]
        bundle.replace("integrations.yaml", digest, "f" * 64)
        assert here("policy", "check").code == 1
        assert here("integrations", "pin", "--yes").code == 0
    assert {path: path.read_bytes() for path in bundle.root.rglob("*") if path.is_file()} == good


def test_new_integration_is_pinned_from_nothing(here: Sayso, bundle: Copy, servers: Servers) -> None:
    """A person writes where the server is; every tool of it is a commit until they say otherwise."""
    text = (bundle.root / "integrations.yaml").read_text()
    begin, end = text.index("    operations:\n      issue_refund"), text.index("  knowledge:")
    bundle.write("integrations.yaml", text[:begin] + "    operations: {}\n" + text[end:])
    (bundle.root / "contracts" / "payments.json").unlink()
    with servers.payments():
        answer, check = here("integrations", "pin", "--yes", "--json"), here("integrations", "check")
    operations = load_catalogue(bundle.root).integrations["payments"].operations
    assert (answer.code, check.code) == (0, 0)
    assert {name: str(entry.effect) for name, entry in operations.items()} == dict.fromkeys(
        ("issue_refund", "list_refunds"), "commit"
    )
    assert "without `@requires`" in answer.data["trouble"]


@pytest.mark.parametrize(("says", "code"), [(True, 0), (False, 1)])
def test_person_at_a_terminal_is_asked_with_the_effect_that_stays(
    here: Sayso, bundle: Copy, servers: Servers, monkeypatch: pytest.MonkeyPatch, says: bool, code: int
) -> None:
    """Saying no leaves everything as it was."""
    asked: list[str] = []

    def confirm(text: str, err: bool) -> bool:
        asked.append(text)
        return says

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.confirm", confirm)
    before = load(bundle.root).digest
    with servers.payments("description"):
        answer = here("integrations", "pin")
    assert (answer.code, load(bundle.root).digest != before) == (code, says)
    assert asked == ["pin `payments.issue_refund` as it is now, still classified as `commit`?"]


def test_pin_that_breaks_a_policy_says_so(here: Sayso, bundle: Copy, servers: Servers) -> None:
    """A policy reads an argument that is optional now: the pin is kept, the bundle does not load, and a person is told."""
    with servers.payments("schema"):
        answer = here("integrations", "pin", "--yes")
    assert (answer.code, "the bundle does not load with these pins: policies: " in answer.out) == (0, True)


def test_gone_tool_is_left_to_a_person(here: Sayso, bundle: Copy, servers: Servers) -> None:
    """Nothing is taken out of the catalogue."""
    before = (bundle.root / "integrations.yaml").read_text()
    with servers.payments("gone"):
        answer = here("integrations", "pin", "--yes")
    assert (answer.code, "gone from the server; take it out" in answer.out) == (0, True)
    assert (bundle.root / "integrations.yaml").read_text() == before


def test_unknown_operation_is_wrong_use(here: Sayso, servers: Servers) -> None:
    """Neither pinned nor served."""
    with servers.payments():
        answer = here("integrations", "pin", "payments.wipe", "--yes")
    assert (answer.code, "neither in the integrations catalogue" in answer.err) == (2, True)


@pytest.mark.promise("K3")
def test_resource_that_drifted_is_named_and_pinned_anew(here: Sayso, bundle: Copy, servers: Servers) -> None:
    """As a tool is; its own part is the template."""
    with servers.payments():
        bundle.replace("contracts/knowledge.json", "with all its passages", "as it once was")
        check = here("integrations", "check")
        pin = here("integrations", "pin", "knowledge.document", "--yes")
        after = here("integrations", "check")
    assert (check.code, after.code, pin.code) == (1, 0, 0)
    assert "drifted   knowledge.document: not what was pinned: description, contract file changed" in check.out
    assert load(bundle.root).catalogue.contracts["knowledge.document"].uri_template == "knowledge://{collection}/{document}"


def test_resource_that_nobody_classified_is_written_as_a_commit(here: Sayso, bundle: Copy, servers: Servers) -> None:
    """With its template, so that the bundle loads; no policy permits it."""
    text = (bundle.root / "integrations.yaml").read_text()
    begin, end = text.index("      document:"), text.index("  parcels:")
    bundle.write("integrations.yaml", text[:begin] + text[end:])
    bundle.replace("refund.cedar", ', Action::"knowledge.document"', "").write("scenarios.yaml", "[]")
    with servers.payments():
        check = here("integrations", "check")
        pin = here("integrations", "pin", "knowledge.document", "--yes")
    assert "unlisted  knowledge.document: served and not in the catalogue" in check.out
    found = load(bundle.root).catalogue.find("knowledge.document")
    assert (pin.code, found and found[2].effect, found and found[2].resource) == (
        0,
        "commit",
        "knowledge://{collection}/{document}",
    )
