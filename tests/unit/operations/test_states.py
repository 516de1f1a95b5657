"""Suspension, hold and retirement, as the operations judge them."""

from collections.abc import Mapping
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from coffre.errors import RefusedError
from coffre.observation.retired import RetiredStatus, is_erasable, judge_retirement
from coffre.observation.tenant import hold_status, judge_access
from coffre.operations.access.suspension import find_shut_out
from coffre.operations.backup import choose_to_back_up
from coffre.operations.holds.settle import refuse_if_held
from coffre.spec.access import find_reason
from coffre.spec.tenant import Tenant
from tests.builders import machine_with, tenant_with

RETIRED = {"on": "2026-12-31", "keep_until": "2027-03-31"}
MACHINES = {"compta-01": machine_with(), "vieux-pc": machine_with(retired=RETIRED)}


def held(kind: str, **changes: object) -> Tenant:
    return tenant_with(hold={"reference": "TJ-1", "since": "2026-11-20", "kind": kind}, **changes)


def test_machines_are_shut_out_by_suspension_and_by_a_hold_that_blocks() -> None:
    assert find_reason(tenant_with()) is None
    assert find_reason(held("preserve")) is None
    assert find_reason(tenant_with(status="suspended")) == "suspended"
    assert find_reason(held("block_access", status="suspended")) == "hold"


def test_switches_that_differ_are_called_partly() -> None:
    assert [judge_access(found) for found in ([], [True, True], [False], [True, False])] == [
        None,
        "suspended",
        "open",
        "partly suspended",
    ]


def test_one_machine_that_is_still_shut_out_stops_no_other() -> None:
    both = ["compta-01", "caisse-01"]

    def find(*shut: str, **changes: object) -> Mapping[str, RefusedError]:
        buckets: Any = SimpleNamespace(open=lambda name: SimpleNamespace(is_suspended=lambda: name in shut))
        return find_shut_out(tenant_with(**changes), buckets, both)

    assert find() == {}
    (one,) = find("caisse-01").items()
    assert (one[0], one[1].message) == ("caisse-01", "martin: the platform does not let caisse-01 write yet")
    assert one[1].hint == "The tenant file allows it: run `coffre apply martin`."
    with pytest.raises(RefusedError, match="does not let compta-01, caisse-01 write yet"):
        find(*both)
    with pytest.raises(RefusedError, match="is suspended: its machines may not back up"):
        find(*both, status="suspended")


def test_nothing_is_deleted_under_a_hold_of_either_kind() -> None:
    refuse_if_held(tenant_with(), "erasing the bucket of compta-01")
    for kind in ("preserve", "block_access"):
        with pytest.raises(RefusedError, match=r"\(TJ-1, since 2026-11-20, .*\): erasing X is refused"):
            refuse_if_held(held(kind), "erasing X")


def test_a_hold_is_shown_with_what_was_read_back() -> None:
    assert hold_status(tenant_with(), True) is None
    shown = hold_status(held("preserve"), False)
    assert shown is not None
    assert (shown.reference, shown.since, shown.kind, shown.in_force) == ("TJ-1", "2026-11-20", "preserve", False)


@pytest.mark.parametrize(
    ("today", "is_over"),
    [(date(2027, 3, 31), False), (date(2027, 4, 1), True)],
)
def test_the_last_day_of_a_retired_machines_backups_is_a_whole_day(today: date, is_over: bool) -> None:
    tenant = tenant_with(machines=MACHINES)
    retirement = tenant.machines["vieux-pc"].retired
    assert retirement is not None
    days = (date(2026, 12, 31), date(2027, 3, 31))
    assert is_erasable(tenant, retirement, today) is is_over
    assert judge_retirement(tenant, retirement, today) == RetiredStatus(*days, is_over, is_kept_by_hold=False)
    under_hold = held("preserve", machines=MACHINES)
    assert not is_erasable(under_hold, retirement, today)
    assert judge_retirement(under_hold, retirement, today) == RetiredStatus(*days, False, is_kept_by_hold=is_over)


def test_a_retired_machine_is_skipped_and_refused_by_name() -> None:
    tenant = tenant_with(machines=MACHINES)
    assert choose_to_back_up(tenant, None) == ["compta-01"]
    assert choose_to_back_up(tenant, "compta-01") == ["compta-01"]
    with pytest.raises(RefusedError, match="martin/vieux-pc is retired since 2026-12-31"):
        choose_to_back_up(tenant, "vieux-pc")
    with pytest.raises(RefusedError, match="no machine in service"):
        choose_to_back_up(tenant_with(machines={"vieux-pc": MACHINES["vieux-pc"]}), None)
