"""Declared and really there: machines without an agent, buckets, users and keys that nobody has declared or needs."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from coffre.findings import Finding, FindingKind
from coffre.records.facts.agents import Install
from coffre.spec import naming
from coffre.storage.values import AccessKey
from coffre.supervision.judge.ghosts import (
    DEPLOYED_WITHIN,
    MAX_OWNERS,
    Account,
    KeyUse,
    group_users,
    judge_accounts,
    judge_buckets,
    judge_deployment,
    judge_owners,
    judge_unused,
)
from tests.builders import PLATFORM
from tests.doubles.watching import Watching, watching
from tests.doubles.workshop import COMPTA, SLUG, Workshop, open_workshop

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OWNER = "durand-m7f3q9wz2m"
PC = Account(f"{OWNER}.pc-1", "pc-1", ("NEW",), "NEW")


def test_a_machine_that_is_declared_for_two_weeks_should_have_its_agent() -> None:
    waiting = {"pc-1": NOON - DEPLOYED_WITHIN, "pc-2": NOON - DEPLOYED_WITHIN + timedelta(seconds=1)}
    assert list(judge_deployment(waiting, NOON)) == [
        Finding(FindingKind.MACHINE_NOT_DEPLOYED, "pc-1", {"since": waiting["pc-1"].isoformat()})
    ]


def test_a_bucket_of_no_machine_is_named_with_its_size() -> None:
    assert list(judge_buckets({"a-pc-1": 5, "other": 7}, ["a-pc-1", "a-pc-2"])) == [
        Finding(FindingKind.BUCKET_NOT_DECLARED, None, {"bucket": "other", "stored_bytes": 7})
    ]


def test_users_are_coffres_by_their_names_and_a_tenants_by_its_id() -> None:
    strangers = ["admin", "dashboard", "backup-prod", "durand-m7f3q9wz2", "durand-a7f3q9wz2m", f"{OWNER}x", f"{OWNER}."]
    ours = [OWNER, f"{OWNER}.pc-1", f"{OWNER}_copy", "martin-k7f3q9wz2m", "renamed-k7f3q9wz2m.pc-1"]
    assert group_users([*strangers, *ours], {"k7f3q9wz2m"}) == {
        OWNER: [OWNER, f"{OWNER}.pc-1"],
        f"{OWNER}_copy": [f"{OWNER}_copy"],
    }


def test_lost_records_are_not_a_finding_for_each_tenant() -> None:
    users = {f"client-{number:02d}-m7f3q9wz2m": 11 for number in range(MAX_OWNERS + 5)}
    found = list(judge_owners(users, {}))
    assert len(found) == MAX_OWNERS + 1
    assert found[-1].evidence == {"user": None, "users": 55, "buckets": None}


def test_a_lost_user_is_one_finding_and_a_key_of_no_bundle_is_one_for_its_user() -> None:
    lost = replace(PC, key_ids=None)
    strange = replace(PC, machine="pc-2", uid=f"{OWNER}.pc-2", key_ids=("NEW", "X", "Y"))
    found = list(judge_accounts("lab", [lost, strange, PC], {"pc-2": KeyUse("Y", NOON)}))
    assert found == [
        Finding(FindingKind.USERS_GONE, None, {"platform": "lab", "count": 1, "user": lost.uid}),
        Finding(
            FindingKind.KEY_UNKNOWN,
            "pc-2",
            {"user": strange.uid, "count": 2, "key_id": "Y", "used_at": NOON.isoformat()},
        ),
    ]
    assert list(judge_accounts("lab", [replace(PC, key_ids=("NEW", "OLD"), old_key_id="OLD")], {})) == []


@pytest.mark.parametrize(
    ("use", "since", "is_unused"),
    [
        pytest.param(KeyUse("NEW", NOON - 90 * DAY), NOON - 200 * DAY, True, id="its last run is old"),
        pytest.param(KeyUse("NEW", NOON - 89 * DAY), NOON - 200 * DAY, False, id="its last run is not that old"),
        pytest.param(KeyUse("NEW", NOON - 200 * DAY), NOON - 5 * DAY, False, id="it was suspended until lately"),
        pytest.param(None, NOON - 90 * DAY, True, id="it never ran"),
        pytest.param(None, NOON - 5 * DAY, False, id="it is new"),
        pytest.param(None, None, False, id="it must not run: suspended, or no agent yet"),
    ],
)
def test_a_key_is_unused_when_nobody_ran_with_it_for_long(
    use: KeyUse | None, since: datetime | None, *, is_unused: bool
) -> None:
    uses, dates = {} if use is None else {"pc-1": use}, {} if since is None else {"pc-1": since}
    found = list(judge_unused([PC, Account(OWNER, None, ("O",), "O")], uses, dates, 90, NOON))
    assert [each.kind for each in found] == ([FindingKind.KEY_UNUSED] if is_unused else [])
    assert list(judge_unused([replace(PC, key_ids=())], uses, dates, 90, NOON)) == [], "the platform does not take it"


def test_the_key_before_a_rotation_that_never_ended_is_unused() -> None:
    rotated = replace(PC, key_ids=("NEW", "OLD"), old_key_id="OLD", old_since=NOON - 100 * DAY)
    since = {"pc-1": NOON - 300 * DAY}
    (found,) = judge_unused([rotated], {"pc-1": KeyUse("NEW", NOON)}, since, 90, NOON)
    assert (found.evidence["key_id"], found.evidence["days"]) == ("OLD", 100)
    assert list(judge_unused([rotated], {"pc-1": KeyUse("OLD", NOON)}, since, 90, NOON)) == [], "it is in use"


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return open_workshop(tmp_path, monkeypatch)


@pytest.fixture
def desk(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watching]:
    with watching(workshop.root, workshop.estate, datetime.now(UTC), monkeypatch, PLATFORM["records"]) as opened:
        yield opened


def kinds(desk: Watching) -> list[tuple[str, str, str]]:
    """Return the findings; whether a backup is late meanwhile depends on the day on which the test runs."""
    listed = desk.desk.records.supervision.list_findings()
    found = [each for each in listed if each.place.kind != FindingKind.BACKUP_LATE.value]
    return [(each.place.kind, each.place.machine, each.place.platform) for each in found]


def make_user(workshop: Workshop, uid: str, wall_bytes: int | None) -> None:
    workshop.platform.add_user(uid)
    workshop.platform.set_wall(uid, wall_bytes)


def test_users_of_no_tenant_are_found_once_a_day_and_strangers_are_not(workshop: Workshop, desk: Watching) -> None:
    workshop.apply()
    desk.look()
    make_user(workshop, OWNER, 5)
    make_user(workshop, f"{OWNER}.pc-1", None)
    make_user(workshop, "backup-prometheus", None)
    desk.look()
    assert kinds(desk) == [], "it was looked at less than a day ago"
    desk.look(after=DAY)
    assert kinds(desk) == [("user_not_declared", "", "lab")]
    (found,) = desk.desk.records.supervision.list_findings()
    assert found.evidence == {"user": OWNER, "users": 2, "buckets": 0}
    workshop.platform.delete_user(f"{OWNER}.pc-1")
    workshop.platform.delete_user(OWNER)
    desk.look()
    assert len(kinds(desk)) == 1
    assert [each.place.kind for each in desk.look(after=DAY).closed] == ["user_not_declared"]


def test_a_tenant_of_a_file_is_no_stranger_and_on_a_shared_platform_nobody_is(
    workshop: Workshop, desk: Watching
) -> None:
    workshop.apply()
    make_user(workshop, OWNER, 5)
    (workshop.root / "tenants" / "durand.yaml").write_text("version: 1\nid: m7f3q9wz2m  # new\n", encoding="utf-8")
    desk.look()
    assert kinds(desk) == []
    (workshop.root / "tenants" / "durand.yaml").unlink()
    assert [each.place.kind for each in desk.look(after=DAY).opened] == ["user_not_declared"]
    shared: dict[str, Any] = yaml.safe_load((workshop.root / "platform.yaml").read_text(encoding="utf-8"))
    shared["platforms"]["lab"]["shared"] = True
    (workshop.root / "platform.yaml").write_text(yaml.safe_dump(shared, allow_unicode=True), encoding="utf-8")
    workshop.apply()
    assert [each.place.kind for each in desk.look(after=DAY).closed] == ["user_not_declared"]


def test_users_that_cannot_be_listed_are_named_and_what_was_found_stays(workshop: Workshop, desk: Watching) -> None:
    workshop.apply()
    make_user(workshop, OWNER, 5)
    desk.look()
    workshop.platform.list_users = lambda prefix: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    desk.now += DAY
    result = desk._supervisor.run()
    assert result.unseen == {"users of lab": "ZeroDivisionError"}
    assert result.seen == 1, "the tenant was seen"
    assert kinds(desk) == [("user_not_declared", "", "lab")]


def test_lost_users_strange_keys_and_a_lost_stack_of_a_tenant_are_found_and_end(
    workshop: Workshop, desk: Watching
) -> None:
    workshop.apply()
    desk.look()
    with workshop.open() as opened:
        uid = naming.machine_uid(opened.tenant, COMPTA)
    workshop.platform.add_key(uid, AccessKey("STRANGE", "secret"))
    stack = workshop.root / ".coffre" / "state" / ".pulumi" / "stacks" / "coffre" / f"{SLUG}.json"
    aside = stack.rename(workshop.root / "aside")
    desk.look(after=DAY)
    assert kinds(desk) == [("stack_gone", "", ""), ("key_unknown", COMPTA, "")]
    aside.rename(stack)
    workshop.platform.delete_key(uid, "STRANGE")
    workshop.platform.delete_user(uid)
    desk.look(after=DAY / 2)
    others = [each for each in kinds(desk) if each[0] != "backup_late"]  # by the hour at which the test runs
    assert others == [("users_gone", "", "")], "where something is, it is looked at with each whole look"


def test_a_machine_that_stays_silent_for_three_months_has_a_key_that_nobody_uses(
    workshop: Workshop, desk: Watching
) -> None:
    workshop.apply()
    with workshop.open() as opened:
        assert opened.log.last(Install, COMPTA) is not None
    desk.look(after=89 * DAY)
    assert "key_unused" not in {each[0] for each in kinds(desk)}
    desk.look(after=2 * DAY)
    assert ("key_unused", COMPTA, "") in kinds(desk)
