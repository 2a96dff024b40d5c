"""`sayso freeze`: stops everything. It needs no key and no bundle: whoever can reach the server may stop."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workers.cli.options import data_option, emit, json_option
from workers.cli.signer import choose, key_options
from workers.errors import CannotReach, WrongUse

if TYPE_CHECKING:
    from approvals.jws import Signer
    from policies.directory import Directory
    from workers.cli.standing import Frozen
    from workers.encryption import RingCodec
    from workers.profile import Profile


@dataclass(frozen=True)
class Wish:
    """What the person at the terminal asked for."""

    reason: str
    name: str | None
    key: Path | None
    data: Path | None


@click.command()
@click.option("--reason", default=None, help="Why, in your words; it is shown with the freeze.")
@click.option("--status", is_flag=True, help="Freeze nothing; say whether everything is frozen: exit code 1 when it is.")
@key_options
@data_option
@json_option
def freeze(reason: str | None, status: bool, name: str | None, key: Path | None, data: Path | None, as_json: bool) -> None:
    """
    Stop everything: no gate of this namespace sends anything until a person who may thaws it.

    Signed with your key where there is one, so that others see who it was.
    """
    if status:
        found = asyncio.run(_status(data))
        emit(as_json, found, _shown(found.words))
        if found.frozen:
            click.get_current_context().exit(1)
        return
    if not reason:
        raise WrongUse("say why everything is to stop: `sayso freeze --reason TEXT`")
    began, found = asyncio.run(_begun(Wish(reason, name, key, data)))
    emit(as_json, {**found.model_dump(mode="json"), "began": began}, _shown(found.words))


async def _status(data: Path | None) -> Frozen:
    from workers.cli.desk import answering, open_desk
    from workers.cli.standing import frozen_of

    desk = await open_desk(data)
    with answering(desk):
        return await frozen_of(desk)


async def _begun(wish: Wish) -> tuple[bool, Frozen]:
    """Whether this call began it, and the freeze that runs now."""
    from temporalio.service import RPCError

    from activities.errors import Unreachable
    from activities.freezes import ServerFreezes
    from workers.cli.standing import told
    from workers.connection import connect
    from workers.profile import data_directory, load

    profile = load(data_directory(wish.data))
    signer = _signer(profile, wish)
    client = await connect(profile.address, profile.namespace, _codec(profile))
    freezes = ServerFreezes(client)
    try:
        run_id = await freezes.begin(_said(signer, client.namespace, wish.reason))
        found = await freezes.find()
    except (RPCError, Unreachable) as error:
        raise CannotReach(f"the Temporal server at {profile.address} did not take the freeze: {error}") from error
    directory = await asyncio.to_thread(_directory, profile)
    frozen = told(found, directory, frozen=True, words="")
    return run_id is not None, frozen.model_copy(update={"words": _words(frozen, began=run_id is not None)})


def _codec(profile: Profile) -> RingCodec | None:
    """This machine's codec; None where its key ring is of no use, which must stop nobody from stopping."""
    from workers.cli.desk import codec_here

    try:
        return codec_here(profile)
    except WrongUse:
        return None


def _signer(profile: Profile, wish: Wish) -> Signer | None:
    """Your key; None where there is none and none was named."""
    try:
        return choose(profile, wish.name, wish.key, profile.decide_as)
    except WrongUse:
        if wish.name is not None or wish.key is not None or os.environ.get("SAYSO_KEY"):
            raise
        return None


def _said(signer: Signer | None, namespace: str, reason: str) -> object:
    from workers.cli.thaw import signed_freeze

    return {"reason": reason} if signer is None else signed_freeze(signer, namespace, reason)


def _directory(profile: Profile) -> Directory | None:
    """Who people are; None where the bundle does not say, which must stop nobody from stopping."""
    from policies.errors import PolicyError
    from policies.load import load_directory

    try:
        return load_directory(profile.policies)
    except PolicyError:
        return None


def _words(found: Frozen, *, began: bool) -> str:
    who = found.by or "somebody unnamed"
    since = found.since.isoformat(timespec="seconds") if found.since else "just now"
    how = "everything is frozen" if began else "everything was frozen already"
    because = f", with the reason: {found.reason}" if found.reason else ""
    return f"{how}, since {since} by {who}{because} (run {found.run_id}); `sayso thaw` ends it"


def _shown(words: str) -> str:
    from approvals.display import visible

    return visible(words)
