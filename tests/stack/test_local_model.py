"""A real model beside the stack. What it answers is its own affair; that it answers, from this machine alone, is ours."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import yaml

from examples.local_model.serve import bound
from examples.refund.ledger import ledger
from policies.load import load, shipped
from tests.examples.enterprise import PLAIN, ROOT
from tests.stack.commands import NAMES, SAYSO, pids, sayso
from tests.stack.test_stack import environment_of
from workers.errors import WrongUse
from workers.stack.layout import Layout
from workers.stack.local_model import MODEL, PURPOSE, LocalModel
from workers.stack.stack import Stack

HOME = ROOT / ".venv-local-model"
installed = pytest.mark.skipif(not (HOME / "ready").exists(), reason="no local model here: `make demo-local-model` installs it")
SHELL = {
    "OPENAI_API_KEY": "sk-somebodys",
    "OPENAI_API_BASE": "http://127.0.0.1:9/v1",
    "SAYSO_MODEL": "openai/elsewhere",
    "HTTP_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "http://127.0.0.1:9",
}
"""What would choose another model, or a way out of this machine."""


def test_home_without_a_model_is_one_line(tmp_path: Path) -> None:
    """Not a stack that does not come up."""
    done = sayso("demo", "--yes", "--local-model", str(tmp_path))
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "`make demo-local-model` installs one" in done.stderr


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An environment as far as it is looked at before it is started."""
    (tmp_path / "home" / "bin").mkdir(parents=True)
    (tmp_path / "home" / "bin" / "python").touch()
    return tmp_path / "home"


@pytest.mark.parametrize("text", ["", "# ours\nroutes:\n  '*': {model: a/b, perimeter: outside}\n"])
def test_bundle_has_the_route_while_the_model_is_there(home: Path, tmp_path: Path, text: str) -> None:
    """Other routes stay; where there are none, the perimeter is closed. Afterwards the file is as it was."""
    layout = Layout(tmp_path)
    shutil.copytree(shipped(), layout.policies)
    path, model = layout.policies / "models.yaml", LocalModel(home)
    path.write_text(text)
    model.join(layout, 8001)
    written = yaml.safe_load(path.read_text())
    routes = written["routes"]
    load(layout.policies)
    model.leave(layout)
    assert routes.pop(PURPOSE) == {"model": MODEL, "endpoint": "http://127.0.0.1:8001/v1", "perimeter": "inside"}
    assert (list(routes), written.get("perimeter")) == ((["*"], None) if text else ([], "closed"))
    assert path.read_text() == text


def test_stack_that_does_not_come_up_gives_the_bundle_its_routes_back(home: Path, tmp_path: Path) -> None:
    """The model's python is no program."""
    stack = Stack(tmp_path / "data", "auto", model=LocalModel(home))
    with pytest.raises((WrongUse, OSError)):
        stack.start()
    assert pids(tmp_path / "data") == {}
    assert yaml.safe_load((Layout(tmp_path / "data").policies / "models.yaml").read_text())["routes"] == {}


def test_schema_is_asked_for_in_the_servers_own_form() -> None:
    """llama-cpp-python takes no `json_schema`; anything else is handed on."""
    schema = {"type": "object"}
    asked = {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}, "temperature": 1}
    assert bound(asked) == {"response_format": {"type": "json_object", "schema": schema}, "temperature": 1}
    assert bound({"messages": []}) == {"messages": [], "temperature": 0}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, LocalModel]]:
    """A stack with the model beside it, started from a shell that points elsewhere."""
    model = LocalModel(HOME)
    with Stack(tmp_path_factory.mktemp("local"), "auto", environment={**os.environ, **SHELL}, model=model) as running:
        yield running, model


@installed
@pytest.mark.slow
def test_nothing_in_the_shell_leads_elsewhere(stack: tuple[Stack, LocalModel]) -> None:
    """Neither the model's server nor the worker that asks it has a proxy or a provider's key."""
    running, _ = stack
    found = {name: environment_of(pid) for name, pid in pids(running.data).items()}
    assert found.keys() == NAMES | {"model"}
    held = {(name, variable): value for name, its in found.items() for variable, value in its.items() if variable in SHELL}
    assert held == {("reason", "OPENAI_API_KEY"): "none-is-needed"}
    assert found["model"]["HF_HUB_OFFLINE"] == "1" and "SAYSO_PAYLOAD_STORE" not in found["model"]


@installed
@pytest.mark.slow
def test_schema_binds_what_the_model_writes(stack: tuple[Stack, LocalModel]) -> None:
    """It is told to write a poem, and may only choose a word."""
    schema = {"type": "object", "properties": {"word": {"enum": ["kettle", "teapot"]}}, "required": ["word"]}
    asked: dict[str, Any] = {
        "model": "smollm2",
        "messages": [{"role": "user", "content": "Write a poem about the sea."}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "word", "schema": schema}},
    }
    answer = httpx2.post(f"{stack[1].url}/chat/completions", json=asked, timeout=300, **PLAIN).raise_for_status().json()
    assert json.loads(answer["choices"][0]["message"]["content"])["word"] in ("kettle", "teapot")


@installed
@pytest.mark.slow
def test_refund_goes_from_case_to_receipt_with_a_real_model(tmp_path: Path) -> None:
    """Or to a verdict that says why not: so small a model may find nothing due, and then nothing is paid."""
    command = [SAYSO, "demo", "--yes", "--local-model", str(HOME), "--data", str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=900, env={**os.environ, **SHELL}, stdin=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{PURPOSE} by model {MODEL}" in done.stdout and "VERIFIED" in done.stdout
    paid = len(ledger(tmp_path / "systems"))
    assert paid == done.stdout.count("done, once: ") == (1 if "approve by sam counted" in done.stdout else 0)
    assert paid or "The mission put nothing before people, and nothing was paid." in done.stdout
    assert pids(tmp_path) == {}
