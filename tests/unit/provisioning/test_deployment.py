"""What differs between a machine's agent and its file, as typed values."""

import pytest

from coffre.orders.control import Orders
from coffre.provisioning.steps.agents import Installed
from coffre.provisioning.steps.deployment import _compare, _compare_ways
from coffre.provisioning.terms.differences import (
    ConnectionDifference,
    Difference,
    DifferenceKind,
    OrdersFieldDifference,
    StateDifference,
    UndeliveredDifference,
)

MACHINE, OLD, NEW = "compta-01", "aa", "bb"
PROGRAM = StateDifference(DifferenceKind.AGENT_PROGRAM)


@pytest.mark.parametrize(
    ("orders", "wanted", "differences"),
    [
        (Orders(MACHINE, 3, ()), Installed(3, OLD), ()),
        (Orders(MACHINE, 3, ("plan.paths",)), Installed(4, OLD), (OrdersFieldDifference("plan.paths"),)),
        (Orders(MACHINE, 4, ()), Installed(4, OLD), (UndeliveredDifference(4),)),
        (Orders(MACHINE, 4, (), due=3), Installed(4, OLD), ()),
        (Orders(MACHINE, 4, ()), Installed(4, NEW), (UndeliveredDifference(4), PROGRAM)),
        (Orders(MACHINE, None, ()), None, (StateDifference(DifferenceKind.ORDERS_LOST),)),
        (None, Installed(3, NEW), (PROGRAM,)),
    ],
)
def test_each_difference_of_an_agent_is_a_value(
    orders: Orders | None, wanted: Installed | None, differences: tuple[Difference, ...]
) -> None:
    assert _compare(orders, Installed(3, OLD), wanted) == differences


def test_a_connection_differs_only_from_a_recorded_one() -> None:
    assert _compare_ways(None, "ssh root@b:22") == ()
    assert _compare_ways("ssh root@b:22", "ssh root@b:22") == ()
    changed = _compare_ways("ssh root@a:22", "ssh root@b:22")
    assert changed == (ConnectionDifference("ssh root@a:22", "ssh root@b:22"),)
