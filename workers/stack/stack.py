"""
A stack as one thing: start, stop, and trouble on purpose.

Everything durable is in the data directory, so a stack killed at any moment goes on where it was when it is started
again on the same directory.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from workers.errors import CannotReach, WrongUse
from workers.profile import Encryption, Profile
from workers.settings import Role
from workers.stack.health import attributes
from workers.stack.layout import NAMESPACE, Layout, prepare
from workers.stack.local_model import NAME as MODEL
from workers.stack.local_model import REASON, LocalModel
from workers.stack.lock import Lock
from workers.stack.ports import HOST, Choice, Ports, choose, spare
from workers.stack.processes import Process, Spec, stop_all, stop_strays
from workers.stack.specs import (
    ARCHIVER,
    CODEC,
    NO_CONFIG,
    RETENTION,
    ROLES,
    SEARCH_ATTRIBUTES,
    SYSTEMS,
    TEMPORAL,
    inherited,
    specs,
    temporal_binary,
)

START_SECONDS = 60.0
POLL_SECONDS = 0.03


class AlreadyRunning(WrongUse):
    """Another process runs a stack in this data directory."""

    def __init__(self, data: Path, pid: int) -> None:
        super().__init__(f"the stack in `{data}` is running already (process {pid})")
        self.pid = pid


class Stack:
    """
    Temporal, the example systems, the four workers, codec server and archiver over one data directory. Blocking; used by one
    thread.

    The processes are `temporal`, `issuer`, `orders`, `payments`, `knowledge`, `parcels`, `mission`, `reason`, `read`, `commit`,
    and, where there is a key ring, `codec`, where there is an exporter's key, `archiver`, and with a local model, `model`.
    """

    def __init__(
        self,
        data: Path,
        ports: Choice = "auto",
        *,
        environment: Mapping[str, str] | None = None,
        extra: Mapping[str, Mapping[str, str]] | None = None,
        encryption: Encryption = "on",
        model: LocalModel | None = None,
    ) -> None:
        """
        Args:
            model: One that is served beside the stack and answers its missions. Nothing in the shell then chooses another
                one, or a way out of this machine.
            encryption: With `off` nothing more is encrypted; what was before is still opened.
            environment: Instead of this process's own; each process gets only what it needs of it.
            extra: Variables for single processes, such as `{"payments": {"PAYMENTS_FAULT": "drop-response-once"}}`.
        """
        self.data = data.expanduser().resolve()
        self._choice: Choice = ports
        given = os.environ if environment is None else environment
        self._environment = dict(given) if model is None else inherited(given)
        self._extra: dict[str, Mapping[str, str]] = dict(extra or {})
        if model is not None:
            self._extra[Role.REASON] = REASON
        self._model = model
        self._encryption: Encryption = encryption
        self._lock = Lock(self.data)
        self._processes: dict[str, Process] = {}
        self._specs: dict[str, Spec] = {}
        self._profile: Profile | None = None

    @property
    def profile(self) -> Profile:
        """Where it runs. Only asked for after `start`."""
        if self._profile is None:
            raise LookupError("the stack was not started")
        return self._profile

    @property
    def processes(self) -> Mapping[str, Process]:
        """The processes as last started, by name."""
        return self._processes

    def start(self) -> Profile:
        """
        Starts everything and returns when all of it works.

        Raises:
            AlreadyRunning: Another process runs this directory's stack.
            CannotReach: A process does not come up; everything is stopped again.
            WrongUse: A port is taken, or a file in the way.
            BundleError: The bundle in the directory does not load.
        """
        Layout(self.data).make()
        if not self._lock.take():
            raise AlreadyRunning(self.data, Lock(self.data).holder() or 0)
        try:
            stop_strays(self.data)
            ports = choose(self.data, self._choice)
            layout = Layout(self.data)
            self._profile = prepare(layout, ports, self._encryption)
            beside = self._joined(layout, ports)
            self._specs = specs(layout, ports, self._environment, self._extra, self._encryption) | beside
            self._bring_up(ports)
        except BaseException:
            self.stop()
            raise
        return self.profile

    def stop(self) -> None:
        """Stops everything: first who acts, then whom they act on, then who remembers."""
        for group in ((*ROLES, ARCHIVER), (*SYSTEMS, CODEC, MODEL), (TEMPORAL,)):
            stop_all(self._processes[name] for name in group if name in self._processes)
        self._processes.clear()
        if self._lock.held:
            # A signal may have come between starting a process and noting it here.
            stop_strays(self.data)
            if self._model is not None:
                self._model.leave(Layout(self.data))
            self._lock.give_back()

    def kill(self, name: str) -> None:
        """Kills the process *name* at once, as a crash would."""
        self._processes[name].signal(signal.SIGKILL)
        self._processes[name].wait(START_SECONDS)

    def spawn(self, name: str) -> Process:
        """Starts the process *name* and does not wait for it. One that still runs is killed first."""
        if name in self._processes:
            self.kill(name)
        self._processes[name] = Process(self._specs[name], self.data)
        return self._processes[name]

    def restart(self, name: str) -> None:
        """Kills the process *name* if it runs, starts it, and returns when it works. Raises CannotReach."""
        self.spawn(name)
        self._wait([name])

    def dead(self) -> dict[str, int]:
        """Exit codes of the processes that have ended, by name; negative is a signal."""
        codes = {name: process.exit_code() for name, process in self._processes.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def __enter__(self) -> Stack:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _joined(self, layout: Layout, ports: Ports) -> dict[str, Spec]:
        """The model's process, its route in the bundle; nothing without a model."""
        if self._model is None:
            return {}
        port = spare(ports)
        self._model.join(layout, port)
        return {MODEL: self._model.spec(port, inherited(self._environment))}

    def _bring_up(self, ports: Ports) -> None:
        for name in (TEMPORAL, *SYSTEMS):
            self.spawn(name)
        for name in (CODEC, MODEL):
            if name in self._specs:
                self.spawn(name)
        self._wait([TEMPORAL])
        _add_attributes(ports, inherited(self._environment))
        for role in ROLES:
            self.spawn(role)
        _keep_history(ports, inherited(self._environment))
        if ARCHIVER in self._specs:
            self.spawn(ARCHIVER)
        self._wait(list(self._processes))

    def _wait(self, names: list[str]) -> None:
        deadline = time.monotonic() + START_SECONDS
        waiting = list(names)
        while waiting:
            for name in waiting.copy():
                process = self._processes[name]
                if process.exit_code() is not None:
                    raise CannotReach(f"`{name}` did not start: {process.last_line()} (log: {process.log})")
                if process.healthy():
                    waiting.remove(name)
            if waiting and time.monotonic() > deadline:
                process = self._processes[waiting[0]]
                words = f"`{waiting[0]}` does not answer after {START_SECONDS:.0f} s: {process.last_line()}"
                raise CannotReach(f"{words} (log: {process.log})")
            time.sleep(POLL_SECONDS if waiting else 0)


def _add_attributes(ports: Ports, environment: Mapping[str, str]) -> None:
    """The server takes attributes by option for a new database only; one of an older Sayso lacks what came since."""
    deadline = time.monotonic() + START_SECONDS
    while lacking := sorted(SEARCH_ATTRIBUTES.keys() - (attributes(ports, NAMESPACE) or frozenset())):
        named = [part for name in lacking for part in ("--name", name, "--type", SEARCH_ATTRIBUTES[name])]
        _operate(ports, environment, "the search attributes", "search-attribute", "create", *named)
        if time.monotonic() > deadline:
            raise CannotReach(f"Temporal does not show the search attributes {', '.join(lacking)}")


def _keep_history(ports: Ports, environment: Mapping[str, str]) -> None:
    _operate(ports, environment, "the retention", "namespace", "update", "--retention", RETENTION)


def _operate(ports: Ports, environment: Mapping[str, str], what: str, *words: str) -> None:
    """One of Temporal's own operator commands. Raises CannotReach."""
    where = ("--address", f"{HOST}:{ports.temporal}", "--namespace", NAMESPACE, *NO_CONFIG)
    command = [temporal_binary(), "operator", *words, *where]
    done = subprocess.run(  # noqa: S603 (our own command)
        command, env=environment, capture_output=True, text=True, timeout=START_SECONDS, check=False
    )
    if done.returncode != 0:
        raise CannotReach(f"Temporal does not take {what}: {(done.stderr or done.stdout).strip()}")
