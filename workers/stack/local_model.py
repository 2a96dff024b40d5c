"""
A small real model beside a stack, on loopback: SmolLM2, served by `examples/local_model/serve.py`.

It has an environment of its own, which `make demo-local-model` makes. While the stack runs, its bundle has a route to the
model, as a person would write one; whatever else the bundle says about models stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

import examples.local_model
from workers.errors import WrongUse
from workers.stack.files import write_whole
from workers.stack.health import answers
from workers.stack.layout import Layout
from workers.stack.ports import HOST
from workers.stack.processes import Spec

NAME = "model"
MODEL = "openai/smollm2"
PURPOSE = "refund/assess"
REASON = {"OPENAI_API_KEY": "none-is-needed"}
"""For the reason worker: litellm asks for a key, and the server on loopback for none."""

OWN = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "OMP_WAIT_POLICY": "passive"}
"""For its server: no model hub, and threads that wait without taking a busy machine's cores from the workers."""

_SERVE = Path(examples.local_model.__file__).with_name("serve.py")
_HEADER = "# A model on this machine answers, while `sayso demo --local-model` runs.\n"


class LocalModel:
    """The model that is installed in one environment. Used by one stack."""

    def __init__(self, home: Path) -> None:
        """
        Args:
            home: The environment with its server and its weights.

        Raises:
            WrongUse: None is there.
        """
        # Not resolved: what a link of an environment points to is another environment.
        self._python = home.expanduser().absolute() / "bin" / "python"
        self._routes: tuple[Path, str] | None = None
        self.url = ""
        """Base URL of its OpenAI API, once it is in a stack."""
        if not self._python.exists():
            raise WrongUse(f"no local model is installed in `{home}`: `make demo-local-model` installs one, once, in minutes")

    def spec(self, port: int, common: Mapping[str, str]) -> Spec:
        """Its server: *common* holds no credential and no proxy, and a model hub is switched off besides."""
        command = (str(self._python), "-P", str(_SERVE), "--port", str(port))
        return Spec(NAME, command, {**common, **OWN}, answers(port, "/v1/models"))

    def join(self, layout: Layout, port: int) -> None:
        """Puts the route to it into the stack's bundle, inside the perimeter."""
        path = layout.policies / "models.yaml"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        written = yaml.safe_load(text) or {}
        self.url = f"http://{HOST}:{port}/v1"
        route = {"model": MODEL, "endpoint": self.url, "perimeter": "inside"}
        others = written.get("routes") or {}
        if not others:
            # Where nobody wrote a route, none may lead outside.
            written["perimeter"] = "closed"
        written["routes"] = {**others, PURPOSE: route}
        write_whole(path, _HEADER + yaml.safe_dump(written, sort_keys=False), layout.data)
        self._routes = path, text

    def leave(self, layout: Layout) -> None:
        """Gives the bundle its routes back; nothing where it never joined."""
        if self._routes is not None:
            path, text = self._routes
            write_whole(path, text, layout.data)
            self._routes = None
