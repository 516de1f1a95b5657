"""What the rooms ask of all kinds of agent, and which platform each request goes to."""

import subprocess
import sys
from pathlib import Path

import pytest

from coffre.agents import kinds
from coffre.agents.driver import RemoveRequest, Target
from coffre.agents.home import AgentEntry, AgentHome, AgentOwner
from coffre.spec.platform import PlatformFile
from coffre.spec.tenant import AgentKind, PullConnection, SshConnection
from tests.builders import PLATFORM, machine_with, tenant_with
from tests.doubles.agent import FileKind

MACHINES = tenant_with(
    machines={name: machine_with(agent=agent) for name, agent in (("compta-01", "restic"), ("caisse-01", "acronis"))},
    licences={"workstation": 2},
).machines
CEPH = PlatformFile.model_validate(PLATFORM).platforms["lab"]


def home_of(_kind: AgentKind, tenant_id: str) -> AgentHome:
    name = "vendor" if tenant_id.startswith("k") else "another"
    return AgentHome(name, CEPH, Path("/nowhere"), lambda owner: AgentEntry(f"plan of {owner.tenant_id}"))


def request(slug: str, tenant_id: str, machine: str = "caisse-01") -> RemoveRequest:
    connection = SshConnection(host="pc.example", user="root")
    return RemoveRequest(Target(slug, machine, tenant_id, connection, Path("known_hosts")))


@pytest.mark.parametrize("ask", [kinds.with_bucket, kinds.with_orders, kinds.with_repository])
def test_an_agent_of_a_vendor_has_neither_bucket_nor_orders_nor_repository(ask) -> None:  # type: ignore[no-untyped-def]
    assert list(ask(MACHINES)) == ["compta-01"]


def test_every_kind_of_the_file_is_driven_and_a_way_that_it_cannot_go_is_named() -> None:
    assert set(kinds.DRIVERS) == set(AgentKind)
    assert kinds.why_unsupported(MACHINES["caisse-01"]) == ""
    assert kinds.why_unsupported(MACHINES["caisse-01"].model_copy(update={"connection": PullConnection()})) == ""
    windows = MACHINES["caisse-01"].model_copy(update={"os": "windows"})
    assert kinds.why_unsupported(windows) == "`via: ssh` with `os: windows`"


class _Recorded(FileKind):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.opened: list[AgentHome] = []

    def open(self, home: AgentHome) -> "_Recorded":
        self.opened.append(home)
        return self


def test_requests_go_to_the_agents_of_their_own_kind_and_of_each_vendor_s_platform_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    way, kind = kinds.Way(tmp_path, {}, lambda _machine, _text: None, home_of), _Recorded(tmp_path)
    monkeypatch.setitem(kinds.DRIVERS, AgentKind.ACRONIS, kind)
    asked = [request("martin", "k7f3q9wz2m"), request("durand", "k1a2b3c4d5"), request("roux", "z1a2b3c4d5")]
    assert kinds.remove(MACHINES, asked, way)["caisse-01"].ok
    assert [home.name for home in kind.opened] == ["vendor", "another"]
    plans = [kind.opened[0].find(AgentOwner(each.target.tenant_id, "caisse-01")).plan for each in asked[:2]]
    assert plans == ["plan of k7f3q9wz2m", "plan of k1a2b3c4d5"]


def test_no_command_pays_for_a_vendor_that_it_does_not_ask() -> None:
    """The libraries of a vendor's API take half a second to import: they are, when an agent of that kind is opened."""
    asked = "import sys, coffre.agents.kinds; print(sorted({'httpx', 'coffre.acronis.session'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
