"""The current use of a tenant is what its buckets list and which machines have their agent."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from coffre.errors import RemoteError
from coffre.records.database.store import Records
from coffre.records.facts.agents import Install, Removal
from coffre.review.guards import LiveUse, PartUse
from coffre.review.live import look_at_use
from tests.doubles.buckets import InMemoryEstate
from tests.doubles.opening import log_of, open_in_memory
from tests.doubles.workshop import COMPTA, open_mixed_workshop
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
    assert look_at_use(opened) == LiveUse(0, GIB, (), {"lab": PartUse(0, GIB)})
    estate.buckets.open("compta-01").put("data/a", b"x" * 100)
    estate.buckets.open("compta-01").put("data/a", b"x" * 70)
    estate.buckets.open("caisse-01").put("data/b", b"x" * 7)
    log.append(Install(generation=1), "compta-01")
    log.append(Install(generation=1), "caisse-01")
    log.append(Removal(), "caisse-01")
    # The quota sold is of current bytes: a version that can be undeleted does not count.
    assert look_at_use(opened) == LiveUse(77, GIB, ("compta-01",), {"lab": PartUse(77, GIB)})


def test_a_tenant_that_was_never_applied_uses_nothing(records: Records, tmp_path: Path) -> None:
    found = tenant()
    opened = open_in_memory(found, InMemoryEstate.of(found), log_of(found, records), tmp_path)
    assert look_at_use(opened) == LiveUse(0, GIB, (), {"lab": PartUse(0, GIB)})


def test_a_part_at_a_vendor_s_counts_by_the_vendor_s_own_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop = open_mixed_workshop(tmp_path, monkeypatch)
    workshop.apply()
    workshop.estate.bucket(COMPTA).put("data/a", b"x" * 70)
    [uid] = workshop.vendor.list_users("")
    workshop.vendor.set_use(uid, 5 * GIB)
    use = workshop.look(look_at_use)
    assert [each.used_bytes for each in use.parts.values()] == [use.used_bytes - 5 * GIB, 5 * GIB]
    assert use.used_bytes > 5 * GIB
    workshop.vendor.set_use(uid, None)
    with pytest.raises(RemoteError, match="tells no use of martin"):
        workshop.look(look_at_use)
