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
