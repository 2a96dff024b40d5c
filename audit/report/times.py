"""Times in words, the same everywhere on a page. All are UTC."""

from __future__ import annotations

from datetime import datetime

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def stamp(at: datetime) -> str:
    """`2026-11-25 07:57:26.184`."""
    return at.isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")


def second(at: datetime) -> str:
    """`2026-11-25 07:57:26`."""
    return at.isoformat(sep=" ", timespec="seconds").removesuffix("+00:00")


def clock(at: datetime) -> str:
    """`07:57:26`."""
    return at.time().isoformat(timespec="seconds")


def span(seconds: float) -> str:
    """`3 min 20 s`, `16.7 s`, `41 ms`: the largest unit and the next, and below a minute three digits."""
    if seconds < 0:
        return f"-{span(-seconds)}"
    if seconds < 0.9995:
        return f"{round(seconds * 1000)} ms" if seconds else "0 s"
    if seconds < 60:
        return f"{seconds:.3g} s"
    whole = round(seconds)
    counts = []
    for size, unit in (*_UNITS, (1, "s")):
        count, whole = divmod(whole, size)
        counts.append((count, unit))
    first = next(place for place, (count, _) in enumerate(counts) if count)
    return " ".join(f"{count} {unit}" for count, unit in counts[first : first + 2] if count)
