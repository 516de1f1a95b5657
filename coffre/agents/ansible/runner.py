"""Runs Ansible: the bundled playbooks, with an inventory that is on disk only during the run. Only this module does."""

import json
import os
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from coffre import toolchain
from coffre.agents.ansible import process as ansible_process
from coffre.agents.ansible.connection import Inventory, list_hosts, needs_windows_collection
from coffre.agents.ansible.events import EventLog, HostOutcome, one_line
from coffre.agents.reach import bounded_ssh
from coffre.agents.reach.ssh import BEGIN_SECONDS, CONNECT_SECONDS, KEEP_SECONDS
from coffre.errors import ExpectedError, RemoteError
from coffre.outside.environment import NOT_FOR_PROGRAMS, child_environment, find_home
from coffre.workspace import fence
from coffre.workspace.private_folder import private_folder

MAX_FORKS = 20
DEADLINE_SECONDS = 2 * 3600
"""For a whole run; sending programs of 55 MB over a customer's slow line takes minutes."""
LOOK_SECONDS = 60
"""For one task of a run that only looks: it sends nothing."""
SSH_FOLDER = "ssh"

NOT_FOR_ANSIBLE = ("ANSIBLE_", "VAULT_", "PYTHON")
"""Prefixes of variables of a user's own that would change what Ansible does."""

# While it waits for machines, Ansible polls for answers a thousand times a second: a seventh of its time.
SETTINGS = "[defaults]\ninternal_poll_interval = 0.01\n"

WithFolder = Callable[[Inventory, Path], Inventory]

OnTask = Callable[[str, str], None]
"""Called with an inventory host and the task that it begins."""


def run_playbook(
    playbook: str,
    inventory: Inventory,
    scratch: Path,
    on_task: OnTask,
    *,
    with_folder: WithFolder | None = None,
    only_looks: bool = False,
) -> dict[str, HostOutcome]:
    """Run one of the bundled playbooks with an inventory and return the result for each host.

    ``with_folder`` adds this run's private folder on this computer to the inventory. With ``only_looks`` nothing is
    changed (Ansible's check mode), and each task with a machine ends in time.

    The inventory, which may contain secrets, and all files of Ansible are in a private folder, in memory where the
    system has a tmpfs, else under ``scratch``; it is removed at the end, or by the next run if this one was killed.
    Ctrl-C ends Ansible first. RemoteError when Ansible itself could not run.
    """
    fence.check()
    hosts = list_hosts(inventory)
    if needs_windows_collection(inventory):
        refuse_without_collection(list_collection_folders(os.environ))
    log = EventLog(on_task)
    with private_folder(scratch) as folder:
        inventory_file = _prepare(folder, with_folder(inventory, folder) if with_folder is not None else inventory)
        environment = ansible_environment(os.environ, folder, max(1, min(MAX_FORKS, len(hosts))))
        if only_looks:
            environment["ANSIBLE_TASK_TIMEOUT"] = str(LOOK_SECONDS)
        program, play = toolchain.find_tool("ansible-playbook"), toolchain.bundled("playbooks") / playbook
        arguments: list[str | Path] = [program, *(["--check"] if only_looks else []), "-i", inventory_file, play]
        ended = ansible_process.play(arguments, environment, folder, DEADLINE_SECONDS, log.add)
    if not log.has_begun:
        raise RemoteError(
            f"Ansible ended with {ended.exit_code}: {one_line(ended.output[-600:]) or 'no output'}",
            "Run the command again: finished steps are kept.",
        )
    return {host: log.outcome(host, ended.output) for host in hosts}


def ansible_environment(environment: Mapping[str, str], folder: Path, forks: int) -> dict[str, str]:
    """Return Ansible's environment: without the user's settings for Ansible, with every file in our folder. Pure."""
    return {
        **child_environment(environment, without=(*NOT_FOR_PROGRAMS, *NOT_FOR_ANSIBLE)),
        "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(str(each) for each in list_collection_folders(environment)),
        **ansible_settings(folder, toolchain.bundled("playbooks"), forks),
    }


def ansible_settings(folder: Path, playbooks: Path, forks: int) -> dict[str, str]:
    """Return our settings for Ansible, as variables: the same wherever it runs. Pure."""
    # ssh uses the first value of an option: Ansible's own time limit also covers start-up files and sudo.
    sharing = f"-o ControlMaster=auto -o ControlPersist={KEEP_SECONDS}s -o ConnectTimeout={CONNECT_SECONDS}"
    return {
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder / "cp"),
        "ANSIBLE_SSH_ARGS": sharing,
        **{f"ANSIBLE_{name.upper()}_EXECUTABLE": str(folder / SSH_FOLDER / name) for name in bounded_ssh.NAMES},
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_TIMEOUT": str(BEGIN_SECONDS),
        "ANSIBLE_FORKS": str(forks),
        "ANSIBLE_CALLBACK_PLUGINS": str(playbooks / "callback_plugins"),
        "ANSIBLE_STDOUT_CALLBACK": "coffre_events",
        # Our plugins leave no compiled files beside themselves.
        "PYTHONDONTWRITEBYTECODE": "1",
        "ANSIBLE_DISPLAY_TRACEBACK": "error",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_GATHERING": "explicit",
        # The facts of a machine must not override our variables.
        "ANSIBLE_INJECT_FACT_VARS": "False",
        "ANSIBLE_INVENTORY_ENABLED": "ansible.builtin.yaml",
        "ANSIBLE_NO_TARGET_SYSLOG": "True",
        "ANSIBLE_NOCOWS": "True",
        "ANSIBLE_NOCOLOR": "True",
        "ANSIBLE_DEPRECATION_WARNINGS": "False",
        "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "False",
    }


def list_collection_folders(environment: Mapping[str, str]) -> list[Path]:
    """Return the folders where Ansible's collections may be: our packages', ansible-galaxy's, the system's."""
    user = find_home(environment)
    return [
        Path(sysconfig.get_path("purelib")),
        *([user / ".ansible" / "collections"] if user else []),
        Path("/usr/share/ansible/collections"),
    ]


def refuse_without_collection(folders: Sequence[Path]) -> None:
    """Raise ExpectedError when Ansible would not find the modules for Windows machines."""
    if not any((folder / "ansible_collections" / "ansible" / "windows").is_dir() for folder in folders):
        galaxy = toolchain.find_tool("ansible-galaxy")
        raise ExpectedError(
            "Ansible's collection ansible.windows, which Windows machines need, is not installed",
            f"Run: {galaxy} collection install 'ansible.windows:>=3,<4' (in a checkout: make setup).",
        )


def _prepare(folder: Path, inventory: Inventory) -> Path:
    """Write Ansible's input files, private to this user, and set our own OpenSSH client."""
    (folder / "ansible.cfg").touch(mode=0o600)
    (folder / "ansible.cfg").write_text(SETTINGS, encoding="utf-8")
    (folder / "inventory").mkdir(mode=0o700)
    file = folder / "inventory" / "hosts.json"
    file.touch(mode=0o600)
    file.write_text(json.dumps(inventory), encoding="utf-8")
    (folder / SSH_FOLDER).mkdir(mode=0o700)
    for name in bounded_ssh.NAMES:
        # A link: a system may forbid to run a program in memory.
        (folder / SSH_FOLDER / name).symlink_to(toolchain.find_tool("coffre-bounded"))
    return file
