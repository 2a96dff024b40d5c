"""What people give `sayso start`, right and wrong."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from workers.cli.mission_input import checked, default_id
from workers.errors import WrongUse


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ('{"case_id": "CASE', "line 1, column 13"),
        ('{"case_id":\n "A",}', "line 2, column 6"),
        ('{"case_id": "A", "case_id": "B"}', "given twice"),
        ('{"case_id": 1}', "`case_id`"),
        ("{}", "`case_id`: field required"),
        ("[]", "not a JSON object"),
        ('{"case_id": "A", "amount": 1}', "`amount`"),
        ('{"case_id": "e\\u0301"}', "NFC"),
        ("nowhere.json", "neither JSON nor a file"),
        (".", "cannot be read"),
    ],
)
def test_wrong_input_says_what_and_where(given: str, words: str) -> None:
    """One line, for the person who typed it."""
    with pytest.raises(WrongUse) as caught:
        checked("refund", given)
    assert words in str(caught.value)


def test_unknown_mission_type_lists_the_known() -> None:
    """Before anything is read or connected to."""
    with pytest.raises(WrongUse, match="there is autonomous, refund"):
        checked("refunds", "{}")


def test_input_comes_from_argument_file_or_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All three read the same."""
    text = '{"case_id": "CASE-1"}'
    (tmp_path / "case.json").write_text(text)
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    found = [checked("refund", given) for given in (text, str(tmp_path / "case.json"), "-")]
    assert found == [{"case_id": "CASE-1"}] * 3


def test_default_id_is_the_case_or_random() -> None:
    """The same case is not started twice by accident."""
    assert default_id("refund", {"case_id": "CASE-1"}) == "refund-CASE-1"
    assert default_id("refund", {}) != default_id("refund", {})


CASE = '"goal": "settle it", "operations": ["orders.get_case"]'


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("{}", "`goal`: field required"),
        ('{"goal": "", "operations": ["orders.get_case"]}', "`goal`"),
        ('{"goal": "g", "operations": []}', "`operations`"),
        ('{"goal": "g", "operations": "orders.get_case"}', "`operations`: input should be a list"),
        (f'{{{CASE}, "budget": {{"steps": 1001}}}}', "`budget.steps`"),
        (f'{{{CASE}, "budget": {{"commits": -1}}}}', "`budget.commits`"),
        (
            f'{{{CASE}, "budget": {{"cost": 5}}}}',
            "`budget.cost`, which is not known there; there is steps, tokens, cost_micros",
        ),
        (f'{{{CASE}, "carried": {{"step": 9}}}}', "nobody starts one with it"),
        (f'{{{CASE}, "carried": null}}', "nobody starts one with it"),
    ],
)
def test_wrong_input_of_an_autonomous_mission_says_what_and_where(given: str, words: str) -> None:
    """What one run hands on to the next is nobody's to begin with."""
    with pytest.raises(WrongUse) as caught:
        checked("autonomous", given)
    assert words in str(caught.value)


def test_default_id_of_an_autonomous_mission_is_its_case_or_random() -> None:
    """As of any other."""
    assert default_id("autonomous", {"goal": "g", "case_id": "CASE-1"}) == "autonomous-CASE-1"
    assert default_id("autonomous", {"goal": "g"}) != default_id("autonomous", {"goal": "g"})
