"""The one module that runs Ansible: the bundled playbooks, over an inventory that is on disk no longer than the run."""

import os
import sysconfig
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from coffre import toolchain
from coffre.agents.inventory import GROUPS, Inventory, list_hosts, with_private_folder
from coffre.agents.playbook_events import EventLog, HostOutcome, one_line
from coffre.agents.private_folder import private_folder
from coffre.agents.ssh import CONNECT_SECONDS, KEEP_SECONDS
from coffre.errors import ExpectedError, RemoteError
from coffre.outside.environment import child_environment, find_home
from coffre.spec.tenant import OperatingSystem

MAX_FORKS = 20
DEADLINE_SECONDS = 2 * 3600
"""For the whole of a run; programs of 55 MB over a customer's slow line take minutes."""
LOOK_SECONDS = 1
"""How often the runner looks whether it was told to stop."""

# Whatever is set in our environment for these is meant for somebody else.
_DROPPED_PREFIXES = ("ANSIBLE_", "AWS_", "COFFRE_", "PULUMI_", "RESTIC_", "VAULT_", "PYTHON")

OnTask = Callable[[str, str], None]
"""Called with an inventory host and the task it begins."""


def run_playbook(playbook: str, inventory: Inventory, scratch: Path, on_task: OnTask) -> dict[str, HostOutcome]:
    """Run one of the bundled playbooks over an inventory and say how it ended on each host.

    The inventory, which may hold secrets, and all that Ansible writes stay in a private folder, in memory where the
    system has a tmpfs, else under ``scratch``; it is removed at the end, or by the next run if this one was killed.
    Ctrl-C ends Ansible first. RemoteError when Ansible itself could not run.
    """
    hosts = list_hosts(inventory)
    if list_hosts({"": inventory[GROUPS[OperatingSystem.WINDOWS]]}):
        refuse_without_collection(list_collection_folders(os.environ))
    log = EventLog(on_task)
    with private_folder(scratch) as folder:
        told = with_private_folder(inventory, folder)
        status, output = _run(folder, toolchain.bundled("playbooks") / playbook, told, log)
    outcomes = {host: log.outcome(host) for host in hosts}
    if status not in ("successful", "failed") or not log.has_begun:
        raise RemoteError(
            f"Ansible ended as {status}: {one_line(output[-600:]) or 'it said nothing'}",
            "Run the command again; what was done stays done.",
        )
    return outcomes


def ansible_environment(environment: Mapping[str, str], folder: Path, forks: int) -> dict[str, str]:
    """Return Ansible's environment: without what is set for anybody else's Ansible, every file in our folder. Pure."""
    kept = child_environment(environment, without=_DROPPED_PREFIXES)
    sharing = f"-o ControlMaster=auto -o ControlPersist={KEEP_SECONDS}s"
    return {
        **kept,
        "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(str(each) for each in list_collection_folders(environment)),
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "ANSIBLE_HOME": str(folder / "home"),
        "ANSIBLE_LOCAL_TEMP": str(folder / "tmp"),
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(folder / "cp"),
        "ANSIBLE_SSH_ARGS": sharing,
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_TIMEOUT": str(CONNECT_SECONDS),
        "ANSIBLE_FORKS": str(forks),
        "ANSIBLE_GATHERING": "explicit",
        "ANSIBLE_INVENTORY_ENABLED": "ansible.builtin.yaml",
        "ANSIBLE_NO_TARGET_SYSLOG": "True",
        "ANSIBLE_NOCOWS": "True",
        "ANSIBLE_NOCOLOR": "True",
        "ANSIBLE_DEPRECATION_WARNINGS": "False",
        "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "False",
    }


def list_collection_folders(environment: Mapping[str, str]) -> list[Path]:
    """Return where Ansible's collections may be: beside our packages, where ansible-galaxy puts them, the system's."""
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
            "Ansible lacks its collection ansible.windows, by which it works on Windows machines",
            f"Run: {galaxy} collection install 'ansible.windows:>=3,<4' (in a checkout: make setup).",
        )


def _run(folder: Path, playbook: Path, inventory: Inventory, log: EventLog) -> tuple[str, str]:
    """Run ansible-playbook in a thread of its own, so that Ctrl-C reaches us and never leaves it behind."""
    import ansible_runner

    (folder / "ansible.cfg").touch(mode=0o600)
    stop = threading.Event()
    runner = ansible_runner.interface.init_runner(
        private_data_dir=str(folder),
        playbook=str(playbook),
        inventory=inventory,
        quiet=True,
        timeout=DEADLINE_SECONDS,
        settings={"pexpect_timeout": LOOK_SECONDS},
        event_handler=lambda event: _keep(log, event),
        cancel_callback=stop.is_set,
    )
    config = runner.config
    set_by_runner = {key: value for key, value in config.env.items() if os.environ.get(key) != value}
    config.env = {**ansible_environment(os.environ, folder, _forks(inventory)), **set_by_runner}
    config.env["ANSIBLE_HOST_KEY_CHECKING"] = "True"
    # Killed workers and a vanished terminal leave Ansible waiting for ever: it ends with whoever started it.
    config.command[:1] = ["setpriv", "--pdeathsig=KILL", str(toolchain.find_tool("ansible-playbook"))]
    thread = threading.Thread(target=runner.run, name="ansible")
    thread.start()
    try:
        while thread.is_alive():
            thread.join(LOOK_SECONDS)
    finally:
        stop.set()
        thread.join()
    with runner.stdout as output:
        return runner.status, output.read()


def _keep(log: EventLog, event: Mapping[str, Any]) -> bool:
    log.add(event)
    return False


def _forks(inventory: Inventory) -> int:
    return max(1, min(MAX_FORKS, len(list_hosts(inventory))))
