"""`sayso rail`, also with --follow, on a real server. Source: docs/cli.md."""

from __future__ import annotations

import asyncio
import json
from asyncio import create_subprocess_exec
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.command.v1 import Command, ScheduleActivityTaskCommandAttributes
from temporalio.api.common.v1 import ActivityType
from temporalio.api.enums.v1 import CommandType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import PollWorkflowTaskQueueRequest, RespondWorkflowTaskCompletedRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.worker import Worker

from activities.observe import observe
from approvals.decision import SIGNAL
from tests.cli.conftest import BIN, Terminal
from tests.cli.following import following
from tests.cli.test_flow import waiting
from tests.examples.enterprise import free_port
from tests.world import until
from workers.cli.rail_follow import SOON
from workers.cli.tail import Tail
from workers.connection import connect
from workers.errors import CannotReach
from workers.profile import FILE
from workflows.refund import RefundMission


async def final(sayso: Terminal, mission_id: str, *options: str) -> list[dict[str, Any]]:
    """The rail as it is now; which run each is of stands beside it in what is followed."""
    found = (await sayso("rail", mission_id, "--json", *options)).data["observations"]
    return [{name: value for name, value in each.items() if name != "run_id"} for each in found]


async def test_mission_is_followed_from_waiting_to_its_verdict(sayso: Terminal) -> None:
    """What was there, then what comes; the decision once as received and once as judged; in the end the same rail."""
    item = await waiting(sayso, "CASE-1002")
    async with following(sayso.data, item["mission_id"], "--json") as follower:
        await follower.until(lambda it: "proposed" in it.kinds())
        answer = await sayso("approve", item["proposal_id"], "--yes", "--json")
        assert answer.data["settled"] == "receipt"
        assert await follower.ended() == 0
    seen = {entry["observation"]["event_id"]: entry["observation"] for entry in follower.told if entry["change"] != "end"}
    assert sorted(seen.values(), key=lambda entry: entry["event_id"]) == await final(sayso, item["mission_id"])
    assert [kind for kind in follower.kinds() if kind != "read"][-6:] == [
        "proposed", "received", "used", "again decided", "committed", "finished",
    ]  # fmt: skip
    assert follower.told[-1]["change"] == "end" and follower.told[-1]["status"] == "completed"


async def test_lines_for_people_name_who_and_say_what_was_told_before(sayso: Terminal) -> None:
    """A heading, a line an observation, and on standard error how it ended."""
    item = await waiting(sayso, "CASE-1006")
    async with following(sayso.data, item["mission_id"]) as follower:
        await follower.until(lambda it: any("proposed" in line for line in it.lines))
        await sayso("deny", item["proposal_id"], "--reason", "no \x1b[31m", "--yes", "--json")
        assert await follower.ended() == 0
    text = "\n".join(follower.lines)
    assert follower.lines[0].split() == ["EVENT", "TIME", "(UTC)", "KIND", "WHO", "WHAT"]
    assert "again: deny" in text and "sam (signed)" in text and "\x1b" not in text
    assert follower.said == ["sayso: the run is over (completed)"]


async def test_mission_whose_worker_is_gone_is_followed(sayso: Terminal) -> None:
    """A decision that reaches nobody yet is told at once, with what its signature proves; it counts when a worker is back."""
    queue = f"missions-{uuid4().hex[:8]}"
    world = sayso.world
    async with world.worker("mission", queue):
        handle = await world.start("CASE-1009", queue=queue)
        found = await world.proposed(handle)
    async with following(sayso.data, handle.id, "--json") as follower:
        await follower.until(lambda it: "proposed" in it.kinds())
        await world.decide(handle, "sam", found=found)
        await follower.until(lambda it: "received" in it.kinds())
        received = next(each["observation"] for each in follower.told if each["observation"]["kind"] == "received")
        assert (received["actor"], received["assurance"]) == ("sam", "signed")
        async with world.worker("mission", queue):
            await handle.result()
        assert await follower.ended() == 0
    assert {"again decided", "committed", "finished"} <= set(follower.kinds())


async def test_interrupted_following_ends_with_130(sayso: Terminal) -> None:
    """As every command does, without a traceback."""
    item = await waiting(sayso, "CASE-1006")
    async with following(sayso.data, item["mission_id"]) as follower:
        await follower.until(lambda it: any("proposed" in line for line in it.lines))
        follower.interrupt()
        assert await follower.ended() == 130
    assert follower.said == []
    await sayso.world.client.get_workflow_handle(item["mission_id"]).terminate()


async def test_following_says_where_the_mission_goes_on(sayso: Terminal) -> None:
    """One run ends, another begins under the same id; each is shown when it is named."""
    mission_id, client = f"cli-{uuid4().hex[:8]}", sayso.world.client
    first = await client.start_workflow("refund", {"case_id": "CASE-1"}, id=mission_id, task_queue="nobody")
    async with following(sayso.data, mission_id) as follower:
        await follower.until(lambda it: len(it.lines) > 1)
        replaced = WorkflowIDConflictPolicy.TERMINATE_EXISTING
        second = await client.start_workflow("refund", {}, id=mission_id, task_queue="nobody", id_conflict_policy=replaced)
        assert await follower.ended() == 0
    one, two = first.result_run_id or "", second.result_run_id or ""
    assert follower.said[0] == "sayso: the run is over (terminated)"
    assert two in follower.said[1] and f"`sayso rail {mission_id} --follow`" in follower.said[1]
    assert [entry["kind"] for entry in await final(sayso, mission_id, "--run", one)] == ["started", "ended"]
    assert [entry["kind"] for entry in await final(sayso, mission_id)] == ["started"]
    async with following(sayso.data, mission_id, "--run", one, "--json") as again:
        assert await again.ended() == 0
    assert again.told[-1] == {
        "mission_id": mission_id, "run_id": one, "change": "end", "status": "terminated", "latest_run_id": two,
    }  # fmt: skip
    await client.get_workflow_handle(mission_id).terminate()


async def test_since_leaves_out_what_was_seen(sayso: Terminal) -> None:
    """New events, and earlier decisions that were judged after it."""
    item = await waiting(sayso, "CASE-1006")
    await sayso("deny", item["proposal_id"], "--yes", "--json")
    await sayso.world.client.get_workflow_handle(item["mission_id"]).result()
    whole = await final(sayso, item["mission_id"])
    decided = next(entry for entry in whole if entry["kind"] == "decided")
    since = await final(sayso, item["mission_id"], "--since", str(decided["event_id"]))
    assert since == [entry for entry in whole if entry["event_id"] >= decided["event_id"]]


@pytest.mark.parametrize("options", [("--run", "no-such"), ("--run", str(uuid4())), ("--run", str(uuid4()), "--follow")])
async def test_run_that_is_not_there_is_wrong_use(sayso: Terminal, options: tuple[str, ...]) -> None:
    """One line, and exit code 2."""
    item = await waiting(sayso, "CASE-1006")
    answer = await sayso("rail", item["mission_id"], *options)
    assert (answer.code, len(answer.err.splitlines())) == (2, 1), answer
    await sayso.world.client.get_workflow_handle(item["mission_id"]).terminate()


@dataclass
class Server:
    """A Temporal server on a file, which a test may kill."""

    root: Path
    port: int

    @asynccontextmanager
    async def up(self) -> AsyncIterator[Process]:
        """Running; killed at the end."""
        options = (
            "--headless",
            "--port",
            str(self.port),
            "--db-filename",
            str(self.root / "temporal.db"),
            "--log-level",
            "never",
        )
        process = await create_subprocess_exec(
            str(BIN / "temporal"), "server", "start-dev", *options, stdout=DEVNULL, stderr=DEVNULL
        )
        try:
            yield process
        finally:
            process.kill()
            await process.wait()

    async def client(self) -> Client:
        """Connected, once it answers."""

        async def look() -> Client | None:
            try:
                return await connect(f"127.0.0.1:{self.port}", "default")
            except CannotReach:
                return None

        return await until(look)


def own_stack(sayso: Terminal, server: Server) -> Path:
    """A data directory for *server*, with the bundle of the other."""
    profile = json.loads((sayso.data / FILE).read_text())
    (server.root / FILE).write_text(json.dumps({**profile, "address": f"127.0.0.1:{server.port}"}))
    return server.root


async def test_server_that_goes_away_is_waited_for(sayso: Terminal, tmp_path: Path) -> None:
    """Killed and started again: it says so, and goes on where it was, with nothing twice."""
    server = Server(tmp_path, free_port())
    data = own_stack(sayso, server)
    async with server.up():
        handle = await (await server.client()).start_workflow("refund", {}, id="refund-1", task_queue="nobody")
        await handle.signal(SIGNAL, "one")
        follower_context = following(data, "refund-1", "--json")
        follower = await follower_context.__aenter__()
        await follower.until(lambda it: it.kinds() == ["started", "refused"])
    await follower.until(lambda it: "does not answer" in "".join(it.said))
    async with server.up():
        handle = (await server.client()).get_workflow_handle("refund-1")
        await handle.signal(SIGNAL, "two")
        await follower.until(lambda it: it.kinds() == ["started", "refused", "refused"])
        await handle.terminate()
        assert await follower.ended() == 0
    await follower_context.__aexit__(None, None, None)
    assert follower.kinds() == ["started", "refused", "refused", "ended"]
    assert "is asked again, for 60 seconds" in follower.said[0]
    assert follower.said[1:] == ["sayso: the Temporal server answers again"]


async def test_server_that_stays_away_ends_the_following(sayso: Terminal, tmp_path: Path) -> None:
    """With patience, and with the error of whatever does not answer: exit code 3."""
    server = Server(tmp_path, free_port())
    said: list[str] = []
    async with server.up():
        client = await server.client()
        handle: WorkflowHandle[Any, Any] = await client.start_workflow("refund", {}, id="refund-1", task_queue="nobody")
        bursts = Tail(client, "refund-1", handle.result_run_id or "", said.append, timedelta(seconds=1)).bursts()
        assert len(await anext(bursts)) == 1
    with pytest.raises(CannotReach, match="did not answer for 1 seconds") as caught:
        await anext(bursts)
    assert (caught.value.exit_code, len(said)) == (3, 1)


@pytest.mark.slow
async def test_activity_that_nobody_answers_is_told_when_nothing_else_comes(sayso: Terminal, tmp_path: Path) -> None:
    """No read worker runs: what the mission waits for stands there after a quiet poll, and is not left out in the end."""
    server = Server(tmp_path, free_port())
    data = own_stack(sayso, server)
    async with server.up():
        client = await server.client()
        async with Worker(client, task_queue="here", workflows=[RefundMission], activities=[observe]):
            handle = await client.start_workflow("refund", {"case_id": "CASE-1"}, id="refund-1", task_queue="here")
            async with following(data, "refund-1", "--json") as follower:
                await follower.until(lambda it: it.kinds() == ["started", "asked"])
                await handle.terminate()
                assert await follower.ended() == 0
    assert follower.kinds() == ["started", "asked", "ended"]


@pytest.mark.promise("G13")
async def test_signals_that_keep_coming_do_not_hide_what_waits(sayso: Terminal) -> None:
    """An activity without an answer is told soon, although a stranger never lets a poll come back with nothing."""
    server, queue = sayso.world.client, f"alone-{uuid4().hex}"
    handle = await server.start_workflow("alone", id=queue, task_queue=queue)
    await _ask(server, queue)

    async def signalling() -> None:
        while True:
            await handle.signal("hello")
            await asyncio.sleep(0.2)

    async with following(sayso.data, queue, "--json") as follower:
        flood = asyncio.create_task(signalling())
        try:
            await follower.until(lambda it: "asked" in it.kinds(), seconds=SOON + 10)
        finally:
            flood.cancel()
            await handle.terminate()
        await follower.ended()
    assert follower.kinds().count("asked") == 1


async def _ask(client: Client, queue: str) -> None:
    """As the mission's worker: asks for an activity of a queue that nobody polls."""
    service, where = client.workflow_service, TaskQueue(name=queue)
    polled = await service.poll_workflow_task_queue(
        PollWorkflowTaskQueueRequest(namespace=client.namespace, task_queue=where, identity="alone")
    )
    long = Duration(seconds=600)
    asked = ScheduleActivityTaskCommandAttributes(
        activity_id="1",
        activity_type=ActivityType(name="pay"),
        task_queue=TaskQueue(name="nobody"),
        schedule_to_close_timeout=long,
    )
    command = Command(
        command_type=CommandType.COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK, schedule_activity_task_command_attributes=asked
    )
    await service.respond_workflow_task_completed(
        RespondWorkflowTaskCompletedRequest(namespace=client.namespace, task_token=polled.task_token, commands=[command])
    )
