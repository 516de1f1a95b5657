"""A pass of supervision: what it looks at, what it acts on, and what it says when nobody could look."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from coffre.provisioning.inputs import AppliedFiles, Inputs, end
from coffre.records.database import tables
from coffre.records.database.connection import writing
from coffre.records.events import EventKind
from coffre.records.facts.backups import Drilled
from coffre.spec.loader import load_checkout
from coffre.storage.values import PlatformAwayError
from coffre.supervision import rounds
from coffre.tenant.estate.log import TenantLog
from tests.builders import PLATFORM
from tests.doubles.opening import AUTHOR
from tests.doubles.watching import FIVE_MINUTES, Watching, watching
from tests.doubles.workshop import CAISSE, COMPTA, SLUG, Workshop, open_workshop

MIB = 1024**2
PACK, LESS = (f"restic/data/{each}/{each * 32}" for each in ("ab", "cd"))
SMALL = {"platform": "lab", "quota": "10 MiB"}


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return open_workshop(tmp_path, monkeypatch)


@pytest.fixture
def desk(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watching]:
    with watching(workshop.root, workshop.estate, datetime.now(UTC), monkeypatch, PLATFORM["records"]) as opened:
        yield opened


def kinds(desk: Watching) -> list[tuple[str, str]]:
    return [(each.place.kind, each.place.machine) for each in desk.desk.records.supervision.list_findings()]


def fill(workshop: Workshop, machine: str, size_bytes: int, name: str = PACK) -> None:
    workshop.estate.bucket(machine).put(name, b"x" * size_bytes)


def test_without_an_apply_there_is_nothing_to_look_at(desk: Watching) -> None:
    result = desk.look()
    assert (result.tenants, result.unseen, result.opened) == (0, {}, [])


def test_a_tenant_without_problems_gives_no_finding(workshop: Workshop, desk: Watching) -> None:
    workshop.apply()
    result = desk.look()
    assert (result.tenants, result.seen, result.unseen, result.is_whole) == (1, 1, {}, True)
    assert kinds(desk) == []
    (last,) = desk.desk.records.supervision.list_passes(5)
    assert (last.tenants, last.seen, last.ended_at is not None) == (1, 1, True)


def test_a_bucket_that_nobody_wrote_to_is_not_read_again(workshop: Workshop, desk: Watching) -> None:
    workshop.apply()
    desk.look()
    before = desk.desk.records.supervision.read_watched()
    desk.look()
    fill(workshop, COMPTA, 10)
    desk.look()
    after = desk.desk.records.supervision.read_watched()[workshop.tenant_id]
    was = before[workshop.tenant_id]
    assert was[CAISSE] == after[CAISSE]
    assert after[COMPTA].looked_at > was[COMPTA].looked_at
    assert after[""].looked_at == desk.now


def test_the_gate_closes_at_the_quota_and_opens_when_clearly_less_is_used(workshop: Workshop, desk: Watching) -> None:
    workshop.write_file(storage=SMALL)
    workshop.apply()
    fill(workshop, COMPTA, 9 * MIB)
    desk.look()
    assert kinds(desk) == [("quota_near", ""), ("quota_near", "")]
    fill(workshop, CAISSE, MIB)
    result = desk.look()
    assert ("quota_reached", "") in kinds(desk)
    assert all(workshop.estate.bucket(name).is_gate_closed() for name in (COMPTA, CAISSE))
    assert [each.place.kind for each in result.opened] == ["quota_reached"], "the warnings were opened before"
    assert desk.look().opened == []
    workshop.estate.bucket(CAISSE).hide(PACK)
    fill(workshop, CAISSE, int(0.8 * MIB), LESS)
    desk.look()
    assert workshop.estate.bucket(COMPTA).is_gate_closed(), "98 % are used"
    workshop.estate.bucket(CAISSE).hide(LESS)
    result = desk.look()
    assert not workshop.estate.bucket(COMPTA).is_gate_closed()
    assert [each.place.kind for each in result.closed] == ["quota_reached"]


def test_only_what_was_applied_counts_and_not_what_the_checkout_says(workshop: Workshop, desk: Watching) -> None:
    workshop.write_file(storage=SMALL)
    workshop.apply()
    workshop.write_file(storage={"platform": "lab", "quota": "100 GiB"})
    fill(workshop, COMPTA, 10 * MIB)
    desk.look()
    assert workshop.estate.bucket(COMPTA).is_gate_closed()
    (workshop.root / "tenants" / f"{SLUG}.yaml").unlink()
    assert desk.look().tenants == 1


def test_a_raise_opens_the_gate_as_soon_as_it_is_applied(workshop: Workshop, desk: Watching) -> None:
    workshop.write_file(storage=SMALL)
    workshop.apply()
    fill(workshop, COMPTA, 10 * MIB)
    desk.look()
    workshop.write_file(storage={"platform": "lab", "quota": "10445 KiB"})
    workshop.apply()
    assert not workshop.estate.bucket(COMPTA).is_gate_closed(), "98 % of the new quota"
    desk.look()
    assert ("quota_reached", "") not in kinds(desk)


def test_a_dead_platform_is_one_finding_and_its_tenants_are_unknown_not_fine(
    workshop: Workshop, desk: Watching
) -> None:
    workshop.write_file(storage=SMALL)
    workshop.apply()
    fill(workshop, COMPTA, 9 * MIB)
    desk.look()
    open_before = kinds(desk)

    def away(slug: str) -> None:
        raise PlatformAwayError("nobody answers")

    desk.desk.before_open = away
    result = desk.look()
    assert result.unseen == {SLUG: "nobody answers"}
    assert (result.tenants, result.seen, result.is_whole) == (1, 0, False)
    assert desk.desk.records.supervision.list_passes(1)[0].seen == 0
    assert kinds(desk) == [*open_before, ("platform_away", "")], "what was open stays, and no tenant is called fine"
    desk.desk.before_open = lambda _: None
    result = desk.look()
    assert [each.place.kind for each in result.closed] == ["platform_away"]
    assert kinds(desk) == open_before


def test_an_unexpected_error_is_that_tenants_and_ends_no_pass(workshop: Workshop, desk: Watching) -> None:
    workshop.apply()
    workshop.estate.storage.list_bucket_facts = lambda _: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    desk.now += timedelta(minutes=5)
    result = desk._supervisor.run()
    assert result.unseen == {SLUG: "ZeroDivisionError"}
    assert [type(each) for each in desk.problems] == [ZeroDivisionError]
    assert kinds(desk) == [("tenant_not_seen", "")]


def test_a_drill_that_nobody_made_is_a_finding_and_one_that_failed_until_one_passes(
    workshop: Workshop, desk: Watching
) -> None:
    workshop.write_file(options=["restore_tests"])
    workshop.apply()
    workshop.back_up(COMPTA)
    records, tenant = desk.desk.records, load_checkout(workshop.root).tenants[SLUG]
    log = TenantLog(tenant.id, SLUG, AUTHOR, lambda: records, lambda: records, lambda: desk.now)

    def drills_found(after: timedelta = FIVE_MINUTES) -> list[tuple[str, str]]:
        desk.look(after)
        return [each for each in kinds(desk) if each[0].startswith("drill")]

    assert drills_found() == []
    assert drills_found(timedelta(days=36)) == [], "it is due since six days"
    assert drills_found(timedelta(days=2)) == [("drill_overdue", COMPTA)], "and the other one never backed up"
    log.append(Drilled(1, "ab" * 32, problems=("/home/a: not restored",)), COMPTA)
    assert drills_found() == [("drill_failed", COMPTA)]
    log.append(Drilled(2, "ab" * 32, copied_to="elsewhere"), COMPTA)
    assert drills_found() == [("drill_failed", COMPTA)]
    log.append(Drilled(3, "ab" * 32), COMPTA)
    assert drills_found() == []


def test_findings_are_events_too(workshop: Workshop, desk: Watching) -> None:
    workshop.write_file(storage=SMALL)
    workshop.apply()
    fill(workshop, COMPTA, 8 * MIB)
    desk.look()
    workshop.estate.bucket(COMPTA).hide(PACK)
    desk.look()
    events = desk.desk.records.select_events(None, {EventKind.FINDING_OPENED, EventKind.FINDING_CLOSED})
    assert [each.kind for each in events if each.details.get("detail") == "80"] == [
        EventKind.FINDING_OPENED,
        EventKind.FINDING_CLOSED,
    ]
    assert desk.desk.records.verify().faults == ()


def test_without_readable_settings_every_tenant_is_unknown_and_not_fine(workshop: Workshop, desk: Watching) -> None:
    workshop.apply()
    with writing(desk.desk.records._engine) as connection:
        table = tables.applied_files
        connection.execute(sa.delete(table).where(table.c.tenant_id.is_(None)))
    result = desk.look()
    assert (result.seen, result.unseen, result.is_whole) == (0, {SLUG: "settings"}, False)
    assert kinds(desk) == [("not_known", "")]


def test_the_pass_after_midnight_measures_the_day(workshop: Workshop, desk: Watching) -> None:
    workshop.apply()
    fill(workshop, COMPTA, MIB)
    paris = ZoneInfo("Europe/Paris")
    tomorrow = (desk.now.astimezone(paris) + timedelta(days=1)).date()
    desk.now = datetime(tomorrow.year, tomorrow.month, tomorrow.day, tzinfo=paris)
    desk.look(after=timedelta(minutes=4))
    tenant_id = load_checkout(workshop.root).tenants[SLUG].id
    [midnight] = desk.desk.records.list_midnights(tenant_id, tomorrow, tomorrow)
    usages = desk.desk.records.list_usage(tenant_id, tomorrow, tomorrow)
    assert midnight.current_bytes == sum(each.current_bytes for each in usages) > MIB
    fill(workshop, COMPTA, MIB, LESS)
    desk.look()
    assert desk.desk.records.list_midnights(tenant_id, tomorrow, tomorrow) == [midnight]


def record_another(workshop: Workshop, desk: Watching) -> str:
    """Record a second tenant of the same platform as it was applied, and return its slug."""
    checkout = load_checkout(workshop.root)
    tenant = checkout.tenants[SLUG]
    slug, tenant_id = "dupont", f"{tenant.id[:-1]}{'a' if tenant.id[-1] != 'a' else 'b'}"
    text = (
        checkout.contents[f"tenants/{SLUG}.yaml"]
        .decode()
        .replace(tenant.id, tenant_id)
        .replace(".martin.", f".{slug}.")
    )
    (workshop.root / "tenants" / f"{slug}.yaml").write_text(text, encoding="utf-8")
    again = load_checkout(workshop.root)
    log = TenantLog.read(desk.desk.records, tenant_id, slug, AUTHOR)
    files = AppliedFiles.of(again, again.tenants[slug])
    end(log, Inputs(again).digest(again.tenants[slug]), files, has_agents=True)
    return slug


def test_a_platform_that_lets_every_look_run_out_of_time_is_one_incident(
    workshop: Workshop, desk: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.apply()
    other = record_another(workshop, desk)
    hangs = threading.Event()
    monkeypatch.setattr(rounds, "TENANT_SECONDS", 0.1)
    desk.desk.before_open = lambda _: hangs.wait(60) and None
    try:
        result = desk.look()
    finally:
        hangs.set()
    assert set(result.unseen) == {SLUG, other}
    assert not result.is_whole
    (incident,) = desk.desk.records.supervision.list_findings()
    assert (incident.place.kind, incident.place.platform, incident.evidence["tenants"]) == ("platform_away", "lab", 2)
    assert incident.evidence["error"] == "the look took longer than 0 s"


def test_a_tenant_that_is_late_by_itself_is_its_own_finding(
    workshop: Workshop, desk: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.apply()
    other = record_another(workshop, desk)
    hangs = threading.Event()
    monkeypatch.setattr(rounds, "TENANT_SECONDS", 8.0)
    desk.desk.before_open = lambda slug: hangs.wait(60) and None if slug == other else None
    try:
        desk.look()
    finally:
        hangs.set()
    assert [(each.slug, each.place.kind) for each in desk.desk.records.supervision.list_findings()] == [
        (other, "tenant_not_seen")
    ]
