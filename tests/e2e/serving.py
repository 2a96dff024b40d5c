"""An HTTP server for a test, on a free port of the loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, bytes] | tuple[int, bytes, str]
"""Status and body; a third part is where the answer is instead."""


@contextmanager
def served(reply: Callable[[bytes], Answer]) -> Iterator[str]:
    """Yields the base URL of a server that answers the body of every POST with *reply*."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body, *place = reply(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            for each in place:
                self.send_header("Location", each)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
