"""What platform.yaml says about maintenance is said once, early enough, and again when it changes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from coffre.errors import RefusedError
from coffre.records.actor import Author
from coffre.records.database.store import Records
from coffre.records.facts.availability import Maintenance
from coffre.records.facts.departure import AuthorProof, DepartureStage, Stage
from coffre.records.messages import Told
from coffre.spec.loader import load_checkout
from coffre.spec.platform import PlatformFile
from coffre.supervision.availability.declaring import Declared, declare_maintenance
from coffre.supervision.availability.known import list_maintenances
from coffre.supervision.judge.maintenance import MaintenanceStep, Step, plan_maintenance
from coffre.tenant.estate.log import TenantLog
from tests.builders import PLATFORM
from tests.doubles.workshop import SLUG, Workshop, open_workshop

PARIS = "Europe/Paris"
WINDOW = {"begins": "2026-12-10 22:00", "ends": "2026-12-11 02:00", "reason": "Mise à jour de Ceph"}
BEGINS, ENDS = datetime(2026, 12, 10, 21, tzinfo=UTC), datetime(2026, 12, 11, 1, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
AUTHOR = Author("claire@smileo.example", None)


def settings(*windows: dict[str, Any]) -> PlatformFile:
    lab = {**PLATFORM["platforms"]["lab"], "maintenance": list(windows)}
    return PlatformFile.model_validate({**PLATFORM, "platforms": {"lab": lab}})


def plan(now: datetime, *windows: dict[str, Any], known: tuple[Maintenance, ...] = ()) -> list[MaintenanceStep]:
    return plan_maintenance(settings(*windows).platforms, PARIS, known, now)


def known(ends: datetime = ENDS, reason: str = str(WINDOW["reason"])) -> Maintenance:
    return Maintenance("lab", BEGINS, ends, BEGINS - 30 * DAY, reason)


@pytest.mark.parametrize(("before", "is_short", "is_late"), [
    (6 * DAY, False, False),
    (5 * DAY, False, False),
    (4 * DAY, True, False),
    (-HOUR, True, True),
])  # fmt: skip
def test_a_new_one_is_declared_with_its_notice(before: timedelta, *, is_short: bool, is_late: bool) -> None:
    (step,) = plan(BEGINS - before, WINDOW)
    assert (step.step, step.begins_at, step.ends_at) == (Step.DECLARE, BEGINS, ENDS)
    assert (step.is_short, step.is_late) == (is_short, is_late)


def test_one_that_is_over_or_said_already_is_left_as_it_is() -> None:
    assert plan(ENDS, WINDOW) == []
    assert plan(BEGINS - DAY, WINDOW, known=(known(),)) == []
    assert plan(ENDS, known=(known(),)) == []


def test_one_that_changed_is_declared_anew_and_a_shorter_one_needs_no_notice() -> None:
    (longer,) = plan(BEGINS - DAY, WINDOW, known=(known(ENDS - HOUR),))
    assert (longer.step, longer.is_short) == (Step.CHANGE, True)
    (shorter,) = plan(BEGINS - DAY, WINDOW, known=(known(ENDS + HOUR),))
    assert (shorter.step, shorter.is_short) == (Step.CHANGE, False)
    (other,) = plan(BEGINS - 9 * DAY, WINDOW, known=(known(reason="Disques"),))
    assert (other.step, other.is_short) == (Step.CHANGE, False)


def test_one_that_was_removed_is_withdrawn() -> None:
    (step,) = plan(BEGINS - DAY, known=(known(),))
    assert (step.step, step.is_short) == (Step.WITHDRAW, False)


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return open_workshop(tmp_path, monkeypatch)


def declare(
    workshop: Workshop, records: Records, now: datetime, *windows: dict[str, Any], is_urgent: bool = False
) -> Declared:
    checkout = replace(load_checkout(workshop.root), settings=settings(*windows))
    return declare_maintenance(records, checkout, AUTHOR, now, is_urgent=is_urgent)


def test_it_is_recorded_once_with_its_messages_and_refused_when_it_is_too_late(workshop: Workshop) -> None:
    workshop.apply()
    with Records.open(PLATFORM["records"], workshop.root) as records:
        late, early = BEGINS - DAY, BEGINS - 6 * DAY
        with pytest.raises(RefusedError, match="begins in less than 5 days"):
            declare(workshop, records, late, WINDOW)
        assert (list_maintenances(records), records.messages.list_waiting()) == ((), [])
        done = declare(workshop, records, early, WINDOW)
        assert ([each.step for each in done.steps], done.told) == ([Step.DECLARE], [SLUG])
        again = declare(workshop, records, early + HOUR, WINDOW)
        assert (again.steps, again.told) == ([], [])
        (found,) = list_maintenances(records)
        assert (found.declared_at, found.is_urgent, found.is_beforehand) == (early, False, True)
        longer = {**WINDOW, "ends": "2026-12-11 04:00"}
        declare(workshop, records, late, longer, is_urgent=True)
        (found,) = list_maintenances(records)
        assert (found.ends_at, found.is_urgent) == (ENDS + 2 * HOUR, True)
        declare(workshop, records, late + HOUR)
        assert list_maintenances(records) == ()
        told = records.messages.list_waiting()
        assert [each.told for each in told] == [Told.BEGIN, Told.AGAIN, Told.END]
        assert {each.slug for each in told} == {SLUG}
        assert records.verify().faults == ()


@pytest.mark.parametrize("stages", [[Stage.FROZEN], [Stage.FROZEN, Stage.RETURNED, Stage.ACKNOWLEDGED, Stage.ERASED]])
def test_who_has_left_is_told_until_its_backups_are_erased(workshop: Workshop, stages: list[Stage]) -> None:
    workshop.apply()
    with Records.open(PLATFORM["records"], workshop.root) as records:
        tenant = load_checkout(workshop.root).tenants[SLUG]
        log = TenantLog.read(records, tenant.id, SLUG, AUTHOR)
        for stage in stages:
            log.append(DepartureStage(BEGINS.date(), identity=AuthorProof.DECLARED, stage=stage))
        assert declare(workshop, records, BEGINS - 6 * DAY, WINDOW).told == ([SLUG] if len(stages) == 1 else [])
