"""
How each example process starts and ends.

A taken port is one line on stderr and exit status 3. SIGTERM ends the process within about a second, also while a
request hangs, and prints nothing.
"""

import argparse
import logging
import socket
import sys
from typing import NoReturn

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HOST = "127.0.0.1"
SHUTDOWN_SECONDS = 1
PORT_TAKEN = 3


def arguments(name: str, description: str) -> argparse.ArgumentParser:
    """The options every process has; the caller adds its own."""
    parser = argparse.ArgumentParser(prog=f"python -m examples.refund.{name}", description=description)
    parser.add_argument("--port", type=int, required=True, help="loopback port to listen on")
    parser.add_argument("--data", required=True, metavar="DIR", help="directory of this system's data; made if missing")
    return parser


def fail(message: str, status: int) -> NoReturn:
    """Ends the process with one line on stderr."""
    print(message, file=sys.stderr)
    raise SystemExit(status)


def listen(name: str, port: int) -> socket.socket:
    """The bound socket of *name*; ends the process with status 3 if *port* cannot be had."""
    # The protocol is named because asyncio sets TCP_NODELAY on such sockets only; without it each answer waits 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        fail(f"{name}: cannot listen on `{HOST}:{port}`: {reason}; choose another --port", PORT_TAKEN)
    return listener


def serve(app: ASGIApp, listener: socket.socket, protocol: type[H11Protocol] = H11Protocol) -> None:
    """Serves *app* on *listener* until SIGTERM or SIGINT. Fault injection brings its own *protocol*."""
    for quiet in ("uvicorn", "mcp"):
        logging.getLogger(quiet).setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[listener])
