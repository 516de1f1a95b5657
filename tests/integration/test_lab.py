"""The embedded platform on its real parts: started twice, killed, ended, erased, and several side by side."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import botocore.config
import botocore.session
import pytest
import urllib3
from coffre_lab.lab import Lab

from coffre.errors import UsageError
from tests.machines import renew_machines
from tests.processes import read_words
from tests.traces import list_process_ids, list_traces

HOST = "compta-01.martin.example"
SOLO = "solo-01.example"
FIRST_START_SECONDS = 90
LATER_START_SECONDS = 30
KEY = {"access_key_id": "LABTESTLABTESTLABTES", "secret_access_key": "lab-test-secret"}


@pytest.fixture(scope="module", autouse=True)
def untouched(lab):
    """Machines that no other module has changed: some let in the node of a site only."""
    renew_machines(lab, [machine.host for machine in lab.status().machines])


@pytest.fixture(scope="module")
def other(lab, tmp_path_factory):
    """A second lab beside the session's, to be killed and ended."""
    second = Lab(tmp_path_factory.mktemp("other") / "lab")
    second.up([SOLO])
    yield second
    second.down(erase=True)


def connect(lab):
    place = json.loads(lab.endpoints_file.read_text())
    return botocore.session.Session().create_client(
        "s3",
        endpoint_url=place["endpoint"],
        region_name=place["region"],
        verify=place["ca_file"],
        aws_access_key_id=KEY["access_key_id"],
        aws_secret_access_key=KEY["secret_access_key"],
        config=botocore.config.Config(
            request_checksum_calculation="when_required", response_checksum_validation="when_required"
        ),
    )


def ssh(lab, host, script, user="root"):
    """Log in by nothing but what the lab wrote: its key, and its known hosts, strictly."""
    done = subprocess.run(
        [
            *("ssh", "-F", lab.ssh_config, "-o", "StrictHostKeyChecking=yes", "-o", "UserKnownHostsFile=/dev/null"),
            *("-o", "BatchMode=yes", "-l", user, host, script),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def kill_everything(lab):
    for pid in list_process_ids(lab):
        os.kill(pid, signal.SIGKILL)


def pids(status):
    return [daemon.pid for daemon in status.daemons] + [machine.leader_pid for machine in status.machines]


def test_starting_again_starts_nothing_again(lab):
    before = lab.status()
    assert before.is_running
    began = time.monotonic()
    after = lab.up([machine.host for machine in before.machines])
    assert pids(after) == pids(before)
    assert time.monotonic() - began < 10


def test_the_gateway_is_trusted_by_its_own_authority_alone(lab):
    place = json.loads(lab.endpoints_file.read_text())
    with urllib3.PoolManager(ca_certs=place["ca_file"], retries=False, timeout=10) as pool:
        assert pool.request("GET", place["endpoint"]).status == 200
    with urllib3.PoolManager(retries=False, timeout=10) as pool, pytest.raises(urllib3.exceptions.SSLError):
        pool.request("GET", place["endpoint"])
    assert lab.admin_file.stat().st_mode & 0o777 == 0o600
    assert json.loads(lab.ceph(["status", "--format", "json"]))["fsid"] == place["fsid"]


def test_the_administrator_has_the_capabilities_that_coffre_needs(lab):
    user = json.loads(lab.radosgw_admin(["user", "info", "--uid=coffre-admin"]))
    admin = json.loads(lab.admin_file.read_text())
    assert [key["access_key"] for key in user["keys"]] == [admin["access_key_id"]]
    assert {cap["type"]: cap["perm"] for cap in user["caps"]} == {
        "users": "*",
        "buckets": "*",
        "metadata": "read",
        "usage": "*",
        "zone": "read",
    }


def test_the_daemons_listen_on_the_labs_own_address_only(lab):
    address = json.loads(lab.endpoints_file.read_text())["endpoint"].removeprefix("https://").partition(":")[0]
    ours = {daemon.pid for daemon in lab.status().daemons}
    sockets = subprocess.run(["ss", "-ltnpH"], capture_output=True, text=True, check=True).stdout
    lines = [line.split() for line in sockets.splitlines() if any(f"pid={pid}," in line for pid in ours)]
    assert len(lines) >= 4
    assert {line[3].rpartition(":")[0] for line in lines} == {address}


@pytest.mark.parametrize("user", ["root", "operateur"])
def test_a_machine_is_a_real_system_and_becomes_root(lab, user):
    assert ssh(lab, HOST, "systemctl is-system-running --wait; hostname; sudo -n id -un", user).split() == [
        "running",
        "compta-01",
        "root",
    ]


def test_a_machine_reaches_the_gateway(lab):
    address, port = json.loads(lab.endpoints_file.read_text())["endpoint"].removeprefix("https://").split(":")
    code = f"import socket; socket.create_connection(('{address}', {port}), 5); print('reached')"
    assert ssh(lab, HOST, f'python3 -c "{code}"') == "reached"


def test_each_machine_has_control_groups_of_its_own(lab):
    """In shared ones a machine's systemd would count another's processes into its own services."""
    leaders = [machine.leader_pid for machine in lab.status().machines]
    groups = [
        line.partition(":")[2]
        for pid in leaders
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()
        if line.startswith("0::") or ":name=systemd:" in line
    ]
    assert len(groups) >= len(leaders)
    assert len(set(groups)) == len(groups)


def test_what_a_machine_writes_is_seen_from_outside(lab):
    ssh(lab, HOST, "echo bonjour >/root/word")
    assert (lab.machine_root(HOST) / "root/word").read_text() == "bonjour\n"
    done = subprocess.run(
        ["nsenter", "--target", str(lab.leader_pid(HOST)), "--all", "cat", "/root/word"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "bonjour\n"


def test_an_unknown_machine_is_named_with_those_there_are(lab):
    with pytest.raises(UsageError) as caught:
        lab.stop_machine("nobody.example")
    assert caught.value.message == "the lab has no machine nobody.example"
    assert HOST in caught.value.hint


def test_two_labs_run_side_by_side(lab, other):
    """With nothing in common but the read-only base: other addresses, other cluster."""
    one, two = (json.loads(each.endpoints_file.read_text()) for each in (lab, other))
    assert one["endpoint"].rpartition(".")[0] != two["endpoint"].rpartition(".")[0]
    assert one["fsid"] != two["fsid"]
    assert lab.status().is_running
    assert other.status().is_running


def test_a_stopped_machine_does_not_answer_until_started(other):
    ssh(other, SOLO, "touch /root/word")
    other.stop_machine(SOLO)
    (machine,) = other.status().machines
    assert machine.leader_pid is None
    assert not machine.answers
    other.start_machine(SOLO)
    assert ssh(other, SOLO, "ls /root") == ""


def test_a_directory_removed_under_a_running_lab_starts_as_a_new_one(other):
    """Its processes live on under the same names and must not be taken for those of the new lab."""
    before = pids(other.status())
    fsid = json.loads(other.endpoints_file.read_text())["fsid"]
    shutil.rmtree(other.directory)
    after = other.up([SOLO])
    assert after.is_running
    assert not set(before) & set(pids(after))
    assert json.loads(other.endpoints_file.read_text())["fsid"] != fsid


def test_two_starts_at_once_make_one_lab(other):
    other.down()
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: Lab(other.directory).up([SOLO]), range(2))
    assert pids(first) == pids(second)
    assert None not in pids(first)


def test_a_killed_lab_starts_again_with_its_objects(lab, other):
    other.radosgw_admin(
        [
            *("user", "create", "--uid=keeper", "--display-name=Keeper"),
            *(f"--access-key={KEY['access_key_id']}", f"--secret-key={KEY['secret_access_key']}"),
        ]
    )
    s3 = connect(other)
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="word", Body=b"bonjour")
    before = lab.status()
    kill_everything(other)
    began = time.monotonic()
    status = other.up([SOLO])
    assert time.monotonic() - began < LATER_START_SECONDS
    assert status.is_running
    assert s3.get_object(Bucket="kept", Key="word")["Body"].read() == b"bonjour"
    s3.create_bucket(Bucket="written-after")
    assert ssh(other, SOLO, "hostname") == "solo-01"
    assert pids(lab.status()) == pids(before)


@pytest.mark.parametrize("name", ["mon", "osd", "rgw", "nspawn"])
def test_one_killed_part_is_started_again_alone(other, name):
    before = {daemon.name: daemon.pid for daemon in other.status().daemons}
    before["nspawn"] = next(pid for pid in list_process_ids(other) if "systemd-nspawn" in read_words(pid))
    os.kill(before[name], signal.SIGKILL)
    status = other.up([SOLO])
    after = {daemon.name: daemon.pid for daemon in status.daemons}
    assert status.is_running
    assert [part for part in after if part != name and after[part] != before[part]] == []
    assert connect(other).get_object(Bucket="kept", Key="word")["Body"].read() == b"bonjour"


def test_an_ended_lab_leaves_nothing_and_comes_back_with_its_objects(other):
    other.down()
    assert list_traces(other) == []
    assert other.status().is_stopped
    other.down()
    began = time.monotonic()
    other.up([SOLO])
    assert time.monotonic() - began < LATER_START_SECONDS
    assert connect(other).get_object(Bucket="kept", Key="word")["Body"].read() == b"bonjour"


def test_a_killed_lab_is_ended_without_a_trace_and_erased(lab, other):
    kill_everything(other)
    other.down(erase=True)
    assert list_traces(other) == []
    assert list(other.directory.iterdir()) == []
    assert lab.status().is_running


def test_an_erased_lab_starts_as_a_new_one_in_time(other):
    began = time.monotonic()
    threads = threading.active_count()
    said = []
    fresh = Lab(other.directory, on_progress=said.append)
    assert fresh.up([SOLO]).is_running
    assert time.monotonic() - began < FIRST_START_SECONDS
    assert any("answers after" in line for line in said)
    assert threading.active_count() == threads
