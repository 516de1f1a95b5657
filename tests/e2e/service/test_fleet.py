"""Many tenants by one command: killed, interrupted, with one that fails; and planned by what changed since."""

from collections.abc import Callable

import pytest

from coffre.spec.loader import load_checkout
from coffre.spec.naming import owner_uid
from coffre.storage.ceph.connect import connect
from coffre.storage.ceph.storage import CephStorage
from coffre.workspace.locks import tenant_lock
from tests.e2e.conftest import REPOSITORY, Desk
from tests.e2e.recovery.test_killed import until_nothing_runs
from tests.stopping import Stopping

SLUGS = ("flotte-1", "flotte-2", "flotte-3", "flotte-4")
APPLY_ALL = ("apply", "--all", "--yes", "--parallel", "2")


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk]) -> Desk:
    """A desk with customers that have no machine yet: an apply of them is complete with their storage."""
    found = make_desk()
    text = (REPOSITORY / "tenants" / "boulangerie-martin.yaml").read_text(encoding="utf-8")
    head = text[: text.index("machines:\n")]
    for number, slug in enumerate(SLUGS):
        found.tenant_file(slug).write_text(
            head.replace("id: k7f3q9wz2m", f"id: k7f3q9wz{number}f") + "machines: {}\n", encoding="utf-8"
        )
    return found


def platform(desk: Desk) -> CephStorage:
    return connect(load_checkout(desk.root).settings.platforms["lab"], desk.root)


def stopping(desk: Desk, *arguments: str, at: str) -> Stopping:
    return Stopping(arguments, at=[at], cwd=desk.root, environment=desk.environment)


def test_a_run_that_is_killed_goes_on_and_does_nothing_twice(desk: Desk) -> None:
    killed = stopping(desk, *APPLY_ALL, at="1 of 4 tenants")
    assert killed.reaches()
    killed.kill()
    until_nothing_runs(desk)
    going_on = desk.coffre(*APPLY_ALL)
    assert "1 of 4 tenants were applied by the run of" in going_on.stderr
    assert "4 of 4 tenants applied" in going_on.stdout
    again = desk.coffre(*APPLY_ALL)
    assert "were applied" not in again.stderr
    assert again.stdout.count("storage: no change") == 4
    storage = platform(desk)
    for tenant in load_checkout(desk.root).tenants.values():
        assert len(storage.list_key_ids(owner_uid(tenant))) == 1


def test_ctrl_c_lets_each_apply_end_and_leaves_no_process_and_no_lock(desk: Desk) -> None:
    for slug in SLUGS:
        desk.edit(slug, "quota: 200 GiB", "quota: 205 GiB")
    interrupted = stopping(desk, *APPLY_ALL, at="1 of 4 tenants")
    assert interrupted.reaches()
    assert interrupted.interrupt() == 130
    assert any(line.startswith("interrupted after ") for line in interrupted.said), interrupted.said
    until_nothing_runs(desk)
    going_on = desk.coffre(*APPLY_ALL)
    assert "were applied by the run of" in going_on.stderr
    assert "removing the stack's lock" not in going_on.stderr
    assert "4 of 4 tenants applied" in going_on.stdout


def test_a_plan_over_all_looks_at_what_changed_and_says_what_it_did_not_look_at(desk: Desk) -> None:
    offline = desk.coffre("plan", "--all", "--offline", "--exit-code")
    assert offline.stdout.count("; the platform was not looked at") == 4
    live = desk.coffre("plan", "--all", "--exit-code")
    assert live.stdout.count("its storage is as applied") == 4
    assert "nothing to change" not in offline.stdout + live.stdout

    desk.edit("flotte-1", "quota: 205 GiB", "quota: 210 GiB")
    changed = desk.coffre("plan", "--all", "--offline", "--exit-code", expect=6)
    assert "flotte-1: its file, or its platform in platform.yaml, changed since the apply of " in changed.stdout
    other = next(each for each in load_checkout(desk.root).tenants.values() if each.slug == "flotte-2")
    platform(desk).admin.set_quota(owner_uid(other), 1024**3)
    third = next(each for each in load_checkout(desk.root).tenants.values() if each.slug == "flotte-3")
    platform(desk).admin.modify_user(owner_uid(third), "somebody else", 1000)
    moved = desk.coffre("plan", "--all", "--exit-code", expect=6)
    assert moved.stdout.count("UserQuota") == 2
    assert "display_name" in moved.stdout
    assert moved.stdout.count("its storage is as applied") == 1
    assert desk.coffre("plan", "--all", "--full").stdout.count("nothing to change") == 1
    desk.coffre(*APPLY_ALL)
    assert desk.coffre("plan", "--all", "--exit-code").stdout.count("is as applied") == 4


def test_one_tenant_that_fails_stops_no_other_and_parts_share_none(desk: Desk) -> None:
    with tenant_lock(desk.root, "flotte-3"):
        done = desk.coffre(*APPLY_ALL, expect=1)
    assert "3 of 4 tenants applied; not: flotte-3" in done.stdout
    assert "flotte-3: another command is changing flotte-3" in done.stderr
    parts = [desk.coffre("plan", "--all", "--offline", "--shard", f"{number}/2").stdout for number in (1, 2)]
    assert sorted(line.partition(":")[0] for part in parts for line in part.splitlines()) == sorted(SLUGS)
