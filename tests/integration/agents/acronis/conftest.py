"""Real machines of the lab, the stand-in for the vendor's cloud beside them, and the stand-in for its installer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from coffre_lab.lab import Lab

from coffre.acronis.client import open_acronis
from coffre.agents.acronis.agents import AcronisAgents
from coffre.agents.acronis.settings import PinnedInstaller, Waiting
from coffre.agents.driver import DeployRequest, RemoveRequest, Target
from coffre.spec.tenant import SshConnection
from coffre.toolchain import sha256_file
from tests.acronis.answers.downloads import FILES, FOLDER
from tests.acronis.installer import make_installer
from tests.acronis.running import VendorCloud, vendor_cloud
from tests.integration.agents.scene import ATELIER, COMPTA, HOSTS
from tests.machines import renew_machines
from tests.unit.acronis.conftest import access_of
from tests.unit.agents.acronis.conftest import Scene

MACHINES = (COMPTA, ATELIER)
"""One whose login is root, one that becomes root by sudo."""


class LabScene(Scene):
    """A customer whose machines are the lab's."""

    def __init__(self, lab: Lab, cloud: VendorCloud, client: Any, folder: Path) -> None:
        super().__init__(cloud, client, folder)
        self.lab = lab
        self.choose("26.2.41800")

    def choose(self, release: str) -> None:
        """Take the installer of another release."""
        file = make_installer(self.folder / f"installer-{release}.bin", self.cloud.ca_file, release)
        self.installer = PinnedInstaller(release, sha256_file(file), path=file)

    def choose_from_mirror(self, release: str, sha256: str = "") -> None:
        """Take the installer that machines fetch themselves."""
        file = make_installer(self.folder / "mirror" / FILES["linux"], self.cloud.ca_file, release)
        url = f"{self.cloud.downloads_url}{FOLDER}{file.name}"
        self.installer = PinnedInstaller(release, sha256 or sha256_file(file), url=url)

    def waits(self) -> Waiting:
        return Waiting(total_seconds=20.0, first_seconds=0.2, longest_seconds=1.0)

    def agents(self) -> AcronisAgents:
        return AcronisAgents(self.settings, self.folder / "scratch", {self.tenant_id: "durand"})

    def target(self, machine: str) -> Target:
        user = {"user": "operateur", "become": True} if machine == ATELIER else {"user": "root"}
        connection = SshConnection(host=HOSTS[machine], **user)  # type: ignore[arg-type]
        return Target("durand", machine, self.tenant_id, connection, self.folder / "known_hosts", self.lab.ssh_config)

    def deploy(self, *names: str) -> list[Any]:
        results = self.agents().deploy([DeployRequest(self.target(name), None, None) for name in names], _ignore)
        self.recorded |= {each.machine: each.agent_id for each in results if each.agent_id}  # type: ignore[attr-defined]
        return results

    def remove(self, *names: str) -> list[Any]:
        return self.agents().remove([RemoveRequest(self.target(name)) for name in names], _ignore)

    def root(self, machine: str) -> Path:
        return self.lab.machine_root(HOSTS[machine])


def _ignore(_machine: str, _text: str) -> None:
    pass


@pytest.fixture(scope="module")
def acronis(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabScene]:
    """A customer at the vendor's; two machines as they were before anybody touched them."""
    renew_machines(lab, [HOSTS[machine] for machine in MACHINES])
    address = urlsplit(json.loads(lab.endpoints_file.read_text())["endpoint"]).hostname
    assert address is not None
    folder = tmp_path_factory.mktemp("acronis")
    (folder / "mirror").mkdir()
    with (
        vendor_cloud(folder / "tls", host=address, downloads_host=address, installers=folder / "mirror") as cloud,
        open_acronis(access_of(cloud)) as client,
    ):
        yield LabScene(lab, cloud, client, folder)
        cloud.assert_all_as_described()
