"""Pages about archives: the templates that ship with sayso, and what a page says of the file it is made from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from importlib.resources import files
from pathlib import Path

from audit.manifest import sha256
from audit.report.compose import Source, report_of
from audit.report.page import TEMPLATES, page
from audit.verification.result import Verification
from audit.verification.verify import Verifier


def templates() -> Mapping[str, str]:
    """The text of every template of a page."""
    folder = files("audit.report") / "templates"
    return {name: (folder / name).read_text(encoding="utf-8") for name in TEMPLATES}


async def reported(data: bytes, path: Path, trust: Path | None, verifier: Verifier, now: datetime) -> tuple[Verification, str]:
    """
    What the archive *data* proves, and its page.

    Args:
        path: Where the archive was read from; its name stands on the page.
        trust: Where the verifier's pins were read from; likewise.
        now: When the page is made; aware.
    """
    source = Source(
        name=path.name,
        sha256=sha256(data),
        size=len(data),
        trust=trust.name if trust else "",
        pinned=verifier.trust,
        made_at=now,
        version=verifier.version,
    )
    examined = await verifier.examine(data)
    return examined.verification, page(report_of(examined, source), templates())
