"""Packs read in turn: each within the period, a killed run goes on, and what is damaged stays named until whole."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coffre.agents.repository import Part, RepositoryObject
from coffre.agents.restic.repository.layout import ResticLayout
from coffre.agents.restic.repository.repository import ResticError
from coffre.errors import RemoteError
from coffre.observation import rounds as recorded_rounds
from coffre.observation.judge.pack_rounds import (
    DamagedPack,
    PackFault,
    Round,
    is_late,
    wanted_position,
)
from coffre.operations import verify as module
from coffre.records.actor import Author
from coffre.records.database.store import Records
from coffre.spec.naming import bucket_name
from coffre.storage.values import ObjectFacts
from coffre.tenant.estate.buckets import ExistingBuckets
from coffre.tenant.estate.log import TenantLog
from tests.builders import tenant_with

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MACHINE = "compta-01"
LAYOUT = ResticLayout()


class KilledError(BaseException):
    """The process ended here."""


class InMemoryBucket:
    """Packs by their key; ``kill_at`` is the reading at which the process ends."""

    def __init__(self) -> None:
        self.packs: dict[str, bytes] = {}
        self.read: list[str] = []
        self.kill_at: int | None = None
        self.unreadable: set[str] = set()

    def add(self, body: bytes) -> str:
        name = hashlib.sha256(body).hexdigest()
        self.packs[LAYOUT.key_of(RepositoryObject(Part.DATA, name))] = body
        return name

    def walk_objects(self, prefix: str) -> Iterator[ObjectFacts]:
        for key, body in sorted(self.packs.items()):
            yield ObjectFacts(key, len(body), NOW, "")

    def read_sha256(self, key: str, limit_bytes: int) -> str | None:
        if self.kill_at is not None and len(self.read) >= self.kill_at:
            raise KilledError
        if key in self.unreadable:
            raise RemoteError("the platform says InternalError")
        self.read.append(key)
        body = self.packs.get(key)
        return None if body is None else hashlib.sha256(body[: limit_bytes + 1]).hexdigest()


class Desk:
    def __init__(self, records: Records, root: Path) -> None:
        self.tenant, self.records, self.bucket = tenant_with(), records, InMemoryBucket()
        settings = SimpleNamespace(verify=SimpleNamespace(period_days=10, run_limit_bytes=10**12, run_hours=1))
        self.checkout = SimpleNamespace(root=root, settings=settings)
        self.problem: ResticError | None = None
        existing = ExistingBuckets(
            self.tenant.slug, self.tenant.id, frozenset([bucket_name(self.tenant.slug, self.tenant.id, MACHINE)])
        )
        self.buckets = SimpleNamespace(open=lambda machine: self.bucket, existing=lambda: existing)
        self.now = NOW
        author = Author("claire", None)
        self.log = TenantLog(
            self.tenant.id, self.tenant.slug, author, lambda: records, lambda: records, lambda: self.now
        )

    def machine(self, name: str) -> Any:
        return self.tenant.machines[name]

    def check(self) -> None:
        if self.problem is not None:
            raise self.problem

    def verify(self) -> module.RepositoryVerification:
        return module.verify(self, MACHINE, lambda text: None, lambda: self.now)  # type: ignore[arg-type]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(module, "open_repository", lambda opened, machine, reason, folder: opened)
    monkeypatch.setattr(module, "LEAST_BYTES", 0)
    with Records.open("sqlite:records.db", tmp_path) as records:
        made = Desk(records, tmp_path)
        for number in range(200):
            made.bucket.add(f"pack {number}".encode())
        yield made


def test_every_pack_is_read_within_the_period_by_a_run_a_day(desk: Desk) -> None:
    counts = []
    for day in range(10):
        desk.now = NOW + day * DAY
        done = desk.verify()
        counts.append(done.read_packs)
        assert (done.is_sound, done.position == 1.0) == (True, day == 9)
    assert sorted(desk.bucket.read) == sorted(desk.bucket.packs)
    assert max(counts) < 45, "each run reads a share"
    status = recorded_rounds.find_status(desk.log, MACHINE)
    assert status is not None
    assert (status.last_full_round_started_at, status.last_full_round_at) == (NOW, NOW + 9 * DAY)
    assert desk.verify().round_started_at == desk.now, "and then it begins again"


def test_days_that_were_left_out_are_made_up_for(desk: Desk) -> None:
    desk.verify()
    desk.now = NOW + 9 * DAY
    assert desk.verify().position == 1.0


def test_a_killed_run_goes_on_and_what_came_meanwhile_is_read_too(desk: Desk) -> None:
    desk.now = NOW + 9 * DAY
    desk.log.append(
        recorded_rounds.describe_run(recorded_rounds.RoundState(Round(NOW), {}, ""), is_complete=False), MACHINE
    )
    desk.bucket.kill_at = 90
    with pytest.raises(KilledError):
        desk.verify()
    desk.bucket.kill_at = None
    before = set(desk.bucket.read)
    assert len(before) >= 90
    late = desk.bucket.add(b"came meanwhile 18")
    assert late > "f", "it lies ahead of the round"
    assert desk.verify().position == 1.0
    assert set(desk.bucket.read) == set(desk.bucket.packs)
    again = [key for key in before if desk.bucket.read.count(key) > 1]
    assert len(again) <= module.READERS + 1


def test_an_altered_pack_is_named_until_it_is_read_as_sound_again(desk: Desk) -> None:
    key = sorted(desk.bucket.packs)[0]
    name, body = key.rpartition("/")[2], desk.bucket.packs[key]
    for altered in (b"other bytes"[: len(body)], body + b"more"):
        desk.bucket.packs[key] = altered
        done = desk.verify()
        while done.position < 1.0:
            desk.now += DAY
            done = desk.verify()
        assert done.damaged == (DamagedPack(name, PackFault.ALTERED),)
        status = recorded_rounds.find_status(desk.log, MACHINE)
        assert status is not None
        assert (status.damaged_count, status.damaged_pack) == (1, name)
    desk.bucket.packs[key] = body
    assert desk.verify().is_sound


def test_a_pack_that_the_platform_does_not_hand_over_is_named_and_the_rest_is_read(desk: Desk) -> None:
    key = sorted(desk.bucket.packs)[0]
    desk.bucket.unreadable = {key}
    done = desk.verify()
    assert [pack.fault for pack in done.damaged] == [PackFault.UNREADABLE]
    assert done.read_packs > 1
    desk.bucket.unreadable = set()
    assert desk.verify().is_sound


def test_a_lost_pack_is_named_at_once_also_when_the_reading_is_killed(desk: Desk) -> None:
    name = "d2" * 32
    line = f'{{"message_type":"error","message":"pack {name}: does not exist"}}'
    desk.problem = ResticError("restic failed: repository contains errors", "", 1, [line])
    desk.bucket.kill_at = 0
    with pytest.raises(KilledError):
        desk.verify()
    status = recorded_rounds.find_status(desk.log, MACHINE)
    assert status is not None
    assert (status.damaged_pack, status.problem) == (name, "restic failed: repository contains errors")
    desk.bucket.kill_at = None
    assert desk.verify().damaged == (DamagedPack(name, PackFault.LOST),)
    desk.problem = None
    assert desk.verify().is_sound, "the next check of the structure takes it back"


def test_a_run_ends_at_its_bound_in_bytes_and_says_so(desk: Desk) -> None:
    desk.checkout.settings.verify.run_limit_bytes = 50
    done = desk.verify()
    assert (done.is_cut_short, done.read_bytes <= 50, done.read_packs > 0) == (True, True, True)


def test_a_small_repository_is_read_whole_each_time(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_BYTES", 10**9)
    assert [desk.verify().position for _ in range(2)] == [1.0, 1.0]
    assert len(desk.bucket.read) == 400


@pytest.mark.parametrize("key", ["restic/data/00/short", f"restic/data/ab/{'cd' * 32}", f"restic/data/ab/{'AB' * 32}"])
def test_what_has_not_the_form_of_a_pack_is_not_read(desk: Desk, key: str) -> None:
    desk.bucket.packs[key] = b"foreign"
    assert desk.verify().is_sound
    assert key not in desk.bucket.read


def test_a_round_is_late_when_a_pack_may_have_waited_for_twice_the_period() -> None:
    assert not is_late(None, None, NOW, 30)
    assert not is_late(None, NOW - 60 * DAY, NOW, 30)
    assert is_late(None, NOW - 61 * DAY, NOW, 30)
    assert is_late(NOW - 61 * DAY, NOW - 900 * DAY, NOW, 30)
    assert not is_late(NOW - 59 * DAY, NOW - 900 * DAY, NOW, 30)


def test_a_run_never_goes_back() -> None:
    read = Round(NOW, "80" + "0" * 62)
    assert wanted_position(read, NOW, 10 * DAY) == pytest.approx(0.6)
    assert wanted_position(read, NOW + 20 * DAY, 10 * DAY) == 1.0
