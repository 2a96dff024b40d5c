"""
PolicyError                 could not tell what is allowed: the answer is no
 ├── CanonicalError         a value has no single canonical form
 ├── TooMuchError           (policies.finder) what is of a data class could not be looked for
 └── BundleError            the bundle does not load, or a file of it cannot be read
"""

from __future__ import annotations


class PolicyError(Exception):
    """What is allowed could not be told; callers answer no."""


class CanonicalError(PolicyError):
    """A value that two readers could read differently, at *path* (`$` is the value itself)."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"`{path}` {reason}")
        self.path = path
        self.reason = reason


class BundleError(PolicyError):
    """A bundle that is not fit to rule with: *where* names the file or entry, *reason* says why."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"{where}: {reason}")
        self.where = where
        self.reason = reason
