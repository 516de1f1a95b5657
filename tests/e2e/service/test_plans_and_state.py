"""A plan done exactly or not at all, a stack whose whole state is lost, and ports that serve their Pulumi alone."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from coffre.secrets.bundles import all_secret_values
from coffre.spec.naming import bucket_name, owner_uid
from coffre.storage.ceph.api.admin import AdminUser
from coffre.storage.values import AccessKey
from tests.e2e.conftest import COFFRE, REPOSITORY, Desk
from tests.e2e.recovery.test_killed import SLUG, Backstage, change_quota, processes_named
from tests.processes import read_words


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk(SLUG)


def test_a_saved_plan_of_a_new_tenant_is_refused_after_a_change_and_done_without(desk: Desk) -> None:
    desk.coffre("plan", SLUG, "--out", "new.plan")
    change_quota(desk, "210 GiB")
    refused = desk.coffre("apply", "--plan", "new.plan", expect=4)
    assert "the tenant file" in refused.stderr
    assert "UserQuota" in refused.stderr
    assert Backstage(desk).storage.find_owner(owner_uid(Backstage(desk).tenant)) is None
    desk.coffre("plan", SLUG, "--out", "new.plan")
    done = desk.coffre("apply", "--plan", "new.plan")
    assert "commissioned at" in done.stdout
    assert desk.coffre("apply", "--plan", "new.plan", expect=4).stderr.count("the plan is out of date")


def test_a_saved_plan_is_refused_when_the_platform_has_moved(desk: Desk) -> None:
    backstage = Backstage(desk)
    change_quota(desk, "220 GiB")
    desk.coffre("plan", SLUG, "--out", "change.plan")
    backstage.storage.admin.modify_user(owner_uid(backstage.tenant), "Somebody else", 1000)
    refused = desk.coffre("apply", "--plan", "change.plan", expect=4)
    assert f"User {owner_uid(backstage.tenant)}" in refused.stderr
    desk.coffre("plan", SLUG, "--out", "change.plan")
    assert "2 updated" in desk.coffre("apply", "--plan", "change.plan").stdout


def test_what_is_confirmed_is_what_is_done(desk: Desk) -> None:
    """The file changes while an engineer reads the plan; and a shorter undelete is told by what it costs."""
    backstage = Backstage(desk)
    change_quota(desk, "225 GiB")
    desk.edit(SLUG, "undelete_days: 14", "undelete_days: 7")
    apply = subprocess.Popen(
        [COFFRE, "apply", SLUG, "--storage-only"],
        cwd=desk.root,
        env=desk.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert apply.stdout is not None
    shown = ""
    while "quota sold" not in shown:  # The last line of the plan.
        line = apply.stdout.readline()
        assert line, shown
        shown += line
    assert "undelete_days 14 → 7 on compta-01, caisse-01: objects deleted or overwritten more than 7 days ago" in shown
    assert "quota sold: 220 GiB → 225 GiB" in shown
    change_quota(desk, "226 GiB")
    _, told = apply.communicate("y\n", timeout=120)
    assert apply.returncode == 4, told
    assert "the tenant file" in told
    assert undelete_days(backstage) == 14
    change_quota(desk, "225 GiB")
    assert "updated" in desk.coffre("apply", SLUG, "--storage-only", answer="y\n").stdout
    assert undelete_days(backstage) == 7
    desk.edit(SLUG, "undelete_days: 7", "undelete_days: 14")
    assert "undelete_days 7 → 14" in desk.coffre("plan", SLUG).stdout
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    assert "nothing to change" in desk.coffre("plan", SLUG, "--exit-code").stdout


def test_a_saved_plan_holds_no_secret_and_says_what_it_is_made_from(desk: Desk) -> None:
    backstage = Backstage(desk)
    text = (desk.root / "change.plan").read_text(encoding="utf-8")
    control = backstage.secrets.get_control(SLUG, backstage.tenant.id)
    data = backstage.secrets.get_data(SLUG, backstage.tenant.id)
    assert not [each for each in all_secret_values(control) | all_secret_values(data) if each in text]
    (planned,) = json.loads(text)["tenants"]
    assert len(planned["tenant_file_sha256"]) == 64
    assert all(len(machine["inputs_sha256"]) == 64 for machine in planned["plan"]["machines"])
    assert (desk.root / "change.plan").stat().st_mode & 0o777 == 0o600


def test_rubbish_is_no_plan(desk: Desk) -> None:
    (desk.root / "rubbish.plan").write_text('{"version": 1, "tenants": 3}')
    assert "is not a plan" in desk.coffre("apply", "--plan", "rubbish.plan", expect=3).stderr
    assert "cannot be read" in desk.coffre("apply", "--plan", "gone.plan", expect=1).stderr
    assert "cannot be combined" in desk.coffre("apply", SLUG, "--plan", "rubbish.plan", expect=2).stderr


def test_a_lost_state_is_healed_by_apply_with_nothing_made_anew(desk: Desk) -> None:
    backstage = Backstage(desk)
    before = facts(backstage)
    shutil.rmtree(desk.root / ".coffre" / "state")
    shutil.rmtree(desk.root / ".coffre" / "pulumi")
    healed = desk.coffre("apply", SLUG, "--yes", "--storage-only")
    assert "storage: 15 adopted" in healed.stdout
    assert facts(backstage) == before
    assert "storage: no change" in desk.coffre("apply", SLUG, "--yes", "--storage-only").stdout


def test_a_damaged_state_is_named_and_an_unequal_resource_is_taken_only_when_told(desk: Desk) -> None:
    backstage = Backstage(desk)
    uid = owner_uid(backstage.tenant)
    state = desk.root / ".coffre/state/.pulumi/stacks/coffre" / f"{SLUG}.json"
    state.write_bytes(state.read_bytes()[:700])
    damaged = desk.coffre("apply", SLUG, "--yes", "--storage-only", expect=1)
    assert "is damaged" in damaged.stderr
    state.rename(state.with_suffix(".damaged"))
    before = facts(backstage)
    backstage.storage.admin.modify_user(uid, "Somebody else", 1000)
    refused = desk.coffre("apply", SLUG, "--yes", "--storage-only", expect=1)
    assert f"user {uid} exists and differs: display_name" in refused.stderr
    healed = desk.coffre("apply", SLUG, "--yes", "--storage-only", "--adopt")
    assert "adopted" in healed.stdout
    assert facts(backstage) == before
    assert "storage: no change" in desk.coffre("apply", SLUG, "--yes", "--storage-only").stdout


def undelete_days(backstage: Backstage) -> int | None:
    key = backstage.secrets.get_control(SLUG, backstage.tenant.id).owner_key
    owner_key = AccessKey(key.access_key_id, key.secret_access_key.get_secret_value())
    name = bucket_name(SLUG, backstage.tenant.id, "compta-01")
    return backstage.storage.open_bucket(name, owner_key).undelete_days()


def facts(backstage: Backstage) -> dict[str, object]:
    """Return what must not change: keys, and each bucket's own instance with all it holds."""
    admin, tenant = backstage.storage.admin, backstage.tenant
    user = admin.find_user(owner_uid(tenant))
    buckets = {name: admin.find_bucket(bucket_name(SLUG, tenant.id, name)) for name in tenant.machines}
    return {
        "keys": backstage.live_keys(),
        "owner": (user.display_name, user.quota_bytes) if user else None,
        "buckets": {name: (bucket.instance, bucket.stored_bytes) for name, bucket in buckets.items() if bucket},
    }


NOBODY = 65534
VICTIM = "another-tenant-z1z1z1z1z1"


@pytest.fixture
def victim(desk: Desk) -> Iterator[AdminUser]:
    """Another tenant's owner with a key."""
    admin = Backstage(desk).storage.admin
    admin.create_user(VICTIM, "Another tenant", 1000)
    admin.put_key(VICTIM, AccessKey("KEYOFANOTHERTENANT00", "secret of another tenant, 40 characters."))
    user = admin.find_user(VICTIM)
    assert user is not None
    yield user
    admin.delete_user(VICTIM)


@pytest.mark.parametrize("is_private", [True, False], ids=["own network", "without the right to make one"])
def test_no_other_user_gets_anything_from_the_ports_of_an_apply(
    desk: Desk, victim: AdminUser, is_private: bool
) -> None:
    """Pulumi is stopped while somebody else tries every port, in this computer's network and in that of Pulumi."""
    change_quota(desk, "230 GiB" if is_private else "240 GiB")
    without = [] if is_private else ["setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin"]
    apply = subprocess.Popen(
        [*without, COFFRE, "apply", SLUG, "--yes", "--storage-only"],
        cwd=desk.root,
        env=desk.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    pulumi = wait_for_pulumi(apply.pid)
    os.kill(pulumi.pid, signal.SIGSTOP)
    try:
        ports = {"provider": pulumi.provider_port, "program": pulumi.program_port}
        is_open = [may_connect(port) for port in ports.values()]
        told = [intrude(NOBODY, port, pulumi.pid) for port in ports.values()]
        # A process of our own user, but not that Pulumi; and somebody who is not in its network.
        told += [intrude(0, ports["provider"], pulumi.pid), intrude(NOBODY, ports["provider"], os.getpid())]
    finally:
        os.kill(pulumi.pid, signal.SIGCONT)
    output, _ = apply.communicate(timeout=60)
    assert apply.returncode == 0
    assert "updated" in output
    assert is_open == [not is_private] * 2
    assert [code for answers in told for code, _ in answers.values()] == ["UNAVAILABLE"] * 20
    assert Backstage(desk).storage.admin.find_user(VICTIM) == victim


@dataclass(frozen=True)
class Pulumi:
    """A running Pulumi and the ports that were made for it."""

    pid: int
    provider_port: int
    program_port: int


def may_connect(port: int) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


def wait_for_pulumi(parent: int) -> Pulumi:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        for pid in processes_named("pulumi", parent):
            provider = re.search(r"PULUMI_DEBUG_PROVIDERS=rgw:(\d+)", read_words(pid, "environ"))
            program = re.search(r"--client=127\.0\.0\.1:(\d+)", read_words(pid))
            if provider and program:
                return Pulumi(pid, int(provider[1]), int(program[1]))
        time.sleep(0.01)
    raise AssertionError("no Pulumi was started")


def intrude(uid: int, port: int, network_of: int) -> dict[str, list[str]]:
    """Ask a port everything as a user, from the network of a process."""
    script = REPOSITORY / "tests" / "intruder.py"
    entering = ["nsenter", f"--net=/proc/{network_of}/ns/net"]
    done = subprocess.run(
        [*entering, sys.executable, script, str(uid), str(port), VICTIM, "KEYOFANOTHERTENANT00"],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    return dict(json.loads(done.stdout))
