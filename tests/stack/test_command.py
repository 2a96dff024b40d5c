"""The `sayso` command itself: one line and an exit code for whatever goes wrong, and keys."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.stack.commands import sayso
from workers.cli.main import COMMANDS, run
from workers.errors import WrongUse
from workers.settings import Role, read
from workers.stack.keyfiles import read_key


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {name} " in shown for name in COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["nonsense"], 2, "no such command 'nonsense'; see `sayso --help`"),
        (["start", "--nonsense"], 2, "no such option '--nonsense'; see `sayso start --help`"),
        (["keys", "new"], 2, "missing argument 'NAME'"),
        (["queue", "--data", "/nowhere"], 2, "no stack is set up in `/nowhere`: run `sayso up` first"),
        (["keys", "new", "sam", "--out", "/nowhere/sam.jwk"], 2, "`/nowhere/sam.jwk` cannot be written"),
    ],
)
def test_error_is_one_line_and_an_exit_code(
    arguments: list[str], code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments) == code
    plain = capsys.readouterr()
    assert plain.out == ""
    assert plain.err.startswith(f"sayso: {message}")
    assert len(plain.err.splitlines()) == 1
    assert run([*arguments, "--json"]) == code
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["exit_code"] == code
    assert error["message"].startswith(message)


def test_unreachable_server_is_exit_code_3() -> None:
    done = sayso("worker", "--role", "mission", TEMPORAL_ADDRESS="127.0.0.1:9", **PLAIN)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("sayso: no Temporal server answers at 127.0.0.1:9")


def test_bug_of_ours_shows_no_traceback(tmp_path: Path) -> None:
    """A directory where a file should be is nothing anybody foresaw."""
    (tmp_path / "sayso.json").symlink_to("sayso.json")
    done = sayso("queue", "--data", str(tmp_path))
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_new_key_is_private_and_its_public_entry_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "sam.jwk"
    assert run(["keys", "new", "sam", "--out", str(path), "--json"]) == 0
    public = json.loads(capsys.readouterr().out)["public"]
    assert public == read_key(path).public().model_dump(include={"kid", "x"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_existing_key_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "sam.jwk"
    run(["keys", "new", "sam", "--out", str(path)])
    before = path.read_bytes()
    assert run(["keys", "new", "sam", "--out", str(path)]) == 2
    assert "exists and is not overwritten" in capsys.readouterr().err
    assert path.read_bytes() == before


PLAIN = {"SAYSO_ENCRYPTION": "off", "SAYSO_PAYLOAD_STORE": "off"}
GATE_FILES = {"SAYSO_POLICIES": "/", "SAYSO_CLIENT_FILE": "/etc/hosts", "SAYSO_GATE_KEY_FILE": "/etc/hosts"}


@pytest.mark.parametrize(
    ("role", "environment", "message"),
    [
        (Role.READ, {}, "SAYSO_POLICIES is not set"),
        (Role.READ, {"SAYSO_POLICIES": "/nowhere"}, "SAYSO_POLICIES is `/nowhere`, where no directory is"),
        (Role.COMMIT, {"SAYSO_POLICIES": "/", "SAYSO_CLIENT_FILE": "/etc/hosts"}, "SAYSO_GATE_KEY_FILE is not set"),
        (Role.REASON, {"SAYSO_SIGNING_KEY_FILE": "/nowhere"}, "SAYSO_SIGNING_KEY_FILE is `/nowhere`, where no file is"),
        (Role.COMMIT, GATE_FILES | {"SAYSO_STATE": "/nowhere"}, "SAYSO_STATE is `/nowhere`, where no directory is"),
        (Role.MISSION, {"SAYSO_LOG_LEVEL": "loud"}, "SAYSO_LOG_LEVEL is `loud`"),
        (Role.MISSION, {"TEMPORAL_API_KEY": "secret"}, "Temporal's configuration asks for TLS or an API key"),
    ],
)
def test_wrong_setting_is_named_and_never_shown_when_secret(role: Role, environment: dict[str, str], message: str) -> None:
    with pytest.raises(WrongUse, match=message) as refused:
        read([role], PLAIN | environment)
    assert "secret" not in str(refused.value)


def test_services_of_one_process_sign_with_a_key_each() -> None:
    """And without one their answers show as claims."""
    both = {"SAYSO_READ_SIGNING_KEY_FILE": "/etc/hosts", "SAYSO_REASON_SIGNING_KEY_FILE": "/etc/passwd"}
    given = {"SAYSO_POLICIES": "/", "SAYSO_CLIENT_FILE": "/etc/hosts"}
    settings = read([Role.READ, Role.REASON], PLAIN | given | both)
    assert [str(path) for path in (settings.read_signing_key_file, settings.reason_signing_key_file)] == [*both.values()]
    alone = read([Role.REASON], PLAIN | {"SAYSO_SIGNING_KEY_FILE": "/etc/hosts"})
    assert (str(alone.reason_signing_key_file), alone.read_signing_key_file) == ("/etc/hosts", None)
    assert read([Role.REASON], PLAIN | both).reason_signing_key_file is None


def test_mission_worker_needs_nothing_but_temporal_a_key_ring_and_a_payload_store() -> None:
    settings = read([Role.MISSION], {"TEMPORAL_ADDRESS": "temporal:7233", "TEMPORAL_NAMESPACE": "refunds", **PLAIN})
    assert (settings.address, settings.namespace) == ("temporal:7233", "refunds")
    assert settings.policies is settings.gate_key_file is settings.commit_client_file is None


@pytest.mark.parametrize(("environment", "expected"), [({}, None), ({"SAYSO_STATE": "/"}, Path("/"))])
def test_gate_may_remember_in_a_directory(environment: dict[str, str], expected: Path | None) -> None:
    """Without one it remembers until it ends."""
    assert read([Role.COMMIT], PLAIN | GATE_FILES | environment).state == expected
