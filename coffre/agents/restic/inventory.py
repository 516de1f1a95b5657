"""From requests to the inventory that the playbooks run over. Pure: file contents and hashes come in as values."""

import base64
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coffre.agents.driver import DeployRequest, Target
from coffre.agents.reach.ssh import CONNECT_SECONDS, DEFAULT_PORT, ssh_options
from coffre.agents.restic.address import repository_url
from coffre.spec.tenant import OperatingSystem, SshConnection, WinrmConnection

LINUX, WINDOWS, MACOS = OperatingSystem.LINUX, OperatingSystem.WINDOWS, OperatingSystem.MACOS
ROLES = {LINUX: "restic_agent", WINDOWS: "restic_agent_windows", MACOS: "restic_agent_macos"}
"""The role of each system; its variables begin with the role's name."""
GROUPS = {LINUX: "restic_agents", WINDOWS: "restic_agents_windows", MACOS: "restic_agents_macos"}
"""The group of each system in every inventory: the playbooks have a play for each."""
# Ansible's modules write there, which only macOS needs: the login's own user makes it 0700 under an unguessable name.
MACOS_TEMPORARY = "/var/tmp/.coffre-ansible"  # noqa: S108
CA_FILES = {LINUX: "/etc/coffre/ca.pem", WINDOWS: r"C:\ProgramData\Coffre\ca.pem", MACOS: "/etc/coffre/ca.pem"}
WINRM_PORT = 5986
"""PowerShell remoting over https; the one without TLS, 5985, is never spoken."""

Inventory = dict[str, Any]


@dataclass(frozen=True)
class Installable:
    """A program to install: its name on the machine, where it is here, and the SHA-256 that it must have."""

    name: str
    path: Path
    sha256: str


@dataclass(frozen=True)
class Installation:
    """What a run's machines get alike; ``token`` makes its temporary names on the machines unguessable."""

    programs: Mapping[OperatingSystem, Sequence[Installable]]
    token: str


def host_name(target: Target) -> str:
    """Name a machine in the inventory; neither slugs nor machine names hold a dot."""
    return f"{target.slug}.{target.machine}"


def build_deploy_inventory(
    requests: Sequence[DeployRequest], installation: Installation, certificates: Mapping[str, bytes]
) -> Inventory:
    """Return a deployment's inventory, secrets included; ``certificates`` are CA certificates (PEM) by host name."""
    inventory = _empty()
    for request in requests:
        target, name = request.target, host_name(request.target)
        role = ROLES[target.system]
        inventory[GROUPS[target.system]]["hosts"][name] = {
            **connection_variables(target, installation.token),
            **_owner_variables(target),
            f"{role}_programs": [
                {"name": program.name, "path": str(program.path), "sha256": program.sha256}
                for program in installation.programs[target.system]
            ],
            # In base64: Ansible would take braces in a value for a template of its own.
            f"{role}_settings": _base64(render_settings(request)),
            f"{role}_certificates": _base64(certificates[name]),
            f"{role}_credentials": _base64(render_credentials(request)),
            f"{role}_apply_arguments": list_apply_arguments(request),
        }
    return inventory


def list_apply_arguments(request: DeployRequest) -> list[str]:
    """Return what the agent is told besides its orders: where its numbers go on if it has forgotten them."""
    seen = request.seen
    return ["--reports-after", str(seen.reports), "--check-ins-after", str(seen.check_ins)]


def build_remove_inventory(targets: Sequence[Target], token: str) -> Inventory:
    """Return the inventory of a removal; the only secrets in it are those by which machines are reached."""
    inventory = _empty()
    for target in targets:
        inventory[GROUPS[target.system]]["hosts"][host_name(target)] = {
            **connection_variables(target, token),
            **_owner_variables(target),
        }
    return inventory


def with_private_folder(inventory: Inventory, folder: Path) -> Inventory:
    """Return an inventory that tells every machine the run's private folder here, which this computer alone has."""
    return {
        group: {
            "hosts": {
                host: {**variables, f"{_role_of(group)}_here": str(folder)}
                for host, variables in content["hosts"].items()
            }
        }
        for group, content in inventory.items()
    }


def _role_of(group: str) -> str:
    return next(ROLES[system] for system, name in GROUPS.items() if name == group)


def _owner_variables(target: Target) -> dict[str, str]:
    """Return whose the agent is to be: another's is left alone."""
    role = ROLES[target.system]
    return {f"{role}_tenant_id": target.tenant_id, f"{role}_machine": target.machine}


def list_hosts(inventory: Inventory) -> list[str]:
    """Return the names of all machines of an inventory."""
    return [host for group in inventory.values() for host in group["hosts"]]


def render_settings(request: DeployRequest) -> bytes:
    """Return agent.json: who the machine is, where its bucket is, which orders count (key and least generation)."""
    storage = request.storage
    return _document(
        {
            "version": 1,
            "tenant_id": request.target.tenant_id,
            "machine": request.target.machine,
            "endpoint": storage.endpoint_url,
            "region": storage.region,
            "bucket": storage.bucket,
            "ca_file": CA_FILES[request.target.system],
            "signing_public_key": base64.b64encode(request.signing_public_key).decode(),
            "least_generation": request.least_generation,
            "repository": repository_url(storage.endpoint_url, storage.bucket),
        }
    )


def render_credentials(request: DeployRequest) -> bytes:
    """Return credentials.json, the machine's secrets."""
    storage = request.storage
    return _document(
        {
            "access_key_id": storage.access_key_id,
            "secret_access_key": storage.secret_access_key.get_secret_value(),
            "repository_password": storage.repository_password.get_secret_value(),
        }
    )


def _empty() -> Inventory:
    return {group: {"hosts": {}} for group in GROUPS.values()}


def connection_variables(target: Target, token: str) -> dict[str, Any]:
    """Return what Ansible needs to reach a machine; ``token`` makes its temporary names there unguessable."""
    if isinstance(target.connection, WinrmConnection):
        return _winrm_variables(target, target.connection)
    return _ssh_variables(target, target.connection, token)


def _ssh_variables(target: Target, connection: SshConnection, token: str) -> dict[str, Any]:
    variables: dict[str, Any] = {
        # Ours, beside the playbooks: ssh with every command in a frame.
        "ansible_connection": "framed_ssh",
        # A terminal would mix what is printed.
        "ansible_ssh_use_tty": False,
        "ansible_host": connection.host,
        "ansible_user": connection.user,
        "ansible_become": connection.become,
        "ansible_ssh_common_args": shlex.join(ssh_options(target.known_hosts, target.ssh_config)),
    }
    if target.system is MACOS:
        variables |= {
            "ansible_remote_tmp": f"{MACOS_TEMPORARY}-{token}",
            "ansible_python_interpreter": "auto_silent",
            # What start-up files print would break sftp.
            "ansible_ssh_transfer_method": "piped",
        }
    # Only where the tenant file says so: else ssh_config may.
    if connection.port != DEFAULT_PORT:
        variables["ansible_port"] = connection.port
    if connection.become and target.credential is not None:
        variables["ansible_become_password"] = _literal(target.credential.get_secret_value())
    return variables


def _winrm_variables(target: Target, connection: WinrmConnection) -> dict[str, Any]:
    """Return the way to a Windows machine: PowerShell remoting over TLS, its certificate always checked."""
    variables: dict[str, Any] = {
        "ansible_connection": "psrp",
        "ansible_host": connection.host,
        "ansible_user": connection.user,
        "ansible_port": WINRM_PORT,
        "ansible_become": False,
        "ansible_psrp_protocol": "https",
        "ansible_psrp_auth": "negotiate",
        "ansible_psrp_cert_validation": "validate",
        "ansible_psrp_connection_timeout": CONNECT_SECONDS,
        "ansible_psrp_ignore_proxy": True,
    }
    if target.credential is not None:
        variables["ansible_password"] = _literal(target.credential.get_secret_value())
    if target.authorities is not None:
        variables["ansible_psrp_ca_cert"] = str(target.authorities)
    return variables


def _literal(text: str) -> str:
    """Return a value whose braces Ansible never takes for a template: our own template, which only decodes it."""
    return f"{{{{ '{_base64(text.encode())}' | b64decode }}}}"


def _document(fields: Mapping[str, object]) -> bytes:
    return (json.dumps(fields, indent=2) + "\n").encode()


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode()
