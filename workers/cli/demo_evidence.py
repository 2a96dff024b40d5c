"""What the demo leaves behind: an archive, and the keys it was verified against."""

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
    def archive(self) -> Path:
        """The mission's archive."""
        return next(self.folder.glob(f"*{SUFFIX}"))

    def pin(self, profile: Profile) -> None:
        """Keeps the directory of the stack as the verifier's own. A real auditor gets it from people, not from the exporter."""
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(profile.policies / "directory.yaml", self.trust)

    def verify(self) -> tuple[str, ...]:
        """The command that proves it."""
        return ("audit", "verify", "--replay", "--trust", str(self.trust), str(self.archive))
