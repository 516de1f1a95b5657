"""A pass over many tenants that nobody wrote to: one request each, and little work."""

from pathlib import Path

import pytest
from coffre_lab.lab import Lab

from tests.bench.desk import Desk
from tests.bench.supervising import MACHINES, list_requests, stand_supervised

TENANTS = 100
WORK_SECONDS = 8.0
"""Of the whole command, on one core: its wait for the platform depends on what else runs."""


@pytest.mark.timeout(900)
def test_a_pass_asks_once_for_a_tenant_that_nobody_wrote_to(lab: Lab, tmp_path: Path) -> None:
    desk = Desk(lab, tmp_path)
    desk.coffre("secrets", "init")
    stand_supervised(desk, TENANTS, lambda _: None)
    desk.coffre("supervise")
    again = desk.coffre("supervise")
    assert len(list_requests(desk)) == TENANTS
    assert again.cpu_seconds < WORK_SECONDS, f"{TENANTS} tenants of {MACHINES} machines"
