"""The contract of a tenant's log, for the one in the records and the one of the tests: both pass the same tests.

A module that imports these tests gives them a `log`, whose clock advances by one minute with each fact.
"""

from datetime import timedelta

from coffre.records.facts.agents import Install, OrdersIssued, Removal, Update
from coffre.records.facts.backups import Drilled, PasswordUsed
from coffre.records.facts.contract import Commissioned
from coffre.records.facts.password_uses import RoutineTask, RoutineUse
from coffre.tenant.estate.log import Log

MINUTE = timedelta(minutes=1)


def test_nothing_is_found_in_an_empty_log(log: Log) -> None:
    assert log.last(Install) is None
    assert list(log.list((Install, Update))) == []
    assert not log.has(Install)


def test_what_is_recorded_says_who_when_and_about_what(log: Log) -> None:
    added = log.append(Commissioned(("pc-1",)))
    assert (added.actor, added.commit, added.machine) == ("claire@example.org", "1a2b3c4d5e6f", None)
    assert (added.id, added.tenant_id) == (1, log.tenant_id)
    assert added.kind == "commissioned"
    assert log.last(Commissioned) == added


def test_the_last_is_of_the_class_and_the_machine(log: Log) -> None:
    first = log.append(Install(generation=1), "pc-1")
    second = log.append(Install(generation=2), "pc-2")
    log.append(Update(generation=3), "pc-1")
    assert log.last(Install) == second
    assert log.last(Install, "pc-1") == first
    assert log.last(Install, "pc-3") is None


def test_the_last_of_several_classes_is_the_newest_of_any(log: Log) -> None:
    log.append(Install(generation=1), "pc-1")
    removed = log.append(Removal(is_changed=True), "pc-1")
    assert log.last((Install, Removal), "pc-1") == removed
    installed = log.append(Install(generation=2), "pc-1")
    assert log.last((Removal, Install), "pc-1") == installed


def test_a_list_is_in_the_order_of_recording(log: Log) -> None:
    added = [log.append(fact, "pc-1") for fact in (Update(generation=1), Install(generation=2), Update(generation=3))]
    log.append(PasswordUsed(RoutineUse(RoutineTask.CHECK_STRUCTURE)), "pc-1")
    log.append(Install(generation=4), "pc-2")
    assert list(log.list((Install, Update), "pc-1")) == added
    assert [each.fact.generation for each in log.list(Install)] == [2, 4]


def test_a_list_has_bounds_in_time(log: Log) -> None:
    added = [log.append(OrdersIssued(generation)) for generation in (1, 2, 3)]
    assert list(log.list(OrdersIssued, since=added[1].at)) == added[1:]
    assert list(log.list(OrdersIssued, until=added[1].at)) == added[:1]
    assert list(log.list(OrdersIssued, since=added[1].at, until=added[1].at + MINUTE)) == added[1:2]


def test_has_tells_of_any_of_the_classes(log: Log) -> None:
    log.append(Update(generation=1), "pc-1")
    assert log.has((Install, Update), "pc-1")
    assert not log.has((Install, Update), "pc-2")
    assert not log.has(Install)


def test_names_that_no_database_holds_are_escaped(log: Log) -> None:
    log.append(Drilled(1, "ab", (b"caf\xe9".decode("utf-8", "surrogateescape"), "nul\0")), "pc-1")
    last = log.last(Drilled)
    assert last is not None
    assert last.fact.files == ("caf\\udce9", "nul\\x00")
