"""Passes over tenants at a vendor's: its figures are the use, and what it does not tell is unknown."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from coffre.acronis.exchange import ANSWER_SECONDS
from coffre.errors import RemoteError
from coffre.findings import Finding, FindingKind
from coffre.records.facts.agents import Install
from coffre.records.kept_findings import KeptFinding
from coffre.spec import naming
from coffre.storage.acronis.driver import LOOK
from coffre.storage.acronis.layout import external_id_of
from coffre.storage.platform import KeyOrigin
from coffre.storage.surroundings import AlertSeverity, FoundAgent, OpenAlert, Surroundings
from coffre.storage.values import PlatformAwayError
from coffre.supervision.observe import look
from coffre.supervision.observe.owners import Owners
from coffre.supervision.picture import draw
from coffre.supervision.rounds import TENANT_SECONDS
from coffre.tenant.opening import OpenTenant
from tests.builders import PLATFORM
from tests.doubles.owners import Customer
from tests.doubles.watching import Watching, watching
from tests.doubles.workshop import COMPTA, OTHER, SLUG, Workshop, open_mixed_workshop, open_workshop

GIB = 1024**3
HOUR = timedelta(hours=1)
MORNING = datetime(2026, 12, 2, 9, tzinfo=ZoneInfo("Europe/Paris")).astimezone(UTC)
SOLD = {"storage": {"platform": "lab", "quota": "10 GiB"}}


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A tenant whose machines are all a vendor's."""
    workshop = open_workshop(tmp_path, monkeypatch, KeyOrigin.NONE)
    workshop.write_file(**SOLD)
    workshop.apply()
    return workshop


@pytest.fixture
def mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    """A tenant with 6 GiB of buckets, and 4 GiB at a vendor's."""
    workshop = open_mixed_workshop(tmp_path, monkeypatch)
    workshop.apply()
    if not workshop.vendor.customers:
        inputs = {"external_id": external_id_of(workshop.tenant_id), "name": "Martin"}
        workshop.vendor.put("Customer", "customer", inputs)
    return workshop


def watch(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watching]:
    with watching(workshop.root, workshop.estate, MORNING, monkeypatch, PLATFORM["records"]) as opened:
        yield opened


@pytest.fixture
def desk(alone: Workshop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watching]:
    yield from watch(alone, monkeypatch)


@pytest.fixture
def mixed_desk(mixed: Workshop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watching]:
    yield from watch(mixed, monkeypatch)


def customer(workshop: Workshop) -> Customer:
    [found] = workshop.vendor.customers.values()
    return found


def found(desk: Watching) -> dict[str, KeptFinding]:
    return {each.place.kind: each for each in desk.desk.records.supervision.list_findings() if each.is_open}


def use_of(desk: Watching, workshop: Workshop) -> int | None:
    picture = draw(desk.desk.records, workshop.root, SLUG, desk.now)
    assert picture is not None
    return None if picture.use is None else picture.use.current_bytes


def test_the_vendors_figure_is_the_use_that_the_quota_counts(alone: Workshop, desk: Watching) -> None:
    customer(alone).used_bytes = 8 * GIB
    result = desk.look()
    assert (result.seen, result.unseen) == (1, {})
    assert use_of(desk, alone) == 8 * GIB
    assert found(desk)[FindingKind.QUOTA_NEAR].evidence == {
        "percent": 80,
        "used_bytes": 8 * GIB,
        "quota_bytes": 10 * GIB,
    }
    customer(alone).used_bytes = 10 * GIB
    desk.look(after=HOUR)
    assert found(desk)[FindingKind.QUOTA_REACHED].evidence["used_bytes"] == 10 * GIB
    customer(alone).used_bytes = 9 * GIB + GIB * 8 // 10
    desk.look(after=HOUR)
    assert FindingKind.QUOTA_REACHED in found(desk), "it ends below 97 %"
    customer(alone).used_bytes = 2 * GIB
    desk.look(after=HOUR)
    assert not {FindingKind.QUOTA_NEAR, FindingKind.QUOTA_REACHED} & found(desk).keys()


def test_a_pass_asks_the_vendor_once_for_all_and_within_the_hour_nothing(alone: Workshop, desk: Watching) -> None:
    desk.look()
    owners = [each for each in alone.vendor.asked if each == "owners"]
    assert (len(owners), len(alone.vendor.asked)) == (1, 2)
    for _ in range(11):
        result = desk.look()
        assert (result.seen, result.unseen) == (1, {})
    assert len(alone.vendor.asked) == 2
    desk.look()
    assert len(alone.vendor.asked) == 4, "the hour is over"


def test_a_vendor_that_is_away_is_one_incident_and_what_was_known_is_not_fine(alone: Workshop, desk: Watching) -> None:
    customer(alone).used_bytes = 9 * GIB
    desk.look()
    alone.vendor.problem = PlatformAwayError("nobody answers")
    result = desk.look(after=HOUR)
    assert (result.seen, result.unseen) == (0, {SLUG: "nobody answers"})
    kinds = found(desk)
    assert kinds[FindingKind.PLATFORM_AWAY].place.platform == "lab"
    assert FindingKind.QUOTA_NEAR in kinds, "nobody looked"
    assert FindingKind.TENANT_NOT_SEEN not in kinds
    alone.vendor.problem = None
    desk.look()
    assert FindingKind.PLATFORM_AWAY not in found(desk)


def test_a_vendor_that_is_silent_about_some_customers_is_not_asked_about_all_of_them() -> None:
    asked: list[str] = []

    class Survey:
        def look_around(self, uid: str) -> None:
            asked.append(uid)
            if uid != "well":
                raise PlatformAwayError("nobody answers")

    owners = Owners(lambda _: Survey())  # type: ignore[arg-type,return-value]

    def ask(*uids: str) -> None:
        for uid in uids:
            with pytest.raises(PlatformAwayError, match="nobody answers"):
                owners.look_around("vendor", uid)

    ask("a", "b")
    owners.look_around("vendor", "well")
    ask("c", "d", "e", "f", "g")
    assert asked == ["a", "b", "well", "c", "d", "e"], "one that answers begins the count again"


def test_a_look_waits_for_a_vendor_that_hangs_for_less_than_a_tenant_may_take() -> None:
    assert LOOK.total_seconds + ANSWER_SECONDS < TENANT_SECONDS


def test_a_figure_that_the_vendor_does_not_give_is_unknown(alone: Workshop, desk: Watching) -> None:
    customer(alone).used_bytes = 9 * GIB
    desk.look()
    customer(alone).used_bytes = None
    desk.look(after=HOUR)
    assert use_of(desk, alone) is None
    assert found(desk)[FindingKind.USE_NOT_TOLD].evidence == {"platform": "lab"}
    assert FindingKind.QUOTA_NEAR in found(desk), "it is not known to be over"


def test_a_customer_that_is_gone_is_told_at_once(alone: Workshop, desk: Watching) -> None:
    alone.vendor.customers.clear()
    desk.look()
    uid = naming.owner_uid(alone.estate.tenant)  # type: ignore[arg-type]
    assert found(desk)[FindingKind.USERS_GONE].evidence == {"platform": "lab", "count": 1, "user": uid}
    assert use_of(desk, alone) is None


def deployed(workshop: Workshop, desk: Watching, name: str, agent_id: str) -> None:
    with workshop.open() as opened:
        opened.log.append(Install(generation=0, agent_id=agent_id, agent="acronis"), name)


def test_alerts_agents_and_licences_of_the_vendor_are_told(alone: Workshop, desk: Watching) -> None:
    deployed(alone, desk, COMPTA, "agent-1")
    told = customer(alone)
    told.licences_granted, told.licences_used = {"workstation": 2}, {"workstation": 4}
    told.surroundings = Surroundings(
        [FoundAgent("agent-1", "compta", False, False), FoundAgent("agent-7", "strange", True, None)],
        [OpenAlert("NoBackupForXDays", AlertSeverity.ERROR, MORNING, "agent-1")],
    )
    desk.look()
    kinds = found(desk)
    assert kinds[FindingKind.VENDOR_ALERT].place.machine == COMPTA
    assert kinds[FindingKind.PLAN_MISSING].place.machine == COMPTA
    assert kinds[FindingKind.AGENT_NOT_DECLARED].evidence["host_name"] == "strange"
    assert kinds[FindingKind.LICENCES_NOT_GRANTED].evidence["granted"] == 2
    assert kinds[FindingKind.LICENCES_NOT_ORDERED].evidence["used"] == 4
    assert FindingKind.AGENT_OFFLINE not in kinds
    desk.look(after=timedelta(days=15))
    assert found(desk)[FindingKind.AGENT_OFFLINE].place.machine == COMPTA
    told.licences_granted, told.licences_used = {"workstation": 3}, {"workstation": 3}
    told.surroundings = Surroundings([FoundAgent("agent-1", "compta", True, True)])
    desk.look(after=HOUR)
    gone = {
        FindingKind.VENDOR_ALERT,
        FindingKind.PLAN_MISSING,
        FindingKind.AGENT_NOT_DECLARED,
        FindingKind.AGENT_OFFLINE,
        FindingKind.LICENCES_NOT_GRANTED,
        FindingKind.LICENCES_NOT_ORDERED,
    }
    assert not gone & found(desk).keys()


def test_parts_are_added_up_and_a_full_one_beside_an_empty_one_is_told(mixed: Workshop, mixed_desk: Watching) -> None:
    desk = mixed_desk
    customer(mixed).used_bytes = 4 * GIB
    desk.look()
    assert (use_of(desk, mixed) or 0) >= 4 * GIB
    kinds = found(desk)
    assert kinds[FindingKind.PART_FULL].evidence["platform"] == "vendor"
    assert not {FindingKind.QUOTA_NEAR, FindingKind.QUOTA_REACHED} & kinds.keys()


def test_the_part_in_buckets_is_watched_while_the_vendor_is_away(mixed: Workshop, mixed_desk: Watching) -> None:
    desk = mixed_desk
    customer(mixed).used_bytes = 4 * GIB
    desk.look()
    mixed.vendor.problem = PlatformAwayError("nobody answers")
    result = desk.look(after=HOUR)
    assert result.unseen == {SLUG: "its part on vendor: nobody answers"}
    kinds = found(desk)
    assert kinds[FindingKind.PLATFORM_AWAY].place.platform == "vendor"
    assert FindingKind.PART_FULL in kinds
    assert use_of(desk, mixed) is None
    mixed.vendor.problem = RemoteError("the API client is disabled")
    desk.look()
    assert found(desk)[FindingKind.PART_NOT_SEEN].evidence == {
        "platform": "vendor",
        "error": "the API client is disabled",
    }
    mixed.vendor.problem = None
    result = desk.look()
    assert (result.seen, result.unseen) == (1, {})
    assert not {FindingKind.PLATFORM_AWAY, FindingKind.PART_NOT_SEEN} & found(desk).keys()
    assert use_of(desk, mixed) is not None


def test_what_the_agent_says_of_its_runs_is_kept_with_the_days(mixed: Workshop, mixed_desk: Watching) -> None:
    mixed_desk.look()
    picture = draw(mixed_desk.desk.records, mixed.root, SLUG, mixed_desk.now)
    assert picture is not None
    seen = picture.machines[OTHER]
    assert seen is not None
    assert (seen.last_result, seen.saved_days) == ("never", ())


def test_an_agent_that_cannot_be_heard_is_unseen_until_it_is(
    mixed: Workshop, mixed_desk: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed_desk.look()
    with monkeypatch.context() as broken:
        broken.setattr(look, "hear_machine", _refuse)
        mixed_desk.look(after=HOUR)
        assert found(mixed_desk)[FindingKind.NOT_SEEN].place.machine == OTHER
        mixed_desk.look()
        assert FindingKind.NOT_SEEN in found(mixed_desk), "what was heard before is not what holds now"
    mixed_desk.look()
    assert FindingKind.NOT_SEEN not in found(mixed_desk)


def _refuse(_opened: OpenTenant, name: str, _now: datetime) -> Finding:
    return Finding(FindingKind.NOT_SEEN, name, {"error": "the vendor refuses"})
