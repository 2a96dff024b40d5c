"""`python -m tests.audit.independent --trust FILE ARCHIVE…`: exit code 0 VERIFIED, 1 FAILED, 2 INCOMPLETE."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.audit.independent.archive import HOLDS
from tests.audit.independent.strict import Trust
from tests.audit.independent.verify import verify


def main() -> int:
    """The worst of the verdicts."""
    asked = argparse.ArgumentParser(prog="independent", description=__doc__)
    asked.add_argument("--trust", type=Path, required=True)
    asked.add_argument("archives", type=Path, nargs="+")
    given = asked.parse_args()
    trust, verdicts = Trust(given.trust.read_text("utf-8")), set()
    for path in given.archives:
        verdict, findings = verify(path.read_bytes(), trust)
        verdicts.add(verdict)
        sys.stdout.write(f"{verdict} {path.name}\n")
        for finding in findings:
            if finding.result != HOLDS:
                sys.stdout.write(f"  {finding.result} {finding.check}: {finding.words!a} (event {finding.event})\n")
    return 1 if "FAILED" in verdicts else 2 if "INCOMPLETE" in verdicts else 0


if __name__ == "__main__":
    sys.exit(main())
