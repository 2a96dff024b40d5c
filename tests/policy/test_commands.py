"""`sayso policy` as a person runs it: exit codes, lines, JSON. Source: docs/cli.md, workers/cli/policy.py."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from policies.load import load, shipped
from tests.policy.conftest import Copy, Sayso

REFUND = json.dumps({"order_id": "O", "amount_minor": 20_000, "currency": "EUR", "reason": "r"})
SHIPPED = load(shipped())
READ = 'action == Action::"orders.get_case", resource)'


def test_shipped_bundle_passes_and_says_that_it_has_no_keys(sayso: Sayso) -> None:
    """Without a stack it is the default; warnings alone do not fail."""
    answer = sayso("policy", "check", "--json")
    assert (answer.code, answer.data["ok"], answer.data["directory"]) == (0, True, str(shipped()))
    assert [remark["level"] for remark in answer.data["remarks"]] == ["warning"] * (1 + len(SHIPPED.directory.people))
    assert f"{len(SHIPPED.scenarios)} scenarios; 0 failures" in sayso("policy", "check").out


def test_bundle_is_that_of_the_environment_unless_one_is_named(
    sayso: Sayso, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Argument, variable, then the shipped one."""
    monkeypatch.setenv("SAYSO_POLICIES", str(copy.root))
    assert sayso("policy", "check", "--json").data["directory"] == str(copy.root)
    assert sayso("policy", "check", shipped(), "--json").data["directory"] == str(shipped())
    answer = sayso("policy", "check", copy.root / "nowhere")
    assert (answer.code, "is not a directory with a policy bundle" in answer.err) == (2, True)


UNREACHED = {
    "a permit that can never hold": f'@id("x") permit (principal is Mission, {READ} when {{ false }};',
    "a permit for a mission nobody plays": f'@id("x") permit (principal is Mission, {READ} when {{ principal.type == "y" }};',
    "a forbid": '@id("x") forbid (principal is Mission, action, resource) when { principal.type == "y" };',
    "a forbid about approvers": '@id("x") forbid (principal == Person::"zoe", action == Action::"approve", resource);',
    "a permit about approvers": '@id("x") permit (principal == Person::"zoe", action == Action::"approve", resource);',
    "a permit to start": '@id("x") permit (principal == Person::"zoe", action == Action::"start", resource);',
}


@pytest.mark.parametrize("name", UNREACHED)
def test_policy_that_no_scenario_reaches_fails(sayso: Sayso, copy: Copy, name: str) -> None:
    """By its id, and nothing else fails."""
    copy.append("refund.cedar", UNREACHED[name])
    answer = sayso("policy", "check", copy.root, "--json")
    failures = [remark["where"] for remark in answer.data["remarks"] if remark["level"] == "failure"]
    assert (answer.code, failures) == (1, ["policy `x`"])


def test_failing_scenario_says_what_was_expected_and_why_it_came_otherwise(sayso: Sayso, copy: Copy) -> None:
    """In `check` as a failure, in `test` line by line."""
    copy.replace("refund.cedar", "support-lead: 1, finance: 1", "support-lead: 1")
    test, check = sayso("policy", "test", copy.root), sayso("policy", "check", copy.root)
    assert (test.code, check.code) == (1, 1)
    assert "FAIL  one cent more asks finance as well" in test.out
    assert "requires: expected 1 of finance, 1 of support-lead, got 1 of support-lead" in test.out
    assert "because deny by fay is refused: `fay` is in none of the groups asked for" in test.out
    assert "scenario `one cent more asks finance as well`" in check.out


def test_scenarios_are_one_line_each(sayso: Sayso) -> None:
    """And a last one that counts."""
    lines = sayso("policy", "test").out.splitlines()
    assert (len(lines), lines[-1]) == (len(SHIPPED.scenarios) + 1, f"{len(SHIPPED.scenarios)} scenarios, 0 failed")
    assert all(line.startswith("ok    ") for line in lines[:-1])


BROKEN = {
    "syntax error": ("more.cedar", "permit (", "not readable as Cedar"),
    "unknown key": ("directory.yaml", "groups: []\npeople: {}\nadmins: [sam]\n", "`admins`: Extra inputs"),
    "ungated commit": ("more.cedar", '@id("x") permit (principal, action, resource);', "without `@requires`"),
    "scenario about nobody": (
        "scenarios.yaml",
        "- {name: s, mission: m, start: bob, expect: {may: true}}",
        "entry 1 `s`: `bob` is neither",
    ),
    "terminal escapes": ("more.cedar", '@id("\x1b[2J") @\u202eok("y") forbid (principal, action, resource);', ""),
    "deep yaml": ("scenarios.yaml", "[" * 5000 + "]" * 5000, ""),
}


@pytest.mark.promise("H3")
@pytest.mark.parametrize("name", BROKEN)
def test_bundle_that_does_not_load_fails_the_check_in_one_line(sayso: Sayso, copy: Copy, name: str) -> None:
    """1 from `check`, whose answer it is, 2 from what cannot go on without a bundle. No escape reaches the terminal."""
    file, content, why = BROKEN[name]
    copy.write(file, content)
    check, test = sayso("policy", "check", copy.root), sayso("policy", "test", copy.root)
    assert (check.code, len(check.out.splitlines()), why in check.out) == (1, 2, True)
    assert (test.code, test.err.count("\n"), why in test.err) == (2, 1, True)
    assert not {"\x1b", "\u202e"} & set(check.out + check.err + test.out + test.err)


MANY = 20_000
HOSTILE = {
    "nested brackets": "(" * MANY + "true" + ")" * MANY,
    "a chain of operators": "true" + " && true" * MANY,
    "a chain of attributes": "principal" + ".a" * MANY,
    "conditions": "if true then true else " * MANY + "true",
    "negations": "!" * MANY + "true",
}


def hostile(condition: str) -> str:
    """A policy with any condition."""
    return f'@id("x") forbid (principal, action, resource) when {{ {condition} }};'


@pytest.mark.promise("H4")
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_policy_text_does_not_take_the_command_down(sayso: Sayso, copy: Copy, name: str) -> None:
    """Whether the rulebook refuses it or its reader is killed, the command lives and says so."""
    copy.write("more.cedar", hostile(HOSTILE[name]))
    answer = sayso("policy", "check", copy.root)
    assert (answer.code, len(answer.out.splitlines())) == (1, 2)
    assert answer.out.startswith("failure  ")


@pytest.mark.control("H4")
def test_hostile_policy_text_kills_whoever_parses_it_unguarded() -> None:
    """Two defences: the rulebook's bounds, and a process of its own. This process has neither."""
    script = "import sys, cedarpy; cedarpy.policies_to_json_str(sys.stdin.read())"
    text = hostile(HOSTILE["nested brackets"])
    done = subprocess.run([sys.executable, "-c", script], input=text, text=True, capture_output=True, check=False)
    assert done.returncode < 0


def test_same_bundle_does_not_differ(sayso: Sayso, copy: Copy) -> None:
    """Layout, comments and the order of files are no change."""
    copy.replace("refund.cedar", "// What a refund", "//   What a refund").replace("refund.cedar", "&& ", "&&   ")
    answer = sayso("policy", "diff", shipped(), copy.root, "--json")
    assert (answer.code, answer.data["changes"]) == (0, [])
    assert "nothing changes" in sayso("policy", "diff", shipped(), copy.root).out


def test_diff_names_answers_policies_operations_and_people(sayso: Sayso, copy: Copy) -> None:
    """A scenario that the new bundle no longer has is still asked."""
    copy.replace("refund.cedar", "10000", "20000")
    copy.append("refund.cedar", '@id("new") forbid (principal, action == Action::"start", resource);')
    copy.replace("integrations.yaml", "scope: knowledge:read", "scope: knowledge:all")
    copy.replace("directory.yaml", "groups: [support]", "groups: [support, finance]").write("scenarios.yaml", "[]")
    answer = sayso("policy", "diff", shipped(), copy.root, "--json")
    found = {(each["kind"], each["name"], each["what"]) for each in answer.data["changes"]}
    assert answer.code == 1
    assert ("scenario", "one cent more asks finance as well", "requires") in found
    assert ("scenario", "support begins refunds", "may") in found
    assert ("operation", "knowledge.search", "scope") in found
    assert {name for kind, name, _ in found if kind == "policy"} == {"refund-small", "refund-large", "new"}
    assert ("person", "olga", "groups") in found
    text = sayso("policy", "diff", shipped(), copy.root).out
    assert "    +   context.input.amount_minor > 0 && context.input.amount_minor <= 20000" in text


def test_diff_names_exchanged_keys_and_servers(sayso: Sayso, copy: Copy) -> None:
    """Under the same key id too; whoever merges a bundle sees who signs from now on, and where tokens come from."""
    one, two = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE", "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI"
    keys = f"gates: [{{kid: gate, x: {one}}}]"
    copy.replace("directory.yaml", "gates: []", keys)
    new = Copy(copy.root.parent / "new").replace("directory.yaml", "gates: []", keys.replace(one, two))
    new.replace("integrations.yaml", "http://127.0.0.1:7810", "http://elsewhere.example")
    new.replace("directory.yaml", "commit-worker: {name: Commit worker}", "other: {name: Other}")
    found = sayso("policy", "diff", copy.root, new.root, "--json").data["changes"]
    assert [(each["kind"], each["name"], each["what"]) for each in found] == [
        ("integration", "the token issuer", "url"),
        ("service", "commit-worker", ""),
        ("service", "other", ""),
        ("gate", "gate", "key"),
    ]


def test_bundle_in_which_an_operation_is_gone_can_still_be_compared(sayso: Sayso, copy: Copy) -> None:
    """The old bundle's scenarios are answered with a no."""
    text = (copy.root / "integrations.yaml").read_text()
    copy.write("integrations.yaml", text[: text.index("  knowledge:")]).write("scenarios.yaml", "[]").write("parcels.cedar", "")
    policies = (copy.root / "refund.cedar").read_text()
    begin, end = policies.index('@id("refund-read-terms")'), policies.index('@id("refund-small")')
    copy.write("refund.cedar", policies[:begin] + policies[end:])
    (copy.root / "autonomous.cedar").unlink()
    found = sayso("policy", "diff", shipped(), copy.root, "--json").data["changes"]
    ruling = next(
        each for each in found if each["name"] == "a refund mission reads the refund terms" and each["what"] == "ruling"
    )
    assert (ruling["old"], ruling["new"]) == ("allow", "forbid")


def test_ruling_is_explained_with_everyone_who_could_approve(sayso: Sayso) -> None:
    """Findings, the deciding policy's own text, the requirement, and each person with the gate's reason."""
    asked = ("policy", "explain", "payments.issue_refund", "--mission", "refund", "--input", REFUND, "--owner", "olga")
    answer = sayso(*asked, "--json")
    people = {each["who"]: each["refused"] for each in answer.data["people"]}
    assert (answer.code, answer.data["outcome"], answer.data["missing"]) == (0, "gate", [])
    assert [each["name"] for each in answer.data["policies"]] == ["refund-large"]
    assert {who for who, refused in people.items() if not refused} == {"sam", "lena", "fay"}
    text = sayso(*asked).out
    assert "└─ needs 1 of finance and 1 of support-lead, signed, within 1d" in text
    assert '@requires("support-lead: 1, finance: 1")' in text
    assert "no  olga (support): `olga` is in none of the groups asked for" in text


@pytest.mark.parametrize(("options", "why"), [((), "owner-must-be-known"), (("--owner", "fay"), "not-the-owner")])
def test_explanation_says_what_nobody_could_meet(sayso: Sayso, options: tuple[str, ...], why: str) -> None:
    """Where separation of duties leaves nobody, the gate would not even propose."""
    answer = sayso("policy", "explain", "payments.issue_refund", "--mission", "refund", "--input", REFUND, *options)
    assert (answer.code, why in answer.out, "nobody could meet it" in answer.out) == (0, True, True)


@pytest.mark.parametrize(
    ("operation", "given", "words"),
    [
        ("payments.issue_refund", '{"order_id": "O"}', "'amount_minor' is a required property"),
        ("payments.wipe", "{}", "`payments.wipe` is not in the integrations catalogue"),
        ("orders.get_order", '{"order_id": "O"}', "policy permits `orders.get_order`"),
    ],
)
def test_forbidden_and_allowed_are_explained_too(sayso: Sayso, operation: str, given: str, words: str) -> None:
    """With every finding; nobody is listed where nobody is asked."""
    answer = sayso("policy", "explain", operation, "--mission", "refund", "--input", given)
    assert (answer.code, words in answer.out, "could approve" in answer.out) == (0, True, False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--input", "[]"), "not a JSON object"),
        (("--input", '{"a": 1, "a": 2}'), "given twice"),
        (("--input", REFUND, "--owner", "bob"), "`bob` is not in the directory"),
        (("--input", REFUND, "--owner", "\x1b[2J"), "\\u001b[2J"),
    ],
)
def test_wrong_question_is_wrong_use(sayso: Sayso, options: tuple[str, ...], words: str) -> None:
    """In one line."""
    answer = sayso("policy", "explain", "payments.issue_refund", "--mission", "refund", *options)
    assert (answer.code, answer.err.count("\n"), words in answer.err) == (2, 1, True)


@pytest.mark.parametrize(
    ("began", "outcome"), [('{"case_id": "C"}', "allow"), ('{"case_id": "D"}', "forbid"), ("{}", "forbid")]
)
def test_ruling_is_explained_for_what_the_mission_was_started_with(sayso: Sayso, began: str, outcome: str) -> None:
    """Its scope is told."""
    asked = ["policy", "explain", "orders.get_case", "--mission", "refund", "--owner", "olga", "--input", '{"case_id": "C"}']
    answer = sayso(*asked, "--mission-input", began, "--json")
    assert (answer.code, answer.data["outcome"], answer.data["scope"]) == (0, outcome, json.loads(began))
    assert sayso(*asked, "--mission-input", "[]").code == 2
