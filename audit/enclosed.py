"""Which stored payloads belong into an archive: all that its histories refer to, within a bound, workers' before strangers'."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from temporalio.api.history.v1 import HistoryEvent

from audit.payloads import MAX_FETCHED, MAX_FETCHED_BY_SIGNALS
from audit.references import named_in
from policies.canonical import Digest

FOLDER = "payloads/"
MAX_CONTENTS = 12_000
"""So many payloads are in an archive."""
_MORE = 64 * 1024 * 1024
Histories = Iterable[Sequence[HistoryEvent]]


@dataclass(frozen=True)
class Wanted:
    """Addresses to fetch, in order."""

    addresses: tuple[Digest, ...]
    room: int
    """Until they come to so many bytes."""
    recorded: bool
    """Whether something other than a signal refers to them, which anybody may send."""


def wanted(history: Sequence[HistoryEvent], uses: Histories, runs: Histories) -> tuple[Wanted, ...]:
    """
    What *history* refers to, the *uses* of its proposals, and the *runs* before it; the first groups first, each address once.

    INVARIANT: of the history all is wanted that a gate opens (see `audit.payloads.open_events`), strangers' signals too: else
    they could have it judged otherwise afterwards.
    """
    others = [*uses, *runs]
    found: dict[Digest, None] = {}
    groups = []
    for events, signals, room in (
        ([history], False, MAX_FETCHED),
        (others, False, _MORE),
        ([history], True, MAX_FETCHED_BY_SIGNALS),
        (others, True, MAX_FETCHED_BY_SIGNALS),
    ):
        named = dict.fromkeys(each for run in events for each in named_in(run, signals=signals) if each not in found)
        found |= named
        groups.append(Wanted(tuple(named), room, recorded=not signals))
    return tuple(groups)


def members_of(contents: Mapping[str, bytes]) -> dict[str, bytes]:
    """The members that hold *contents*."""
    return {f"{FOLDER}{address}": content for address, content in contents.items()}


def contents_of(members: Mapping[str, bytes]) -> dict[str, bytes]:
    """What the members of an archive hold, by address. Nothing of it is believed."""
    return {name.removeprefix(FOLDER): content for name, content in members.items() if name.startswith(FOLDER)}
