"""What the records tell of a machine's retention: a pruning that goes on, refusals, and what was removed when."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from coffre.errors import BusyError
from coffre.observation.upkeep import is_in_maintenance, list_prunes, refuse_while_pruned
from coffre.records.database.store import Records
from coffre.records.facts.retention import Pruned, PruningBegan, PruningEnded
from coffre.tenant.estate.log import TenantLog
from tests.builders import tenant_with
from tests.doubles.opening import AUTHOR

MACHINE, OTHER = "compta-01", "caisse-01"
START = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        self.now += MINUTE
        return self.now


@pytest.fixture
def log(tmp_path: Path) -> Iterator[TenantLog]:
    tenant = tenant_with()
    with Records.open("sqlite:records.db", tmp_path) as records:
        yield TenantLog(tenant.id, tenant.slug, AUTHOR, lambda: records, lambda: records, Clock())


def test_what_is_read_of_a_repository_beside_its_pruning_proves_nothing(log: TenantLog) -> None:
    refuse_while_pruned(log, MACHINE)
    log.append(PruningBegan(), MACHINE)
    assert is_in_maintenance(log)
    refuse_while_pruned(log, OTHER)
    with pytest.raises(BusyError, match="it is being pruned"):
        refuse_while_pruned(log, MACHINE)
    ended = log.append(PruningEnded(), MACHINE)
    refuse_while_pruned(log, MACHINE)
    refuse_while_pruned(log, MACHINE, ended.at + MINUTE)
    with pytest.raises(BusyError, match="or was meanwhile"):
        refuse_while_pruned(log, MACHINE, ended.at - MINUTE)


def test_what_a_pruning_hid_is_the_growth_of_earlier_versions(log: TenantLog) -> None:
    log.append(Pruned(3, 40, 9000, 7000, 9500, 9600), MACHINE)
    log.append(Pruned(1, 39, 7000, 6500, 9600, 7100, unused_bytes=7, freed_bytes=2500), MACHINE)
    first, second = list_prunes(log, MACHINE, START)
    assert (first.removed, first.hidden_bytes, first.repository_bytes) == (3, 2600 - 500, 7000)
    assert (second.hidden_bytes, second.unused_bytes) == (600 - 2600 + 2500, 7)
    assert [each.at for each in list_prunes(log, MACHINE, second.at + MINUTE)] == [second.at], "the last one is known"
    assert list_prunes(log, OTHER, START) == []
