"""The law: what is judged by."""

from __future__ import annotations

from dataclasses import dataclass

from policies.bundle import Bundle
from policies.directory import Directory


@dataclass(frozen=True)
class Law:
    """What is judged by: the bundle, and the directory as it is at this moment."""

    bundle: Bundle
    directory: Directory


def ever_pinned(directory: Directory) -> Directory:
    """
    *directory* with its revoked gate keys good again: for what can only stop.

    A gate whose key was revoked since may have sent what it announced and refused what it settled. Whoever stole the key can
    add noes with it, and nothing else.
    """
    gates = tuple(key.model_copy(update={"revoked": False}) for key in directory.gates)
    return directory.model_copy(update={"gates": gates})
