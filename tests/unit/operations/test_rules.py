"""The small rules of the operations: gate, licences, options, snapshots."""

from datetime import UTC, datetime

import pytest

from coffre.agents.repository import HostileSnapshotError, OddSnapshot, Snapshot, SnapshotList
from coffre.errors import RefusedError, UsageError
from coffre.observation.tenant import LicenceStatus, count_licences, judge_gates
from coffre.operations.access.gate import judge_gate
from coffre.operations.restore.restore import choose_snapshot
from coffre.outside.faults import Fault
from coffre.spec.options import option_status
from coffre.spec.tenant import Option
from tests.builders import machine_with, tenant_with


@pytest.mark.parametrize(("used", "closed"), [(99, False), (100, True), (101, True)])
def test_the_gate_closes_when_the_sold_quota_is_reached(used: int, closed: bool) -> None:
    assert judge_gate(used, 100).is_closed is closed


def test_gates_that_differ_are_not_called_open_or_closed() -> None:
    assert judge_gates([]) is None
    assert judge_gates([False, False]) == "open"
    assert judge_gates([True, True]) == "closed"
    assert judge_gates([True, False]) == "partly closed"


def test_a_retired_machine_uses_no_licence() -> None:
    tenant = tenant_with(
        licences={"workstation": 3, "server": 1},
        machines={
            "compta-01": machine_with(),
            "vieux-pc": machine_with(retired={"on": "2026-12-31", "keep_until": "2027-03-31"}),
        },
    )
    assert count_licences(tenant) == {"workstation": LicenceStatus(3, 1), "server": LicenceStatus(1, 0)}


def test_an_option_that_coffre_does_not_carry_out_shows_as_manual() -> None:
    assert option_status([Option.RESTORE, Option.RESTORE_TESTS, Option.MALWARE_TREATMENT]) == {
        "restore": "coffre",
        "restore_tests": "coffre",
        "malware_treatment": "manual",
    }


def snapshot(snapshot_id: str, day: int) -> Snapshot:
    return Snapshot(id=snapshot_id, taken_at=datetime(2026, 11, day, tzinfo=UTC), host="compta-01", paths=("/home",))


def test_latest_is_the_newest_by_time_and_a_beginning_must_be_unique() -> None:
    snapshots = SnapshotList((snapshot("eeee0000", 1), snapshot("abcd1234", 3), snapshot("abff5678", 5)))
    assert choose_snapshot(snapshots, "latest", "compta-01").id == "abff5678"
    assert choose_snapshot(snapshots, "ee", "compta-01").id == "eeee0000"
    with pytest.raises(UsageError, match="2 snapshots whose id begins with 'ab'"):
        choose_snapshot(snapshots, "ab", "compta-01")
    with pytest.raises(UsageError, match="no snapshot whose id begins with 'zz'"):
        choose_snapshot(snapshots, "zz", "compta-01")
    with pytest.raises(UsageError, match="compta-01 has no snapshot yet"):
        choose_snapshot(SnapshotList(()), "latest", "compta-01")


def test_another_machines_snapshot_is_never_the_latest_and_may_be_named() -> None:
    listed = SnapshotList((snapshot("eeee0000", 1), snapshot("abcd1234", 3)))
    assert choose_snapshot(listed, "latest", "compta-01", {"abcd1234"}).id == "eeee0000"
    assert choose_snapshot(listed, "abcd", "compta-01", {"abcd1234"}).id == "abcd1234"
    with pytest.raises(RefusedError, match="taken by another machine") as refused:
        choose_snapshot(listed, "latest", "compta-01", {"eeee0000", "abcd1234"})
    assert "--replace-machine" in refused.value.hint


def test_a_snapshot_of_the_year_0_is_never_the_latest_and_refused_by_name() -> None:
    odd = OddSnapshot("0dd0" * 16, Fault.UNBELIEVABLE_TIME, "time")
    listed = SnapshotList((snapshot("abcd1234", 3),), (odd,))
    assert choose_snapshot(listed, "latest", "compta-01").id == "abcd1234"
    for wanted, seen in (("0dd0", listed), ("latest", SnapshotList((), (odd,)))):
        with pytest.raises(HostileSnapshotError, match=f"snapshot {odd.id} is refused: its time is invalid") as refused:
            choose_snapshot(seen, wanted, "compta-01")
        assert "coffre snapshot set-aside" in refused.value.hint
