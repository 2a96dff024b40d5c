"""H4: text that would take down whoever reads it is a bundle that does not load. Source: policies/document.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from policies import document
from policies.document import read_document
from policies.errors import BundleError
from policies.load import load
from tests.fakes.kit import Edit, Kit

MANY = 200_000


def laughs(first: str, wrapped: str) -> str:
    """Each line holds the one before nine times; *wrapped* says how."""
    lines = [f"a0: &a0 {first}"]
    for number in range(1, 12):
        lines.append(f"a{number}: &a{number} {wrapped % ', '.join([f'*a{number - 1}'] * 9)}")
    return "\n".join(lines)


HOSTILE = {
    "brackets": ("a: 1\nb: " + "[" * MANY, "line 2: is nested deeper than 50"),
    "dashes": ("- " * MANY, "line 1: is nested deeper than 50"),
    "keys of keys": ("? " * MANY, "line 1: is nested deeper than 50"),
    "mappings": ("{a: " * MANY, "line 1: is nested deeper than 50"),
    "aliases of aliases": (laughs("[x, x]", "[%s]"), "line 6: holds more than 200000 values once its aliases are followed"),
    "merges of merges": (laughs("{x: 1}", "{<<: [%s]}"), "once its aliases are followed"),
    "an alias inside its own anchor": ("a: &a\n  b: [1, *a]", "line 2: `*a` stands inside `&a`"),
    "values without end": ("[" + "1," * 400_000 + "]", "holds more than 200000 values"),
    "a number in base 60": ("a: 1" + ":59" * 100_000, "has a number of more than 200 characters"),
    "a long number": ("a: 0x" + "f" * 10_000, "has a number of more than 200 characters"),
    "a tag": ("a: !!python/object/apply:os.abort []", "line 1: has the tag"),
    "too much": ("a: '" + "x" * 3_000_000, "is larger than"),
}


@pytest.mark.promise("H4")
@pytest.mark.parametrize("name", HOSTILE)
def test_yaml_that_would_exhaust_its_reader_is_refused_in_one_line(name: str) -> None:
    """With the file and, where something stands in a line, the line."""
    text, why = HOSTILE[name]
    with pytest.raises(BundleError) as error:
        read_document("directory.yaml", text)
    assert str(error.value).startswith("`directory.yaml`") and why in str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


@pytest.mark.parametrize(
    "text", ["a: &x [1, 2]\nb: *x\nc: {<<: {d: 1}, e: '1:59'}", "[" * 50 + "]" * 50, "x: " + "word " * 100]
)
def test_ordinary_yaml_is_read(text: str) -> None:
    """Anchors and merges are a person's way not to repeat themselves."""
    assert read_document("scenarios.yaml", text) is not None


CHILD = """
import sys
from pathlib import Path
from policies import document
from policies.load import load_directory
if sys.argv[2] == "unguarded":
    document.check = lambda name, text: None
load_directory(Path(sys.argv[1]))
"""


def child(root: Path, how: str) -> subprocess.CompletedProcess[str]:
    """A process that reads the directory of a bundle as the commit worker does at every admission."""
    (root / "directory.yaml").write_text("[" * MANY)
    command = [sys.executable, "-c", CHILD, str(root), how]
    return subprocess.run(command, capture_output=True, text=True, cwd=Path(document.__file__).parents[1], check=False)


@pytest.mark.promise("H4")
def test_deep_directory_does_not_kill_who_reads_it(tmp_path: Path) -> None:
    """It ends in an error that can be caught."""
    done = child(tmp_path, "guarded")
    assert done.returncode == 1 and "is nested deeper than 50" in done.stderr.splitlines()[-1]


@pytest.mark.control("H4")
def test_deep_directory_kills_who_reads_it_without_the_bounds(tmp_path: Path) -> None:
    """The parser recurses, and its process is gone."""
    assert child(tmp_path, "unguarded").returncode < 0


def contracts(text: str) -> Edit:
    """Replaces the contracts of orders."""

    def edit(root: Path) -> None:
        (root / "contracts" / "orders.json").write_text(text)

    return edit


def with_schema(schema: object) -> str:
    """One contract of any schema."""
    return json.dumps([{"name": "get_case", "description": "", "input_schema": schema}])


NODE = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}
WIDE = {f"d{i}": {"properties": {key: {"$ref": f"#/$defs/d{i + 1}"} for key in "abcdefgh"}} for i in range(12)}
SCHEMAS = {
    "deep": ("[" * 900_000, "is not JSON"),
    "deep schema": ('[{"name":"x","description":"","input_schema":' + '{"a":' * 900 + "1" + "}" * 900 + "}]", "orders.json"),
    "schema of itself": (with_schema(NODE | {"$defs": {"node": NODE}}), "refers to itself"),
    "schema of schemas": (with_schema({"properties": {"x": {"$ref": "#/$defs/d0"}}, "$defs": WIDE}), "5000 places"),
}


@pytest.mark.promise("H4")
@pytest.mark.parametrize("name", SCHEMAS)
def test_hostile_contracts_do_not_load(kit: Kit, name: str) -> None:
    """Neither the JSON nor what a schema would become when its references are followed."""
    text, why = SCHEMAS[name]
    with pytest.raises(BundleError, match=why) as error:
        load(kit.copy(f"contracts {name}", contracts(text)))
    assert len(str(error.value)) < 500
