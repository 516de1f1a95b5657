"""Under a hold old versions outlive the day on which RGW would have deleted them, in a lab whose days take seconds."""

import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from coffre_lab.lab import Lab

from coffre.storage.values import AccessKey, Endpoint
from tests.integration.storage.world import World

DAY_SECONDS = 10
WAIT_SECONDS = 120


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    lab = Lab(tmp_path_factory.mktemp("lab"), lifecycle_day_seconds=DAY_SECONDS)
    try:
        lab.up()
        place, credential = json.loads(lab.endpoints_file.read_text()), json.loads(lab.admin_file.read_text())
        endpoint = Endpoint(place["endpoint"], place["region"], Path(place["ca_file"]), place["fsid"])
        key = AccessKey(credential["access_key_id"], credential["secret_access_key"])
        yield World(endpoint, key, f"t{secrets.token_hex(4)}")
    finally:
        lab.down(erase=True)


def test_old_versions_outlive_their_days_under_a_hold(world: World) -> None:
    """A second bucket that keeps its rules shows that RGW did delete meanwhile."""
    owner = world.make_owner("held")
    held, usual = (world.make_machine(owner, name) for name in ("held", "usual"))
    buckets = [world.storage.open_bucket(machine.bucket, owner.key) for machine in (held, usual)]
    for bucket in buckets:
        for body in (b"first", b"second"):
            bucket.put("restic/locks/one", body)
    buckets[0].clear_expiry_rules()
    until = time.monotonic() + WAIT_SECONDS
    while len(buckets[1].list_versions("restic/locks/")) == 2 or buckets[1].exists("restic/locks/one"):
        assert time.monotonic() < until, "RGW's lifecycle did not run"
        time.sleep(1)
    kept = buckets[0].list_versions("restic/locks/")
    assert [(version.is_latest, version.is_marker) for version in kept] == [(True, False), (False, False)]
