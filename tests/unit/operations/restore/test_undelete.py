import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from coffre.agents.restic.repository.layout import ResticLayout
from coffre.errors import RefusedError
from coffre.operations.restore import undelete as module
from coffre.operations.restore.versions import Comeback, UndeletePlan
from coffre.storage.values import QuotaExceededError
from coffre.tenant.access import refuse_while_blocked
from tests.builders import tenant_with
from tests.doubles.log import InMemoryLog

AT = datetime(2026, 11, 23, tzinfo=UTC)


class FullBucket:
    """A bucket at its wall; how much fits is known."""

    def __init__(self, room_bytes, sizes):
        self.room_bytes, self.sizes = room_bytes, sizes
        self.back, self.hidden = [], []

    def restore_version(self, key, version_id):
        if self.sizes[key] > self.room_bytes:
            raise QuotaExceededError("the wall is reached")
        self.room_bytes -= self.sizes[key]
        self.back.append((key, version_id))

    def hide(self, key):
        self.hidden.append(key)


def serve(bucket, raised):
    @contextmanager
    def extra_room(extra_bytes):
        raised.append(extra_bytes)
        bucket.room_bytes += extra_bytes
        yield

    return SimpleNamespace(
        buckets=SimpleNamespace(open=lambda machine: bucket, extra_room=extra_room),
        tenant=SimpleNamespace(slug="martin"),
        log=InMemoryLog(),
        memory=None,
    )


def bring_back(opened, plan, on_progress):
    module.undelete(opened.tenant, opened.buckets, opened.log, opened.memory, "compta-01", plan, on_progress)


def plan_of(sizes, hidden=()):
    layout = ResticLayout()
    comebacks = tuple(Comeback(key, "v1", size, layout.part_of(key)) for key, size in sizes.items())
    return UndeletePlan(AT, comebacks, hidden, (), ())


def test_at_the_wall_only_what_is_missing_is_made_room_for():
    sizes = {f"restic/data/{number}": 100 for number in range(40)}
    bucket, raised = FullBucket(1000, sizes), []
    seen = []
    opened = serve(bucket, raised)
    bring_back(opened, plan_of(sizes, hidden=("restic/index/x",)), seen.append)
    assert sorted(bucket.back) == sorted((key, "v1") for key in sizes)
    assert raised == [30 * 100 + module.WALL_MARGINS_BYTES[0]]
    assert bucket.hidden == ["restic/index/x"]
    assert seen[-1] <= 1.0
    (event,) = opened.log.events
    kind, machine, details = event.kind, event.machine, event.details
    assert (kind.value, machine, details["brought_back"]) == ("undelete", "compta-01", 40)


def test_a_snapshot_comes_back_when_all_that_it_needs_is_there():
    """Its date says since when a backup is whole, also where eight are copied at a time and the first is slow."""
    sizes = {"restic/data/slow": 1, **{f"restic/data/{number}": 1 for number in range(20)}, "restic/snapshots/x": 1}
    bucket = FullBucket(1000, sizes)
    last_of_data, quick = threading.Event(), bucket.restore_version

    def restore_version(key, version_id):
        if key == "restic/data/slow":
            assert last_of_data.wait(60)
        quick(key, version_id)
        if key == "restic/data/19":
            last_of_data.set()

    bucket.restore_version = restore_version
    bring_back(serve(bucket, []), plan_of(sizes), lambda fraction: None)
    assert [key for key, _ in bucket.back[-2:]] == ["restic/data/slow", "restic/snapshots/x"]


def test_a_wall_that_others_reach_meanwhile_is_raised_again_for_what_is_left_with_more_room():
    sizes = {f"restic/data/{number}": 100 for number in range(3)}
    bucket, raised = FullBucket(0, sizes), []
    opened = serve(bucket, raised)
    raise_wall = opened.buckets.extra_room
    taken = iter([module.WALL_MARGINS_BYTES[0] + 150, 0])

    @contextmanager
    def beside_a_writer(extra_bytes):
        with raise_wall(extra_bytes):
            bucket.room_bytes -= next(taken)
            yield

    opened.buckets.extra_room = beside_a_writer
    bring_back(opened, plan_of(sizes), lambda fraction: None)
    first, second, _ = module.WALL_MARGINS_BYTES
    assert raised == [300 + first, 200 + second]
    assert sorted(key for key, _ in bucket.back) == sorted(sizes)


def test_a_wall_reached_again_is_said_and_hides_nothing():
    sizes = {"restic/data/1": 100}
    bucket = FullBucket(0, sizes)
    opened = serve(bucket, [])
    opened.buckets.extra_room = contextmanager(lambda extra_bytes: iter([None]))
    with pytest.raises(QuotaExceededError, match="reached again; 1 objects"):
        bring_back(opened, plan_of(sizes, hidden=("restic/index/x",)), lambda fraction: None)
    assert bucket.hidden == []


def test_a_hold_that_blocks_access_stops_smileo_too():
    hold = {"reference": "TJ 26/1", "since": "2026-12-03", "kind": "block_access"}
    with pytest.raises(RefusedError, match="TJ 26/1"):
        refuse_while_blocked(tenant_with(hold=hold))
    refuse_while_blocked(tenant_with(hold={**hold, "kind": "preserve"}))
    refuse_while_blocked(tenant_with())
