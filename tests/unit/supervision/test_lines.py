"""Times of restores and first backups from real records: lines never mix, and earlier events are no samples."""

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from coffre.observation.judge.uplink import RateSource
from coffre.records.database.store import Records
from coffre.records.database.supervision import Noted
from coffre.records.events import Event
from coffre.records.facts.backups import Drilled, Reading, Restored
from coffre.records.facts.fact import Fact
from coffre.records.facts.registry import kind_of, write_fact
from coffre.spec.tenant import Tenant
from coffre.supervision.judge.attacks.attack import SeenRun
from coffre.supervision.judge.restoring.restore_time import Unknown
from coffre.supervision.lines import Line, MachineRestore, TimedReadings, full_size, read_uploads
from coffre.supervision.observe.runs import pack_runs, unpack_runs
from coffre.supervision.observe.seen import SeenMachine, remember_machine
from tests.builders import tenant_with

CASES = Path(__file__).resolve().parents[2] / "cases" / "records"
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
MIB = 2**20
HASH = "ab" * 32
OTHER = "h8f3q9wz2m"


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with Records.open("sqlite:records.db", tmp_path) as opened:
        yield opened


def add(records: Records, tenant_id: str, fact: Fact) -> None:
    at, details = NOW - timedelta(days=1), write_fact(fact)
    records.append(Event(tenant_id, "martin", kind_of(type(fact)), at, "claire", machine="compta-01", details=details))


def restores(records: Records, tenant_id: str, seconds: float, line: Line) -> None:
    """Record five restores over a line, of 10 to 50 MiB, each of which takes so long for 10 MiB."""
    for each in range(1, 6):
        reading = Reading(1 + seconds * each, each * 10 * MIB, 3, line.platform, line.onto)
        add(records, tenant_id, Restored(HASH, reading))


def foresee(records: Records, tenant: Tenant, size_bytes: int = 50 * MIB) -> dict[Line, MachineRestore]:
    found = TimedReadings(records, NOW).foresee(tenant, {}, size_bytes)
    return {each.line: each for each in found if each.machine == "compta-01"}


def test_each_line_has_its_own_time_and_none_takes_from_another(records: Records) -> None:
    tenant, here, itself = tenant_with(), Line("lab"), Line("lab", "compta-01")
    restores(records, tenant.id, 10.0, here)
    restores(records, tenant.id, 90.0, itself)
    restores(records, tenant.id, 500.0, Line("far"))
    restores(records, OTHER, 2000.0, here)
    found = foresee(records, tenant)
    assert set(found) == {here, itself}
    assert found[here].time.median_seconds == pytest.approx(51)
    assert found[itself].time.median_seconds == pytest.approx(451)


def test_a_tenant_with_too_few_samples_takes_those_of_all_over_the_houses_own_line_alone(records: Records) -> None:
    tenant, here = tenant_with(), Line("lab")
    add(records, tenant.id, Drilled(7, HASH, reading=Reading(9.0, MIB, 20, "lab")))
    restores(records, OTHER, 90.0, Line("lab", "compta-01"))
    found = foresee(records, tenant)
    assert set(found) == {here}
    assert (found[here].time.unknown, found[here].is_of_all) == (Unknown.TOO_FEW, True)
    restores(records, OTHER, 20.0, here)
    found = foresee(records, tenant)
    assert found[here].is_of_all
    assert found[here].time.median_seconds == pytest.approx(101)
    assert found[here].time.samples == 6


def test_events_of_the_version_before_are_no_samples(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "records.db") as connection:
        connection.executescript((CASES / "version-0009.sqlite.sql").read_text(encoding="utf-8"))
    connection.close()
    with Records.open("sqlite:records.db", tmp_path) as records:
        tenant = tenant_with()
        for _ in range(9):
            add(records, tenant.id, Drilled(7, HASH, ("/srv/a",)))
        assert foresee(records, tenant)[Line("lab")].time.samples == 0


def run(number: int, rate: int | None = None) -> SeenRun:
    return SeenRun(
        number, NOW, NOW, "success", "ab" * 8, bytes_processed=number * MIB, bytes_added=2**26,
        upload_bytes_per_second=rate,
    )  # fmt: skip


def seen(*runs: SeenRun) -> SeenMachine:
    return SeenMachine(NOW, 1, 1, 1, 1, runs=pack_runs(runs))


def test_a_full_restore_is_as_large_as_the_newest_backup() -> None:
    assert full_size(None) is None
    assert full_size(seen()) is None
    assert full_size(seen(run(1), run(7), replace(run(9), snapshot_id=None))) == 7 * MIB


def test_runs_that_an_earlier_version_packed_are_still_known() -> None:
    text = pack_runs([run(1)])
    earlier = text.removesuffix(",null]]") + "]]"
    assert unpack_runs(earlier) == unpack_runs(text) == (run(1),)
    assert unpack_runs("[[1,2,3]]") == ()
    assert unpack_runs(text.removesuffix("]]") + ",1]]") == ()


def test_what_a_machine_measured_replaces_the_declared_rate(records: Records) -> None:
    tenant = tenant_with(line={"upload": "20 Mbit/s"})
    first = read_uploads(None, tenant).first[0]
    assert (first.bits_per_second, first.source) == (20 * 10**6, RateSource.DECLARED)
    watched = remember_machine(NOW, None, seen(*(run(each, 500_000) for each in range(1, 4))))
    records.supervision.note([Noted(tenant.id, NOW, {"compta-01": watched})])
    found = read_uploads(records, tenant)
    assert {each.bits_per_second for each in found.first} == {4 * 10**6}
    assert found.doubted[0].measured_bits_per_second == 4 * 10**6
