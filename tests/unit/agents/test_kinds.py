"""What the rooms ask of all kinds of agent; one that Coffre does not drive yet needs nothing and stops nobody."""

from pathlib import Path

import pytest

from coffre.agents import kinds
from coffre.agents.driver import RemoveRequest, Target
from coffre.errors import RefusedError
from coffre.spec.tenant import AgentKind, SshConnection
from tests.builders import machine_with, tenant_with
from tests.doubles.agent import FileKind

MACHINES = tenant_with(
    machines={name: machine_with(agent=agent) for name, agent in (("compta-01", "restic"), ("caisse-01", "acronis"))},
    licences={"workstation": 2},
).machines


@pytest.mark.parametrize("ask", [kinds.with_bucket, kinds.with_orders, kinds.with_repository])
def test_an_agent_that_nobody_drives_yet_is_in_no_list_and_breaks_none(ask) -> None:  # type: ignore[no-untyped-def]
    assert list(ask(MACHINES)) == ["compta-01"]


def test_it_is_named_where_it_is_to_be_driven() -> None:
    with pytest.raises(RefusedError, match="`agent: acronis` is not supported yet"):
        kinds.driver_of(MACHINES["caisse-01"])
    assert kinds.why_unsupported(MACHINES["caisse-01"]) == "`agent: acronis`"


def test_requests_go_to_the_agents_of_their_own_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    way = kinds.Way(tmp_path, {}, lambda _machine, _text: None)
    connection = SshConnection(host="pc.example", user="root")
    asked = [RemoveRequest(Target("martin", "caisse-01", "k7f3q9wz2m", connection, tmp_path / "known_hosts"))]
    assert kinds.remove(MACHINES, asked, way) == {}
    monkeypatch.setitem(kinds.DRIVERS, AgentKind.ACRONIS, FileKind(tmp_path))
    assert kinds.remove(MACHINES, asked, way)["caisse-01"].ok
