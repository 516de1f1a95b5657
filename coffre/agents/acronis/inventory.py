"""Builds the inventory of the playbook for the vendor's agent. Pure: hashes and tokens come in as values."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from coffre.acronis.unverified.machines import (
    MACOS_INSTALLER_TARGET,
    MACOS_UNINSTALLER,
    OPTIONS_FILE,
    REBOOT_EXIT_CODES,
    REGISTRATION_MODE,
    SERVICE_NAMES,
    UNINSTALL_BY_PRODUCT_CODE,
)
from coffre.agents.acronis.facts import Note
from coffre.agents.acronis.settings import PinnedInstaller
from coffre.agents.ansible.connection import Inventory, connection_variables, host_name
from coffre.agents.driver import Target
from coffre.spec.tenant import OperatingSystem

PLAYBOOK = "acronis_agents.yml"
LINUX, WINDOWS, MACOS = OperatingSystem.LINUX, OperatingSystem.WINDOWS, OperatingSystem.MACOS
ROLES = {LINUX: "acronis_agent", WINDOWS: "acronis_agent_windows", MACOS: "acronis_agent_macos"}
"""The role of each system; its variables begin with the role's name."""
GROUPS = {LINUX: "acronis_agents", WINDOWS: "acronis_agents_windows", MACOS: "acronis_agents_macos"}
"""The group of each system in every inventory: the playbook has a play for each."""
COMPONENT = "BackupAndRecoveryAgent"
"""The one part of the Linux installer that is installed: without a choice it installs all of them."""
WINDOWS_COMPONENTS = "agentForWindows,trayMonitor"

LOOK, INSTALL, REGISTER, START, NOTE, REMOVE = "look", "main", "register", "start", "note", "remove"
"""The parts of the roles: the files of their tasks."""

PathOf = Callable[[Path, str, str], Path]
"""Returns where a file is that travels with the run, from its path here, its name and its SHA-256."""


@dataclass(frozen=True)
class Joining:
    """With what a machine registers: the address of the data center, and a token."""

    address: str
    secret: SecretStr


def look_variables(target: Target) -> dict[str, Any]:
    """Return what the look at a machine needs."""
    role = ROLES[target.system]
    return {f"{role}_part": LOOK, f"{role}_services": list(SERVICE_NAMES.value[target.system.value])}


def install_variables(
    target: Target, installer: PinnedInstaller, joining: Joining, path_of: PathOf, *, part: str = INSTALL
) -> dict[str, Any]:
    """Return what an installation needs, or a registration alone; the token is in it."""
    role = ROLES[target.system]
    given: dict[str, Any] = {
        "part": part,
        "installer_sha256": installer.sha256,
        "installer_url": installer.url,
        "installer_path": ""
        if installer.path is None
        else str(path_of(installer.path, f"acronis-{target.system.value}-{installer.version}", installer.sha256)),
        "secret": _base64(joining.secret.get_secret_value()),
    }
    if target.system is LINUX:
        given |= {"component": COMPONENT, "options": _base64(render_options(joining))}
    elif target.system is WINDOWS:
        given |= {
            "address": joining.address,
            "components": WINDOWS_COMPONENTS,
            "registration": REGISTRATION_MODE.value,
            "reboot_codes": list(REBOOT_EXIT_CODES.value),
        }
    else:
        given |= {"address": joining.address, "target": MACOS_INSTALLER_TARGET.value}
    return {f"{role}_{name}": value for name, value in given.items()}


def render_options(joining: Joining) -> str:
    """Return the options file of the Linux installer: what is secret, or belongs to it."""
    between = OPTIONS_FILE.value
    return f"--rain{between}{joining.address}\n--token{between}{joining.secret.get_secret_value()}\n"


def start_variables(target: Target) -> dict[str, Any]:
    """Return what a start of the agent needs."""
    role = ROLES[target.system]
    return {f"{role}_part": START, f"{role}_services": list(SERVICE_NAMES.value[target.system.value])}


def note_variables(target: Target, note: Note) -> dict[str, Any]:
    """Return what the note of whose the agent is needs."""
    role = ROLES[target.system]
    return {f"{role}_part": NOTE, f"{role}_note": base64.b64encode(note.render()).decode()}


def remove_variables(target: Target) -> dict[str, Any]:
    """Return what a removal needs."""
    role = ROLES[target.system]
    more: dict[OperatingSystem, dict[str, Any]] = {
        LINUX: {},
        WINDOWS: {
            f"{role}_product": UNINSTALL_BY_PRODUCT_CODE.value,
            f"{role}_reboot_codes": list(REBOOT_EXIT_CODES.value),
        },
        MACOS: {f"{role}_uninstaller": MACOS_UNINSTALLER.value},
    }
    return {f"{role}_part": REMOVE, **more[target.system]}


def build_inventory(machines: Mapping[str, tuple[Target, Mapping[str, Any]]], token: str) -> Inventory:
    """Return the inventory of machines with their variables; ``token`` makes temporary names there unguessable."""
    inventory: Inventory = {group: {"hosts": {}} for group in GROUPS.values()}
    for target, variables in machines.values():
        hosts = inventory[GROUPS[target.system]]["hosts"]
        hosts[host_name(target)] = {**connection_variables(target, token), **variables}
    return inventory


def with_private_folder(inventory: Inventory, folder: Path) -> Inventory:
    """Return an inventory that gives every machine the run's private folder, which only this computer has."""
    roles = {GROUPS[system]: role for system, role in ROLES.items()}
    return {
        group: {
            "hosts": {
                host: {**variables, f"{roles[group]}_here": str(folder)} for host, variables in content["hosts"].items()
            }
        }
        for group, content in inventory.items()
    }


def _base64(text: str) -> str:
    """Return a text in base64: Ansible would take braces in a value for a template."""
    return base64.b64encode(text.encode()).decode()
