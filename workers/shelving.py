"""Keeping the policy bundle that a gate starts with, for those who verify what it settled."""

from __future__ import annotations

from pathlib import Path

import structlog

from activities.shelf import Shelf
from audit.errors import ArchiveError
from policies.bundle import bundle_digest
from policies.canonical import Digest
from policies.load import read_files

_log = structlog.stdlib.get_logger("sayso.worker")


def shelve(root: Path, loaded: Digest, state: Path) -> None:
    """
    Keeps the bundle in *root* in the gate's *state*, when it still is the one that was *loaded*.

    A bundle that cannot be kept stops no gate: its missions verify as INCOMPLETE unless the exporter is shown it, and the log
    says so.
    """
    try:
        files = read_files(root)
        if bundle_digest(files) != loaded:
            _log.warning("bundle.not_kept", bundle=loaded, reason="it changed while it was loaded")
            return
        Shelf(state).keep(files)
    except (ArchiveError, OSError) as error:
        _log.warning("bundle.not_kept", bundle=loaded, reason=str(error))
