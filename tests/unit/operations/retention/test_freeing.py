"""What a person's word deletes for ever: what prunings removed, and nothing that anybody else hid or overwrote."""

from datetime import UTC, datetime, timedelta

from coffre.agents.restic.repository.layout import ResticLayout
from coffre.operations.retention.freeing import Window, list_pruned
from coffre.storage.values import ObjectVersion

LAYOUT = ResticLayout()
NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PRUNED = Window(NOW - 3 * HOUR, NOW - 2 * HOUR)
DURING, BEFORE = NOW - 2.5 * HOUR, NOW - 9 * HOUR


def pack(letter: str) -> str:
    return f"restic/data/{letter * 2}/{letter * 64}"


def version(key: str, at: datetime, *, is_latest: bool = False, is_marker: bool = False) -> ObjectVersion:
    return ObjectVersion(key, f"{at:%H%M}{is_marker}", at, is_latest, is_marker, 0 if is_marker else 100)


def hidden(key: str, at: datetime) -> list[ObjectVersion]:
    return [version(key, at, is_latest=True, is_marker=True), version(key, BEFORE)]


def test_only_packs_and_indexes_that_a_pruning_hid_are_listed() -> None:
    index, snapshot = f"restic/index/{'1' * 64}", f"restic/snapshots/{'2' * 64}"
    versions = [
        *hidden(pack("a"), DURING),
        *hidden(pack("b"), BEFORE),
        version(pack("c"), DURING, is_latest=True),
        version(pack("c"), BEFORE),
        *hidden(index, DURING),
        *hidden(snapshot, DURING),
        *hidden("restic/locks/" + "3" * 64, DURING),
        *hidden("reports/x.sealed", DURING),
        *hidden("restic/data/aa/../x", DURING),
    ]
    listed = list_pruned(iter(versions), LAYOUT, [PRUNED])
    assert [each.key for each in listed] == [pack("a"), pack("a"), index, index]


def test_what_came_back_since_stays() -> None:
    versions = [version(pack("a"), NOW, is_latest=True), *hidden(pack("a"), DURING)]
    assert list(list_pruned(iter(versions), LAYOUT, [PRUNED])) == []


def test_without_a_pruning_nothing_is_listed() -> None:
    assert list(list_pruned(iter(hidden(pack("a"), DURING)), LAYOUT, [])) == []
