"""What travels to a node: all that it needs, and nothing that only this computer has."""

import json
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from coffre.agents.ansible.connection import host_name
from coffre.agents.driver import Target
from coffre.agents.restic.inventory import build_remove_inventory, with_private_folder
from coffre.agents.sites.job import MODULES, Job, Luggage, pack_code
from coffre.spec.machine import SshConnection


@pytest.fixture
def target(tmp_path):
    (tmp_path / "known_hosts").write_text("192.168.1.20@lyon ssh-ed25519 AAAA\n")
    connection = SshConnection(host="192.168.1.20", user="root", site="lyon")
    return Target("acme", "compta-01", "g123456789", connection, tmp_path / "known_hosts", tmp_path / "ssh_config")


def write(folder, target):
    luggage = Luggage()
    moved = luggage.take_target(target)
    inventory = with_private_folder(build_remove_inventory([moved], "token"), luggage.mark)
    job = Job("remove_agents.yml", inventory, luggage)
    job.write(folder)
    return luggage, json.loads((folder / "job.json").read_text())


def test_a_job_has_no_path_of_this_computer(tmp_path, target):
    folder = tmp_path / "job"
    luggage, job = write(folder, target)
    assert str(tmp_path) not in (folder / "job.json").read_text()
    variables = job["inventory"]["restic_agents"]["hosts"][host_name(target)]
    assert f'UserKnownHostsFile="{luggage.mark}/files/acme.known_hosts"' in variables["ansible_ssh_common_args"]
    assert "HostKeyAlias=192.168.1.20@lyon" in variables["ansible_ssh_common_args"]
    assert "-F" not in variables["ansible_ssh_common_args"].split()
    assert (folder / "files" / "acme.known_hosts").read_text().startswith("192.168.1.20@lyon ")
    assert (folder / job["playbook"]).is_file()


def test_keys_that_nobody_recorded_do_not_travel(tmp_path, target):
    target.known_hosts.unlink()
    write(tmp_path / "job", target)
    assert not (tmp_path / "job" / "files").exists()


def test_the_code_that_travels_needs_nothing_else(tmp_path):
    """A Python without packages imports every module of it."""
    (tmp_path / "code.zip").write_bytes(pack_code())
    names = [name.removesuffix(".py").replace("/", ".") for name in MODULES]
    imports = "; ".join(f"import coffre.{name}" for name in names)
    script = f"import sys; sys.path.insert(0, {str(tmp_path / 'code.zip')!r}); {imports}"
    done = subprocess.run([sys.executable, "-IS", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(BytesIO(pack_code())) as archive:
        assert all(name.startswith("coffre/") for name in archive.namelist())


def test_the_plugins_find_their_modules_in_what_travels(tmp_path, target):
    folder = tmp_path / "job"
    write(folder, target)
    plugins = [
        *folder.glob("project/playbooks/*_plugins/*.py"),
        *folder.glob("project/playbooks/roles/*/*_plugins/*.py"),
    ]
    wanted = {
        line.split()[1]
        for plugin in plugins
        for line in plugin.read_text().splitlines()
        if line.startswith(("from coffre", "import coffre"))
    }
    assert wanted
    for name in wanted:
        assert Path(folder, "project", "lib", *name.split(".")).with_suffix(".py").is_file(), name
