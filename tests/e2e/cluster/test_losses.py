"""A cluster of three nodes that loses gateways, disks and cables while Coffre works on it: nothing is lost."""

import json
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from shutil import copy
from typing import Self

import pytest
from botocore.exceptions import ClientError
from coffre_lab.lab import Lab
from coffre_lab.processes import wait_until

from coffre.secrets.store import SecretStore
from coffre.spec.loader import load_checkout
from coffre.spec.naming import bucket_name
from coffre.storage.ceph.connect import read_endpoint
from coffre.storage.s3.client import make_client
from coffre.storage.values import AccessKey
from tests.conftest import LAB_HOSTS
from tests.e2e.cluster.conftest import Cluster
from tests.e2e.conftest import REPOSITORY, Desk, Run
from tests.e2e.departure import ERASURE, FROZEN, LAST_TO_RETRIEVE, NOTICE, Leaver
from tests.stopping import Stopping

SLUG, MACHINE, HOST = "boulangerie-martin", "compta-01", LAB_HOSTS[0]
MUCH_BYTES = 320 << 20
"""Some twenty of restic's packs: some are stored when the fault comes, and most are not."""
WRITTEN_BYTES = 320 << 20
"""How much restic wrote then: half into its temporary files, half of it sent, with five packs under way at most."""
SOME_PACKS = 2


@pytest.fixture(scope="module")
def applied(desk: Desk) -> Desk:
    said = desk.coffre("apply", SLUG, "--yes").stdout
    assert "installed" in said
    return desk


def stopping(desk: Desk, *arguments: str, at: Sequence[str]) -> Stopping:
    return Stopping(arguments, at=at, cwd=desk.root, environment=desk.environment)


def count_packs(desk: Desk, cluster: Cluster) -> int:
    tenant = load_checkout(desk.root).tenants[SLUG]
    found = cluster.lab.radosgw_admin(["bucket", "list", f"--bucket={bucket_name(SLUG, tenant.id, MACHINE)}"])
    return sum(each["name"].startswith("restic/data/") for each in json.loads(found))


class Backup:
    """A backup that stands still when some of it is stored, and goes on when it is told to or its test ends."""

    def __init__(self, desk: Desk, cluster: Cluster) -> None:
        self._desk = desk
        self._cluster = cluster
        self._ended: list[Run] = []
        desk.on_machine(HOST, f"head -c {MUCH_BYTES} /dev/urandom | sudo tee /home/much >/dev/null")
        before = count_packs(desk, cluster)
        desk.hold_next_restic(HOST, "backup", after_bytes=WRITTEN_BYTES)
        self._running = threading.Thread(target=lambda: self._ended.append(desk.coffre("backup", SLUG, "--json")))
        self._running.start()
        desk.wait_for_held_restic(HOST)
        wait_until(lambda: count_packs(desk, cluster) >= before + SOME_PACKS, "no pack is stored", seconds=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *ended: object) -> None:
        if self.is_under_way():
            self._cluster.heal()
            self.go_on()
        self._running.join()

    def go_on(self) -> None:
        self._desk.let_restic_go(HOST, "backup")

    def is_under_way(self) -> bool:
        return self._desk.is_restic_there(HOST, "backup") and not self._ended

    def end(self) -> str:
        """Wait for its end and return its outcome."""
        self._running.join(240)
        [run] = json.loads(self._ended[0].stdout)
        return str(run["outcome"])


def see_it_whole(desk: Desk, cluster: Cluster) -> None:
    """Hold what the backup said against what is stored, by restic's own check and by a restore of a sample."""
    cluster.heal()
    now = f"{datetime.now(UTC):%FT%TZ}"
    said = desk.coffre("undelete", SLUG, "--machine", MACHINE, "--at", now).stdout
    assert "restic check: no errors were found" in said
    assert "drill passed" in desk.coffre("drill", SLUG).stdout
    [status] = desk.json("status", SLUG, "--json")
    assert status["machines"][0]["last_result"] == "success"


def a_gateway(cluster: Cluster) -> None:
    cluster.kill("rgw-1")


def a_disk(cluster: Cluster) -> None:
    cluster.kill("osd-2")
    wait_until(lambda: cluster.counts_out(1), "the cluster misses no OSD", seconds=60)


def a_cable(cluster: Cluster) -> None:
    cluster.lab.set_cable(2, plugged=False)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("loss", [a_gateway, a_disk, a_cable])
def test_a_backup_outlives_the_loss_of_one(applied: Desk, cluster: Cluster, loss: Callable[[Cluster], None]) -> None:
    with Backup(applied, cluster) as backup:
        loss(cluster)
        backup.go_on()
        assert backup.end() == "success"
    see_it_whole(applied, cluster)


@pytest.mark.timeout(600)
def test_a_backup_waits_while_two_disks_of_three_are_gone(applied: Desk, cluster: Cluster) -> None:
    with Backup(applied, cluster) as backup:
        for name in ("osd-1", "osd-2"):
            cluster.kill(name)
        wait_until(cluster.is_blocked, "something can still be written", seconds=60)
        backup.go_on()
        assert backup.is_under_way()
        cluster.heal()
        assert backup.end() == "success"
    see_it_whole(applied, cluster)


@pytest.mark.timeout(600)
def test_apply_goes_on_when_a_gateway_dies_and_says_what_it_waits_for(applied: Desk, cluster: Cluster) -> None:
    """The dead gateway's watches are waited for until they expire: the next bucket takes that long to make."""
    second = "atelier-durand"
    copy(REPOSITORY / "tenants" / f"{second}.yaml", applied.root / "tenants")
    run = stopping(applied, "apply", second, "--yes", "--storage-only", at=["create User"])
    assert run.reaches(), run.said
    cluster.kill("rgw-1")
    assert run.go_on() == 0, run.said
    assert any("still waiting for the platform: create " in line for line in run.said), run.said
    assert "no change" in applied.coffre("apply", second, "--yes", "--storage-only").stdout


@pytest.mark.timeout(600)
def test_a_rotation_goes_on_when_a_gateway_dies(applied: Desk, cluster: Cluster) -> None:
    run = stopping(applied, "rotate", SLUG, "--yes", at=["adding the new key of"])
    assert run.reaches(), run.said
    cluster.kill("rgw-1")
    assert run.go_on() == 0, run.said
    cluster.heal()
    assert "success" in applied.coffre("backup", SLUG).stdout


@pytest.mark.timeout(600)
def test_the_wall_holds_through_both_gateways_as_platform_yaml_says(applied: Desk, cluster: Cluster) -> None:
    [report] = applied.json("platform", "check", "--json")
    [found] = [each for each in report["findings"] if each["name"] == "gateways"]
    assert found["verdict"] == "ok", found
    assert found["sentence"].startswith("2 gateways know that a quota is full"), found


def test_after_a_refused_write_the_connection_through_the_balancer_is_in_step(lab: Lab, applied: Desk) -> None:
    """A body that is announced and never sent would have the balancer take the next call for it."""
    checkout = load_checkout(applied.root)
    tenant = checkout.tenants[SLUG]
    settings = checkout.settings
    store = SecretStore.open(
        applied.root / settings.secrets, applied.root / settings.escrow, applied.root, environment=applied.environment
    )
    key = store.get_control(SLUG, tenant.id).machine_keys[MACHINE]
    s3 = make_client(
        read_endpoint(settings.platforms["lab"], applied.root),
        AccessKey(key.access_key_id, key.secret_access_key.get_secret_value()),
    )
    where = {"Bucket": bucket_name(SLUG, tenant.id, MACHINE), "Body": b"x" * 1000}
    for number in range(20):
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.put_object(**where, Key="control/desired.json")
        s3.put_object(**where, Key=f"restic/locks/{number}")
        s3.delete_object(Bucket=where["Bucket"], Key=f"restic/locks/{number}")


@pytest.mark.timeout(600)
def test_an_erasure_goes_on_when_a_gateway_dies(applied: Desk, cluster: Cluster) -> None:
    """The end of a contract, whose last day is taken for today: it erases, proves it, and certifies it."""
    leaver = Leaver(applied, SLUG)
    leaver.declare()
    for day in (NOTICE, FROZEN, LAST_TO_RETRIEVE):
        leaver.offboard(day, "--yes")
    run = stopping(applied, "offboard", SLUG, "--today", ERASURE, "--yes", at=["suspended on the platform"])
    assert run.reaches(), run.said
    cluster.kill("rgw-1")
    assert run.go_on() == 0, run.said
    cluster.heal()
    assert [event.details["machine"] for event in leaver.steps("bucket_erased")] == [MACHINE]
    assert leaver.stage(ERASURE) in ("erased", "closed")
