"""What words about maintenance mean: what was said before it began counts, what was said afterwards excuses nothing."""

from datetime import UTC, datetime, timedelta

from coffre.records.facts.availability import (
    ExclusionRevoked,
    Maintenance,
    MaintenanceDeclared,
    MaintenanceWithdrawn,
    MaintenanceWord,
    Said,
    TimeExcluded,
    read_exclusions,
    read_maintenances,
)

BEGINS = datetime(2026, 12, 10, 21, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def declared(hours: int, reason: str = "Ceph 19") -> MaintenanceWord:
    return MaintenanceDeclared("lab", BEGINS, BEGINS + hours * HOUR, reason)


WITHDRAWN = MaintenanceWithdrawn("lab", BEGINS)


def read(*told: tuple[datetime, MaintenanceWord]) -> list[Maintenance]:
    return list(read_maintenances([Said(*each) for each in told]))


def test_one_that_was_declared_before_it_began_counts() -> None:
    (found,) = read((BEGINS - DAY, declared(2)))
    assert (found.ends_at, found.declared_at, found.is_beforehand) == (BEGINS + 2 * HOUR, BEGINS - DAY, True)


def test_one_that_was_declared_afterwards_excuses_nothing() -> None:
    (found,) = read((BEGINS + HOUR, declared(2)))
    assert not found.is_beforehand
    (again,) = read((BEGINS + HOUR, declared(2)), (BEGINS + 2 * HOUR, declared(5)))
    assert not again.is_beforehand


def test_before_its_begin_it_may_be_changed_and_withdrawn() -> None:
    (found,) = read((BEGINS - 2 * DAY, declared(2)), (BEGINS - DAY, declared(4, "Ceph 20")))
    assert (found.ends_at, found.reason, found.declared_at) == (BEGINS + 4 * HOUR, "Ceph 20", BEGINS - DAY)
    assert read((BEGINS - 2 * DAY, declared(2)), (BEGINS - DAY, WITHDRAWN)) == []
    (anew,) = read((BEGINS - 2 * DAY, declared(2)), (BEGINS - DAY, WITHDRAWN), (BEGINS + HOUR, declared(2)))
    assert not anew.is_beforehand, "withdrawn, and declared again once it had begun"


def test_from_its_begin_on_it_can_only_be_shortened() -> None:
    before = (BEGINS - DAY, declared(2))
    (longer,) = read(before, (BEGINS + HOUR, declared(9)))
    assert (longer.ends_at, longer.is_beforehand) == (BEGINS + 2 * HOUR, True)
    (ended,) = read(before, (BEGINS + HOUR, WITHDRAWN))
    assert (ended.ends_at, ended.is_beforehand) == (BEGINS + HOUR, True)
    (shorter,) = read(before, (BEGINS + HOUR, declared(1)))
    assert shorter.ends_at == BEGINS + HOUR
    (late,) = read(before, (BEGINS + 1.5 * HOUR, declared(1)))
    assert late.ends_at == BEGINS + 1.5 * HOUR, "what it excused until that word stays excused"
    (past,) = read(before, (BEGINS + 3 * HOUR, WITHDRAWN))
    assert past.ends_at == BEGINS + 2 * HOUR, "what is over stays as it was"


def test_a_decision_holds_until_it_is_revoked() -> None:
    one = TimeExcluded("lab", BEGINS, BEGINS + HOUR, "flood")
    other = TimeExcluded("lab", BEGINS, BEGINS + 2 * HOUR, "flood")
    assert read_exclusions([other, one]) == (one, other)
    assert read_exclusions([one, other, ExclusionRevoked("lab", BEGINS, BEGINS + HOUR, "no")]) == (other,)
