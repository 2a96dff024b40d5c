"""
The archiver against a real server: retention deletes, processes die, two run at once, ids are hostile. Source: issue 4, item 5.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import WorkflowEnvironment

from activities.archiver import Archiver, Round
from activities.closed import BEGINNING, ClosedRuns, is_mission
from activities.directories import FileDirectories
from activities.errors import Gone, PlaceTrouble
from activities.exports import Exported, Exporter
from activities.indexes import Index
from activities.places import Place, open_place
from approvals.freeze import FREEZE
from approvals.jws import Signer
from audit.errors import UnknownEventError
from audit.index import ARCHIVES, INDEX, Entry, entry_name, line_of
from audit.manifest import sha256
from tests.audit.deadly_archiver import POINTS
from tests.audit.placing import Verify, write
from tests.audit.stories import ARCHIVES as RECORDED
from tests.e2e.conftest import ATTRIBUTES, BIN
from tests.examples.enterprise import ROOT, running_enterprise
from tests.world import World, make_world, until
from workers.archiving import KnownBundles, exporter, sayso_version
from workers.connection import connect, converter

RETENTION = timedelta(seconds=15)
"""Long enough that a busy machine archives within it."""
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOSTILE_IDS = (
    "../../../outside", "..", "/etc/passwd", "a/b/../../c", "~root", "%2e%2e%2f", "-rf *", "two\nlines\x1b[2J",
    "\u202eolleh-" + "\U0001f600" * 40, "x" * 900, "nul\x00byte", "C:\\windows", ".sayso", "a.0123456789abcdef.sayso",
)  # fmt: skip


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[Client]:
    """A server; its namespace `short` keeps what closed for a few seconds, and then deletes it by itself."""
    environment = await WorkflowEnvironment.start_local(
        data_converter=converter(),
        dev_server_existing_path=str(BIN / "temporal"),
        search_attributes=ATTRIBUTES,
        dev_server_extra_args=[
            "--namespace=short",
            "--namespace=hostile",
            '--dynamic-config-value=system.namespaceMinRetentionLocal="1s"',
            '--dynamic-config-value=history.retentionTimerJitterDuration="0s"',
            "--dynamic-config-value=history.transferProcessorMaxPollRPS=2000",
            "--dynamic-config-value=history.timerProcessorMaxPollRPS=2000",
            '--dynamic-config-value=history.transferProcessorUpdateAckInterval="50ms"',
            '--dynamic-config-value=history.visibilityProcessorUpdateAckInterval="50ms"',
        ],
    )
    async with environment:
        yield environment.client


@pytest.fixture(scope="module")
async def world(server: Client, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """All workers at work in the namespace `short`."""
    short = await connect(server.service_client.config.target_host, "short")
    kept = NamespaceConfig(workflow_execution_retention_ttl=Duration(seconds=int(RETENTION.total_seconds())))
    await short.workflow_service.update_namespace(UpdateNamespaceRequest(namespace="short", config=kept))
    with running_enterprise(tmp_path_factory.mktemp("enterprise")) as enterprise:
        made = make_world(short, enterprise, tmp_path_factory.mktemp("world"))
        async with made.working():
            yield made


@dataclass(frozen=True)
class House:
    """A namespace with missions that closed, and who archives them."""

    client: Client
    policies: Path
    signer: Signer

    def archiver(self, place: Place | str, exports: Exporter | None = None, signer: Signer | None = None) -> Archiver:
        """A new one, that knows nothing."""
        signer, directories = signer or self.signer, FileDirectories(self.policies)
        bundles = KnownBundles(None, (self.policies,))
        exports = exports or exporter(self.client, signer, directories.read(), bundles)
        index = Index(open_place(place) if isinstance(place, str) else place, signer, directories.read)
        return Archiver(ClosedRuns(self.client), exports, index, lambda: datetime.now(UTC))

    @property
    def trust(self) -> Path:
        """What a verifier pins."""
        return self.policies / "directory.yaml"

    def exports(self, now: datetime) -> Exporter:
        """An exporter at whose clock it is always *now*."""
        directory, bundles = FileDirectories(self.policies).read(), KnownBundles(None, (self.policies,))
        return Exporter(self.client, self.signer, directory, bundles, version=sayso_version(), clock=lambda: now)

    async def closed(self, mission_id: str | None = None, workflow: str = "refund") -> WorkflowHandle[object, object]:
        """A mission that was terminated, and is listed as closed."""
        named = mission_id or f"mission-{uuid4().hex[:8]}"
        handle = await self.client.start_workflow(workflow, {"case_id": "CASE-1001"}, id=named, task_queue="nobody")
        await handle.terminate()
        await self.listed(handle.result_run_id or "")
        return handle

    async def listed(self, run_id: str) -> None:
        """Returns when the server lists the run as closed."""

        async def look() -> bool | None:
            found = self.client.list_workflows(f"RunId = '{run_id}' AND CloseTime >= '1970-01-01T00:00:00Z'")
            return True if [each async for each in found] else None

        await until(look)

    async def runs(self) -> list[str]:
        """All mission runs that closed."""
        return sorted(run.run_id for run in await ClosedRuns(self.client).since(BEGINNING))


@pytest.fixture(scope="module")
async def house(server: Client, world: World) -> House:
    """The namespace `default` with three missions that closed, and the world's keys."""
    made = House(server, world.policies, world.signers["exporter"])
    for _ in range(3):
        await made.closed()
    return made


@pytest.fixture
def verify(capsys: pytest.CaptureFixture[str]) -> Verify:
    """The command."""
    return Verify(capsys)


def entries(place: Path) -> list[Entry]:
    """What the index of a directory lists, in order."""
    return [line_of(path.read_bytes()).entry for path in sorted((place / INDEX).iterdir())]


async def assert_once(place: Path, runs: list[str], house: House, verify: Verify) -> None:
    """Every run is listed once, its archive is there, and nothing else is."""
    found = entries(place)
    assert Counter(entry.mission.run_id for entry in found) == Counter(runs)
    head = f"{len(found)}:{found[-1].link}"
    said = await asyncio.to_thread(verify, str(place), "--head", head, trust=house.trust)
    assert (said.code, said.doubts()) == (0, {}), said


async def gone(handle: WorkflowHandle[object, object]) -> None:
    """Returns when the server has deleted the run."""

    async def look() -> bool | None:
        try:
            await handle.describe()
        except RPCError as error:
            return True if error.status is RPCStatusCode.NOT_FOUND else None
        return None

    await until(look)


async def refunded(world: World) -> WorkflowHandle[object, object]:
    """A mission that was approved, did its work and has ended, a moment ago."""
    handle = await world.start("CASE-1001")
    await world.decide(handle, "sam")
    await handle.result()
    return handle


@pytest.mark.promise("G9")
@pytest.mark.slow
async def test_mission_that_retention_deleted_is_in_the_archive_and_verifies(
    world: World, house: House, verify: Verify, tmp_path: Path
) -> None:
    """The whole way: approved, done, archived, deleted by the server itself, and VERIFIED from the place alone."""
    short = House(world.client, house.policies, house.signer)
    handle = await refunded(world)
    await short.listed(handle.result_run_id or "")
    place = str(tmp_path / "place")

    async def archived() -> Round | None:
        # The use ends a moment after the mission.
        found = await short.archiver(place).round()
        return None if found.waiting else found

    done = await until(archived)
    await gone(handle)
    await gone(world.client.get_workflow_handle(f"use/{(await _proposal(tmp_path / 'place'))}"))
    said = await asyncio.to_thread(verify, place, "--head", str(done.head), trust=house.trust, deep=True)
    assert (said.code, [each["verdict"] for each in said.data["archives"]]) == (0, ["VERIFIED"]), said


async def _proposal(place: Path) -> str:
    from audit.archive import unpack

    (path,) = (place / ARCHIVES).iterdir()
    (use,) = (name for name in unpack(path.read_bytes()) if name.startswith("uses/"))
    return use.removeprefix("uses/").removesuffix(".json")


@pytest.mark.control("G9")
@pytest.mark.slow
async def test_mission_that_retention_deleted_is_lost_without_the_archiver(world: World, house: House, tmp_path: Path) -> None:
    """The same, archived too late."""
    short = House(world.client, house.policies, house.signer)
    handle = await refunded(world)
    run_id = handle.result_run_id or ""
    await gone(handle)
    late = await short.archiver(str(tmp_path / "place")).round()
    assert run_id not in {entry.mission.run_id for entry in late.archived}
    exports = exporter(short.client, short.signer, FileDirectories(short.policies).read(), KnownBundles(None, ()))
    with pytest.raises(Gone):
        await exports.export(handle.id, run_id)


async def command(house: House, place: Path, *before: str, how: str = "--once") -> asyncio.subprocess.Process:
    """`sayso audit archive` as a process; *before* is what runs it instead."""
    key = place.parent / "exporter.jwk"
    key.write_text(json.dumps(house.signer.to_jwk()))
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "TEMPORAL_ADDRESS": house.client.service_client.config.target_host,
        "TEMPORAL_NAMESPACE": house.client.namespace,
        "SAYSO_POLICIES": str(house.policies),
        "SAYSO_EXPORT_KEY_FILE": str(key),
        "SAYSO_ARCHIVE": str(place),
        "SAYSO_ENCRYPTION": "off",
        "SAYSO_PAYLOAD_STORE": "off",
    }
    module = before or ("workers.cli.main",)
    arguments = ("audit", "archive", how, "--data", str(place.parent / "none"))
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", *module, *arguments, cwd=ROOT, env=environment, stdout=-3, stderr=-3
    )


@pytest.mark.promise("G9")
@pytest.mark.parametrize("point", POINTS)
async def test_archiver_killed_at_any_step_neither_loses_nor_duplicates(
    point: str, house: House, verify: Verify, tmp_path: Path
) -> None:
    """SIGKILL; the next one lists again, and goes on with what was left."""
    place = tmp_path / "place"
    killed = await command(house, place, "tests.audit.deadly_archiver", point)
    assert await killed.wait() == -signal.SIGKILL
    before = len(list((place / INDEX).iterdir())) if (place / INDEX).exists() else 0
    assert before < len(await house.runs())
    done = await house.archiver(str(place)).round()
    assert len(done.archived) == len(await house.runs()) - before
    await assert_once(place, await house.runs(), house, verify)


async def test_archiver_ends_in_order_when_it_is_asked_to(house: House, verify: Verify, tmp_path: Path) -> None:
    """SIGTERM, while it waits for the next round."""
    place = tmp_path / "place"
    process = await command(house, place, how="--every=1h")
    count = len(await house.runs())

    async def archived() -> bool | None:
        return True if (place / INDEX).exists() and len(list((place / INDEX).iterdir())) == count else None

    await until(archived)
    process.terminate()
    assert await asyncio.wait_for(process.wait(), 20) == 0
    await assert_once(place, await house.runs(), house, verify)


async def test_archivers_at_once_list_every_run_once(house: House, verify: Verify, tmp_path: Path) -> None:
    """Three processes over one place: who comes second sees that the number is taken, and goes on."""
    place = tmp_path / "place"
    processes = await asyncio.gather(*(command(house, place) for _ in range(3)))
    assert [await process.wait() for process in processes] == [0, 0, 0]
    await assert_once(place, await house.runs(), house, verify)


class Overtaken:
    """A directory in which another archiver lists first, just before this one writes to *when*."""

    def __init__(self, root: Path, rivals: Path, when: str) -> None:
        self._root, self._rivals, self._when = root, rivals, when
        self._inner = open_place(str(root))
        self.where = self._inner.where
        self.sizes, self.read = self._inner.sizes, self._inner.read

    def create(self, name: str, data: bytes) -> None:
        """What the rival has done appears before the first object there."""
        if not (self._root / INDEX).exists() and name.startswith(self._when):
            shutil.copytree(self._rivals, self._root, dirs_exist_ok=True)
        self._inner.create(name, data)


@pytest.mark.parametrize(("hours", "when", "left"), [(0, ARCHIVES, 0), (1, ARCHIVES, 1), (0, INDEX, 0), (1, INDEX, 1)])
async def test_archiver_that_was_overtaken_lists_nothing_twice(
    hours: int, when: str, left: int, house: House, verify: Verify, tmp_path: Path
) -> None:
    """Its own archive stays behind, unless it is the very same, and the verifier names it."""
    rivals, place = tmp_path / "rivals", tmp_path / "place"
    await house.archiver(str(rivals), house.exports(NOON)).round()
    done = await house.archiver(Overtaken(place, rivals, when), house.exports(NOON + timedelta(hours=hours))).round()
    assert (done.archived, done.waiting) == ((), ())
    await assert_once(place, await house.runs(), house, verify)
    assert len(list((place / ARCHIVES).iterdir())) == len(await house.runs()) + left


@pytest.mark.parametrize("place", ["memory://kept-here", "file:///{}/place", "{}/place"])
async def test_second_round_finds_nothing_to_do(place: str, house: House, tmp_path: Path) -> None:
    """What is listed is listed, for a new archiver as for the old one, in any kind of place."""
    named = place.format(tmp_path)
    work = house.archiver(named)
    first = await work.round()
    assert [len(first.archived), len(first.waiting)] == [len(await house.runs()), 0]
    again, another = await work.round(), await house.archiver(named).round()
    assert (again.archived, another.archived, another.head) == ((), (), first.head)


async def test_mission_that_closed_since_is_archived_by_the_next_round(house: House, tmp_path: Path) -> None:
    """Without a look at everything."""
    work = house.archiver(str(tmp_path / "place"))
    first = await work.round()
    handle = await house.closed()
    second = await work.round()
    assert [entry.mission.mission_id for entry in second.archived] == [handle.id]
    assert second.archived[0].previous == first.head.digest


@pytest.mark.promise("G9")
async def test_hostile_ids_stay_inside_the_place(server: Client, house: House, verify: Verify, tmp_path: Path) -> None:
    """Slashes, dots, escapes, unicode and length: one archive each, under its folder, and nothing anywhere else."""
    hostile = House(await connect(server.service_client.config.target_host, "hostile"), house.policies, house.signer)
    for mission_id in HOSTILE_IDS:
        await hostile.closed(mission_id)
    outer = tmp_path / "a" / "b"
    done = await hostile.archiver(str(outer / "place")).round()
    assert {entry.mission.mission_id for entry in done.archived} | {each.run.mission_id for each in done.waiting} == set(
        HOSTILE_IDS
    )
    assert strays(tmp_path, outer / "place") == []
    assert len(list((outer / "place" / ARCHIVES).iterdir())) == len(done.archived)
    await assert_once(outer / "place", [entry.mission.run_id for entry in done.archived], hostile, verify)


def strays(root: Path, place: Path) -> list[Path]:
    """Files under *root* that are not in *place*."""
    return [path for path in root.rglob("*") if path.is_file() and place not in path.parents]


class Refusing(Exporter):
    """An exporter that cannot digest one mission, and breaks over another."""

    refused: tuple[str, str]

    async def export(self, mission_id: str, run_id: str) -> Exported:
        """As always, but for the two."""
        if mission_id == self.refused[0]:
            raise UnknownEventError(7)
        if mission_id == self.refused[1]:
            raise RecursionError
        return await super().export(mission_id, run_id)


async def test_mission_that_cannot_be_archived_is_named_each_round_and_blocks_nobody(house: House, tmp_path: Path) -> None:
    """Events of a newer server, or anything else: the oldest missions of all, and all others are archived."""
    oldest = (await ClosedRuns(house.client).since(BEGINNING))[:2]
    exports = Refusing(
        house.client, house.signer, FileDirectories(house.policies).read(), KnownBundles(None, ()), version="0", clock=_now
    )
    exports.refused = (oldest[0].mission_id, oldest[1].mission_id)
    work = house.archiver(str(tmp_path / "place"), exports)
    first, second = await work.round(), await work.round()
    assert len(first.archived) == len(await house.runs()) - 2
    for done in (first, second):
        assert [each.run.run_id for each in done.waiting] == [run.run_id for run in oldest]
        assert "update sayso" in done.waiting[0].why
        assert done.oldest is not None and done.oldest > timedelta(0)


@pytest.mark.slow
async def test_alarm_is_raised_when_half_of_the_retention_is_gone(world: World, house: House, tmp_path: Path) -> None:
    """The one alarm: what waits will be deleted unless something changes."""
    short = House(world.client, house.policies, house.signer)
    handle = await short.closed()
    exports = Refusing(
        short.client, short.signer, FileDirectories(short.policies).read(), KnownBundles(None, ()), version="0", clock=_now
    )
    exports.refused = (handle.id, "")
    work = short.archiver(str(tmp_path / "place"), exports)

    async def urgent() -> Round | None:
        done = await work.round()
        return done if done.urgent else None

    done = await until(urgent)
    assert done.retention == RETENTION
    assert done.oldest is not None and done.oldest * 2 > RETENTION


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.mark.promise("G9")
async def test_entry_that_a_stranger_wrote_keeps_no_mission_out(house: House, tmp_path: Path) -> None:
    """Somebody lists every mission himself, with archives of his own, in the hope that the archiver passes them by."""
    place = tmp_path / "place"
    forger = Signer.generate("forger-1")
    await house.archiver(str(place), signer=forger).round()
    done = await house.archiver(str(place)).round()
    assert len(done.archived) == len(await house.runs())
    assert {entry.number for entry in done.archived} == {n + len(done.archived) for n in range(1, len(done.archived) + 1)}


async def test_numbers_that_somebody_filled_are_passed_over(house: House, tmp_path: Path) -> None:
    """Junk, nothing, too much and a folder, where the next entries belong: the archiver goes on after them."""
    place = tmp_path / "place"
    for number, junk in enumerate((b"junk", b"", b"x" * 20_000), start=1):
        write(place / entry_name(number), junk)
    (place / entry_name(4)).mkdir()
    work = house.archiver(str(place))
    done = await work.round()
    assert [entry.number for entry in done.archived] == [5 + number for number in range(len(await house.runs()))]
    again = await house.archiver(str(place)).round()
    assert (again.archived, again.waiting, again.head) == ((), (), done.head)


@pytest.mark.promise("G9")
async def test_decoys_under_a_missions_name_keep_it_out_of_nothing(house: House, tmp_path: Path) -> None:
    """Somebody puts a folder, junk, and another mission's archive where an unlisted archive of each could lie."""
    place, theirs = tmp_path / "place", (RECORDED / "refunded.sayso").read_bytes()
    for run in await ClosedRuns(house.client).since(BEGINNING):
        (place / ARCHIVES / f"{run.mission_id}.{run.run_id}.{'0' * 16}.sayso").mkdir(parents=True)
        write(place / ARCHIVES / f"{run.mission_id}.{run.run_id}.{'1' * 16}.sayso", b"junk")
        write(place / ARCHIVES / f"{run.mission_id}.{run.run_id}.{sha256(theirs)[:16]}.sayso", theirs)
    done = await house.archiver(str(place)).round()
    assert (len(done.archived), done.waiting) == (len(await house.runs()), ())
    assert sha256(theirs) not in {entry.sha256 for entry in done.archived}


async def test_mission_whose_archive_was_deleted_is_archived_again_while_the_server_has_it(
    house: House, tmp_path: Path
) -> None:
    """The index says for ever that something was taken; the evidence is there all the same."""
    place = tmp_path / "place"
    first = await house.archiver(str(place)).round()
    (place / ARCHIVES / first.archived[0].archive).unlink()
    done = await house.archiver(str(place)).round()
    assert [entry.mission for entry in done.archived] == [first.archived[0].mission]


async def test_place_that_cannot_be_written_loses_nothing(house: House, tmp_path: Path) -> None:
    """A file lies where the index belongs; when it is gone, everything is archived."""
    place = tmp_path / "place"
    write(place / INDEX, b"")
    work = house.archiver(str(place))
    with pytest.raises(PlaceTrouble):
        await work.round()
    (place / INDEX).unlink()
    assert len((await work.round()).archived) == len(await house.runs())


def test_store_that_needs_more_is_named() -> None:
    """What to install, in one line."""
    with pytest.raises(PlaceTrouble, match="s3fs"):
        open_place("s3://bucket/archive")
    with pytest.raises(PlaceTrouble, match="nonsense"):
        open_place("nonsense://bucket/archive")


@pytest.mark.promise("G8")
@pytest.mark.parametrize("named", ["ftp://evidence:hunter2@127.0.0.1:1/archive", "nonsense://evidence:hun@ter2@bucket/x"])
def test_store_that_does_not_answer_is_told_without_its_password(named: str) -> None:
    """A URL may hold one, and what is told of the place goes into logs."""
    with pytest.raises(PlaceTrouble) as refused:
        open_place(named)
    assert "ter2" not in str(refused.value) and named.partition(":")[0] in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "named", "expected"),
    [
        ("refund", "refund-1", True),
        ("use", "use/0123", False),
        ("freeze", "freeze", False),
        ("use", "refund-1", True),
        ("refund", "use/0123", True),
        (FREEZE, "refund-1", True),
    ],
)
def test_only_uses_and_freezes_are_no_missions(kind: str, named: str, expected: bool) -> None:
    """Nothing is hidden by giving it half of their names."""
    assert is_mission(kind, named) is expected
