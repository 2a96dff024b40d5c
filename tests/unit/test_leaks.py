"""The scan finds what it looks for, in every form: one that cannot find anything proves nothing."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.leaks import ACCESS_TOKEN, Leaks, Needle, forms

NAME = "Zoë Krüger"
FORMS = {
    "as it is": NAME.encode(),
    "JSON": json.dumps({"n": NAME}).encode(),
    "JSON in JSON": json.dumps(json.dumps({"n": NAME})).encode(),
    "JSON in JSON, in UTF-8": json.dumps(json.dumps({"n": NAME}, ensure_ascii=False)).encode(),
    "hex": NAME.encode().hex().encode(),
}


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
def test_needle_is_found_in_each_form(data: bytes) -> None:
    leaks = Leaks([Needle("name", NAME.encode())])
    leaks.look("here", b"before " + data + b" after")
    leaks.look("there", b"nothing")
    assert (dict(leaks.found), leaks.places) == ({"name": {"here"}}, ["here", "there"])


@given(before=st.binary(max_size=9), after=st.binary(max_size=9), value=st.binary(min_size=6, max_size=40))
def test_needle_is_found_in_base64_wherever_it_begins(before: bytes, after: bytes, value: bytes) -> None:
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert any(form in encode(before + value + after) for form in forms(value))


def test_needle_that_chance_would_find_is_no_needle() -> None:
    with pytest.raises(ValueError, match="too short"):
        forms(b"4200")


def test_access_token_is_found_by_its_issuer() -> None:
    """Nobody knows the token before."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in ({"alg": "x"}, {"iss": "us"})]
    leaks = Leaks([], issuers=["us"])
    leaks.look("log", f'"Bearer {".".join(parts)}.c2ln"'.encode())
    leaks.look("decisions", b"eyJhbGciOiJ4In0.eyJhdWQiOiJ4In0.c2ln")
    assert dict(leaks.found) == {ACCESS_TOKEN: {"log"}}


def test_needle_that_lies_scattered_over_pages_is_found(tmp_path: Path) -> None:
    """SQLite puts what is large on several pages, with numbers of its own in between."""
    path, value = tmp_path / "x.db", b"N" * 9000
    with closing(sqlite3.connect(path)) as opened:
        opened.execute("CREATE TABLE blobs (data BLOB)")
        opened.execute("INSERT INTO blobs VALUES (?)", (value,))
        opened.commit()
    assert value not in path.read_bytes()
    leaks = Leaks([Needle("blob", value)])
    leaks.look_into_database("server", path)
    assert leaks.found["blob"] == {"server table blobs"}
