"""
Reading a bundle in a process of its own first: text that kills its reader kills that one.

The rulebook refuses what is known to overflow a parser; this is for what is not known yet. The child loads the bundle and
plays its scenarios under limits of memory and time, exactly as the parent will, and says how it went by its exit code.

Source: docs/decisions/0009-scenarios.md
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from policies.errors import BundleError

SECONDS = 30
MEMORY_BYTES = 4 * 1024**3
MISTAKEN = 10
"""Exit code of a child that says on its standard output what is wrong with the bundle."""
_ROOT = Path(__file__).parents[1]


def probe(root: Path) -> None:
    """
    Returns when a process of its own has read the bundle in *root* and played its scenarios.

    Raises:
        BundleError: It does not load, or whoever reads it is killed or never ends.
    """
    if root.is_dir():
        survived([sys.executable, "-P", "-m", "workers.probe", str(root.absolute())], root)


def survived(command: Sequence[str], root: Path) -> None:
    """
    Returns when *command*, which reads the bundle in *root*, ended well.

    Raises:
        BundleError: It did not; says how it ended.
    """
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(  # noqa: S603 (our own interpreter and module, no shell)
            command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise BundleError(f"`{root}`", f"reading it takes longer than {SECONDS} s") from error
    if done.returncode == MISTAKEN:
        said = json.loads(done.stdout)
        raise BundleError(said["where"], said["reason"])
    if done.returncode != 0:
        raise BundleError(f"`{root}`", f"reading it {_ending(done)}; do not load it anywhere")


def _ending(done: subprocess.CompletedProcess[bytes]) -> str:
    if done.returncode < 0:
        try:
            name = signal.Signals(-done.returncode).name
        except ValueError:
            name = f"signal {-done.returncode}"
        return f"kills the process that reads it ({name})"
    last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
    return f"fails ({last[0][:200]})" if last else f"fails (exit code {done.returncode})"


def main() -> None:
    """The child."""
    import resource

    for kind, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_AS, MEMORY_BYTES)):
        allowed = resource.getrlimit(kind)[1]
        # What this machine allows may be less already, and cannot be raised.
        limit = most if allowed == resource.RLIM_INFINITY else min(most, allowed)
        resource.setrlimit(kind, (limit, limit))

    from approvals.jws import Signer
    from approvals.rehearsal import play, set_stage
    from policies.load import load

    try:
        bundle = load(Path(sys.argv[1]))
        stage = set_stage(bundle, Signer.generate)
        for scenario in bundle.scenarios:
            play(scenario, stage)
    except BundleError as error:
        print(json.dumps({"where": error.where, "reason": error.reason}))
        sys.exit(MISTAKEN)


if __name__ == "__main__":
    main()
