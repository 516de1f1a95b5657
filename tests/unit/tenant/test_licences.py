"""Licences in use at a moment: from the deployment of a machine's agent until the machine is retired."""

from datetime import UTC, date, datetime, timedelta

from coffre.records.facts.agents import Install, MachineRetired, Update
from coffre.tenant.licences import count_in_use, list_deployments
from tests.doubles.log import InMemoryLog

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_licence_is_in_use_from_the_deployment_until_the_retirement() -> None:
    now = NOON
    log = InMemoryLog(clock=lambda: now)
    log.append(Install("workstation", generation=1), "pc-1")
    now += DAY
    log.append(Install("server", generation=1), "srv-1")
    log.append(Update(generation=2), "pc-1")
    now += DAY
    log.append(MachineRetired("workstation", date(2026, 11, 25), date(2027, 1, 1), "K"), "pc-1")
    found = list_deployments(log)
    assert count_in_use(found, NOON - DAY) == {}
    assert count_in_use(found, NOON) == {"workstation": 1}
    assert count_in_use(found, NOON + DAY) == {"server": 1, "workstation": 1}
    assert count_in_use(found, NOON + 2 * DAY) == {"server": 1}


def test_a_machine_whose_former_agent_alone_retired_keeps_its_licence() -> None:
    log = InMemoryLog(clock=lambda: NOON)
    log.append(Install("workstation", generation=1), "pc-1")
    log.append(Install("workstation", generation=0, agent="acronis"), "pc-1")
    log.append(MachineRetired("workstation", date(2026, 11, 25), date(2027, 1, 1), "K", "restic"), "pc-1")
    assert count_in_use(list_deployments(log), NOON) == {"workstation": 1}
    log.append(MachineRetired("workstation", date(2026, 11, 25), date(2027, 1, 1), ""), "pc-1")
    assert count_in_use(list_deployments(log), NOON) == {}
