"""The current use of a tenant is what its buckets list and which machines have their agent."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from coffre.records.database.store import Records
from coffre.records.facts.agents import Install, Removal
from coffre.review.guards import LiveUse
from coffre.review.live import look_at_use
from tests.doubles.buckets import InMemoryEstate
from tests.doubles.opening import log_of, open_in_memory
from tests.unit.review.examples import tenant

GIB = 1 << 30


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with Records.open("sqlite:records.db", tmp_path) as opened:
        yield opened


def test_current_bytes_and_deployed_machines_are_counted(records: Records, tmp_path: Path) -> None:
    found = tenant()
    estate = InMemoryEstate.of_all(found)
    log = log_of(found, records)
    opened = open_in_memory(found, estate, log, tmp_path)
    assert look_at_use(opened) == LiveUse(0, GIB, ())
    estate.buckets.open("compta-01").put("data/a", b"x" * 100)
    estate.buckets.open("compta-01").put("data/a", b"x" * 70)
    estate.buckets.open("caisse-01").put("data/b", b"x" * 7)
    log.append(Install(generation=1), "compta-01")
    log.append(Install(generation=1), "caisse-01")
    log.append(Removal(), "caisse-01")
    # The quota sold is of current bytes: a version that can be undeleted does not count.
    assert look_at_use(opened) == LiveUse(77, GIB, ("compta-01",))


def test_a_tenant_that_was_never_applied_uses_nothing(records: Records, tmp_path: Path) -> None:
    found = tenant()
    opened = open_in_memory(found, InMemoryEstate.of(found), log_of(found, records), tmp_path)
    assert look_at_use(opened) == LiveUse(0, GIB, ())
