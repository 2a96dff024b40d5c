"""What a stack keeps on disk: made once, completed after an interruption, never taken away from whoever edited it."""

from __future__ import annotations

import shutil
import socket
import stat
from pathlib import Path
from typing import Literal

import pytest
import yaml

from activities.payload_stores import open_store
from policies.load import load, load_directory
from workers.codec_access import Access
from workers.errors import WrongUse
from workers.profile import load as load_profile
from workers.ring_files import ring_in_file
from workers.stack.keyfiles import read_key
from workers.stack.layout import SERVICES, Layout, prepare
from workers.stack.ports import Ports, choose

PORTS = Ports(temporal=20001, ui=20002, issuer=20003, orders=20004, payments=20005, knowledge=20006, codec=20007, parcels=20008)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A prepared directory."""
    made = Layout(tmp_path / "data")
    prepare(made, PORTS)
    return made


def contents(layout: Layout) -> dict[str, bytes]:
    """Every file by path."""
    files = (path for path in layout.data.rglob("*") if path.is_file())
    return {str(path.relative_to(layout.data)): path.read_bytes() for path in files}


def test_bundle_names_this_stacks_endpoints_and_keys(layout: Layout) -> None:
    bundle = load(layout.policies)
    assert bundle.catalogue.issuer == PORTS.url("issuer")
    assert {entry.url for entry in bundle.catalogue.integrations.values()} == {
        PORTS.endpoint(name) for name in ("orders", "payments", "knowledge", "parcels")
    }
    for who in bundle.directory.people:
        holder = bundle.directory.holder(read_key(layout.keys / f"{who}.jwk").kid)
        assert holder is not None and holder[0] == who
    assert [key.kid for key in bundle.directory.gates] == [read_key(layout.gate_key).kid]


def test_private_files_are_for_their_owner_alone(layout: Layout) -> None:
    private = [*layout.keys.iterdir(), *layout.secrets.iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in private} == {0o600}


def test_preparing_again_changes_nothing(layout: Layout) -> None:
    before = contents(layout)
    prepare(layout, PORTS)
    assert contents(layout) == before


def test_edited_bundle_stays_as_it_was_edited(layout: Layout) -> None:
    path = layout.policies / "directory.yaml"
    path.write_text(path.read_text().replace("Lena Lead", "Lena Elsewhere") + "# mine\n")
    before = contents(layout)
    prepare(layout, PORTS)
    assert contents(layout) == before


def test_revoked_person_gets_no_new_key(layout: Layout) -> None:
    """Taking a key out of the directory revokes it; a restart must not put one back."""
    path = layout.policies / "directory.yaml"
    entry = load_directory(layout.policies).people["sam"].keys[0]
    path.write_text(path.read_text().replace(f"    keys:\n    - kid: {entry.kid}\n      x: {entry.x}\n", ""))
    prepare(layout, PORTS)
    assert load_directory(layout.policies).people["sam"].keys == ()


def test_person_shut_out_gets_no_new_key_though_the_private_file_is_gone_too(layout: Layout) -> None:
    """Nor does a person whom somebody added: `sayso keys new` is for that."""
    path = layout.policies / "directory.yaml"
    entry = load_directory(layout.policies).people["sam"].keys[0]
    emptied = path.read_text().replace(f"    keys:\n    - kid: {entry.kid}\n      x: {entry.x}\n", "    keys: []\n")
    path.write_text(emptied)
    (layout.keys / "sam.jwk").unlink()
    prepare(layout, PORTS)
    assert path.read_text() == emptied
    assert not (layout.keys / "sam.jwk").exists()


def test_start_cut_short_before_the_bundle_is_finished_with_the_same_keys(layout: Layout) -> None:
    kids = {path.name: read_key(path).kid for path in layout.keys.iterdir()}
    layout.policies.rename(layout.data / "policies.partial")
    prepare(layout, PORTS)
    directory = load_directory(layout.policies)
    assert {f"{who}.jwk": person.keys[0].kid for who, person in directory.people.items()} == kids
    assert [key.kid for key in directory.gates] == [read_key(layout.gate_key).kid]


def test_lost_gate_key_is_replaced_and_pinned_beside_the_old_one(layout: Layout) -> None:
    old = read_key(layout.gate_key).kid
    layout.gate_key.unlink()
    prepare(layout, PORTS)
    assert [key.kid for key in load_directory(layout.policies).gates] == [old, read_key(layout.gate_key).kid]


@pytest.mark.parametrize("role", SERVICES)
def test_worker_that_answers_has_a_key_to_sign_with(layout: Layout, role: Literal["read", "reason"]) -> None:
    """And the directory lets that service sign its kind of answer, and no other."""
    service = load_directory(layout.policies).services[SERVICES[role]]
    assert ([key.kid for key in service.keys], service.signs) == ([read_key(layout.service_key(role)).kid], (role,))


def test_stack_of_before_signatures_gets_its_services_keys(layout: Layout) -> None:
    """Its directory listed the services and let none of them sign."""
    path = layout.policies / "directory.yaml"
    directory = yaml.safe_load(path.read_text())
    del directory["services"]["reason-worker"]
    directory["services"]["read-worker"] = {"name": "Read worker"}
    path.write_text(yaml.safe_dump(directory))
    for role in SERVICES:
        layout.service_key(role).unlink()
    prepare(layout, PORTS)
    services = load_directory(layout.policies).services
    assert (services["read-worker"].signs, len(services["read-worker"].keys)) == (("read",), 1)
    assert not layout.service_key("reason").exists()


def test_key_ring_is_made_once_and_named_in_the_profile(layout: Layout) -> None:
    before = layout.key_ring.read_bytes()
    profile = prepare(layout, PORTS)
    assert layout.key_ring.read_bytes() == before
    assert (profile.key_ring, profile.encryption, len(ring_in_file(layout.key_ring).ids)) == (layout.key_ring, "on", 1)


def test_ring_of_missions_that_are_there_is_never_replaced(layout: Layout) -> None:
    """With another one they would read sealed answers, and fail for good."""
    kept = layout.key_ring.read_bytes()
    layout.key_ring.unlink()
    layout.database.touch()
    for encryption in ("on", "off"):
        with pytest.raises(WrongUse, match=r"`.*key-ring.json` is gone, .*: put it back"):
            prepare(layout, PORTS, encryption)
    assert not layout.key_ring.exists()
    layout.key_ring.write_bytes(kept)
    layout.key_ring.chmod(0o600)
    prepare(layout, PORTS)


def test_payload_store_is_made_and_named_in_the_profile(layout: Layout) -> None:
    open_store(str(layout.payloads)).check()
    assert prepare(layout, PORTS).payload_store == str(layout.payloads)


def test_payload_store_of_missions_that_are_there_is_never_replaced(layout: Layout) -> None:
    """With an empty one they would read sealed answers, and fail for good."""
    layout.database.touch()
    away = layout.payloads.rename(layout.data / "away")
    with pytest.raises(WrongUse, match=r"`.*payloads` cannot be reached .*: put it back; to begin anew") as refused:
        prepare(layout, PORTS)
    assert "\n" not in str(refused.value) and not layout.payloads.exists()
    away.rename(layout.payloads)
    prepare(layout, PORTS)


def test_data_of_an_older_version_gets_a_payload_store(layout: Layout) -> None:
    """It knew none, so nothing can lie in one."""
    layout.database.touch()
    shutil.rmtree(layout.payloads)
    path = layout.data / "sayso.json"
    path.write_text(path.read_text().replace(f'"payload_store": "{layout.payloads}"', '"payload_store": null'))
    prepare(layout, PORTS)
    open_store(str(layout.payloads)).check()
    assert f'"payload_store": "{layout.payloads}"' in path.read_text()


def test_ring_is_made_anew_where_there_is_nothing_to_open(layout: Layout) -> None:
    """And for the data of an older version, which knew none."""
    layout.key_ring.unlink()
    prepare(layout, PORTS)
    assert layout.key_ring.exists()
    path = layout.data / "sayso.json"
    path.write_text(path.read_text().replace(f'"key_ring": "{layout.key_ring}"', '"key_ring": null'))
    layout.key_ring.unlink()
    layout.database.touch()
    prepare(layout, PORTS)
    assert layout.key_ring.exists()


def test_without_encryption_no_ring_is_made_and_one_that_is_there_stays(tmp_path: Path, layout: Layout) -> None:
    plain = Layout(tmp_path / "plain")
    profile = prepare(plain, PORTS, "off")
    assert (profile.key_ring, profile.encryption, plain.key_ring.exists()) == (None, "off", False)
    later = prepare(layout, PORTS, "off")
    assert (later.key_ring, later.encryption) == (layout.key_ring, "off")


def test_codec_token_is_kept_as_a_digest_and_made_anew_where_half_of_it_is_lost(layout: Layout) -> None:
    token = layout.codec_token.read_text()
    assert Access.of(layout.codec_tokens, None, None, None).who(token) == "temporal-ui"
    assert token not in layout.codec_tokens.read_text()
    layout.codec_tokens.unlink()
    prepare(layout, PORTS)
    access = Access.of(layout.codec_tokens, None, None, None)
    assert (access.who(layout.codec_token.read_text()), access.who(token)) == ("temporal-ui", None)


def test_moved_port_moves_the_endpoint_and_nothing_else(layout: Layout) -> None:
    path = layout.policies / "integrations.yaml"
    path.write_text(path.read_text() + "# mine\n")
    before = path.read_text()
    prepare(layout, PORTS.model_copy(update={"payments": 20017}))
    assert path.read_text() == before.replace("127.0.0.1:20005", "127.0.0.1:20017")


def test_profile_says_where_and_as_whom(layout: Layout) -> None:
    profile = load_profile(layout.data)
    assert (profile.address, profile.ui) == ("127.0.0.1:20001", "http://127.0.0.1:20002")
    assert (profile.start_as, profile.decide_as, profile.keys) == ("olga", "sam", layout.keys)


def test_taken_port_is_named_with_its_purpose_and_the_way_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        (tmp_path / "ports.json").write_text(PORTS.model_copy(update={"payments": port}).model_dump_json())
        with pytest.raises(WrongUse, match=f"port {port}, for the payment system, is taken: .*--ports auto"):
            choose(tmp_path, "fixed")
        moved = choose(tmp_path, "auto")
    assert moved.payments != port
    assert moved.model_copy(update={"payments": port}) == PORTS.model_copy(update={"payments": port})


def test_chosen_ports_are_remembered(tmp_path: Path) -> None:
    first = choose(tmp_path, "auto")
    assert choose(tmp_path, "fixed") == first
    shutil.rmtree(tmp_path)
