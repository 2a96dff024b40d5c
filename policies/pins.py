"""
Pins in the text of `integrations.yaml`: only the digest is exchanged, so that comments, order and layout stay a person's.

The place is found by parsing, not by searching: YAML says at which character the value of `contract` begins and ends.
"""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from policies.canonical import Digest
from policies.catalogue import plain
from policies.errors import BundleError
from policies.uri_template import TemplateError, variables

_FILE = "`integrations.yaml`"


def with_digest(text: str, operation: str, digest: Digest) -> str:
    """
    *text* with the pinned contract of *operation* exchanged.

    Raises:
        BundleError: There is no such operation with a `contract` of its own.
    """
    integration, _, tool = operation.partition(".")
    node = _at(_root(text), ("integrations", integration, "operations", tool, "contract"), operation)
    if not isinstance(node, yaml.ScalarNode) or node.value not in text[node.start_mark.index : node.end_mark.index]:
        raise BundleError(_FILE, f"the `contract` of `{operation}` is not written out; exchange it yourself")
    return text[: node.start_mark.index] + digest + text[node.end_mark.index :]


def with_operation(text: str, operation: str, digest: Digest, resource: str | None = None) -> str:
    """
    *text* with a new *operation* after the last one of its integration, classified as a commit.

    Args:
        resource: Its URI template; None for a tool.

    Raises:
        BundleError: The operations of that integration are not written as a block, or name or template is none.
    """
    integration, _, tool = operation.partition(".")
    if not plain(tool):
        # A server chose the name; it is to become one key and nothing else.
        raise BundleError(_FILE, f"`{tool}` cannot name an operation")
    lines = [f"contract: {digest}"] if resource is None else [f'resource: "{_template(resource)}"', f"contract: {digest}"]
    place = _at(_root(text), ("integrations", integration), operation)
    node = _at(place, ("operations",), operation)
    if not isinstance(node, yaml.MappingNode) or (node.flow_style and node.value):
        raise BundleError(_FILE, f"the operations of `{integration}` are not a block; add `{tool}` yourself")
    newline = "\r\n" if "\r\n" in text else "\n"
    if not node.value:
        entry = newline.join(_entry(tool, lines, _column(place) + 2))
        return text[: node.start_mark.index].rstrip(" ") + newline + entry + text[node.end_mark.index :]
    end = text.find("\n", _last(node).end_mark.index)
    head, tail = (text + newline, "") if end < 0 else (text[: end + 1], text[end + 1 :])
    return head + newline.join(_entry(tool, lines, _column(node))) + newline + tail


def _template(resource: str) -> str:
    """As it can stand between quotes: a server chose it, too."""
    try:
        variables(resource)
    except TemplateError as error:
        raise BundleError(_FILE, f"a resource's URI template {error}") from error
    return resource


def _entry(tool: str, lines: Sequence[str], column: int) -> list[str]:
    margin, inner = " " * column, " " * (column + 2)
    # `yes` and `null` are names of tools, and other things in YAML.
    key = tool if yaml.safe_load(tool) == tool else f'"{tool}"'
    return [
        f"{margin}{key}:",
        f"{inner}# Not looked at yet: as long as nobody classifies it, it counts as one that changes state.",
        f"{inner}effect: commit",
        *(f"{inner}{line}" for line in lines),
    ]


def _column(node: yaml.Node) -> int:
    """How far in the keys of a mapping that is not empty stand."""
    return int(node.value[0][0].start_mark.column)


def _root(text: str) -> yaml.Node:
    try:
        # The pure Python loader: its marks count characters.
        node: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise BundleError(_FILE, "is not YAML") from error
    if node is None:
        raise BundleError(_FILE, "is empty")
    return node


def _at(node: yaml.Node, path: Sequence[str], operation: str) -> yaml.Node:
    for name in path:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = [value for key, value in pairs if key.value == name]
        if len(found) != 1:
            raise BundleError(_FILE, f"has no `{name}` of its own for `{operation}`; pin it yourself")
        node = found[0]
    return node


def _last(node: yaml.Node) -> yaml.Node:
    """The scalar or flow collection that ends last in *node*: a block's own end lies behind the comments after it."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        return _last(node.value[-1][1])
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _last(node.value[-1])
    return node
