"""The embedded stack with real processes: it goes up and down, and survives whatever is killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from approvals.attributes import APPROVERS, OWNER
from tests.stack.commands import NAMES, SAYSO, answer, pids, sayso, until
from workers.errors import CannotReach, WrongUse
from workers.stack.health import attributes
from workers.stack.layout import NAMESPACE
from workers.stack.model_environment import for_models
from workers.stack.ports import Ports
from workers.stack.processes import Process, Spec, stop_all
from workers.stack.specs import SEARCH_ATTRIBUTES
from workers.stack.stack import AlreadyRunning, Stack

SECRETS = {"OPENAI_API_KEY": "sk-test", "SAYSO_KEY": "x", "SAYSO_MODEL": "openai/none"}
NAMED = {"SAYSO_MODEL_ENV": "OUR_TOKEN", "OUR_TOKEN": "x"}
OTHERS = dict.fromkeys(("STRIPE_API_KEY", "PAYMENTS_API_KEY", "GOOGLE_ADS_TOKEN", "TEMPORAL_API_KEY", "TEMPORAL_TLS"), "true")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One stack for the tests of the Python interface."""
    with Stack(tmp_path_factory.mktemp("stack"), environment={**os.environ, **SECRETS, **NAMED, **OTHERS}) as running:
        yield running


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data directory in which nothing runs afterwards."""
    yield tmp_path / "data"
    sayso("down", "--data", str(tmp_path / "data"))


def environment_of(pid: int) -> dict[str, str]:
    """The environment a process was started with."""
    lines = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(line.split("=", 1) for line in lines if line)


def test_each_process_gets_only_its_own_credentials(stack: Stack) -> None:
    """docs/design: trust zones are processes."""
    holders: dict[str, set[str]] = {}
    for name, pid in pids(stack.data).items():
        for variable in environment_of(pid):
            holders.setdefault(variable, set()).add(name)
    assert holders["SAYSO_GATE_KEY_FILE"] == holders["SAYSO_STATE"] == {"commit"}
    assert holders["SAYSO_CLIENT_FILE"] == {"commit", "read"}
    assert holders["SAYSO_SIGNING_KEY_FILE"] == {"read", "reason"}
    assert holders["OPENAI_API_KEY"] == holders["SAYSO_MODEL"] == holders["OUR_TOKEN"] == {"reason"}
    assert not holders.keys() & OTHERS.keys()
    assert holders["TEMPORAL_ADDRESS"] == {"mission", "reason", "read", "commit"}
    assert holders["SAYSO_KEY_RING"] == holders["SAYSO_PAYLOAD_STORE"] == {"mission", "reason", "read", "commit", "codec"}
    assert "SAYSO_KEY" not in holders
    clients = [environment_of(pids(stack.data)[role])["SAYSO_CLIENT_FILE"] for role in ("read", "commit")]
    assert clients[0] != clients[1]
    keys = [environment_of(pids(stack.data)[role])["SAYSO_SIGNING_KEY_FILE"] for role in ("read", "reason")]
    assert keys[0] != keys[1]


@pytest.mark.parametrize(
    ("environment", "reaches"),
    [
        ({"OPENAI_API_KEY": "x"}, set()),
        ({"SAYSO_MODEL": "m", "OPENAI_API_KEY": "x", "MY_OPENAI_API_KEY": "x"}, {"SAYSO_MODEL", "OPENAI_API_KEY"}),
        ({"SAYSO_MODEL": "m", "SAYSO_MODEL_ENV": " A, B,,C", "A": "1", "B": "2", "D": "3"}, {"SAYSO_MODEL", "A", "B"}),
    ],
)
def test_model_gets_what_its_provider_is_known_to_need_and_what_is_named(
    environment: dict[str, str], reaches: set[str]
) -> None:
    assert for_models(environment).keys() == reaches


def test_stacks_own_variables_cannot_be_handed_to_the_model_worker() -> None:
    with pytest.raises(WrongUse, match="names `TEMPORAL_API_KEY`"):
        for_models({"SAYSO_MODEL": "m", "SAYSO_MODEL_ENV": "TEMPORAL_API_KEY"})


@pytest.mark.slow
def test_demo_stays_on_its_own_stack_whatever_the_shell_points_at(tmp_path: Path) -> None:
    """Not on somebody's cluster, nor with their key; and an ordinary Temporal Cloud user can run it."""
    config = tmp_path / ".config" / "temporalio" / "temporal.toml"
    config.parent.mkdir(parents=True)
    config.write_text('[profile.default]\naddress = "127.0.0.1:1"\nnamespace = "prod"\napi_key = "secret"\n')
    elsewhere = {name: "127.0.0.1:1" for name in ("TEMPORAL_ADDRESS", "TEMPORAL_HOST_URL")}
    ours = {name: str(tmp_path / "none") for name in ("SAYSO_POLICIES", "SAYSO_KEY", "SAYSO_DATA")}
    done = sayso("demo", HOME=str(tmp_path), TEMPORAL_NAMESPACE="prod", TEMPORAL_API_KEY="secret", **elsewhere, **ours)
    assert (done.returncode, done.stderr) == (0, "")
    _, _, proof = done.stdout.partition("Everything is stopped")
    assert "\nVERIFIED  refund-CASE-1001" in proof and "\nreplay holds" in re.sub(" +", " ", proof)


def test_killed_process_is_known_dead_and_works_after_restart(stack: Stack) -> None:
    before = pids(stack.data)["read"]
    stack.kill("read")
    assert stack.dead() == {"read": -signal.SIGKILL}
    stack.restart("read")
    assert stack.dead() == {}
    assert pids(stack.data)["read"] != before


def test_second_stack_on_the_same_directory_is_refused(stack: Stack) -> None:
    with pytest.raises(AlreadyRunning) as refused:
        Stack(stack.data).start()
    assert refused.value.pid == os.getpid()
    assert pids(stack.data).keys() == NAMES


def test_process_that_does_not_start_is_named_with_the_end_of_its_log(tmp_path: Path) -> None:
    broken = Stack(tmp_path, extra={"payments": {"PAYMENTS_FAULT": "no-such-fault"}})
    with pytest.raises(CannotReach, match="`payments` did not start: payments: PAYMENTS_FAULT"):
        broken.start()
    assert pids(tmp_path) == {}


@pytest.mark.slow
def test_waiting_mission_outlives_a_killed_supervisor_and_everything_stops_in_the_end(data: Path) -> None:
    """Detached, killed with -9, started again in the foreground, ended with SIGTERM."""
    started = answer("up", "--detach", "--ports", "auto", "--data", str(data))
    again = answer("up", "--detach", "--data", str(data))
    assert (again["already_running"], again["pid"]) == (True, started["pid"])

    first = pids(data)
    os.kill(first["commit"], signal.SIGKILL)
    answer("start", "refund", "--input", '{"case_id": "CASE-1001"}', "--data", str(data))
    until(lambda: len(answer("queue", "--data", str(data))["items"]) == 1)
    assert pids(data)["commit"] != first["commit"]

    os.kill(started["pid"], signal.SIGKILL)
    with subprocess.Popen([SAYSO, "up", "--data", str(data)], stdout=subprocess.PIPE, text=True) as foreground:
        assert foreground.stdout is not None
        assert foreground.stdout.readline().startswith("Sayso is up")
        second = pids(data)
        assert second.keys() == NAMES
        assert not set(second.values()) & set(first.values())
        assert len(answer("queue", "--data", str(data))["items"]) == 1
        foreground.terminate()
        foreground.stdout.read()
    assert foreground.returncode == 0
    assert pids(data) == {}


def test_down_where_nothing_runs_says_so(tmp_path: Path) -> None:
    done = sayso("down", "--data", str(tmp_path / "none"))
    assert (done.returncode, done.stdout.strip()) == (0, f"nothing is running in `{tmp_path / 'none'}`")
    assert not (tmp_path / "none").exists()


def test_down_stops_what_a_dead_supervisor_left_and_nothing_of_another_stack(tmp_path: Path) -> None:
    ours, others = tmp_path / "ours", tmp_path / "ours-too"
    left, other = (Process(Spec("orders", ("/bin/sleep", "60"), {}, lambda _pid: True), data) for data in (ours, others))
    done = sayso("down", "--data", str(ours))
    assert done.stdout.strip() == f"stopped what was left of the stack in `{ours}`: orders"
    assert left.wait(5)
    assert pids(others) == {"orders": other.pid}
    stop_all([other])
    assert other.exit_code() == -signal.SIGTERM


@pytest.mark.slow
def test_data_of_an_older_version_gets_the_attributes_that_came_since(tmp_path: Path) -> None:
    """Temporal takes attributes by option for a new database only; without one, no use could be taken."""
    with pytest.MonkeyPatch.context() as older:
        for name in (OWNER, APPROVERS):
            older.delitem(SEARCH_ATTRIBUTES, name)
        with Stack(tmp_path / "data"):
            pass
    with Stack(tmp_path / "data") as running:
        _, _, port = (running.profile.ui or "").rpartition(":")
        known = attributes(Ports(ui=int(port)), NAMESPACE)
    assert known is not None
    assert known >= SEARCH_ATTRIBUTES.keys()


@pytest.mark.slow
def test_mission_that_closed_is_in_the_stacks_archive(stack: Stack, tmp_path: Path) -> None:
    """docs/archiver.md: nobody has to ask for it, and it verifies with the stack's directory pinned."""
    # There is no such case, so the mission ends at once, without a model.
    answer("start", "refund", "--input", '{"case_id": "CASE-9999"}', "--data", str(stack.data))
    archived = stack.data / "archive"
    until(lambda: (archived / "index").exists() and any((archived / "index").iterdir()), 60)
    pins = ("--trust", str(stack.data / "policies" / "directory.yaml"), "--key-ring", str(stack.profile.key_ring))
    look = ("audit", "verify", "--index", str(archived), *pins, "--remember", str(tmp_path / "head"))
    assert "INCOMPLETE  index" in sayso(*look).stdout
    again = sayso(*look)
    assert (again.returncode, "1 VERIFIED" in again.stdout) == (0, True), again.stdout + again.stderr
