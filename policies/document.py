"""
A file of a bundle as YAML, read within bounds.

YAML is older than its attackers: depth without end kills the parser's process, a few aliases of aliases stand for more
values than there are atoms, `1:59:59:…` is a number whose digits take hours. The events are looked at one by one first, with
no recursion, and what is too deep, too much or tagged is never composed.

Source: https://yaml.org/spec/1.1; docs/threats.md H4
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import yaml

from policies.errors import BundleError

MAX_CHARACTERS = 2 * 1024 * 1024
MAX_DEPTH = 50
MAX_NODES = 200_000
"""Values and keys, with each alias counted as everything it stands for."""
MAX_BARE = 200
"""Characters of an unquoted scalar that looks like a number: reading one takes time that grows with its square."""
_SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_document(name: str, text: str) -> object:
    """
    The one document in *text*; None where there is none.

    Args:
        name: Of the file, for messages.

    Raises:
        BundleError: Not YAML, beyond the bounds, a tag, a key given twice or that is not plain text; names file and line.
    """
    if len(text) > MAX_CHARACTERS:
        raise BundleError(f"`{name}`", f"is larger than {MAX_CHARACTERS} characters; split it or take out what is not needed")
    try:
        check(name, text)
        content: object = yaml.load(text, Loader=_UniqueKeys)  # noqa: S506 (a SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError, ArithmeticError) as error:
        # A date that no calendar knows ends in a ValueError, a number that no float holds in an ArithmeticError.
        raise BundleError(f"`{name}`", f"is not YAML ({error})".replace("\n", " ")) from error
    return content


def check(name: str, text: str) -> None:
    """
    Returns when the events of *text* stay within the bounds.

    Raises:
        BundleError: They do not; names the line.
        yaml.YAMLError: Not YAML.
    """
    size = _Size()
    for event in yaml.parse(text, Loader=_SAFE):
        trouble = size.trouble(event)
        if trouble:
            mark = event.start_mark
            raise BundleError(f"`{name}` line {mark.line + 1}" if mark else f"`{name}`", trouble)


class _Size:
    """What the events so far come to. INVARIANT: nothing here recurses."""

    def __init__(self) -> None:
        self._open: list[tuple[str | None, int]] = []
        """Each open collection: its anchor, and how many nodes there were before it."""
        self._anchors: dict[str, int] = {}
        """Nodes below each anchor, itself included; only of those that are closed."""
        self._nodes = 0

    def trouble(self, event: yaml.Event) -> str | None:
        """Why the document may not be read on after *event*, or None."""
        tag = getattr(event, "tag", None)
        if tag is not None:
            return f"has the tag `{tag}`; write the value without it"
        match event:
            case yaml.AliasEvent():
                if event.anchor in (anchor for anchor, _ in self._open):
                    return f"`*{event.anchor}` stands inside `&{event.anchor}`, which has no end; write the value out"
                self._nodes += self._anchors.get(event.anchor or "", 1)
            case yaml.ScalarEvent():
                if len(event.value) > MAX_BARE and not event.style and event.value[0] in "+-.0123456789":
                    return f"has a number of more than {MAX_BARE} characters; put it in quotes if it is text"
                self._nodes += 1
                self._close(event.anchor, self._nodes - 1)
            case yaml.CollectionStartEvent():
                self._open.append((event.anchor, self._nodes))
                self._nodes += 1
                if len(self._open) > MAX_DEPTH:
                    return f"is nested deeper than {MAX_DEPTH}"
            case yaml.CollectionEndEvent():
                self._close(*self._open.pop())
        if self._nodes > MAX_NODES:
            return f"holds more than {MAX_NODES} values once its aliases are followed"
        return None

    def _close(self, anchor: str | None, before: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = self._nodes - before


class _UniqueKeys(_SAFE):  # type: ignore[misc]
    """A safe loader that refuses a key given twice: PyYAML keeps the last, and a reviewer sees the first."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        if not all(isinstance(key, str) for key in keys):
            raise yaml.YAMLError(f"a key in line {node.start_mark.line + 1} is not plain text")
        twice = sorted(key for key, count in Counter(keys).items() if count > 1)
        if twice:
            raise yaml.YAMLError(f"key `{twice[0]}` is given twice in line {node.start_mark.line + 1}")
        mapping: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return mapping
