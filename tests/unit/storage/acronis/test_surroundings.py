"""What the vendor tells of agents and alerts becomes plain values; what it does not say is not guessed."""

from datetime import UTC, datetime

from coffre.acronis.values.agents import Agent, Resource, ResourceStatus
from coffre.acronis.values.monitoring import Alert
from coffre.storage.acronis.surroundings import describe_surroundings
from coffre.storage.surroundings import AlertSeverity, FoundAgent, OpenAlert

ONE, TWO, THREE = (f"0000000{number}-0000-4000-8000-000000000000" for number in (1, 2, 3))
MACHINE = "0000000a-0000-4000-8000-000000000000"
OTHER = "0000000b-0000-4000-8000-000000000000"
AT = datetime(2026, 11, 23, 12, tzinfo=UTC)


def agent(agent_id: str, name: str, *, online: bool = True) -> Agent:
    return Agent.model_validate({"id": agent_id, "hostname": name, "online": online})


def machine(resource_id: str, name: str, **more: str) -> Resource:
    return Resource.model_validate({"id": resource_id, "name": name, **more})


def state(resource_id: str, status: str) -> ResourceStatus:
    return ResourceStatus.model_validate({"context": {"id": resource_id}, "aggregate": {"status": status}})


def alert(severity: str, **more: object) -> Alert:
    fields = {"id": ONE, "type": "NoBackupForXDays", "severity": severity, "createdAt": AT.isoformat()}
    return Alert.model_validate({**fields, **more})


def test_an_agent_has_a_plan_unless_the_vendor_says_that_its_machine_is_not_protected() -> None:
    agents = [agent(ONE, "pc-1"), agent(TWO, "pc-2", online=False), agent(THREE, "pc-3")]
    machines = [machine(MACHINE, "any", agent_id=ONE), machine(OTHER, "PC-2")]
    states = [state(MACHINE, "ok"), state(OTHER, "not_protected")]
    assert list(describe_surroundings(agents, machines, states, []).agents) == [
        FoundAgent(ONE, "pc-1", True, True),
        FoundAgent(TWO, "pc-2", False, False),
        FoundAgent(THREE, "pc-3", True, None),
    ]
    odd = describe_surroundings(agents, machines, [state(MACHINE, "of_next_year")], [])
    assert odd.agents[0].has_plan is None


def test_two_agents_of_one_name_have_no_machine_by_it() -> None:
    agents = [agent(ONE, "pc"), agent(TWO, "pc")]
    seen = describe_surroundings(agents, [machine(MACHINE, "pc")], [state(MACHINE, "not_protected")], [])
    assert [each.has_plan for each in seen.agents] == [None, None]


def test_open_alerts_have_their_severity_and_their_agent() -> None:
    about = {"resourceId": MACHINE}
    alerts = [
        alert("critical", details=about),
        alert("of_next_year"),
        alert("information"),
        alert("ok"),
        alert("error", deletedAt=AT.isoformat()),
    ]
    found = describe_surroundings([agent(ONE, "pc-1")], [machine(MACHINE, "pc-1", agent_id=ONE)], [], alerts).alerts
    assert list(found) == [
        OpenAlert("NoBackupForXDays", AlertSeverity.CRITICAL, AT, ONE),
        OpenAlert("NoBackupForXDays", AlertSeverity.WARNING, AT, ""),
    ]
