"""
ActivityError                an activity could not do its work
 ├── Unreachable             a server did not answer and nothing was sent: try again
 │    └── Gone               the Temporal server answered that it has no such run
 ├── Lost                    something was sent and no answer came: the outcome is unknown
 ├── ProviderRefused         a model's provider answers that it will not, whoever asks how often
 ├── Misshapen               a model answered, and not in the shape asked for
 ├── TokenRefused            the issuer gives no such token: ours or the policy's mistake
 ├── NotPermitted            the caller asked for what it may not have
 ├── AlreadyUsed             the proposal's one use is taken
 ├── PlaceTrouble            the place where archives are kept cannot be read or written
 │    └── Absent             it answered that nothing of that name is there
 ├── Taken                   something of that name is in the place already
 └── Forgotten               what the gate remembers cannot be read or written
"""

from __future__ import annotations

from typing import Self

from pydantic import JsonValue


class ActivityError(Exception):
    """Base of what goes wrong outside Temporal and outside policy."""

    details: tuple[JsonValue, ...] = ()
    """What the workflow is told beside the words; data that decides nothing by itself."""

    def with_details(self, *details: JsonValue) -> Self:
        """The error with *details*."""
        self.details = details
        return self


class Unreachable(ActivityError):
    """*what* did not answer; nothing was sent."""

    def __init__(self, what: str, where: str, reason: str) -> None:
        super().__init__(f"{what} at {where} cannot be reached ({reason}); is it running?")
        self.what = what
        self.where = where


class Gone(Unreachable):
    """The Temporal server has no such run: deleted, past its retention, or never there."""


class Lost(ActivityError):
    """A call was sent to *what* and no answer came back."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(f"{what} was called and its answer is lost ({reason})")
        self.what = what


class ProviderRefused(ActivityError):
    """*model* will not be asked again: a wrong key, no such model, too long a question, contents that it refuses."""

    def __init__(self, model: str, reason: str) -> None:
        super().__init__(f"`{model}` refused: {reason}")
        self.model = model


class Misshapen(ActivityError):
    """*model* answered something else than was asked for."""

    def __init__(self, model: str, reason: str) -> None:
        super().__init__(f"`{model}` {reason}")
        self.model = model


class TokenRefused(ActivityError):
    """The issuer refused a token."""


class NotPermitted(ActivityError):
    """An operation the caller may not have; every reason is in the message."""


class AlreadyUsed(ActivityError):
    """A `use` workflow of this proposal exists."""


class PlaceTrouble(ActivityError):
    """*name* in a place for archives could not be read or written; empty where the place itself could not be used."""

    def __init__(self, where: str, name: str, reason: str) -> None:
        what = f"`{name}` in the archive at {where}" if name else f"the archive at {where}"
        super().__init__(f"{what} cannot be used: {reason}")


class Absent(PlaceTrouble):
    """Nothing of that name is in the place."""


class Taken(ActivityError):
    """Something of that name is in the place, and nothing in it is ever written again."""


class Forgotten(ActivityError):
    """The gate's memory of freezes at *where* is of no use; until it is, everything counts as frozen."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(
            f"what the gate remembers of freezes is not usable, so nothing is sent: `{where}` ({reason}); "
            "mend it, or remove the file when `sayso freeze --status` shows that nothing is frozen"
        )
