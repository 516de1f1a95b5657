from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from coffre.agents.repository import Part
from coffre.agents.restic.repository.layout import ResticLayout
from coffre.errors import RefusedError, UsageError
from coffre.operations.restore.versions import (
    count_by_part,
    list_later,
    part_foreign,
    plan_undelete,
    read_moment,
    refuse_too_old,
)
from coffre.storage.values import ObjectVersion
from tests.builders import tenant_with
from tests.doubles.layout import VaultLayout

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
LAYOUT = ResticLayout()


def history(key: str, *entries: tuple[int, str]) -> list[ObjectVersion]:
    """Return a key's versions, newest first, from (minutes after noon, content); "" is a delete marker."""
    ordered = sorted(entries, reverse=True)
    return [
        ObjectVersion(
            f"restic/{key}",
            f"{key}@{minutes}",
            NOON + timedelta(minutes=minutes),
            is_latest=index == 0,
            is_marker=not content,
            size_bytes=len(content),
            etag=content,
        )
        for index, (minutes, content) in enumerate(ordered)
    ]


CONFIG = history("config", (-60, "config"))


def plan(*histories: list[ObjectVersion], **options):
    return plan_undelete([*CONFIG, *(version for each in histories for version in each)], NOON, LAYOUT, **options)


def test_what_is_as_it_was_is_left_alone():
    planned = plan(history("data/aa", (-5, "x")))
    assert not planned.is_needed
    assert (planned.later, planned.lost, planned.undone_from) == ((), (), None)


def test_overwritten_and_deleted_objects_come_back_from_the_version_of_the_moment():
    planned = plan(
        history("index/ii", (-9, "old"), (-5, "then"), (3, "garbage"), (4, "")),
        history("data/aa", (-5, "pack"), (1, "garbage"), (2, "more garbage")),
        history("snapshots/ss", (-5, "snapshot"), (2, "")),
    )
    assert [(each.key, each.version_id) for each in planned.comebacks] == [
        ("restic/data/aa", "data/aa@-5"),
        ("restic/index/ii", "index/ii@-5"),
        ("restic/snapshots/ss", "snapshots/ss@-5"),
    ]
    assert planned.copied_bytes == len("then") + len("pack") + len("snapshot")
    assert planned.undone_from == NOON + timedelta(minutes=1)
    assert planned.undone_to == NOON + timedelta(minutes=4)


def test_an_object_that_came_back_already_is_not_copied_again():
    assert not plan(history("data/aa", (-5, "pack"), (1, "garbage"), (9, "pack"))).is_needed


def test_what_was_written_later_stays_unless_it_is_not_what_its_name_says():
    later = [history("data/bb", (5, "b")), history("index/jj", (5, "j")), history("snapshots/tt", (5, "t"))]
    assert plan(*later).later == ("restic/data/bb", "restic/index/jj", "restic/snapshots/tt")
    assert plan(*later, unsound=["restic/index/jj"]).hidden == ("restic/index/jj",)
    exact = plan(*later, is_exact=True)
    assert (exact.hidden, exact.later) == (("restic/index/jj", "restic/snapshots/tt"), ("restic/data/bb",))


def test_what_was_deleted_before_the_moment_and_written_again_counts_as_later():
    planned = plan(history("index/jj", (-9, "j"), (-5, ""), (5, "j2")))
    assert planned.later == ("restic/index/jj",)


def test_what_was_written_and_deleted_later_is_passed_over():
    planned = plan(history("data/bb", (5, "b"), (6, "")))
    assert (planned.comebacks, planned.later, planned.lost) == ((), (), ())


def test_what_was_deleted_and_has_no_version_left_is_lost_and_said():
    assert plan(history("data/bb", (6, ""))).lost == ("restic/data/bb",)


def test_locks_reports_and_orders_are_none_of_it():
    others = [
        ObjectVersion("reports/a.json", "1", NOON, False, size_bytes=1, etag="a"),
        ObjectVersion("control/desired.json", "2", NOON + timedelta(minutes=1), True, is_marker=True),
    ]
    locks = [*history("locks/ll", (-1, "lock"), (1, "")), *history("locks/mm", (1, "lock"))]
    assert plan(locks, others).comebacks == plan(locks, others, is_exact=True).hidden == ()
    assert list_later([*locks, *others], NOON, LAYOUT) == []


def test_a_moment_before_the_repository_is_refused():
    with pytest.raises(RefusedError, match="no repository"):
        plan_undelete(history("config", (5, "config")), NOON, LAYOUT)
    with pytest.raises(RefusedError, match="no repository"):
        plan_undelete([], NOON, LAYOUT)


def test_later_files_are_those_that_restic_reads_whole():
    versions = [
        *history("data/bb", (5, "b")),
        *history("index/ii", (-5, "i"), (6, "garbage")),
        *history("index/jj", (5, "j")),
        *history("index/kk", (5, "k"), (6, "")),
        *history("keys/cc", (5, "c")),
    ]
    assert [version.key for version in list_later(versions, NOON, LAYOUT)] == ["restic/index/jj", "restic/keys/cc"]


ID = "ab" * 32


def test_foreign_keys_are_neither_brought_back_nor_hidden_but_for_those_that_stop_restic():
    trap, capitals = f"index/{ID}/x", f"snapshots/{ID.upper()}"
    histories = [
        history("config", (-60, "config")),
        history(f"data/ab/{ID}", (-5, "pack"), (1, "")),
        history("data/../../other/x", (-5, "then"), (2, "garbage")),
        history("index/notes", (3, "x")),
        history(trap, (-70, "of before")),
        history(capitals, (3, "later")),
        history(f"keys/{ID}/gone", (-70, "x"), (-3, "")),
    ]
    ours, foreign = part_foreign((version for each in histories for version in each), LAYOUT)
    assert [each.key for each in list_later(ours, NOON, LAYOUT)] == []
    planned = plan_undelete(ours, NOON, LAYOUT, foreign=foreign)
    assert [each.key for each in planned.comebacks] == [f"restic/data/ab/{ID}"]
    assert planned.hidden == (f"restic/{trap}", f"restic/{capitals}")
    assert planned.later == ()
    assert (planned.foreign.count, planned.foreign.first) == (4, "restic/data/../../other/x")


def test_what_comes_back_is_counted_by_part_in_that_order():
    planned = plan(
        history("snapshots/a", (-5, "s"), (1, "")),
        history("data/aa/b", (-5, "p"), (1, "")),
        history("data/bb/c", (-5, "p"), (1, "")),
        history("keys/k", (-5, "k"), (1, "")),
    )
    counted = count_by_part(planned.comebacks)
    assert list(counted.items()) == [(Part.KEYS, 1), (Part.DATA, 2), (Part.SNAPSHOTS, 1)]


def test_hidden_snapshots_are_named_by_their_ids():
    later = [history(f"snapshots/{ID}", (5, "t")), history("index/jj", (5, "j")), history(f"index/{ID}", (5, "i"))]
    assert plan(*later, is_exact=True).hidden_snapshots == (ID,)
    assert plan(*later).hidden_snapshots == ()


def test_the_rules_hold_for_a_repository_of_another_kind():
    def versions(key, *entries):
        return [replace(each, key=key) for each in history(key, *entries)]

    layout = VaultLayout()
    listed = [
        *versions("vault/config", (-60, "config")),
        *versions(f"vault/snapshots-{ID}", (-5, "snapshot"), (1, "")),
        *versions(f"vault/data-{ID}", (-5, "pack"), (1, "")),
        *versions(f"vault/snapshots-{'cd' * 32}", (5, "later")),
        *versions("vault/snapshots-x", (5, "trap")),
        *versions(f"vault/locks-{ID}", (-5, "lock"), (1, "")),
        *versions(f"restic/data/ab/{ID}", (5, "foreign")),
    ]
    ours, foreign = part_foreign(listed, layout)
    assert [each.key for each in list_later(ours, NOON, layout)] == [f"vault/snapshots-{'cd' * 32}"]
    planned = plan_undelete(ours, NOON, layout, is_exact=True, foreign=foreign)
    assert [each.key for each in planned.comebacks] == [f"vault/data-{ID}", f"vault/snapshots-{ID}"]
    assert planned.hidden == ("vault/snapshots-x", f"vault/snapshots-{'cd' * 32}")
    assert planned.hidden_snapshots == ("cd" * 32,)
    assert planned.foreign.count == 2


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-23T12:00", datetime(2026, 11, 23, 11, tzinfo=UTC)),
        ("2026-11-23 12:00:30", datetime(2026, 11, 23, 11, 0, 30, tzinfo=UTC)),
        ("2026-07-14T12:00", datetime(2026, 7, 14, 10, tzinfo=UTC)),
        ("2026-11-23T12:00Z", NOON),
        ("2026-11-23T12:00-05:00", datetime(2026, 11, 23, 17, tzinfo=UTC)),
    ],
)
def test_a_moment_without_an_offset_is_local_time(text, moment):
    assert read_moment(text, "Europe/Paris", NOON + timedelta(days=1)) == moment


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("hier", "is not a date and a time"),
        ("", "is not a date and a time"),
        ("2026-11-23", "is not a date and a time"),
        ("2026-10-25T02:30", "the clocks change"),
        ("2026-03-29T02:30", "the clocks change"),
        ("2026-11-24T12:00Z", "in the future"),
    ],
)
def test_what_is_no_single_past_moment_is_refused(text, problem):
    with pytest.raises(UsageError, match=problem):
        read_moment(text, "Europe/Paris", NOON)


def test_a_moment_older_than_the_versions_is_refused_unless_a_hold_kept_them():
    tenant = tenant_with()
    refuse_too_old(tenant, NOON - timedelta(days=13, hours=23), NOON)
    with pytest.raises(RefusedError, match="undelete_days"):
        refuse_too_old(tenant, NOON - timedelta(days=14, seconds=1), NOON)
    hold = {"reference": "TJ Grenoble 26/1", "since": date(2026, 11, 3), "kind": "preserve"}
    refuse_too_old(tenant_with(hold=hold), NOON - timedelta(days=34), NOON)
    with pytest.raises(RefusedError):
        refuse_too_old(tenant_with(hold=hold), NOON - timedelta(days=36), NOON)
