"""
G8: no secret and no field of a customer's case is in what the Temporal server keeps, or in any log. One story is played on a
real stack, with encryption and, as the negative control, without it; then everything is scanned.
"""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.workflowservice.v1 import ListWorkflowExecutionsRequest
from temporalio.client import ActivityFailureError, Client, WorkflowFailureError
from temporalio.common import RetryPolicy

from activities.histories import fetch
from approvals.decision import SIGNAL
from tests.leaks import Leaks, Needle
from tests.stack.commands import answer, sayso, until
from workers.cli.desk import open_desk
from workers.profile import Encryption
from workers.settings import Role
from workers.stack.ports import remembered
from workers.stack.stack import Stack

TEXT = (
    "I am Zoë Krüger-Lindqvist, zoe.krueger@mail.example, Lange Gasse 17, 1080 Wien. The kettle broke. "
    "Please make a refund of 82.17 EUR to IBAN AT611904300234573201, or to card 4000 0027 6000 3184."
)
SENSITIVE = {
    "name": "Zoë Krüger-Lindqvist",
    "e-mail": "zoe.krueger@mail.example",
    "address": "Lange Gasse 17",
    "IBAN": "AT611904300234573201",
    "card": "4000 0027 6000 3184",
    "amount": '"amount_minor":8217',
    "amount as it was paid": '"paid_minor":8217',
    "amount in words": "8217 of 8217 EUR",
    "narration": "Delivered 17 days ago",
    "reason of the mission": "refund for CASE-1001",
    "reason of an approval": "I called her, the kettle is broken",
    "reason of a denial": "he has had two this year",
    "reason of a forged decision": "pay it, the boss agrees",
    "what a failing tool said": "no order is called `ORD-OF-ZOE`",
    "what did not fit": "asked for ES9121000418450200051332",
}
"""Every field of the cases and of what people and models said about them."""
IN_CLEAR = {
    "mission id, and the case in it": "refund-CASE-1001",
    "owner (SaysoOwner)": '"olga"',
    "approver (SaysoApprovers)": '["sam"]',
    "group (SaysoGroups)": "support-lead",
    "state (SaysoState)": "awaiting-decision",
    "key of the memo": "sayso_start",
    "name of an activity": "propose",
    "name of a signal": "decide",
    "task queue": "commits",
    "type of an error": "Unreachable",
    "id of the key": "encryption-key-id",
}
"""What stays readable, and docs/encryption.md says so: what the server finds missions by, and its own bookkeeping."""


@dataclass(frozen=True)
class Played:
    """A stack on which the story was played and which is still up, and the ids of its proposals."""

    stack: Stack
    proposal: str

    @property
    def secrets(self) -> Iterator[Needle]:
        """Every secret of the stack: client secrets, private keys, the key ring, the codec token."""
        data = self.stack.data
        for path in [*data.rglob("*.jwk"), *data.glob("secrets/*-client.json")]:
            content = json.loads(path.read_text())
            yield Needle(f"secret of {path.name}", str(content.get("d") or content["client_secret"]).encode())
        if (data / "secrets" / "key-ring.json").exists():
            yield Needle("codec token", (data / "secrets" / "codec-token").read_bytes())
            for key in json.loads((data / "secrets" / "key-ring.json").read_text())["keys"].values():
                yield Needle("key of the ring", key.encode())
                yield Needle("key of the ring, raw", _raw(key))


def _raw(key: str) -> bytes:
    return base64.urlsafe_b64decode(key + "=")


@asynccontextmanager
async def played(data: Path, encryption: Encryption) -> AsyncIterator[Played]:
    """The story: one refund approved though its reply is lost, one denied, one whose order is gone, a server that is down."""
    fault = {"payments": {"PAYMENTS_FAULT": "drop-response-once"}}
    # So that nearly everything goes through the payload store, which is looked through as well.
    small = {str(role): {"SAYSO_PAYLOAD_THRESHOLD": "1024"} for role in Role}
    with Stack(data, extra=fault | small, encryption=encryption) as stack:
        _write_cases(data)
        started(stack, "CASE-1001")
        approved = waiting(stack, "CASE-1001")
        await _forged(stack, "refund-CASE-1001", approved)
        decided(stack, "approve", approved, SENSITIVE["reason of an approval"])
        started(stack, "CASE-1002")
        decided(stack, "deny", waiting(stack, "CASE-1002"), SENSITIVE["reason of a denial"])
        await _misfits(stack)
        stack.kill("orders")
        started(stack, "CASE-1003")
        until(lambda: bool(rail(stack, "refund-CASE-1003")["troubles"]))
        stack.restart("orders")
        until(lambda: rail(stack, "refund-CASE-1003")["observations"][-1]["kind"] == "finished", seconds=60)
        yield Played(stack, approved)


def _write_cases(data: Path) -> None:
    """What the customers wrote, and an order that is gone."""
    with closing(sqlite3.connect(data / "systems" / "orders.db", timeout=5)) as orders:
        orders.execute("UPDATE cases SET text = ?", (TEXT,))
        orders.execute("UPDATE orders SET paid_minor = 8217, days_since_delivery = 17, currency = 'EUR', refunded_minor = 0")
        orders.execute("PRAGMA foreign_keys = OFF")
        orders.execute("UPDATE cases SET order_id = 'ORD-OF-ZOE' WHERE case_id = 'CASE-1003'")
        orders.commit()


def started(stack: Stack, case_id: str) -> None:
    """A mission of olga's."""
    answer("start", "refund", "--input", json.dumps({"case_id": case_id}), "--data", str(stack.data))


def waiting(stack: Stack, case_id: str) -> str:
    """The proposal of a case, once it waits."""
    found: dict[str, str] = {}

    def look() -> bool:
        items = answer("queue", "--data", str(stack.data))["items"]
        found.update({item["mission_id"]: item["proposal_digest"] for item in items if item["verified"]})
        return f"refund-{case_id}" in found

    until(look)
    return found[f"refund-{case_id}"]


def decided(stack: Stack, verdict: str, proposal: str, reason: str) -> None:
    """Sam's word, at the command line."""
    done = sayso(verdict, proposal, "--as", "sam", "--reason", reason, "--yes", "--data", str(stack.data))
    assert done.returncode == 0, done.stdout + done.stderr


async def _forged(stack: Stack, mission_id: str, proposal: str) -> None:
    """A decision that is refused: it only claims to be sam's."""
    reason = SENSITIVE["reason of a forged decision"]
    said = {"proposal": proposal, "verdict": "approve", "approver": "sam", "reason": reason}
    desk = await open_desk(stack.data)
    await desk.client.get_workflow_handle(mission_id).signal(SIGNAL, said)


async def _misfits(stack: Stack) -> None:
    """What has another shape than it should, for a mission and for an activity: errors like to quote it."""
    given = {"case_id": {"asked": SENSITIVE["what did not fit"]}}
    client = (await open_desk(stack.data)).client
    mission = await client.start_workflow("refund", given, id="misfit", task_queue="missions")
    lone = await client.start_activity(
        "read",
        {"operation": given},
        id="misfit",
        task_queue="reads",
        start_to_close_timeout=timedelta(seconds=10),
        retry_policy=RetryPolicy(maximum_attempts=1),
    )
    for ending in (mission.result(), lone.result()):
        with pytest.raises((WorkflowFailureError, ActivityFailureError)):
            await ending


def rail(stack: Stack, mission_id: str) -> Any:
    """What its people see of a mission."""
    return answer("rail", mission_id, "--data", str(stack.data))


async def scanned(story: Played, leaks: Leaks) -> Leaks:
    """Looks at every history as the server gives it, at its files, and at every log."""
    stack = story.stack
    client = await Client.connect(stack.profile.address, namespace=stack.profile.namespace)
    listed = await client.workflow_service.list_workflow_executions(ListWorkflowExecutionsRequest(namespace="default"))
    leaks.look("list", listed.SerializeToString())
    for found in listed.executions:
        name = found.execution.workflow_id
        for event in await fetch(client, name, found.execution.run_id):
            leaks.look(f"history {name}", event.SerializeToString())
        description = await client.get_workflow_handle(name, run_id=found.execution.run_id).describe()
        leaks.look(f"description {name}", description.raw_description.SerializeToString())
    leaks.look_into_database("server", stack.data / "temporal.db")
    leaks.look_into("store", [path for path in sorted((stack.data / "payloads").rglob("*")) if path.is_file()])
    leaks.look_into("log", sorted((stack.data / "logs").iterdir()))
    return leaks


def needles(words: dict[str, str]) -> list[Needle]:
    """As they lie in a text; JSON of ours has no spaces, JSON of others has."""
    spaced = {f"{name}, spaced": text.replace('":', '": ') for name, text in words.items() if '":' in text}
    return [Needle(name, text.encode()) for name, text in (words | spaced).items()]


def issuer(story: Played) -> str:
    """Whose access tokens the workers get."""
    ports = remembered(story.stack.data)
    assert ports is not None
    return ports.url("issuer")


@pytest.fixture(scope="module")
async def encrypted(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Played]:
    """The story on a stack as it is by default."""
    async with played(tmp_path_factory.mktemp("encrypted"), "on") as story:
        yield story


@pytest.fixture(scope="module")
async def plain(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Played]:
    """The same with encryption off."""
    async with played(tmp_path_factory.mktemp("plain"), "off") as story:
        yield story


@pytest.mark.promise("G8")
async def test_no_secret_is_in_history_store_or_log(encrypted: Played) -> None:
    """Client secrets, private keys, the key ring, the codec token, and every access token that was issued."""
    secrets = list(encrypted.secrets)
    leaks = await scanned(encrypted, Leaks(secrets, issuers=[issuer(encrypted)]))
    assert len(secrets) >= 6 + 3 + 2 + 1 + 1 + 2, [needle.name for needle in secrets]
    assert dict(leaks.found) == {}


@pytest.mark.promise("G8")
async def test_no_field_of_a_case_is_in_history_store_or_log(encrypted: Played) -> None:
    """What the customer wrote, what it is about, what model, tools and people said."""
    leaks = await scanned(encrypted, Leaks(needles(SENSITIVE)))
    assert dict(leaks.found) == {}
    kinds = {place.partition(" ")[0] for place in leaks.places}
    assert kinds == {"list", "history", "description", "server", "store", "log"} and len(leaks.places) > 150


@pytest.mark.slow
@pytest.mark.control("G8")
async def test_without_encryption_every_field_of_a_case_is_in_the_history_and_in_the_store(plain: Played) -> None:
    """The same story, the same scan: it finds all of it, so what it did not find above was not there."""
    leaks = await scanned(plain, Leaks(needles(SENSITIVE)))
    missed = {name for name in SENSITIVE if not {*leaks.found[name], *leaks.found[f"{name}, spaced"]}}
    assert missed == set()
    for kind in ("history", "server"):
        here = (kind, "store")
        found = {name for name, places in leaks.found.items() if any(place.startswith(here) for place in places)}
        assert SENSITIVE.keys() <= found | {name.removesuffix(", spaced") for name in found}, kind
    assert any(place.startswith("store") for places in leaks.found.values() for place in places)


@pytest.mark.slow
async def test_without_encryption_no_secret_is_told_either(plain: Played) -> None:
    """Secrets are no payload: they stay in files, whatever is encrypted."""
    leaks = await scanned(plain, Leaks(plain.secrets, issuers=[issuer(plain)]))
    assert dict(leaks.found) == {}


async def test_what_stays_readable_is_what_the_docs_say(encrypted: Played) -> None:
    """Ids, search attributes, names and times: the server finds and runs missions by them."""
    wanted = IN_CLEAR | {"proposal (SaysoProposal)": encrypted.proposal}
    leaks = await scanned(encrypted, Leaks(Needle(name, text.encode()) for name, text in wanted.items()))
    assert wanted.keys() == leaks.found.keys()


async def test_why_a_server_cannot_be_reached_is_in_the_log_and_not_in_the_history(encrypted: Played) -> None:
    """Whoever runs it must see it; it says nothing of a case."""
    leaks = await scanned(encrypted, Leaks([Needle("words", b"cannot be reached")]))
    assert leaks.found["words"] == {"log read.log"}
