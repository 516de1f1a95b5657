"""What the records say of the agents of a machine that moves from one kind to another, and back."""

from datetime import UTC, datetime, timedelta

from coffre.records.facts.agents import Install, Removal, Update
from coffre.spec.tenant import AgentKind
from coffre.tenant.estate.agents import find_deployed, find_deployment, find_installation
from tests.doubles.log import InMemoryLog

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
DAY = timedelta(days=1)
RESTIC, ACRONIS = AgentKind.RESTIC, AgentKind.ACRONIS


def test_an_installation_before_a_removal_is_not_that_of_the_agent_that_is_there() -> None:
    now = NOON
    log = InMemoryLog(clock=lambda: now)
    log.append(Install(generation=0, agent="acronis", agent_id="first"), "pc-1")
    now += DAY
    log.append(Install(generation=1), "pc-1")
    log.append(Removal(is_changed=True, agent="acronis"), "pc-1")
    assert find_installation(log, "pc-1", ACRONIS) is None
    now += DAY
    log.append(Install(generation=0, agent="acronis", agent_id="second"), "pc-1")
    now += DAY
    log.append(Update(generation=0, agent="acronis", agent_id="second"), "pc-1")
    installed, deployed = find_installation(log, "pc-1", ACRONIS), find_deployed(log, "pc-1", ACRONIS)
    assert installed is not None
    assert deployed is not None
    assert (installed.at, deployed.agent_id) == (NOON + 2 * DAY, "second")
    of_restic, updated = find_deployment(log, "pc-1", RESTIC), find_deployment(log, "pc-1", ACRONIS)
    assert of_restic is not None
    assert updated is not None
    assert (of_restic.at, updated.at) == (NOON + DAY, NOON + 3 * DAY)
    assert find_installation(log, "pc-2", ACRONIS) is None
