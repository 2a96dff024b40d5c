"""What a hostile review found in keys, starts, bundles and proposals, and does not find again."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue, ValidationError

from activities.directories import FileDirectories
from activities.lineage import MAX_PRIOR, MAX_PRIOR_ARGUMENTS
from activities.mcp_tools import without
from activities.tokens import KEPT_SECONDS, IssuerTokens
from approvals import start
from approvals.card import render
from approvals.errors import SignatureError
from approvals.jws import Signer, take_apart, verify
from approvals.proposal import PriorKind
from policies.action import MAX_ARGUMENTS
from policies.bundle import Bundle, argument_trouble
from policies.contract import Contract
from policies.directory import Directory
from policies.errors import BundleError
from policies.keys import PublicKey
from policies.load import load
from policies.notation import MAX_EXPIRY
from policies.requirement import Assurance, Requirement
from policies.strictness import stricter
from tests.fakes.bench import REFUND, SMALL, Bench
from tests.fakes.kit import Kit, edit_yaml, in_file
from workflows.board import LONGEST


def _x(signer: Signer) -> str:
    return signer.public().x


def _other_text(x: str) -> str:
    """Another last character for the same 32 bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return x[:-1] + alphabet[alphabet.index(x[-1]) + 1]


def test_key_in_another_text_form_is_no_key() -> None:
    """Review H7: it passed the pattern, and could not be imported when a decision came."""
    with pytest.raises(ValidationError, match="base64url"):
        PublicKey(kid="k", x=_other_text(_x(Signer.generate("k"))))


def test_key_of_zeros_is_no_key() -> None:
    """Under it a signature can be made to fit without a private key."""
    with pytest.raises(ValidationError):
        PublicKey(kid="k", x=base64.urlsafe_b64encode(bytes(32)).decode().rstrip("="))


def test_key_that_cannot_be_imported_verifies_nothing() -> None:
    """Whatever came by the model, a signature that cannot be checked is none."""
    signer = Signer.generate("k")
    key = PublicKey.model_construct(kid="k", x="no key at all", revoked=False)
    with pytest.raises(SignatureError):
        verify(take_apart(signer.sign("t", {})), "t", key)


@pytest.mark.parametrize("dates", [{"not_after": "2030-01-01T00:00:00Z"}, {"not_before": "2020-06-01T00:00:00Z"}])
def test_gate_key_with_dates_does_not_load(kit: Kit, dates: dict[str, str]) -> None:
    """What a gate signed is read for as long as its missions live."""
    content = kit.bundle.directory.model_dump(mode="json", exclude_unset=True)
    content["gates"][0] |= dates
    with pytest.raises(ValidationError, match="a gate key is good until it is `revoked`"):
        Directory.model_validate(content)


def test_start_that_claims_to_be_good_for_long_is_not_believed(bench: Bench) -> None:
    """Review M8: a start is for now."""
    iat = bench.claims(bench.mission).iat
    claims = bench.claims(bench.mission, exp=iat + int(start.LIFETIME.total_seconds()) + 1)
    with pytest.raises(SignatureError, match="valid for longer than"):
        start.owner(start.sign(claims, bench.kit.signers["olga"]), claims, bench.clock(), bench.bundle.directory)


def _requirement(seconds: int) -> Requirement:
    return Requirement(rules=(), expires_seconds=seconds, assurance=Assurance.SIGNED)


@pytest.mark.parametrize(("today", "told"), [(59, True), (60, False), (61, False)])
def test_shorter_time_to_decide_is_stricter(today: int, told: bool) -> None:
    """Review M8: a proposal does not outlive what policy gives now."""
    assert (stricter(_requirement(today), _requirement(60)) is not None) is told


@pytest.mark.parametrize("days", [14, 15])
def test_proposal_cannot_wait_for_longer_than_two_weeks(kit: Kit, days: int) -> None:
    """The server may forget a use 30 days after it closed."""
    edit = in_file("refund.cedar", '@expires("24h")', f'@expires("{days}d")')
    if days * 86400 <= MAX_EXPIRY:
        assert load(kit.copy(f"expires {days}", edit)).rulebook
        return
    with pytest.raises(BundleError, match="is longer than 14d"):
        load(kit.copy(f"expires {days}", edit))


def test_mission_asks_again_after_every_honest_expiry() -> None:
    """A round is longer than any proposal waits."""
    assert timedelta(seconds=MAX_EXPIRY) < LONGEST


DRIFTED: dict[str, JsonValue] = {
    "large number": {"maximum": 9223372036854775807},
    "not NFC": {"title": "e\u0301"},
    "deep": json.loads('{"a":' * 40 + "1" + "}" * 40),
}


@pytest.mark.parametrize("schema", DRIFTED.values(), ids=DRIFTED)
async def test_served_contract_without_a_canonical_form_has_drifted(bench: Bench, schema: dict[str, JsonValue]) -> None:
    """Review H3: it was an error, tried again for ever."""
    served = bench.tools.served["issue_refund"]
    bench.tools.served["issue_refund"] = served.model_copy(update={"input_schema": schema})
    assert "changed on the server" in await bench.refused()


@pytest.mark.parametrize("schema", [{"$ref": "http://127.0.0.1:1/schema"}, {"$ref": "#/nowhere"}, {"$ref": "#"}])
def test_contract_that_is_not_whole_fits_nothing(schema: dict[str, JsonValue]) -> None:
    """Review M6: nothing is fetched, and what cannot be judged is forbidden."""
    trouble = argument_trouble(Contract(name="t", description="", input_schema=schema), {})
    assert trouble is not None and "cannot be judged" in trouble


async def test_arguments_too_deep_to_be_proposed_are_refused(bench: Bench) -> None:
    """An error would be the end of the mission."""
    deep: JsonValue = json.loads("[" * 30 + "]" * 30)
    assert "nested deeper" in await bench.refused({**SMALL, "reason": deep})


@pytest.mark.parametrize("step", ["e\u0301", "x" * 300_000])
async def test_step_that_has_no_single_form_is_refused(bench: Bench, step: str) -> None:
    """As are arguments."""
    assert "no single form" in await bench.refused(step=step)


async def test_large_arguments_are_refused(bench: Bench) -> None:
    """Review M11: no issuer would give a token for them."""
    assert "larger than" in await bench.refused({**SMALL, "reason": "x" * MAX_ARGUMENTS})


async def test_proposal_that_would_be_too_large_is_refused(bench: Bench) -> None:
    """A mission hears of it as of any refusal."""
    assert "no proposal can be made of it" in await bench.refused(step="x" * 262_000)


async def test_many_earlier_proposals_leave_room_for_another(bench: Bench) -> None:
    """Review M11: once a card was too large, the mission ended."""
    large = {**SMALL, "reason": "x" * (MAX_PRIOR_ARGUMENTS + 1)}
    for number in range(MAX_PRIOR + 5):
        await bench.propose(large, step=str(number))
    last = await bench.propose(large, step="last")
    facts = [line.text for line in render(last.proposal).facts if line.label.startswith("before this")]
    assert len(facts) == MAX_PRIOR and all("not shown here" in text for text in facts)


async def test_what_was_paid_is_not_pushed_off_the_card(bench: Bench) -> None:
    """Proposals that came to nothing are cheap."""
    await bench.propose()
    bench.approve("sam")
    await bench.settle()
    for number in range(MAX_PRIOR + 1):
        await bench.propose(step=f"more {number}")
    last = await bench.propose(step="last")
    kinds = [prior.kind for prior in last.proposal.prior]
    assert (kinds[0], len(kinds)) == (PriorKind.RECEIPT, MAX_PRIOR)


def _keyless(bundle: Bundle, **changes: Any) -> Directory:
    """The directory where no support lead holds a good key."""
    people = dict(bundle.directory.people)
    for who in ("sam", "lena"):
        keys = tuple(key.model_copy(update=changes) for key in people[who].keys) if changes else ()
        people[who] = people[who].model_copy(update={"keys": keys})
    return bundle.directory.model_copy(update={"people": people})


@pytest.mark.parametrize("changes", [{}, {"revoked": True}])
async def test_requirement_that_only_keyless_people_could_meet_is_refused(bench: Bench, changes: dict[str, Any]) -> None:
    """Waiting for nobody helps nobody."""
    bench.directories.now = _keyless(bench.bundle, **changes)
    assert "nobody could meet" in await bench.refused()


async def test_attested_requirement_counts_people_the_server_knows(kit: Kit) -> None:
    """A principal is enough where policy says that attested is."""
    edit = in_file("refund.cedar", '@expires("24h")', '@expires("24h") @assurance("attested")')
    bench = Bench(kit, kit.changed("attested without keys", edit))
    bench.directories.now = _keyless(bench.bundle)
    assert (await bench.propose()).proposal.action.operation == REFUND


YAML = {"list as a key": "? [a, b]\n: 1\n", "mapping as a key": "? {a: b}\n: 1\n? {a: b}\n: 2\n"}


@pytest.mark.parametrize("content", YAML.values(), ids=YAML)
def test_key_that_is_no_plain_text_does_not_load(kit: Kit, content: str) -> None:
    """It was a TypeError."""
    root = kit.copy("odd key", lambda root: None)
    (root / "directory.yaml").write_text(content)
    with pytest.raises(BundleError):
        load(root)


def test_directory_is_what_was_read(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """One reading: a file that changes between two would be kept under the wrong content."""
    root = kit.copy("read once", lambda root: None)
    edit_yaml(root / "directory.yaml", lambda content: content["people"].pop("fay"))
    reads: list[str] = []
    for name in ("read_text", "read_bytes", "open"):
        monkeypatch.setattr(Path, name, _counting(getattr(Path, name), reads))
    directories = FileDirectories(root)
    assert "fay" not in directories.read().people and len(reads) == 1


def _counting(method: Any, reads: list[str]) -> Any:
    def read(self: Path, *args: Any, **how: Any) -> Any:
        reads.append(self.name)
        return method(self, *args, **how)

    return read


def test_token_that_a_server_gives_back_is_not_recorded() -> None:
    """No secret is ever in the history."""
    answer: JsonValue = {"said": ["Bearer abc.d", {"abc.d": 1}], "n": 1, "none": None}
    assert without("abc.d", answer) == {"said": ["Bearer [token]", {"[token]": 1}], "n": 1, "none": None}


async def test_kept_token_is_asked_for_anew_after_a_minute(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the issuer took back is not used for minutes."""
    (tmp_path / "client.json").write_text('{"client_id": "c", "client_secret": "s"}')
    tokens, now, given = IssuerTokens("http://issuer", tmp_path / "client.json"), [0.0], iter(["one", "two"])

    async def ask(form: dict[str, str]) -> tuple[str, float]:
        return next(given), 3600.0

    monkeypatch.setattr(tokens, "_ask", ask)
    monkeypatch.setattr("activities.tokens.time.monotonic", lambda: now[0])
    integration = bench.bundle.catalogue.integrations["orders"]
    got = []
    for now[0] in (0.0, KEPT_SECONDS - 1, KEPT_SECONDS + 1):
        got.append(await tokens.for_scope(integration, "orders:read"))
    await tokens.close()
    assert got == ["one", "one", "two"]
