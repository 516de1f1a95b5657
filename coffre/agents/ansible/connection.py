"""The connection of Ansible to a machine, as variables of its inventory. Pure."""

import base64
import shlex
from typing import Any

from coffre.agents.driver import Target
from coffre.agents.reach.ssh import CONNECT_SECONDS, DEFAULT_PORT, known_as, ssh_options
from coffre.spec.tenant import OperatingSystem, SshConnection, WinrmConnection

# Ansible's modules write there, which only macOS needs: the login user creates it as 0700 with a random name.
MACOS_TEMPORARY = "/var/tmp/.coffre-ansible"  # noqa: S108
WINRM_PORT = 5986
"""PowerShell remoting over https; 5985, without TLS, is never used."""

WINRM_PLUGIN = "psrp"

Inventory = dict[str, Any]
"""Groups of hosts, in the form that Ansible reads as JSON."""


def host_name(target: Target) -> str:
    """Return a machine's name in the inventory; neither slugs nor machine names have a dot."""
    return f"{target.slug}.{target.machine}"


def list_hosts(inventory: Inventory) -> list[str]:
    """Return the names of all machines of an inventory."""
    return [host for group in inventory.values() for host in group["hosts"]]


def needs_windows_collection(inventory: Inventory) -> bool:
    """Tell whether an inventory has a machine with a WinRM connection."""
    hosts = (variables for group in inventory.values() for variables in group["hosts"].values())
    return any(variables["ansible_connection"] == WINRM_PLUGIN for variables in hosts)


def connection_variables(target: Target, token: str) -> dict[str, Any]:
    """Return Ansible's variables for the connection to a machine; ``token`` makes its temporary names unguessable."""
    if isinstance(target.connection, WinrmConnection):
        return _winrm_variables(target, target.connection)
    return _ssh_variables(target, target.connection, token)


def _ssh_variables(target: Target, connection: SshConnection, token: str) -> dict[str, Any]:
    variables: dict[str, Any] = {
        # Our plugin, beside the playbooks: ssh with a frame around every command.
        "ansible_connection": "framed_ssh",
        # A terminal would mix the two outputs.
        "ansible_ssh_use_tty": False,
        "ansible_host": connection.host,
        "ansible_user": connection.user,
        "ansible_become": connection.become,
        "ansible_ssh_common_args": shlex.join(_list_ssh_options(target, connection)),
    }
    if target.system is OperatingSystem.MACOS:
        variables |= {
            "ansible_remote_tmp": f"{MACOS_TEMPORARY}-{token}",
            "ansible_python_interpreter": "auto_silent",
            # The output of start-up files would break sftp.
            "ansible_ssh_transfer_method": "piped",
        }
    # Only if the tenant file has a port: otherwise ssh_config may set it.
    if connection.port != DEFAULT_PORT:
        variables["ansible_port"] = connection.port
    if connection.become and target.credential is not None:
        variables["ansible_become_password"] = _literal(target.credential.get_secret_value())
    return variables


def _list_ssh_options(target: Target, connection: SshConnection) -> list[str]:
    alias = known_as(connection)
    return ssh_options(target.known_hosts, target.ssh_config) + (["-o", f"HostKeyAlias={alias}"] if alias else [])


def _winrm_variables(target: Target, connection: WinrmConnection) -> dict[str, Any]:
    """Return the connection to a Windows machine: PowerShell remoting over TLS, its certificate always checked."""
    variables: dict[str, Any] = {
        "ansible_connection": WINRM_PLUGIN,
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


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode()
