"""What the demo leaves behind: an archive, the keys it was verified against, and those that open it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from audit.archive import SUFFIX
from workers.profile import Profile


@dataclass(frozen=True)
class Evidence:
    """In a folder that outlives the demo's stack."""

    folder: Path

    @property
    def trust(self) -> Path:
        """The keys that are pinned."""
        return self.folder / "trust.yaml"

    @property
    def key_ring(self) -> Path:
        """The key ring that opens the archive's contents."""
        return self.folder / "key-ring.json"

    @property
    def archive(self) -> Path:
        """The mission's archive."""
        return next(self.folder.glob(f"*{SUFFIX}"))

    def pin(self, profile: Profile) -> None:
        """Keeps the directory of the stack as the verifier's own. A real auditor gets it from people, not from the exporter."""
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(profile.policies / "directory.yaml", self.trust)
        if profile.key_ring is not None:
            shutil.copy(profile.key_ring, self.key_ring)

    def verify(self) -> tuple[str, ...]:
        """The command that proves it."""
        ring = ("--key-ring", str(self.key_ring)) if self.key_ring.exists() else ()
        return ("audit", "verify", "--replay", "--trust", str(self.trust), *ring, str(self.archive))
