"""The copy of a repository gets what is sound, in an order in which it is always whole, and never loses anything."""

import hashlib
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from coffre.agents.repository import Part, RepositoryLayout
from coffre.agents.restic.repository.layout import ResticLayout
from coffre.agents.sealing import SEALED_LIMIT_BYTES
from coffre.errors import RefusedError, RemoteError
from coffre.operations.copying import objects as module
from coffre.operations.copying.listing import UnorderedListingError
from coffre.operations.copying.objects import NoRepositoryError, OtherRepositoryError, describe_copy
from coffre.operations.copying.pace import Pace
from coffre.outside.faults import Fault
from coffre.records.facts.backups import CopyFault, CopyRun, UncopiedObject
from coffre.storage.values import BucketGoneError, ObjectFacts, PlatformAwayError, QuotaExceededError, Unusable
from tests.doubles.layout import VaultLayout
from tests.unit.operations.copying.scene import CONFIG, CONTENTS, REPORTS, KilledError, Scene

NAMED_BY_HASH = tuple(CONTENTS)


@pytest.fixture
def scene() -> Scene:
    return Scene.filled()


def rank(scene: Scene, key: str) -> float:
    """Return the place of a key's part in the order of the copy; reports come just before the snapshots."""
    part = scene.layout.part_of(key)
    return len(scene.layout.order) - 1.5 if part is None else scene.layout.order.index(part)


# What is copied, and in which order.


@pytest.mark.parametrize("layout", [ResticLayout(), VaultLayout()])
def test_the_first_run_copies_the_repository_and_the_second_run_nothing(layout: RepositoryLayout) -> None:
    scene = Scene.filled(layout)
    began_at = scene.source.bucket.probe_server_time()
    done = scene.run()
    there = scene.contents(scene.source)
    assert scene.contents(scene.target) == there
    assert (done.copied_objects, done.copied_bytes) == (len(there), sum(map(len, there.values())))
    names = {found.name for key in scene.keys_in(scene.source, Part.SNAPSHOTS) if (found := layout.find(key))}
    assert (done.listed_at, set(done.snapshots), len(done.snapshots)) == (began_at, names, 3)
    assert (done.faults, done.fault_count, done.is_complete) == ({}, 0, True)

    scene.release()
    again = scene.run()
    assert (again.copied_objects, again.copied_bytes, again.is_complete) == (0, 0, True)
    assert again.snapshots == done.snapshots
    assert scene.target.keys_of("put") == []
    assert scene.source.keys_of("find") == [scene.config_key], "what is there already is not read again"
    scene.assert_nothing_was_overwritten()


def test_a_later_run_copies_what_is_new(scene: Scene) -> None:
    scene.run()
    scene.release()
    new = [scene.add(part, "new") for part in (Part.DATA, Part.INDEX, Part.SNAPSHOTS)]
    assert scene.run().copied_objects == 3
    assert scene.target.keys_of("put") == new


def test_what_needs_other_objects_is_listed_before_them_and_copied_after_them(scene: Scene) -> None:
    scene.run()
    walks = [prefix for prefix in scene.source.keys_of("walk") if prefix.startswith(scene.layout.prefix)]
    assert walks == [f"restic/{part}/" for part in ("snapshots", "index", "keys", "data")]
    assert scene.source.calls.index(("probe", "")) < scene.source.calls.index(("walk", "restic/snapshots/"))
    puts = scene.target.keys_of("put")
    assert puts[0] == scene.config_key
    assert puts == sorted(puts, key=lambda key: rank(scene, key))
    assert len(puts) == len(scene.contents(scene.source))


def test_a_backup_that_arrives_meanwhile_is_copied_whole_or_not_at_all(scene: Scene) -> None:
    def back_up(call: str, prefix: str) -> None:
        if (call, prefix) == ("walk", "restic/data/"):
            for part in (Part.DATA, Part.INDEX, Part.SNAPSHOTS):
                scene.add(part, "meanwhile")

    scene.source.after = back_up
    done = scene.run()
    assert done.is_complete
    for part in (Part.INDEX, Part.SNAPSHOTS):
        assert scene.key_of(part, "meanwhile") not in scene.contents(scene.target)
    scene.release()
    scene.run()
    assert scene.contents(scene.target) == scene.contents(scene.source)


def test_foreign_keys_and_locks_stay_where_they_are(scene: Scene) -> None:
    pack = next(iter(scene.keys_in(scene.source, Part.DATA)))
    foreign = [
        "control/desired.json",
        "restic/config/x",
        "restic/keys/../config",
        "restic/locks/" + "a" * 64,
        "restic/data/" + pack[-64:],
        "restic/data/zz/" + "a" * 64,
        pack + "/below",
        pack.upper(),
        "restic/snapshots/short",
        "restic/index/" + "a" * 64 + "\n",
        "other/" + "a" * 64,
        "reports/.applied",
        "reports/.probe",
        "reports/below/1.sealed",
        "reports/a b.sealed",
        "reports/\n.json",
        "reports/" + "a" * 300 + ".json",
    ]
    wanted = scene.contents(scene.source)
    for key in foreign:
        scene.put(key, b"foreign")
    done = scene.run()
    assert scene.contents(scene.target) == wanted
    assert (done.is_complete, done.fault_count) == (True, 0)


# Bad objects.


def read_otherwise(scene: Scene, key: str, answer: Any) -> None:
    """Let the source answer the read of a key otherwise."""

    def act(call: str, called: str) -> Any:
        if (call, called) != ("find", key):
            return None
        if isinstance(answer, Exception):
            raise answer
        return answer

    scene.source.before = act


def change_before_read(scene: Scene, key: str, change: Callable[[], object]) -> None:
    """Let something happen just before the read of a key."""

    def act(call: str, called: str) -> None:
        if (call, called) == ("find", key):
            change()

    scene.source.before = act


FAULTS = {
    "altered": CopyFault.ALTERED,
    "cut": CopyFault.ALTERED,
    "grown since the listing": CopyFault.ALTERED,
    "gone since the listing": CopyFault.GONE,
    "listed too large": CopyFault.TOO_LARGE,
    "encrypted by its writer": CopyFault.UNREADABLE,
    "refused": CopyFault.UNREADABLE,
    "broken off": CopyFault.UNREADABLE,
}


def spoil(scene: Scene, part: Part, fault: str) -> str:
    """Put a bad object of a part into the source; returns its key."""
    key = scene.add(part, "spoilt")
    contents = {"altered": b"garbage", "cut": b""}
    meanwhile = {
        "grown since the listing": lambda: scene.put(key, b"spoilt and more"),
        "gone since the listing": lambda: scene.source.bucket.hide(key),
    }
    answers = {
        "encrypted by its writer": Unusable(Fault.UNREADABLE),
        "refused": RemoteError("InvalidObjectState"),
        "broken off": PlatformAwayError("the connection ended"),
    }
    if fault in contents:
        scene.put(key, contents[fault])
    elif fault in meanwhile:
        change_before_read(scene, key, meanwhile[fault])
    elif fault in answers:
        read_otherwise(scene, key, answers[fault])
    else:
        list_with_size(scene, key, 10**13)
    return key


def list_with_size(scene: Scene, key: str, size_bytes: int) -> None:
    real = scene.source.bucket.walk_objects

    def walk(prefix: str) -> Iterator[ObjectFacts]:
        for facts in real(prefix):
            yield replace(facts, size_bytes=size_bytes) if facts.key == key else facts

    scene.source.bucket.walk_objects = walk


@pytest.mark.parametrize("part", NAMED_BY_HASH)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_object_is_named_and_everything_else_is_copied(scene: Scene, part: Part, fault: str) -> None:
    sound = scene.contents(scene.source)
    key = spoil(scene, part, fault)
    done = scene.run()
    assert scene.contents(scene.target) == sound
    assert (dict(done.faults), done.fault_count, done.is_complete) == ({key: FAULTS[fault]}, 1, True)
    assert done.copied_objects == len(sound)


def test_an_object_too_large_for_a_pack_is_not_read(scene: Scene) -> None:
    key = spoil(scene, Part.DATA, "listed too large")
    scene.run()
    assert key not in scene.source.keys_of("find")


@pytest.mark.parametrize("part", NAMED_BY_HASH)
def test_only_a_pack_may_be_larger_than_what_is_read_at_the_start(scene: Scene, part: Part) -> None:
    key = scene.add(part, "large")
    list_with_size(scene, key, scene.layout.start_limit_bytes + 1)
    assert scene.run().faults == ({} if part is Part.DATA else {key: CopyFault.TOO_LARGE})


def test_an_object_that_breaks_off_once_is_read_again(scene: Scene) -> None:
    key = scene.add(Part.DATA, "broken off once")
    failures = iter([PlatformAwayError("the connection ended")])

    def act(call: str, called: str) -> None:
        if (call, called) == ("find", key) and (failure := next(failures, None)):
            raise failure

    scene.source.before = act
    assert scene.run().fault_count == 0
    assert scene.contents(scene.target) == scene.contents(scene.source)


def test_a_bad_object_that_is_sound_again_is_copied_by_the_next_run(scene: Scene) -> None:
    key = scene.add(Part.DATA, "sound")
    scene.put(key, b"garbage")
    assert scene.run().faults == {key: CopyFault.ALTERED}
    scene.put(key, b"sound")
    assert scene.run().fault_count == 0
    assert scene.contents(scene.target) == scene.contents(scene.source)


def test_at_most_twenty_bad_objects_are_named_and_all_are_counted(scene: Scene) -> None:
    sound = scene.contents(scene.source)
    for number in range(30):
        scene.put(scene.key_of(Part.DATA, f"bad {number}"), b"garbage")
    done = scene.run()
    assert (len(done.faults), done.fault_count) == (20, 30)
    assert scene.contents(scene.target) == sound


def test_an_object_of_another_size_than_in_the_copy_is_named_and_the_copy_keeps_its_own(scene: Scene) -> None:
    scene.run()
    there = scene.contents(scene.target)
    changed = [next(iter(sorted(scene.keys_in(scene.source, part)))) for part in NAMED_BY_HASH]
    for key in [*changed, REPORTS[0]]:
        scene.put(key, b"another content, and another length")
    scene.release()
    done = scene.run()
    assert done.faults == dict.fromkeys([*changed, REPORTS[0]], CopyFault.SIZE_DIFFERS)
    assert (done.copied_objects, done.is_complete) == (0, True)
    assert scene.contents(scene.target) == there
    scene.assert_nothing_was_overwritten()


def test_what_the_source_loses_stays_in_the_copy(scene: Scene) -> None:
    scene.run()
    there = scene.contents(scene.target)
    for key in set(there) - {scene.config_key}:
        scene.source.bucket.hide(key)
    done = scene.run()
    assert (done.snapshots, done.copied_objects, done.is_complete) == ((), 0, True)
    assert scene.contents(scene.target) == there
    scene.assert_nothing_was_overwritten()


# Other repositories.


@pytest.mark.parametrize("config", [b"the config of another repository", b"", None])
def test_the_copy_of_another_repository_stays_as_it_is(scene: Scene, config: bytes | None) -> None:
    """Also a copy whose config is lost: whose it is is not known."""
    snapshot = scene.key_of(Part.SNAPSHOTS, "an earlier one")
    scene.target.bucket.put(snapshot, b"an earlier one")
    if config is not None:
        scene.target.bucket.put(scene.config_key, config)
    with pytest.raises(OtherRepositoryError, match="another one: nothing was written"):
        scene.run()
    assert (scene.target.keys_of("put"), scene.notes) == ([], [])
    assert issubclass(OtherRepositoryError, RefusedError)


def test_an_unreadable_config_of_the_copy_is_another_one(scene: Scene) -> None:
    scene.target.bucket.put(scene.config_key, CONFIG)
    scene.target.before = lambda call, key: Unusable(Fault.UNREADABLE) if call == "find" else None
    with pytest.raises(OtherRepositoryError):
        scene.run()
    assert scene.target.keys_of("put") == []


def test_reports_and_foreign_keys_in_the_target_are_no_repository(scene: Scene) -> None:
    scene.target.bucket.put("reports/of-before.json", b"a report")
    scene.target.bucket.put("restic/something", b"foreign")
    scene.run()
    assert scene.contents(scene.source).items() < scene.contents(scene.target).items()


def test_without_a_repository_in_the_source_the_copy_stays_as_it_is(scene: Scene) -> None:
    scene.run()
    there = scene.contents(scene.target)
    scene.source.bucket.hide(scene.config_key)
    scene.release()
    with pytest.raises(NoRepositoryError, match="has no repository; its copy stays as it is"):
        scene.run()
    read_otherwise(scene, scene.config_key, Unusable(Fault.TOO_LARGE))
    with pytest.raises(NoRepositoryError, match="no repository with a readable config"):
        scene.run()
    assert (scene.contents(scene.target), scene.target.keys_of("put")) == (there, [])
    assert issubclass(NoRepositoryError, RefusedError)


# Reports.


def test_the_newest_reports_of_a_believable_size_are_copied(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_REPORTS", 3)
    late = scene.put("reports/0-in-clear.json", b"the newest report")
    scene.put("reports/a.sealed", b"." * (SEALED_LIMIT_BYTES + 1))
    done = scene.run()
    assert {key for key in scene.contents(scene.target) if key.startswith("reports/")} == {late, *REPORTS[1:]}
    assert (done.fault_count, done.is_complete) == (0, True)


def test_a_report_that_the_copy_has_is_not_written_again(scene: Scene) -> None:
    scene.run()
    scene.put(REPORTS[0], b"REPORT")
    new = scene.put("reports/9999999999-" + "a" * 32 + ".sealed", b"new")
    scene.release()
    scene.run()
    assert scene.target.keys_of("put") == [new]
    assert scene.contents(scene.target)[REPORTS[0]] == b"report"


def test_a_report_that_has_grown_since_the_listing_is_named_and_left_to_the_next_run(scene: Scene) -> None:
    change_before_read(scene, REPORTS[0], lambda: scene.put(REPORTS[0], b"a longer report"))
    assert scene.run().faults == {REPORTS[0]: CopyFault.ALTERED}
    scene.release()
    assert scene.run().fault_count == 0
    assert scene.contents(scene.target) == scene.contents(scene.source)


# Floods.


class EndlessBucket:
    """A source whose listings have a flood of foreign keys, and packs that the copy has, made while they are read."""

    name = "flooded"

    def __init__(self, config: bytes) -> None:
        self.config = config

    def probe_server_time(self) -> datetime:
        return datetime(2026, 11, 23, tzinfo=UTC)

    def find(self, key: str, limit_bytes: int) -> bytes:
        assert key == "restic/config"
        return self.config

    def walk_objects(self, prefix: str) -> Iterator[ObjectFacts]:
        now = self.probe_server_time()
        for number in range(5_000):
            name = hashlib.sha256(b"").hexdigest()
            yield ObjectFacts(f"{prefix}{number:020}", 10**9, now, "")
            yield ObjectFacts(f"{prefix}{name}/{number:020}\n", 10**9, now, "")
            if prefix == "restic/data/":
                yield ObjectFacts(f"{prefix}{number // 256:02x}/{number // 256:02x}{number:062x}", 1, now, "")


def test_floods_of_foreign_keys_and_of_packs_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    flooded = EndlessBucket(CONFIG)
    tracemalloc.start()
    try:
        done = module.copy_repository(
            flooded,  # type: ignore[arg-type]
            flooded,  # type: ignore[arg-type]
            ResticLayout(),
            Pace(),
            on_progress=lambda text: None,
            note=lambda copy: None,
        )
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (done.is_complete, done.copied_objects, done.fault_count) == (True, 0, 0)
    assert peak_bytes < 1 << 20


def test_of_a_flood_of_snapshots_the_oldest_are_copied_and_the_run_is_not_complete(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_HELD", 3)
    sound = scene.contents(scene.source)
    for number in range(50):
        scene.add(Part.SNAPSHOTS, f"flood {number}")
    done = scene.run()
    assert scene.contents(scene.target) == sound, "what was there before the flood"
    assert (done.is_complete, len(done.snapshots), done.fault_count) == (False, 3, 0)


def test_a_listing_of_the_copy_in_another_order_ends_the_run(scene: Scene) -> None:
    scene.run()
    there = scene.contents(scene.target)
    real = scene.target.bucket.walk_objects
    scene.target.bucket.walk_objects = lambda prefix: reversed(list(real(prefix)))
    with pytest.raises(UnorderedListingError):
        scene.run()
    del scene.target.bucket.walk_objects
    assert scene.contents(scene.target) == there


# Errors, kills, and what they leave.


def test_a_target_that_is_full_ends_the_run_and_the_next_one_goes_on(scene: Scene) -> None:
    wanted = scene.contents(scene.source)
    scene.target.bucket._platform.set_wall("owner", sum(map(len, wanted.values())) // 2)
    with pytest.raises(QuotaExceededError):
        scene.run()
    there = scene.contents(scene.target)
    assert 0 < len(there) < len(wanted)
    last = scene.notes[-1]
    assert (last.copied_objects, last.copied_bytes) == (len(there), sum(map(len, there.values())))
    assert (last.is_complete, last.fault_count, len(last.snapshots)) == (False, 0, 3)
    assert scene.keys_in(scene.target, Part.SNAPSHOTS) == set()

    scene.target.bucket._platform.set_wall("owner", None)
    done = scene.run()
    assert done.copied_objects == len(wanted) - len(there)
    assert scene.contents(scene.target) == wanted


CALLS = [("source", "walk"), ("source", "listed"), ("source", "find")]
CALLS += [("target", "walk"), ("target", "listed"), ("target", "put")]


@pytest.mark.parametrize(("side", "call"), CALLS)
def test_a_platform_that_goes_away_ends_the_run_and_the_next_one_goes_on(scene: Scene, side: str, call: str) -> None:
    scene.run()
    before = scene.contents(scene.target)
    for part in NAMED_BY_HASH:
        scene.add(part, "new")
    scene.release()
    bucket, is_gone = getattr(scene, side), False

    def act(called: str, key: str) -> None:
        nonlocal is_gone
        is_gone = is_gone or (called == call and len(scene.target.keys_of("put")) > 1)
        if is_gone:
            raise PlatformAwayError("no answer")

    bucket.before = act
    with pytest.raises(PlatformAwayError):
        scene.run()
    assert scene.notes[-1].copied_objects == len(scene.contents(scene.target)) - len(before) > 0
    assert (scene.notes[-1].is_complete, scene.notes[-1].fault_count) == (False, 0)
    scene.release()
    assert scene.run().is_complete
    assert scene.contents(scene.target) == scene.contents(scene.source)
    scene.assert_nothing_was_overwritten()


@pytest.mark.parametrize("problem", [BucketGoneError("NoSuchBucket"), RemoteError("the key has expired")])
def test_a_source_that_refuses_everything_is_no_fault_of_its_objects(scene: Scene, problem: RemoteError) -> None:
    def act(call: str, key: str) -> None:
        if scene.target.keys_of("put") and call in ("find", "probe"):
            raise problem

    scene.source.before = act
    with pytest.raises(type(problem), match=problem.message):
        scene.run()
    assert scene.notes[-1].fault_count == 0


def test_ctrl_c_ends_the_run_with_a_note(scene: Scene) -> None:
    def act(call: str, key: str) -> None:
        if call == "listed" and len(scene.target.keys_of("put")) > 3:
            raise KeyboardInterrupt

    scene.source.before = act
    with pytest.raises(KeyboardInterrupt):
        scene.run()
    assert scene.notes[-1].copied_objects == len(scene.contents(scene.target)) > 0


def assert_whole(scene: Scene) -> None:
    """Whatever the copy has, it has what that needs: its parts are there in their order."""
    there, wanted = scene.contents(scene.target), scene.contents(scene.source)
    assert there.items() <= wanted.items()
    highest = max((rank(scene, key) for key in there), default=-1)
    assert {key for key in wanted if rank(scene, key) < highest} <= set(there)


def count_calls() -> int:
    scene = Scene.filled()
    scene.run()
    return len(scene.source.calls) + len(scene.target.calls)


@pytest.mark.parametrize("is_after", [False, True])
def test_after_a_kill_at_any_call_the_copy_is_whole_and_the_next_run_completes_it(is_after: bool) -> None:
    for last in range(count_calls()):
        scene = Scene.filled()
        calls = iter(range(last))

        def end(call: str, key: str, calls: Iterator[int] = calls) -> None:
            if next(calls, None) is None:
                raise KilledError

        for bucket in (scene.source, scene.target):
            setattr(bucket, "after" if is_after else "before", end)
        with pytest.raises(KilledError):
            scene.run()
        assert_whole(scene)
        scene.release()
        done = scene.run()
        assert (done.is_complete, done.fault_count) == (True, 0)
        assert scene.contents(scene.target) == scene.contents(scene.source)
        scene.assert_nothing_was_overwritten()


def test_the_copy_so_far_is_noted_at_times_also_while_listings_are_read(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECKPOINT_SECONDS", -1.0)
    done = scene.run()
    counts = [copy.copied_objects for copy in scene.notes]
    assert counts == sorted(counts)
    assert set(counts) >= set(range(done.copied_objects)), "with each object, and with each one that is listed"
    assert counts.count(0) > len(scene.contents(scene.source)) // 4
    assert not any(copy.is_complete for copy in scene.notes)
    assert scene.progress[-1].startswith("copied so far: ")


def test_nothing_is_noted_between_the_checkpoints(scene: Scene) -> None:
    scene.run()
    assert scene.notes == []


def test_the_pace_counts_each_byte_that_is_copied_once(scene: Scene) -> None:
    waited: list[int] = []

    class Counting(Pace):
        def wait(self, size_bytes: int) -> None:
            waited.append(size_bytes)

    done = scene.run(Counting())
    assert (len(waited), sum(waited)) == (done.copied_objects, done.copied_bytes)
    waited.clear()
    scene.run(Counting())
    assert waited == []


def test_a_run_becomes_a_record(scene: Scene) -> None:
    key = scene.put(scene.key_of(Part.DATA, "bad"), b"garbage")
    done = scene.run()
    assert describe_copy(done, "aws-paris") == CopyRun(
        platform="aws-paris",
        listed_at=done.listed_at,
        is_complete=True,
        snapshot_count=3,
        copied_count=done.copied_objects,
        copied_bytes=done.copied_bytes,
        faults=(UncopiedObject(key, CopyFault.ALTERED),),
        fault_count=1,
    )
