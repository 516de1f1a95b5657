"""The provider as a process: many buckets at a time, no orphan, and Ctrl-C left to Pulumi."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.automation import CommandError
from pulumi.runtime.proto import provider_pb2_grpc

from coffre.storage.ceph import resources as rgw
from coffre.storage.ceph.provider.environment import write_environment
from coffre.toolchain import find_tool
from tests.integration.storage.ceph.provider.stack import RealStack
from tests.integration.storage.fault_proxy import FaultProxy
from tests.integration.storage.world import World

BUCKETS, AT_ONCE = 20, 10


def test_twenty_buckets_are_made_side_by_side(world, tmp_path):
    owner = world.make_owner("parallel")

    def declare() -> None:
        for number in range(BUCKETS):
            rgw.Bucket(f"b{number}", name=f"{world.prefix}-p-{number}", owner=owner.uid)

    with FaultProxy(world.endpoint.url, world.endpoint.ca_file, tmp_path) as proxy:
        proxy.gather("PUT", AT_ONCE)
        slow = World(replace(world.endpoint, url=proxy.url, ca_file=proxy.ca_file), world.admin_key, world.prefix)
        steps = RealStack(tmp_path, slow, "buckets", owner.uid).up(declare)
    assert proxy.came_together
    assert [step.op for step in steps.values()] == ["create"] * BUCKETS
    assert len(world.admin.list_buckets(owner.uid)) == BUCKETS


@pytest.fixture
def orphanage():
    """A parent that starts the provider, as Pulumi would, and can be killed; the provider's pid and port beside it."""
    starter = (
        "import subprocess, sys, time;"
        "child = subprocess.Popen([sys.argv[1], '127.0.0.1:1'], stdout=subprocess.PIPE, text=True);"
        "print(child.pid, child.stdout.readline().strip(), flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", starter, find_tool("pulumi-resource-rgw")], stdout=subprocess.PIPE, text=True
    )
    pid, port = map(int, parent.stdout.readline().split())
    yield parent, pid, port
    parent.kill()
    parent.wait()
    parent.stdout.close()
    if is_running(pid):
        os.kill(pid, signal.SIGKILL)


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int) -> bool:
    end = time.monotonic() + 10
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not is_running(pid)


def test_the_provider_dies_with_pulumi(orphanage):
    parent, pid, _ = orphanage
    parent.kill()
    parent.wait()
    assert wait_until_gone(pid)


def test_ctrl_c_is_left_to_pulumi_which_cancels_before_it_interrupts(orphanage):
    """Else creations under way would be left pending, or each run would end with a wait of 5 s and a kill."""
    _, pid, port = orphanage
    os.kill(pid, signal.SIGINT)
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub = provider_pb2_grpc.ResourceProviderStub(channel)
        assert stub.GetPluginInfo(empty_pb2.Empty(), timeout=10).version
        stub.Cancel(empty_pb2.Empty(), timeout=10)
    assert is_running(pid)
    os.kill(pid, signal.SIGINT)
    assert wait_until_gone(pid)


def test_missing_environment_is_named(world, tmp_path):
    stack = RealStack(
        tmp_path, world, "blind", f"{world.prefix}-blind", COFFRE_RGW_ENDPOINT="", COFFRE_RGW_ADMIN_ACCESS_KEY_ID=""
    )
    with pytest.raises(CommandError) as refused:
        stack.up(lambda: rgw.User("user", uid=f"{world.prefix}-blind", display_name="Blind") and None)
    missing = "COFFRE_RGW_ENDPOINT, COFFRE_RGW_ADMIN_ACCESS_KEY_ID not set"
    assert f"the RGW provider is not told where the platform is and whom it works for: {missing}" in str(refused.value)


def test_wrong_inputs_fail_in_the_preview_and_name_the_property(world, tmp_path):
    def program() -> None:
        rgw.User("user", uid="no spaces please", display_name=" ", max_buckets=-2)

    with pytest.raises(CommandError) as refused:
        RealStack(tmp_path, world, "wrong", f"{world.prefix}-wrong").preview(program)
    for name, reason in {
        "uid": "must be a uid of letters",
        "display_name": "must be a text that is not empty",
        "max_buckets": "must be a whole number of at least -1, not -2",
    }.items():
        assert f"property {name} value" in str(refused.value)
        assert reason in str(refused.value)


@pytest.mark.parametrize("uid", [65534, 0], ids=["another user", "the same user"])
def test_the_provider_serves_its_own_user_for_its_own_tenant_alone(world, uid):
    """Whoever asks, another tenant's user gets no key, and the secret of the one it has is not told."""
    mine, victim = world.make_owner(f"mine-{uid}"), world.make_owner(f"victim-{uid}")
    before = world.admin.find_user(victim.uid)
    provider = subprocess.Popen(
        [find_tool("pulumi-resource-rgw"), "127.0.0.1:1"],
        env={**os.environ, **write_environment(world.endpoint, world.admin_key, mine.uid)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        script = [sys.executable, Path(__file__).parents[4] / "intruder.py", str(uid)]
        port = provider.stdout.readline().strip()
        done = subprocess.run(
            [*script, port, victim.uid, victim.key.access_key_id], capture_output=True, text=True, check=True
        )
    finally:
        provider.terminate()
        provider.wait(timeout=10)
        provider.stdout.close()
    answers = json.loads(done.stdout)
    expected = "UNKNOWN" if uid == 0 else "UNAVAILABLE"
    assert [answers[name][0] for name in ("create", "read", "update", "delete")] == [expected] * 4
    assert victim.key.secret_access_key not in done.stdout
    if uid == 0:
        assert all(f"serves {mine.uid} alone" in answers[name][1] for name in ("create", "read", "update", "delete"))
    assert world.admin.find_user(victim.uid) == before
