"""
ActivityError                an activity could not do its work
 ├── Unreachable             a server did not answer and nothing was sent: try again
 │    ├── Gone               the Temporal server answered that it has no such run
 │    └── StoreSilent        the payload store does not answer, or is not one
 ├── Lost                    something was sent and no answer came: the outcome is unknown
 ├── ProviderRefused         a model's provider answers that it will not, whoever asks how often
 ├── Misshapen               a model answered, and not in the shape asked for
 ├── TokenRefused            the issuer gives no such token: ours or the policy's mistake
 ├── Misanswered             a knowledge system answered with what cannot be cited
 ├── NotPermitted            the caller asked for what it may not have
 │    └── NeedsSayso         people may let it have that: it is to be proposed
 ├── NoTools                 this process was not given what a dialogue needs
 ├── TranscriptGone          a transcript is not there, or is not what its reference says
 ├── TranscriptTooLong       a dialogue has become longer than any model takes
 ├── AlreadyUsed             the proposal's one use is taken
 ├── PlaceTrouble            the place where archives are kept cannot be read or written
 │    ├── Absent             it answered that nothing of that name is there
 │    └── Oversized          what is there is larger than anything that belongs there
 ├── Taken                   something of that name is in the place already
 └── Forgotten               what the gate remembers cannot be read or written
"""

from __future__ import annotations

from typing import Self

from pydantic import JsonValue

from audit.errors import NotNow


class ActivityError(Exception):
    """Base of what goes wrong outside Temporal and outside policy."""

    details: tuple[JsonValue, ...] = ()
    """What the workflow is told beside the words; data that decides nothing by itself."""

    def with_details(self, *details: JsonValue) -> Self:
        """The error with *details*."""
        self.details = details
        return self


class Unreachable(ActivityError, NotNow):
    """*what* did not answer; nothing was sent."""

    question = "is it running?"

    def __init__(self, what: str, where: str, reason: str) -> None:
        super().__init__(f"{what} at {where} cannot be reached ({reason}); {self.question}")
        self.what = what
        self.where = where


class Gone(Unreachable):
    """The Temporal server has no such run: deleted, past its retention, or never there."""


class StoreSilent(Unreachable):
    """The payload store at *where* could not be read or written. Nothing is lost by it: who needs it asks again."""

    question = "is it there, and may this process use it?"

    def __init__(self, where: str, reason: str) -> None:
        super().__init__("the payload store", where, reason)


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


class NeedsSayso(NotPermitted):
    """Policy lets *operation* through with people's say-so only."""

    def __init__(self, operation: str) -> None:
        super().__init__(f"`{operation}` with these arguments needs people's say-so; ask for it with `self.commit`")


class NoTools(ActivityError):
    """A dialogue needs *what*, which *variable* of the reason worker names."""

    def __init__(self, what: str, variable: str) -> None:
        super().__init__(f"a dialogue needs {what}, and this reason worker has none: set {variable}")


class TranscriptGone(ActivityError):
    """The dialogue cannot go on."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the transcript of this dialogue is gone: {reason}")


class TranscriptTooLong(ActivityError):
    """Of so many bytes at most."""

    def __init__(self, most: int) -> None:
        super().__init__(f"the transcript of this dialogue is larger than {most} bytes")


class Misanswered(ActivityError):
    """What *operation* answered is not passages that can be cited; nothing of it is repeated."""

    def __init__(self, operation: str, reason: str) -> None:
        super().__init__(f"the answer of `{operation}` is not taken: {reason}")


class AlreadyUsed(ActivityError):
    """A `use` workflow of this proposal exists."""


class PlaceTrouble(ActivityError):
    """*name* in a place for archives could not be read or written; empty where the place itself could not be used."""

    def __init__(self, where: str, name: str, reason: str) -> None:
        what = f"`{name}` in the archive at {where}" if name else f"the archive at {where}"
        super().__init__(f"{what} cannot be used: {reason}")
        self.where = where
        self.reason = reason


class Absent(PlaceTrouble):
    """Nothing of that name is in the place."""


class Oversized(PlaceTrouble):
    """What is there under that name is larger than what was asked for."""


class Taken(ActivityError):
    """Something of that name is in the place, and nothing in it is ever written again."""


class Forgotten(ActivityError):
    """The gate's memory of freezes at *where* is of no use; until it is, everything counts as frozen."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(
            f"what the gate remembers of freezes is not usable, so nothing is sent: `{where}` ({reason}); "
            "mend it, or remove the file when `sayso freeze --status` shows that nothing is frozen"
        )
