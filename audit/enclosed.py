"""Which stored payloads belong into an archive: all that its histories refer to, within a bound, workers' before strangers'."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from temporalio.api.history.v1 import HistoryEvent

from audit.references import named_in
from policies.canonical import Digest

FOLDER = "payloads/"
MAX_RECORDED, MAX_HEARD = 10_000, 2_000
"""So many payloads are in an archive: that something other than a signal refers to, and that only signals do."""
MAX_RECORDED_BYTES, MAX_HEARD_BYTES = 160 * 1024 * 1024, 32 * 1024 * 1024
"""The same in bytes."""
Histories = Iterable[Sequence[HistoryEvent]]


@dataclass(frozen=True)
class Wanted:
    """The addresses to fetch, each once and in order."""

    recorded: tuple[Digest, ...]
    heard: tuple[Digest, ...]
    """Only signals refer to them, which anybody may send: those in uses first, where gates record receipts."""


def wanted(history: Sequence[HistoryEvent], uses: Histories, runs: Histories) -> Wanted:
    """What *history* refers to, the *uses* of its proposals, and the *runs* before it."""
    others = [*uses, *runs]
    recorded = dict.fromkeys(each for events in (history, *others) for each in named_in(events, signals=False))
    heard = dict.fromkeys(each for events in (*others, history) for each in named_in(events, signals=True))
    return Wanted(tuple(recorded), tuple(each for each in heard if each not in recorded))


def members_of(contents: Mapping[Digest, bytes]) -> dict[str, bytes]:
    """The members that hold *contents*."""
    return {f"{FOLDER}{address}": content for address, content in contents.items()}


def contents_of(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """What the members of an archive hold, by address. Nothing of it is believed."""
    return {name.removeprefix(FOLDER): content for name, content in members.items() if name.startswith(FOLDER)}
