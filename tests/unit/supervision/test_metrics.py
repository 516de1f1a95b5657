"""The metrics: what they say of records that passes wrote, what they leave out, and how few series they are."""

import math
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from coffre.findings import FindingKind
from coffre.records.activity import Usage
from coffre.records.actor import Author
from coffre.records.database.store import Records
from coffre.records.facts.availability import MaintenanceDeclared
from coffre.records.facts.departure import DepartureStage, Stage
from coffre.records.kept_findings import NO_TENANT, FindingPlace, KeptFinding
from coffre.records.probes import CANNOT_LOOK, one_probe
from coffre.supervision.availability.words import event_of
from coffre.supervision.judge.forecast import Forecast, Outlook
from coffre.supervision.judge.quota import Use
from coffre.supervision.metrics import exposition
from coffre.supervision.metrics.exposition import RecordsCollector, list_samples
from coffre.supervision.metrics.figures import Figures, TenantFigures, count_findings
from tests.builders import PLATFORM, tenant_with
from tests.doubles.opening import log_of
from tests.doubles.watching import Watching, watching
from tests.doubles.workshop import CAISSE, COMPTA, SLUG, Workshop, open_workshop

MIB = 1024**2
NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)
LABELS = {"tenant": SLUG, "platform": "lab"}
PACK, FOREIGN = f"restic/data/ab/{'ab' * 32}", "evil\n{tenant='x'}"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return open_workshop(tmp_path, monkeypatch)


@pytest.fixture
def desk(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watching]:
    with watching(workshop.root, workshop.estate, datetime.now(UTC), monkeypatch, PLATFORM["records"]) as opened:
        yield opened


class Scraper:
    """Scrapes the records of a folder as Prometheus would, and keeps what was said of problems."""

    def __init__(self, root: Path, now: datetime, reference: str = PLATFORM["records"]) -> None:
        self.now = now
        self.said: list[str] = []
        self.registry = CollectorRegistry()
        self.registry.register(
            RecordsCollector(
                root,
                reference,
                lambda: self.now,
                lambda problem: self.said.append(str(problem) or type(problem).__name__),
                lambda: self.said.append("good"),
            )
        )

    def text(self) -> str:
        return generate_latest(self.registry).decode()

    def scrape(self) -> Samples:
        return {
            (each.name, frozenset(each.labels.items())): each.value
            for family in text_string_to_metric_families(self.text())
            for each in family.samples
        }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


def test_what_a_pass_saw_is_shown(workshop: Workshop, desk: Watching) -> None:
    workshop.write_file(storage={"platform": "lab", "quota": "10 MiB"})
    workshop.apply()
    workshop.estate.bucket(COMPTA).put(PACK, b"x" * 10 * MIB)
    workshop.estate.bucket(CAISSE).put(FOREIGN, b"x")
    desk.look()
    found = Scraper(workshop.root, desk.now).scrape()
    assert value(found, "coffre_up") == 1
    assert value(found, "coffre_pass_tenants_seen") == 1
    assert value(found, "coffre_pass_tenants_unseen") == 0
    assert value(found, "coffre_tenants_not_known") == 0
    assert value(found, "coffre_tenant_info", **LABELS, status="active") == 1
    assert value(found, "coffre_tenant_quota_bytes", **LABELS) == 10 * MIB
    used = value(found, "coffre_tenant_used_bytes", **LABELS) or 0
    assert 10 * MIB < used < 11 * MIB
    assert value(found, "coffre_tenant_stored_bytes", **LABELS) == used + (
        value(found, "coffre_tenant_noncurrent_bytes", **LABELS) or 0
    )
    assert value(found, "coffre_tenant_gate_closed", **LABELS) == 1
    assert value(found, "coffre_tenant_full_in_days", **LABELS) == 0
    assert value(found, "coffre_tenant_machines", **LABELS) == 3
    assert value(found, "coffre_tenant_machines_in_trouble", **LABELS, trouble="missed") == 0
    for name, count in (("sold", 3), ("declared", 3), ("in_use", 0)):
        assert value(found, f"coffre_tenant_licences_{name}", **LABELS, kind="workstation") == count
    quota = {"kind": "quota_reached", "attribution": "customer", "severity": "", "silenced": "false"}
    assert value(found, "coffre_findings", **LABELS, **quota) == 1
    looked_at = value(found, "coffre_tenant_looked_at_timestamp_seconds", **LABELS)
    assert looked_at == pytest.approx(desk.now.timestamp(), abs=1)


def test_no_label_comes_from_a_machine_or_from_storage(workshop: Workshop, desk: Watching) -> None:
    workshop.apply()
    workshop.estate.bucket(CAISSE).put(FOREIGN, b"x")
    desk.look()
    text = Scraper(workshop.root, desk.now).text()
    assert 'kind="foreign_keys"' in text
    assert not any(each in text for each in ("evil", COMPTA, CAISSE))
    # The series of a tenant: 20 figures at the most with two kinds of machine, and one for each kind of finding.
    assert len(re.findall(rf'tenant="{SLUG}"', text)) < 25 + len(FindingKind)


def test_what_nobody_has_looked_at_has_no_figure(workshop: Workshop, desk: Watching) -> None:
    workshop.apply()
    found = Scraper(workshop.root, desk.now).scrape()
    assert value(found, "coffre_up") == 1
    assert value(found, "coffre_tenant_quota_bytes", **LABELS)
    names = {name for name, _ in found}
    assert not names & {
        "coffre_pass_last_end_timestamp_seconds",
        "coffre_tenant_looked_at_timestamp_seconds",
        "coffre_tenant_used_bytes",
        "coffre_tenant_stored_bytes",
        "coffre_tenant_machines_in_trouble",
        "coffre_tenant_licences_in_use",
        "coffre_tenant_full_in_days",
    }


def figures_of(forecast: Forecast | None, use: Use | None) -> TenantFigures:
    return TenantFigures(tenant_with(), NOON, use, False, forecast, date(2026, 11, 30), {}, {}, {})


def samples_of(each: TenantFigures) -> dict[str, float]:
    figures = Figures(NOON, None, None, [each], 0, {})
    return {name: value for name, _, value in list_samples(figures)}


def probe(desk: Watching, marks: str, last: datetime) -> None:
    """Add a probe a minute: ``+`` is up, ``-`` is down, ``?`` could not look."""
    faults = {"+": (), "-": ("write", "unreachable"), "?": ("open", CANNOT_LOOK)}
    desk.desk.records.availability.add_probes(
        [
            one_probe("lab", last - timedelta(minutes=turn), 20, *faults[mark])
            for turn, mark in zip(range(len(marks) - 1, -1, -1), marks, strict=True)
        ]
    )


@pytest.mark.parametrize(("marks", "is_up", "outage_seconds", "last_minutes"), [
    ("+++", 1, 0, 0),
    ("++--", 1, 0, 0),
    ("+---", 0, 2 * 60, 0),
    ("+----++", 1, 4 * 60, 0),
    ("+++???", 1, 0, 3),
    ("+++????", None, 0, 4),
    ("????", None, None, None),
    ("", None, None, None),
])  # fmt: skip
def test_a_platform_is_shown_as_its_probes_found_it(
    workshop: Workshop,
    desk: Watching,
    marks: str,
    is_up: int | None,
    outage_seconds: int | None,
    last_minutes: int | None,
) -> None:
    workshop.apply()
    probe(desk, marks, NOON)
    found = Scraper(workshop.root, NOON).scrape()
    platform = {"platform": "lab"}
    budget_seconds = 365 * 86400 * 3 // 1000
    assert value(found, "coffre_platform_up", **platform) == is_up
    assert value(found, "coffre_platform_outage_seconds", **platform) == outage_seconds
    if last_minutes is None or outage_seconds is None:
        assert not [name for name, _ in found if name.startswith("coffre_platform_")], "nobody knows anything"
        return
    last_at = (NOON - timedelta(minutes=last_minutes)).timestamp()
    assert value(found, "coffre_platform_last_probe_timestamp_seconds", **platform) == last_at
    assert value(found, "coffre_platform_outage_budget_seconds", **platform) == budget_seconds
    assert value(found, "coffre_platform_outage_left_seconds", **platform) == budget_seconds - outage_seconds
    begun = (NOON - datetime(2025, 12, 31, 23, tzinfo=UTC)).total_seconds() - 60 * (len(marks) - 1 - last_minutes)
    unknown = begun - (60 * last_minutes if last_minutes <= 3 else 0)
    assert value(found, "coffre_platform_unknown_seconds", **platform) == unknown
    assert value(found, "coffre_platform_in_maintenance", **platform) == 0


def test_a_platform_in_a_declared_maintenance_is_shown_as_such(workshop: Workshop, desk: Watching) -> None:
    workshop.apply()
    probe(desk, "+---", NOON)
    fact = MaintenanceDeclared("lab", NOON - timedelta(minutes=5), NOON + timedelta(hours=1), "Ceph 19")
    author = Author("claire", None)
    desk.desk.records.append(event_of(NO_TENANT, NO_TENANT, fact, author, NOON - timedelta(days=9)))
    found = Scraper(workshop.root, NOON).scrape()
    assert value(found, "coffre_platform_in_maintenance", platform="lab") == 1
    assert value(found, "coffre_platform_up", platform="lab") == 0
    assert value(found, "coffre_platform_outage_seconds", platform="lab") == 0


def test_a_use_that_was_not_listed_is_unknown_and_not_nothing() -> None:
    found = samples_of(figures_of(None, Use(NOON, 5 * MIB)))
    assert found["coffre_tenant_stored_bytes"] == 5 * MIB
    assert not found.keys() & {"coffre_tenant_used_bytes", "coffre_tenant_noncurrent_bytes"}


@pytest.mark.parametrize(
    ("forecast", "days"),
    [
        (Forecast(Outlook.REACHED), 0),
        (Forecast(Outlook.GROWING, date(2026, 12, 14), 1e9, 30), 14),
        (Forecast(Outlook.STEADY, bytes_a_day=-1.0, days=30), math.inf),
        (Forecast(Outlook.UNKNOWN), None),
        (None, None),
    ],
)
def test_the_days_until_the_quota_is_reached(forecast: Forecast | None, days: float | None) -> None:
    assert samples_of(figures_of(forecast, None)).get("coffre_tenant_full_in_days") == days


def test_a_forecast_is_made_once_an_hour_and_anew_for_another_quota(workshop: Workshop, desk: Watching) -> None:
    workshop.apply()
    with workshop.open() as opened:
        tenant = opened.tenant
    scraper = Scraper(workshop.root, desk.now)
    records = desk.desk.records

    def grow(days: int, step_bytes: int) -> None:
        today = desk.now.astimezone(ZoneInfo(tenant.timezone)).date()
        records.record_usage(
            Usage(
                tenant.id,
                COMPTA,
                today - timedelta(days=back),
                (days - back) * step_bytes,
                (days - back) * step_bytes,
                desk.now - timedelta(days=back),
            )
            for back in range(days)
        )

    grow(40, 100 * MIB)
    first = value(scraper.scrape(), "coffre_tenant_full_in_days", **LABELS)
    assert first is not None
    assert 50 < first < 80
    grow(40, 200 * MIB)
    assert value(scraper.scrape(), "coffre_tenant_full_in_days", **LABELS) == first
    scraper.now += timedelta(hours=2)
    later = value(scraper.scrape(), "coffre_tenant_full_in_days", **LABELS)
    assert later is not None
    assert later < first / 2
    workshop.write_file(storage={"platform": "lab", "quota": "1 GiB"})
    workshop.apply()
    grow(40, 200 * MIB)
    assert value(scraper.scrape(), "coffre_tenant_full_in_days", **LABELS) == 0


def test_findings_are_counted_by_what_they_mean_and_silent_ones_apart() -> None:
    def kept(kind: str, machine: str, **changes: object) -> KeptFinding:
        found = KeptFinding(FindingPlace("k7f3q9wz2m", "", machine, kind), SLUG, NOON, NOON, id=1)
        return replace(found, **changes)  # type: ignore[arg-type]

    found = count_findings(
        [
            kept("backup_missed", COMPTA),
            kept("backup_missed", CAISSE),
            kept("backup_missed", "pc-3", silenced_until=NOON + timedelta(days=1)),
            kept("backup_missed", "pc-4", closed_at=NOON),
            kept("repository_damaged", COMPTA),
            kept("of_next_year", COMPTA),
            KeptFinding(FindingPlace("", "lab", "", "platform_away"), "", NOON, NOON, id=2),
        ],
        {"k7f3q9wz2m": "lab"},
        NOON,
    )
    counted = {
        (each.tenant, each.platform, each.kind, each.attribution, each.severity, each.is_silent): count
        for each, count in found.items()
    }
    assert counted == {
        (SLUG, "lab", "backup_missed", "unknown", "", False): 2,
        (SLUG, "lab", "backup_missed", "unknown", "", True): 1,
        (SLUG, "lab", "repository_damaged", "smileo", "major", False): 1,
        (SLUG, "lab", FindingKind.OF_NEWER_VERSION.value, "unknown", "", False): 1,
        ("", "lab", "platform_away", "smileo", "critical", False): 1,
    }


def test_a_tenant_whose_service_has_ended_is_no_longer_shown(workshop: Workshop, desk: Watching) -> None:
    workshop.apply()
    desk.look()
    scraper = Scraper(workshop.root, desk.now)
    with workshop.open() as opened:
        log = log_of(opened.tenant, desk.desk.records)
    for stage, is_shown in ((Stage.NOTIFIED, True), (Stage.FROZEN, False), (Stage.RENOUNCED, True)):
        log.append(DepartureStage(stage=stage))
        assert (value(scraper.scrape(), "coffre_tenant_quota_bytes", **LABELS) is not None) == is_shown


def test_without_records_the_scrape_is_answered_and_the_cause_is_said_once(workshop: Workshop, desk: Watching) -> None:
    workshop.apply()
    scraper = Scraper(workshop.root, desk.now)
    file = workshop.root / ".coffre" / "records.db"
    assert value(scraper.scrape(), "coffre_up") == 1
    desk.desk.records.close()
    file.rename(file.with_name("elsewhere"))
    for _ in range(2):
        found = scraper.scrape()
        assert {name for name, _ in found} == {"coffre_up", "coffre_info", "coffre_read_seconds"}
        assert value(found, "coffre_up") == 0
    assert not file.exists(), "nothing makes new records in place of the lost ones"
    file.with_name("elsewhere").rename(file)
    assert value(scraper.scrape(), "coffre_up") == 1
    assert scraper.said == ["there are no records yet", "good"]


def test_a_reading_that_hangs_delays_no_scrape_and_no_second_one_begins(
    workshop: Workshop, desk: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.apply()
    scraper = Scraper(workshop.root, desk.now)
    goes_on, begun = threading.Event(), []
    opened = Records.open

    def hang(reference: str, root: Path, *, wait_seconds: float) -> Records:
        begun.append(reference)
        goes_on.wait()
        return opened(reference, root, wait_seconds=wait_seconds)

    monkeypatch.setattr(exposition, "READ_SECONDS", 0.6)
    monkeypatch.setattr(exposition.Records, "open", hang)
    for _ in range(2):
        assert value(scraper.scrape(), "coffre_up") == 0
    assert len(begun) == 1
    monkeypatch.setattr(exposition, "READ_SECONDS", 8.0)
    goes_on.set()
    assert value(scraper.scrape(), "coffre_up") == 1
    assert len(begun) == 2
