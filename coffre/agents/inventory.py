"""From requests to the inventory that the playbooks run over. Pure: file contents and hashes come in as values."""

import base64
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coffre.agents.driver import DeployRequest, Target
from coffre.agents.ssh import DEFAULT_PORT, ssh_options

GROUP = "restic_agents"
REMOTE_TEMPORARY = "/dev/shm/.coffre-ansible"  # noqa: S108 - a random suffix is added; sshd's user makes it 0700
CONFIGURATION = "/etc/coffre"
CA_FILE = f"{CONFIGURATION}/ca.pem"

Inventory = dict[str, Any]


@dataclass(frozen=True)
class Installable:
    """A program to install: its name on the machine, where it is here, and the SHA-256 that it must have."""

    name: str
    path: Path
    sha256: str


@dataclass(frozen=True)
class Installation:
    """What every machine of a run gets alike; ``token`` makes its temporary names on the machines unguessable."""

    programs: Sequence[Installable]
    token: str


def host_name(target: Target) -> str:
    """Name a machine in the inventory; neither slugs nor machine names hold a dot."""
    return f"{target.slug}.{target.machine}"


def build_deploy_inventory(
    requests: Sequence[DeployRequest], installation: Installation, certificates: Mapping[str, bytes]
) -> Inventory:
    """Return a deployment's inventory, secrets included; ``certificates`` are CA certificates (PEM) by host name."""
    hosts = {}
    for request in requests:
        name = host_name(request.target)
        hosts[name] = {
            **_connection_variables(request.target, installation.token),
            "restic_agent_programs": [
                {"name": program.name, "path": str(program.path), "sha256": program.sha256}
                for program in installation.programs
            ],
            # In base64: Ansible would take braces in a value for a template of its own.
            "restic_agent_settings": _base64(render_settings(request)),
            "restic_agent_certificates": _base64(certificates[name]),
            "restic_agent_credentials": _base64(render_credentials(request)),
        }
    return {GROUP: {"hosts": hosts}}


def build_remove_inventory(targets: Sequence[Target], token: str) -> Inventory:
    """Return the inventory of a removal; it holds no secret."""
    return {GROUP: {"hosts": {host_name(target): _connection_variables(target, token) for target in targets}}}


def render_settings(request: DeployRequest) -> bytes:
    """Return agent.json: who the machine is, where its bucket is, which key its orders are signed with."""
    storage = request.storage
    return _document(
        {
            "version": 1,
            "tenant_id": request.tenant_id,
            "machine": request.target.machine,
            "endpoint": storage.endpoint_url,
            "region": storage.region,
            "bucket": storage.bucket,
            "ca_file": CA_FILE,
            "signing_public_key": base64.b64encode(request.signing_public_key).decode(),
            "repository": f"s3:{storage.endpoint_url}/{storage.bucket}/restic",
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


def _connection_variables(target: Target, token: str) -> dict[str, Any]:
    connection = target.connection
    variables: dict[str, Any] = {
        "ansible_connection": "ssh",
        "ansible_host": connection.host,
        "ansible_user": connection.user,
        "ansible_become": connection.become,
        "ansible_ssh_common_args": shlex.join(ssh_options(target.known_hosts, target.ssh_config)),
        "ansible_remote_tmp": f"{REMOTE_TEMPORARY}-{token}",
        "ansible_python_interpreter": "auto_silent",
    }
    # Only where the tenant file says so: else ssh_config may.
    if connection.port != DEFAULT_PORT:
        variables["ansible_port"] = connection.port
    return variables


def _document(fields: Mapping[str, object]) -> bytes:
    return (json.dumps(fields, indent=2) + "\n").encode()


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode()
