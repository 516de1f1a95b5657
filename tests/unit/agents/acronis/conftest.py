"""The driver on the stand-in for the vendor's cloud; in the place of Ansible, machines that do what the roles do.

What the roles' scripts really do on a machine is run in tests/integration/agents/acronis.
"""

import base64
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from coffre.acronis.client import AcronisClient, open_acronis
from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.values.offering import ItemChange, hard_limit
from coffre.acronis.values.policies import MACHINE_BACKUP
from coffre.acronis.values.tenants import ContactDetails, NewTenant
from coffre.acronis.values.users import Grant, NewUser, Role
from coffre.agents.acronis.agents import AcronisAgents
from coffre.agents.acronis.settings import AcronisSettings, MachineTerms, PinnedInstaller, Waiting
from coffre.agents.ansible.connection import host_name, list_hosts
from coffre.agents.ansible.events import HostOutcome
from coffre.agents.driver import DeployRequest, OnProgress, RemoveRequest, Target
from coffre.agents.home import AgentOwner
from coffre.agents.sites.anywhere import R, Work
from coffre.spec.tenant import OperatingSystem, SshConnection
from coffre.toolchain import sha256_file
from tests.acronis.running import ControlRefusedError, VendorCloud
from tests.unit.acronis.conftest import QUICK, access_of, cloud, running_cloud

__all__ = ["cloud", "running_cloud"]

PLAN = "Every day"
GIB = 1024**3
_numbers = itertools.count(1)


def tenant_id_of(number: int) -> str:
    return f"k{number:09}"


@dataclass
class PlayedMachine:
    """What a machine has, and what the parts of the roles make of it."""

    cloud: VendorCloud
    host: str
    release: str = ""
    agent_id: str = ""
    note: str = ""
    open_note: str = ""
    stopped: list[str] = field(default_factory=list)
    is_locked: bool = False
    is_away: bool = False
    comes_online: bool = True
    refusal: str = ""
    parts: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)

    def do(self, role: str, variables: dict[str, Any]) -> HostOutcome:
        if self.is_away:
            return HostOutcome(False, True, (), "", "ssh: connect to host: Connection timed out")
        part = variables[f"{role}_part"]
        self.parts.append(part)
        given = {name.removeprefix(f"{role}_"): value for name, value in variables.items()}
        return getattr(self, f"_{part}")(given)

    def _look(self, _given: dict[str, Any]) -> HostOutcome:
        lines = [f"host: {self.host}", *(f"stopped: {each}" for each in self.stopped)]
        lines += ["agent: whole"] if self.release else []
        lines += ["lock: held"] if self.is_locked else []
        lines += [f"note: {self.note}"] if self.note else []
        lines += [f"open agent: {self.open_note}"] if self.open_note else []
        return HostOutcome(True, False, (), told="\n".join(lines))

    def _main(self, given: dict[str, Any]) -> HostOutcome:
        token = base64.b64decode(given["secret"]).decode()
        options = dict(line.split(" ", 1) for line in base64.b64decode(given["options"]).decode().splitlines())
        assert options == {"--rain": self.cloud.url, "--token": token}
        self.secrets.append(token)
        if self.refusal:
            return HostOutcome(False, False, (), "Run the installer", self.refusal)
        self.release, self.stopped = "26.2.41800", []
        if self.comes_online:
            asked = {"address": options["--rain"], "hostname": self.host, "token": token, "agent_id": self.agent_id}
            try:
                self.agent_id = self.cloud.tell("register_agent", **asked, release=self.release)["agent_id"]
            except ControlRefusedError as error:
                return HostOutcome(False, False, ("Run the installer",), "Run the installer", str(error))
        return HostOutcome(True, False, ("Send the installer", "Run the installer"))

    def _start(self, _given: dict[str, Any]) -> HostOutcome:
        self.stopped = []
        self.cloud.tell("set_online", agent_id=self.agent_id, online=self.comes_online)
        return HostOutcome(True, False, ("Start the agent's services",))

    def _note(self, given: dict[str, Any]) -> HostOutcome:
        self.note = base64.b64decode(given["note"]).decode().replace("\n", "")
        return HostOutcome(True, False, ("Note whose the agent is",))

    def _remove(self, _given: dict[str, Any]) -> HostOutcome:
        if self.refusal:
            return HostOutcome(False, False, (), "Uninstall the agent", self.refusal)
        if self.agent_id and self.release:
            self.cloud.tell("unregister_agent", agent_id=self.agent_id)
        self.release = self.agent_id = self.note = ""
        return HostOutcome(True, False, ("Uninstall the agent",))


@dataclass
class PlayedRuns:
    """Takes the inventories that would go to Ansible."""

    machines: dict[str, PlayedMachine]
    plays: list[list[str]] = field(default_factory=list)
    inventories: list[dict[str, Any]] = field(default_factory=list)

    def run(self, work: Work[R], requests: Sequence[R], on_progress: OnProgress) -> dict[str, HostOutcome]:
        if not requests:
            return {}
        inventory = work.with_folder(work.inventory_of(requests, None), Path("/dev/shm/coffre-run"))
        self.plays.append(list_hosts(inventory))
        self.inventories.append(inventory)
        outcomes = {}
        for group in inventory.values():
            for host, variables in group["hosts"].items():
                role = next(name for name in variables if name.endswith("_part")).removesuffix("_part")
                on_progress(host, "played")
                outcomes[host] = self.machines[host].do(role, variables)
        return outcomes


class Scene:
    """A customer at the vendor's as `coffre apply` leaves it, and machines of it."""

    def __init__(self, cloud: VendorCloud, client: AcronisClient, folder: Path, licences: int = 30) -> None:
        self.cloud, self.client, self.folder = cloud, client, folder
        self.tenant_id = tenant_id_of(next(_numbers))
        partner = TenantUuid(cloud.partner_id)
        new = NewTenant(name=self.tenant_id, parent_id=partner, customer_id=f"coffre:{self.tenant_id}")
        self.customer = client.tenants.ensure(new).value
        client.tenants.bind(client.tenants.find_protection().id, self.customer.id)
        storage = next(each for each in client.tenants.list_infra(partner) if each.name == "Partner cloud")
        wanted = [
            ItemChange(
                application_id=each.application_id, name=each.name, infra_id=each.infra_id, limit=hard_limit(limit)
            )
            for each in client.offering.list_for_child(partner)
            for name, limit in (("pw_base_servers", licences), ("pw_base_storage", 10 * GIB))
            if each.name == name and each.infra_id in (None, storage.id)
        ]
        client.offering.update(self.customer.id, lambda _: wanted)
        self.login = f"coffre.{self.tenant_id}.agents"
        user = NewUser(tenant_id=self.customer.id, login=self.login, contact=ContactDetails(email="a@b.example"))
        self.owner = client.users.ensure(user).value
        assert self.owner.personal_tenant_id is not None
        self.personal = self.owner.personal_tenant_id
        client.users.grant(self.owner.id, [Grant(self.personal, Role.BACKUP_USER)])
        made = cloud.tell("make_plan", tenant_id=str(self.customer.id), name=PLAN, modules=[MACHINE_BACKUP])
        self.plan_id = made["policy_id"]
        self.recorded: dict[str, str] = {}
        self.within = client.within(self.customer.id)
        self.machines: dict[str, PlayedMachine] = {}
        self.runs = PlayedRuns(self.machines)
        (folder / "installer.bin").write_bytes(b"the installer")
        self.installer = PinnedInstaller(
            "26.2.41800", sha256_file(folder / "installer.bin"), path=folder / "installer.bin"
        )
        self.plan = PLAN

    @property
    def settings(self) -> AcronisSettings:
        return AcronisSettings(
            url=self.cloud.url,
            client_id=self.cloud.client_id,
            client_secret=SecretStr(self.cloud.client_secret),
            partner=self.cloud.partner_id,
            installers={OperatingSystem.LINUX: self.installer},
            terms=lambda owner: MachineTerms(
                f"coffre:{owner.tenant_id}", self.login, self.plan, self.recorded.get(owner.machine, "")
            ),
            ca_file=self.cloud.ca_file,
            waiting=self.waits(),
        )

    def waits(self) -> Waiting:
        return Waiting(total_seconds=1.0, first_seconds=0.05, longest_seconds=0.1)

    def agents(self) -> AcronisAgents:
        made = AcronisAgents(self.settings, self.folder / "scratch", {self.tenant_id: "durand"}, QUICK)
        made._runs = self.runs  # type: ignore[assignment]  # machines that are played
        return made

    def target(self, machine: str) -> Target:
        connection = SshConnection(host=f"{machine}.example", user="root")
        return Target("durand", machine, self.tenant_id, connection, self.folder / "known_hosts")

    def machine(self, name: str, host: str = "") -> PlayedMachine:
        return self.machines.setdefault(host_name(self.target(name)), PlayedMachine(self.cloud, host or name))

    def deploy(self, *names: str) -> list[Any]:
        for name in names:
            self.machine(name)
        results = self.agents().deploy([DeployRequest(self.target(name), None, None) for name in names], _ignore)
        for each in results:
            if each.agent_id:
                self.recorded[each.machine] = each.agent_id
        return results

    def look(self, *names: str) -> list[Any]:
        return self.agents().look([DeployRequest(self.target(name), None, None) for name in names], _ignore)

    def remove(self, *names: str) -> list[Any]:
        return self.agents().remove([RemoveRequest(self.target(name)) for name in names], _ignore)

    def tokens(self) -> list[Any]:
        return self.within.registration.list_of_tenant(self.personal)

    def applied(self, name: str) -> list[str]:
        """Return the plans that are applied to a machine, by the name of its agent's host."""
        machines = {each.name: each.id for each in self.within.agents.list_machines()}
        found = self.within.policies.list_applied(machines[self.machine(name).host])
        return sorted({str(each.policy.plan_id) for each in found})


def note_of(tenant_id: str, machine: str, agent_id: str = "") -> str:
    return json.dumps({"tenant_id": tenant_id, "machine": machine, "agent_id": agent_id})


def owner_of(scene: Scene, machine: str) -> AgentOwner:
    return AgentOwner(scene.tenant_id, machine)


def _ignore(_machine: str, _text: str) -> None:
    pass


@pytest.fixture
def scene(cloud: VendorCloud, tmp_path: Path) -> Iterator[Scene]:
    with open_acronis(access_of(cloud), QUICK) as client:
        yield Scene(cloud, client, tmp_path)
