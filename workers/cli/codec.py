"""`sayso codec serve`: opens payloads for people in the Temporal UI, and writes down who had what opened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from workers.errors import WrongUse

_file = click.Path(dir_okay=False, path_type=Path)


@click.group()
def codec() -> None:
    """Open encrypted payloads for the Temporal UI."""


@codec.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=7814, show_default=True, help="Port to listen on.")
@click.option("--namespace", default=None, help="The one namespace it serves; else TEMPORAL_NAMESPACE, else `default`.")
@click.option(
    "--allow-origin",
    "origins",
    multiple=True,
    metavar="ORIGIN",
    help="Origin of a Temporal UI, such as https://temporal.example.com; may be given more than once.",
)
@click.option("--tokens", type=_file, default=None, metavar="FILE", help="JSON: name to SHA-256 of that name's token, in hex.")
@click.option(
    "--jwks", type=_file, default=None, metavar="FILE", help="Keys of the identity provider whose access tokens count."
)
@click.option("--issuer", default=None, help="With --jwks: the `iss` that a token must have.")
@click.option("--audience", default=None, help="With --jwks: the `aud` that a token must have.")
@click.option("--key-ring", "reference", default=None, metavar="REF", help="`file:PATH` or `env:NAME`; else SAYSO_KEY_RING.")
@click.option("--payload-store", "place", default=None, metavar="PLACE", help="Or `off`; else SAYSO_PAYLOAD_STORE.")
def serve(
    host: str,
    port: int,
    namespace: str | None,
    origins: tuple[str, ...],
    tokens: Path | None,
    reference: str | None,
    place: str | None,
    **named: Any,
) -> None:
    """
    Serve Temporal's codec protocol: POST /decode and /encode.

    Whoever asks needs a token: as `Authorization: Bearer TOKEN`, or, where a UI cannot send one, as the first part of the path.
    Every request is one line on standard error: who, and the digest of each payload; never what was in it.
    """
    from workers import logs
    from workers.codec_access import Access
    from workers.codec_server import CodecServer, run
    from workers.ring_files import VARIABLE, ring_of
    from workers.storing import VARIABLE as STORE
    from workers.storing import check, store_named, storing

    ring = ring_of({**os.environ, VARIABLE: reference} if reference else os.environ)
    if ring is None:
        raise WrongUse(f"there is no key ring to open anything with: set {VARIABLE} or give `--key-ring`")
    access = Access.of(tokens, **named)
    store = place or store_named(os.environ)
    if store is None:
        raise WrongUse(f"there is no payload store to fetch from: set {STORE} or give `--payload-store`; `off` goes without")
    kept = storing(store)
    if kept.store is not None:
        check(store)
    served = namespace or os.environ.get("TEMPORAL_NAMESPACE") or "default"
    logs.set_up("info")
    run(CodecServer(ring, access, served, origins, kept), host, port)
