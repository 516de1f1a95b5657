"""What a lab remembers, and the lock."""

import ipaddress
import json
import threading

import pytest
from coffre_lab import state
from coffre_lab.lab import Lab
from coffre_lab.state import LabState
from hypothesis import given, settings
from hypothesis import strategies as st

from coffre.errors import BusyError, ExpectedError, InvalidFileError, RefusedError, UsageError


def make_state(**changes):
    facts = {"network": "10.80.3.0/24", "release": 18, "fsid": "f", "osd_uuid": "o", "mon_port": 3300, "rgw_port": 7443}
    return LabState(**(facts | changes))


def test_the_state_is_read_as_it_was_written(tmp_path):
    written = make_state().with_hosts(["a.example"])
    state.save_state(tmp_path / "state.json", written)
    assert state.find_state(tmp_path / "state.json") == written
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


def test_no_file_is_a_lab_never_started(tmp_path):
    assert state.find_state(tmp_path / "state.json") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is not a lab's state: the file: "),
        ("{}", "is not a lab's state: network: Field required"),
        ('{"network": 5}', "is not a lab's state: network: "),
        ('{"network": "10.80.3.0/30"}', "is not a lab's state: network: "),
        ("[" * 100_000, "is not a lab's state: the file: "),
    ],
)
def test_a_file_that_is_no_state_is_refused(text, message, tmp_path):
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(InvalidFileError) as caught:
        state.find_state(tmp_path / "state.json")
    assert message in caught.value.message


def test_a_state_of_another_version_is_refused(tmp_path):
    state.save_state(tmp_path / "state.json", make_state(version=3))
    with pytest.raises(InvalidFileError, match="has version 3; this Coffre knows 2"):
        state.find_state(tmp_path / "state.json")


def test_a_state_of_version_1_is_one_of_the_ceph_that_debian_12_has(tmp_path):
    written = json.loads(make_state().with_hosts(["a.example"]).model_dump_json())
    del written["release"]
    (tmp_path / "state.json").write_text(json.dumps({**written, "version": 1}))
    found = state.find_state(tmp_path / "state.json")
    assert (found.version, found.release) == (2, 16)
    assert found.hosts == {"a.example": 10}


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"release": 16}, "runs Ceph 18, and Ceph 16 cannot use its stores", "--release 18, or erase it"),
        ({"release": 16, "may_upgrade": True}, "Ceph 16 cannot use its stores", "or erase it"),
        ({"release": 20}, "runs Ceph 18", "coffre lab up --release 20 --upgrade"),
        ({"nodes": 3}, "was made with --nodes 1 and keeps that", "Start it without --nodes, or erase it"),
    ],
)
def test_a_lab_changes_its_release_only_when_told_and_never_back_nor_its_nodes(options, message, hint, tmp_path):
    state.save_state(tmp_path / "state.json", make_state())
    with pytest.raises(RefusedError) as refused:
        Lab(tmp_path, **options).up()
    assert message in refused.value.message
    assert hint in refused.value.hint
    assert state.find_state(tmp_path / "state.json") == make_state()


def test_a_lab_of_two_nodes_could_not_go_on_without_one_and_is_none(tmp_path):
    with pytest.raises(UsageError, match="no cluster of 2 nodes"):
        Lab(tmp_path, nodes=2)


def test_nodes_have_the_addresses_after_the_platform_s_own():
    assert make_state().node_addresses == ("10.80.3.1",)
    assert make_state(nodes=3).node_addresses == ("10.80.3.2", "10.80.3.3", "10.80.3.4")


def test_hosts_keep_their_address_when_others_come():
    first = make_state().with_hosts(["a.example", "b.example"])
    second = first.with_hosts(["c.example", "b.example"])
    assert first.address == "10.80.3.1"
    assert first.machine_address("b.example") == second.machine_address("b.example") == "10.80.3.11"
    assert second.machine_address("c.example") == "10.80.3.12"


def test_the_numbers_of_a_range_can_run_out():
    with pytest.raises(ExpectedError, match=r"no address left for host-241\.example"):
        make_state().with_hosts([f"host-{number}.example" for number in range(300)])


def test_a_held_lock_is_waited_for_then_reported(tmp_path):
    with (
        state.hold_lock(tmp_path / "lock", "it"),
        pytest.raises(BusyError, match="another command is using it"),
        state.hold_lock(tmp_path / "lock", "it", wait_seconds=0),
    ):
        pass


def test_a_lock_whose_file_was_removed_by_its_holder_is_taken_anew(tmp_path):
    """An erased lab takes its lock file along; whoever waited for it must not hold the lock of a removed file."""
    file, entered = tmp_path / "lab" / "lock", threading.Event()

    def wait_for_it():
        with state.hold_lock(file, "it", wait_seconds=20):
            assert file.exists()
            entered.set()

    waiter = threading.Thread(target=wait_for_it)
    with state.hold_lock(file, "it"):
        waiter.start()
        assert not entered.wait(0.3)
        file.unlink()
    waiter.join(20)
    assert entered.is_set()


def test_a_directory_of_somebody_else_is_not_made_a_lab(tmp_path, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    (tmp_path / "thesis.tex").touch()
    for act in (Lab(tmp_path).up, Lab(tmp_path).down):
        with pytest.raises(RefusedError, match="is not empty and not a lab"):
            act()
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["lock", "thesis.tex"]


def test_a_lab_without_root_says_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ExpectedError, match="it needs root"):
        Lab(tmp_path / "lab").up()
    assert not (tmp_path / "lab").exists()


def test_the_status_of_a_lab_never_started_is_stopped(tmp_path):
    status = Lab(tmp_path / "lab").status()
    assert status.endpoint is None
    assert status.is_stopped
    assert not status.is_running


ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.dictionaries(st.text(max_size=3), st.integers())
)


@settings(max_examples=60, deadline=None)
@given(
    st.binary(max_size=60)
    | st.dictionaries(st.sampled_from(["network", "fsid", "hosts", "rgw_port", "version", "other"]), ODD).map(
        lambda changes: json.dumps({**json.loads(make_state().model_dump_json()), **changes}).encode()
    )
)
def test_whatever_stands_there_is_a_state_that_serves_or_one_refusal(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("lab") / "state.json"
    file.write_bytes(content)
    try:
        found = state.find_state(file)
    except InvalidFileError:
        return
    assert found is not None
    assert all(ipaddress.ip_address(found.machine_address(host)) for host in found.hosts)
    assert ipaddress.ip_address(found.address)


def test_a_link_or_a_file_without_end_is_no_state(tmp_path):
    (tmp_path / "state.json").symlink_to("/dev/zero")
    with pytest.raises(InvalidFileError, match="is not a lab's state"):
        state.find_state(tmp_path / "state.json")
