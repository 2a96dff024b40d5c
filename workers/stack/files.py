"""Files that appear whole or not at all, so that a start that was cut short leaves nothing half-written."""

from __future__ import annotations

from pathlib import Path


def write_whole(path: Path, text: str, data: Path) -> None:
    """Writes *path* by way of a file in *data*, on the same disk: beside it, it might count into a bundle's digest."""
    partial = data / "partial"
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
