"""A storage that goes back, thins out or invents: what was seen is held against it, from one look to the next."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from coffre.agents.sealing import Opener, derive_key
from coffre.findings import FindingKind
from coffre.observation.judge import continuity
from coffre.observation.judge.continuity import BucketRead, ListedRepository
from coffre.observation.report_shelf import MAX_EARLIER, Reported, Shelf
from coffre.outside.faults import Fault
from coffre.records.memory import Memory
from coffre.storage.values import ObjectFacts
from tests.unit.agents.test_report import REPORT

MACHINE, TENANT = "compta-01", "k7f3q9wz2m"
NOW = datetime(2026, 11, 24, tzinfo=UTC)
KEY = derive_key(SecretStr("password"))
OPENER = Opener(KEY, TENANT, MACHINE)
S = [f"{number:064x}" for number in range(20)]


def run_of(number: int) -> str:
    return f"{number:032x}"


def report_key(number: int, run_id: str) -> str:
    """Return what an agent of before calls its report, and what anybody can call an object."""
    return f"reports/{number:010d}-{run_id}.sealed"


class World:
    """One machine that reports, its bucket, and what SMILÉO remembers of it."""

    def __init__(self, name: Callable[[int, str], str] = OPENER.report_key) -> None:
        self.name = name
        self.first: dict[str, bytes] = {}
        self.opened: list[str] = []
        self.bucket: dict[str, tuple[bytes, datetime]] = {
            "restic/config": (b"c", NOW - timedelta(days=9)),
            "restic/keys/k": (b"k", NOW - timedelta(days=9)),
        }
        self.memory = Memory()
        self.clock = NOW
        self.number = 0

    def back_up(self, snapshot: str | None = None, number: int | None = None, **changes: Any) -> str:
        """Have the machine store a snapshot and seal a report of it."""
        self.clock += timedelta(hours=1)
        self.number = self.number + 1 if number is None else number
        at = self.clock.isoformat()
        said = {
            **REPORT,
            "number": self.number,
            "run_id": run_of(int(self.clock.timestamp())),
            "snapshot_id": snapshot,
            "result": "success" if snapshot else "failed",
            "started_at": at,
            "finished_at": at,
            **changes,
        }
        key = self.name(said["number"], said["run_id"])
        if snapshot:
            self.put(f"restic/snapshots/{snapshot}", b"s")
            self.put(f"restic/data/00/{snapshot}", b"pack")
        self.put(key, seal(key, said))
        return key

    def put(self, key: str, body: bytes) -> None:
        self.first.setdefault(key, body)
        self.bucket[key] = (body, self.clock)

    def walk_objects(self, prefix: str) -> Any:
        for key, (body, at) in sorted(self.bucket.items()):
            if key.startswith(prefix):
                yield ObjectFacts(key, len(body), at, "etag")

    def find(self, key: str, limit_bytes: int) -> bytes | None:
        self.opened.append(key)
        return self.bucket.get(key, (None,))[0]

    def find_first(self, key: str, limit_bytes: int) -> bytes | None:
        self.opened.append(key)
        return self.first.get(key)

    def read(self) -> Reported:
        self.opened.clear()
        shelf = Shelf(self.memory, self.clock, OPENER)
        for facts in self.walk_objects("reports/"):
            shelf.see(facts)
        return shelf.read(self)  # type: ignore[arg-type]

    def look(self) -> dict[FindingKind, dict[str, Any]]:
        """Look as a command does; returns the findings by kind."""
        self.clock += timedelta(minutes=1)
        reported = self.read()
        snapshots = frozenset(key.rsplit("/", 1)[1] for key in self.bucket if key.startswith("restic/snapshots/"))
        packs = [body for key, (body, _) in self.bucket.items() if key.startswith("restic/data/")]
        keys = sum(1 for key in self.bucket if key.startswith("restic/keys/"))
        stored = ListedRepository(snapshots, "restic/config" in self.bucket, keys, len(packs), sum(map(len, packs)))
        seen = BucketRead(reported, stored, self.clock)
        before, self.memory = self.memory, continuity.learn(self.memory, seen)
        found = continuity.judge(MACHINE, before, self.memory, seen)
        assert {each.machine for each in found} <= {MACHINE}
        self.aside, self.unread = reported.aside, reported.unread
        return {each.kind: dict(each.evidence) for each in found}


def seal(key: str, said: dict[str, Any], *, machine: str = MACHINE) -> bytes:
    raw = base64.b64decode(KEY.get_secret_value())
    bound = f"coffre report 2\n{TENANT}\n{machine}\n{key}".encode()
    nonce = b"n" * 12
    closed = nonce + AESGCM(raw).encrypt(nonce, json.dumps(said).encode(), bound)
    return json.dumps({"version": 2, "sealed": base64.b64encode(closed).decode()}).encode()


@pytest.fixture
def world() -> World:
    world = World()
    for snapshot in S[:3]:
        world.back_up(snapshot)
    assert world.look() == {}
    return world


def test_an_honest_storage_finds_nothing_however_often_it_is_looked_at(world: World) -> None:
    for snapshot in (S[3], None, S[4]):
        world.back_up(snapshot)
        assert world.look() == world.look() == {}
    assert (world.memory.report_number, world.memory.accounted_number) == (6, 6)
    newest = world.memory.newest_reported
    assert newest is not None
    assert (newest.snapshot_id, newest.report_number) == (S[4], 6)


def test_a_rollback_is_found_and_the_next_backup_does_not_hide_it(world: World) -> None:
    last_week = dict(world.bucket)
    world.back_up(S[3])
    assert world.look() == {}
    world.bucket = last_week
    for _ in range(2):
        found = world.look()
        assert found[FindingKind.SNAPSHOTS_GONE]["newest"] == S[3]
        assert found[FindingKind.SNAPSHOTS_GONE]["is_newest"] == 1
        assert found[FindingKind.REPORTS_GONE] == {"number": 3, "known": 4}
        assert found[FindingKind.PACKS_GONE] == {"count": 1, "bytes": 4}
    world.back_up(S[4], missing_snapshot_id=S[3], missing_snapshot_at=world.clock.isoformat())
    assert world.look()[FindingKind.SNAPSHOTS_GONE]["newest"] == S[3]


@pytest.mark.parametrize("gone", [[0], [1], [0, 1], [0, 1, 2]], ids=str)
def test_every_snapshot_that_goes_is_counted(world: World, gone: list[int]) -> None:
    for each in gone:
        del world.bucket[f"restic/snapshots/{S[each]}"]
    evidence = world.look()[FindingKind.SNAPSHOTS_GONE]
    assert (evidence["count"], evidence["is_newest"]) == (len(gone), int(2 in gone))


def test_a_report_that_names_a_snapshot_that_nobody_ever_saw_is_one_gone(world: World) -> None:
    world.back_up(S[3])
    del world.bucket[f"restic/snapshots/{S[3]}"]
    assert world.look()[FindingKind.SNAPSHOTS_GONE]["newest"] == S[3]


def test_a_machine_that_misses_its_own_last_snapshot_is_believed(world: World) -> None:
    world.back_up(S[4], missing_snapshot_id=S[5], missing_snapshot_at=world.clock.isoformat())
    assert world.look()[FindingKind.SNAPSHOTS_GONE]["newest"] == S[5]


def test_a_report_kept_back_is_missed_until_it_comes(world: World) -> None:
    kept_back = world.back_up(S[3])
    body = world.bucket.pop(kept_back)
    world.back_up(S[4])
    for _ in range(2):
        assert world.look()[FindingKind.REPORTS_MISSING] == {"count": 1, "first": 4}
    world.bucket[kept_back] = body
    assert world.look() == {}


def test_no_report_left_is_a_rollback_and_one_pruned_from_before_is_none(world: World) -> None:
    keys = sorted(key for key in world.bucket if key.startswith("reports/"))
    del world.bucket[keys[0]]
    assert world.look() == {}
    for key in keys[1:]:
        del world.bucket[key]
    assert world.look()[FindingKind.REPORTS_GONE] == {"number": None, "known": 3}


def test_a_machine_that_lost_its_memory_is_told_from_one_that_goes_on_where_it_was(world: World) -> None:
    world.back_up(S[3], number=1)
    assert FindingKind.REPORT_REPLAYED in world.look()
    world.back_up(S[4], number=4)
    assert world.look() == {}


def test_an_old_report_put_back_under_its_own_key_is_no_newest(world: World) -> None:
    (oldest, *_) = sorted(key for key in world.bucket if key.startswith("reports/"))
    world.clock += timedelta(hours=1)
    world.put(oldest, world.bucket[oldest][0])
    assert world.look()[FindingKind.REPORT_REPLAYED] == {"key": oldest, "known": 3}
    last = world.read().last
    assert last is not None
    assert last.number == 3


def copied(world: World, key: str) -> bytes:
    return world.bucket[key][0]


@pytest.mark.parametrize(
    ("key", "body", "fault"),
    [
        (report_key(99, run_of(7)), lambda world, own: copied(world, own), Fault.MISSEALED),
        (report_key(2, run_of(7)), lambda world, own: copied(world, own), Fault.MISSEALED),
        (report_key(99, run_of(7)), lambda world, own: seal(report_key(99, run_of(7)), REPORT, machine="b"),
         Fault.MISSEALED),
        ("reports/x.sealed", lambda world, own: copied(world, own), Fault.MISSEALED),
        ("reports/x.json", lambda world, own: copied(world, own), Fault.MISSEALED),
        ("reports/x.json", lambda world, own: json.dumps({**REPORT, "result": "success"}).encode(), Fault.UNSEALED),
        (report_key(99, run_of(7)), lambda world, own: json.dumps({**REPORT, "number": 99}).encode(), Fault.UNSEALED),
        (report_key(99, run_of(7)), lambda world, own: b"rubbish", Fault.UNREADABLE),
        (report_key(99, run_of(7)), lambda world, own: seal(report_key(99, run_of(7)), {**REPORT, "number": 98}),
         Fault.UNREADABLE),
    ],
)  # fmt: skip
def test_what_is_put_beside_sealed_reports_is_named_each_time_and_believed_never(
    world: World, key: str, body: Callable[[World, str], bytes], fault: Fault
) -> None:
    own = sorted(each for each in world.bucket if each.startswith("reports/"))[0]
    world.clock += timedelta(hours=1)
    world.put(key, body(world, own))
    for _ in range(2):
        assert world.look() == {}
        assert [(each.key, each.fault) for each in world.aside] == [(key, fault)]
        last = world.read().last
        assert last is not None
        assert last.number == 3
    world.memory = continuity.acknowledge(world.memory, (), "acknowledged", world.clock)
    assert world.look() == {}
    assert world.aside == (), "what was acknowledged is named again"
    last = world.read().last
    assert last is not None
    assert last.number == 3


def test_reports_in_clear_count_until_the_first_sealed_one() -> None:
    world = World()
    said = {**REPORT, "result": "success"}
    world.put("reports/20261119T000000Z-x.json", json.dumps(said).encode())
    before = world.read()
    assert [report.number for report in before.reports] == [None]
    assert world.look() == {}
    world.back_up(S[1])
    assert world.look() == {}
    assert world.aside == (), "a report of before the first sealed one is not odd"
    assert [report.number for report in world.read().reports] == [1]
    world.put("reports/20261120T000000Z-y.json", json.dumps(said).encode())
    world.look()
    assert [each.fault for each in world.aside] == [Fault.UNSEALED]
    # The host goes back to the time before: nothing in clear is believed any more.
    world.bucket = {key: value for key, value in world.bucket.items() if not key.endswith(".sealed")}
    found = world.look()
    assert found[FindingKind.REPORTS_GONE] == {"number": None, "known": 1}
    assert world.read().reports == ()


def test_a_report_that_its_machine_could_not_number_counts_by_its_own_time(world: World) -> None:
    key = world.back_up(S[3], number=0)
    world.number = 3
    assert world.look() == {}
    assert [report.number for report in world.read().reports][:2] == [0, 3]
    world.back_up(S[4])
    world.clock += timedelta(hours=1)
    world.put(key, world.bucket[key][0])
    assert world.look() == {}
    last = world.read().last
    assert last is not None
    assert last.number == 4, "put back later, it is no newer for that"


def test_a_sealed_report_without_a_key_here_is_said_and_learned_nothing_of(world: World) -> None:
    shelf = Shelf(Memory(), world.clock, None)
    for facts in world.walk_objects("reports/"):
        shelf.see(facts)
    reported = shelf.read(world)  # type: ignore[arg-type]
    assert (reported.lacks_key, reported.reports) == (True, ())
    stored = ListedRepository(frozenset(S[:3]), has_config=True, keys=1, packs=3, pack_bytes=12)
    seen = BucketRead(reported, stored, world.clock)
    learned = continuity.learn(world.memory, seen)
    assert (learned.report_number, learned.clean_until) == (3, world.memory.clean_until)
    kinds = [each.kind for each in continuity.judge(MACHINE, world.memory, learned, seen)]
    assert kinds == [FindingKind.REPORT_KEY_LACKING]


def test_what_was_released_may_go_and_has_to_stay_once_it_is_back(world: World) -> None:
    body = world.bucket.pop(f"restic/snapshots/{S[0]}")
    world.memory = continuity.release(world.memory, [S[0], "unknown"], "pruned", world.clock)
    assert world.look() == {}
    world.bucket[f"restic/snapshots/{S[0]}"] = body
    assert world.look() == {}
    del world.bucket[f"restic/snapshots/{S[0]}"]
    assert world.look()[FindingKind.SNAPSHOTS_GONE]["newest"] == S[0]


def test_a_look_that_began_before_a_release_does_not_undo_it(world: World) -> None:
    stored = ListedRepository(frozenset(S[:3]), has_config=True, keys=1, packs=3, pack_bytes=12)
    early = BucketRead(world.read(), stored, world.clock)
    released = continuity.release(world.memory, [S[0]], "pruned", world.clock + timedelta(seconds=1))
    assert continuity.learn(released, early).snapshots[S[0]].released == "pruned"


def test_a_repository_begun_anew_expects_nothing_of_before_and_everything_after(world: World) -> None:
    pending = world.back_up(S[3])
    lost = world.bucket.pop(pending)
    world.bucket = {}
    assert world.look()[FindingKind.REPOSITORY_GONE] == {"what": "everything", "known": 3}
    world.clock += timedelta(hours=1)
    world.memory = continuity.begin_anew(world.memory, "new_repository", world.clock)
    assert world.look() == {}
    world.bucket = World().bucket
    assert world.look() == {}
    assert world.memory.newest_reported is None
    # The machine delivers what it could not deliver to the lost platform, then misses its last snapshot.
    world.put(pending, lost[0])
    assert world.look() == {}
    at = (world.clock - timedelta(hours=3)).isoformat()
    # A clock that is said to be ages off is taken as it is.
    world.back_up(S[5], missing_snapshot_id=S[3], missing_snapshot_at=at, clock_offset_seconds=1e18)
    assert world.look() == {}
    del world.bucket[f"restic/snapshots/{S[5]}"]
    assert world.look()[FindingKind.SNAPSHOTS_GONE]["newest"] == S[5]


def test_an_acknowledged_gap_is_said_no_more_and_the_next_one_is(world: World) -> None:
    for snapshot in (S[3], S[4]):
        del world.bucket[world.back_up(snapshot)]
    world.back_up(S[5])
    assert world.look()[FindingKind.REPORTS_MISSING]["count"] == 2
    world.memory = continuity.acknowledge(world.memory, (), "acknowledged", world.clock)
    assert world.look() == {}
    world.back_up(S[6])
    assert world.look() == {}
    del world.bucket[world.back_up(S[7])]
    world.back_up(S[8])
    assert world.look()[FindingKind.REPORTS_MISSING] == {"count": 1, "first": 8}


def test_a_storage_that_dates_an_object_in_time_to_come_hides_nothing_behind_it(world: World) -> None:
    (oldest, *_) = sorted(key for key in world.bucket if key.startswith("reports/"))
    odd = report_key(99, run_of(7))
    world.bucket[odd] = (copied(world, oldest), datetime(2999, 1, 1, tzinfo=UTC))
    world.look()
    assert [each.key for each in world.aside] == [odd]
    world.clock += timedelta(days=1)
    world.put("reports/x.sealed", b"rubbish")
    world.look()
    assert {each.key for each in world.aside} == {odd, "reports/x.sealed"}


def flood_high(number: int) -> str:
    return report_key(5000 + number, run_of(number))


def flood_endless_digits(number: int) -> str:
    return f"reports/{10**17 + number}-{run_of(number)}.sealed"


def flood_the_next_number(number: int) -> str:
    return report_key(5, run_of(10**6 + number))


def flood_without_number(number: int) -> str:
    return report_key(0, run_of(number))


def flood_with_tags(number: int) -> str:
    return f"reports/{5000 + number:010d}-{run_of(number)}-{run_of(number)}.sealed"


def flood_with_no_names(number: int) -> str:
    return f"reports/{number}.sealed"


def flood_in_clear(number: int) -> str:
    return f"reports/{number}.json"


FLOODS = [flood_high, flood_endless_digits, flood_the_next_number, flood_without_number, flood_with_tags,
          flood_with_no_names, flood_in_clear]  # fmt: skip


@pytest.mark.parametrize("flood", FLOODS)
@pytest.mark.parametrize("dated", ["at once", "one after the other", "last"])
def test_a_flood_of_forgeries_hides_no_honest_report_and_is_named(
    world: World, flood: Callable[[int], str], dated: str
) -> None:
    world.back_up(S[3])
    world.back_up(None)
    world.back_up(S[4], number=0)
    world.number = 5
    for number in range(1000):
        world.put(flood(number), b"rubbish")
        if dated == "last":
            world.bucket[flood(number)] = (b"rubbish", datetime(2999, 1, 1, tzinfo=UTC))
        elif dated == "one after the other":
            world.clock += timedelta(milliseconds=5)
    for _ in range(3):
        assert world.look() == {}
        assert world.memory.report_number == world.memory.accounted_number == 5
        assert {S[3], S[4]} <= {each.snapshot_id for each in world.memory.expected}
        assert [report.number for report in world.read().reports][:3] == [0, 5, 4]
        assert sum(each.count for each in world.aside) + world.unread == 1000
        assert len(world.opened) < 200, "the work grows with the flood"
    del world.bucket[f"restic/snapshots/{S[3]}"]
    assert world.look()[FindingKind.SNAPSHOTS_GONE]["newest"] == S[3]
    hidden = world.back_up(S[5])
    body = world.bucket.pop(hidden)
    world.back_up(S[6])
    assert world.look()[FindingKind.REPORTS_MISSING] == {"count": 1, "first": 6}
    world.bucket[hidden] = body
    assert FindingKind.REPORTS_MISSING not in world.look()


@pytest.mark.parametrize("flood", [flood_high, flood_endless_digits, flood_with_tags, flood_with_no_names])
def test_of_an_agent_of_before_high_numbers_hide_nothing_either(flood: Callable[[int], str]) -> None:
    world = World(report_key)
    for snapshot in S[:3]:
        world.back_up(snapshot)
    assert world.look() == {}
    world.back_up(S[3])
    for number in range(1000):
        world.put(flood(number), b"rubbish")
    assert world.look() == {}
    assert world.memory.report_number == 4
    assert sum(each.count for each in world.aside) + world.unread == 1000


def test_years_of_honest_reports_are_no_flood() -> None:
    for name in (OPENER.report_key, report_key):
        world = World(name)
        for _ in range(300):
            world.back_up(None)
        assert world.look() == {}
        assert (world.aside, world.unread) == ((), 0)


def test_reports_from_before_and_after_an_agents_update_are_one_row() -> None:
    world = World(report_key)
    for snapshot in S[:3]:
        world.back_up(snapshot)
    world.name = OPENER.report_key
    world.back_up(None)
    assert world.look() == {}
    assert [report.number for report in world.read().reports] == [4, 3]
    assert world.memory.accounted_number == 4
    world.put(report_key(6, run_of(1)), b"rubbish")
    del world.bucket[world.back_up(S[3])]
    del world.bucket[world.back_up(S[4])]
    world.back_up(S[5])
    assert world.look()[FindingKind.REPORTS_MISSING]["count"] == 2, "a forged number stands for one that is missing"


def test_a_report_that_somebody_wrote_over_is_read_as_it_was_first(world: World) -> None:
    world.back_up(S[3])
    own = [key for key in world.bucket if key.startswith("reports/")]
    world.clock += timedelta(hours=1)
    for key in own:
        world.put(key, b"rubbish")
    for _ in range(2):
        assert world.look() == {}
        assert [report.number for report in world.read().reports] == [4, 3, 2, 1]
        assert sorted(each.key for each in world.aside) == sorted(own)
    assert world.memory.newest_reported is not None
    assert world.memory.newest_reported.snapshot_id == S[3]


def test_all_that_somebody_wrote_over_is_told_at_each_look(world: World) -> None:
    own = [world.back_up(None) for _ in range(150)]
    for key in own:
        world.clock += timedelta(seconds=1)
        world.put(key, b"rubbish")
    for _ in range(3):
        world.look()
        assert sum(each.count for each in world.aside) + world.unread == len(own)


def test_what_comes_in_the_second_that_was_looked_at_last_is_looked_at(world: World) -> None:
    """A listing of Ceph 20 dates to the second: what came after the last look may bear the time of what came before."""
    honest = world.back_up(S[3])
    assert world.look() == {}
    _, at = world.bucket[honest]
    world.bucket[honest] = (b"rubbish", at)
    for _ in range(2):
        world.look()
        assert [each.key for each in world.aside] == [honest]


def test_no_more_than_some_are_looked_for_below_what_somebody_wrote(world: World) -> None:
    for _ in range(60):
        world.put(world.back_up(None), b"rubbish")
    world.look()
    assert len(world.read().reports) == MAX_EARLIER
    assert len(world.opened) < 150


def test_a_memory_that_somebody_changed_is_named_at_each_look(world: World) -> None:
    world.memory = replace(world.memory, is_vouched=False)
    for _ in range(2):
        assert world.look() == {FindingKind.MEMORY_CHANGED: {}}
    absent = continuity.judge_absence(MACHINE, replace(world.memory, snapshots={}))
    assert [each.kind for each in absent] == [FindingKind.MEMORY_CHANGED]
    world.memory = continuity.acknowledge(world.memory, (), "acknowledged", world.clock)
    assert world.look() == {}


def test_a_bucket_that_is_gone_altogether_is_said_when_it_held_anything(world: World) -> None:
    (found,) = continuity.judge_absence(MACHINE, world.memory)
    assert (found.kind, found.evidence) == (FindingKind.REPOSITORY_GONE, {"what": "bucket", "known": 3})
    assert continuity.judge_absence(MACHINE, Memory()) == ()
    assert continuity.judge_absence(MACHINE, replace(world.memory, snapshots={})) == ()


def identity_of(board: str, boot: str) -> dict[str, str]:
    return {"machine_id": "aa" * 16, "hardware_id": board * 16, "boot_id": boot * 16, "host_name": "compta-01"}


def test_a_copy_that_counts_on_from_where_it_was_taken_is_no_old_report_put_back(world: World) -> None:
    """An image of the machine as it was before its last runs is started: its numbers are those of then."""
    mine, copied = identity_of("b1", "c1"), identity_of("b2", "c2")
    for snapshot in S[3:6]:
        world.back_up(snapshot, identity=mine)
    assert world.look() == {}
    world.back_up(S[6], number=4, identity=copied)
    assert world.look() == {}
    assert [report.snapshot_id for report in world.read().others] == [S[6]]
    last = world.read().last
    assert last is not None
    assert last.snapshot_id == S[5]
    newest = world.memory.newest_reported
    assert newest is not None
    assert newest.snapshot_id == S[5]
    # More of it than are looked back upon hides no success of the machine.
    for number in range(7, 30):
        world.back_up(None, number=number, identity=copied)
    assert world.look() == {}
    success = world.read().success
    assert success is not None
    assert success.snapshot_id == S[5]


def test_a_read_that_began_before_a_pruning_ended_expects_no_packs_again() -> None:
    world = World()
    for each in S[:3]:
        world.back_up(each)
    world.look()
    listed_before = ListedRepository(frozenset(S[:3]), has_config=True, keys=1, packs=3, pack_bytes=12)
    overtaken = BucketRead(world.read(), listed_before, world.clock)
    world.clock += timedelta(minutes=1)
    for each in S[:2]:
        del world.bucket[f"restic/snapshots/{each}"], world.bucket[f"restic/data/00/{each}"]
    world.memory = continuity.release(world.memory, S[:2], "pruned", world.clock)
    world.memory = continuity.learn(world.memory, overtaken)
    assert (world.memory.packs, len(world.memory.expected)) == (None, 1)
    assert world.look() == {}
    assert world.look() == {}
