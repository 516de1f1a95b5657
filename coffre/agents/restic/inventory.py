"""Builds the playbooks' inventory from requests. Pure: file contents and hashes come in as values."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coffre.agents.ansible.connection import Inventory, connection_variables, host_name
from coffre.agents.driver import AgentSetup, DeployRequest, OrdersTrust, Target
from coffre.agents.repository import BucketStorage, password_of
from coffre.agents.restic.address import repository_url
from coffre.spec.tenant import OperatingSystem

LINUX, WINDOWS, MACOS = OperatingSystem.LINUX, OperatingSystem.WINDOWS, OperatingSystem.MACOS
ROLES = {LINUX: "restic_agent", WINDOWS: "restic_agent_windows", MACOS: "restic_agent_macos"}
"""The role of each system; its variables begin with the role's name."""
GROUPS = {LINUX: "restic_agents", WINDOWS: "restic_agents_windows", MACOS: "restic_agents_macos"}
"""The group of each system in every inventory: the playbooks have a play for each."""
CA_FILES = {LINUX: "/etc/coffre/ca.pem", WINDOWS: r"C:\ProgramData\Coffre\ca.pem", MACOS: "/etc/coffre/ca.pem"}


@dataclass(frozen=True)
class Installable:
    """A program to install: its name on the machine, its path here, and its required SHA-256."""

    name: str
    path: Path
    sha256: str


@dataclass(frozen=True)
class Installation:
    """The values that all machines of a run share; ``token`` makes its temporary names on the machines unguessable."""

    programs: Mapping[OperatingSystem, Sequence[Installable]]
    token: str


def build_deploy_inventory(
    requests: Sequence[DeployRequest], installation: Installation, certificates: Mapping[str, bytes]
) -> Inventory:
    """Return a deployment's inventory, secrets included; ``certificates`` are CA certificates (PEM) by host name.

    Without the password of a repository there are no credentials: for a look.
    """
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
            # In base64: Ansible would take braces in a value for a template.
            f"{role}_settings": _base64(render_settings(request.setup)),
            f"{role}_certificates": _base64(certificates[name]),
            f"{role}_credentials": _base64(render_credentials(request.setup)) if _has_password(request) else "",
            f"{role}_apply_arguments": list_apply_arguments(request),
        }
    return inventory


def list_apply_arguments(request: DeployRequest) -> list[str]:
    """Return the agent's arguments besides its orders: where its numbers continue if it has forgotten them.

    For a look also the access key that it should have: its credentials are not sent to be compared.
    """
    seen = request.seen
    arguments = ["--reports-after", str(seen.reports), "--check-ins-after", str(seen.check_ins)]
    return arguments if _has_password(request) else [*arguments, "--key", bucket_of(request.setup).access_key_id]


def build_remove_inventory(targets: Sequence[Target], token: str) -> Inventory:
    """Return the inventory of a removal; its only secrets are those for the connections to machines."""
    inventory = _empty()
    for target in targets:
        inventory[GROUPS[target.system]]["hosts"][host_name(target)] = {
            **connection_variables(target, token),
            **_owner_variables(target),
        }
    return inventory


def with_private_folder(inventory: Inventory, folder: Path) -> Inventory:
    """Return an inventory that gives every machine the run's private folder, which only this computer has."""
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
    """Return the owner that the agent must have: the agent of another owner is not changed."""
    role = ROLES[target.system]
    return {f"{role}_tenant_id": target.tenant_id, f"{role}_machine": target.machine}


def render_settings(setup: AgentSetup) -> bytes:
    """Return agent.json: the machine's identity, its bucket, and which orders it accepts (key and least generation)."""
    storage, trust = bucket_of(setup), _trust_of(setup)
    return _document(
        {
            "version": 1,
            "tenant_id": setup.owner.tenant_id,
            "machine": setup.owner.machine,
            "endpoint": storage.endpoint_url,
            "region": storage.region,
            "bucket": storage.bucket,
            "programs_bucket": storage.programs_bucket,
            "ca_file": CA_FILES[setup.system],
            "signing_public_key": base64.b64encode(trust.signing_public_key).decode(),
            "least_generation": trust.least_generation,
            "repository": repository_url(storage.endpoint_url, storage.bucket),
        }
    )


def render_credentials(setup: AgentSetup) -> bytes:
    """Return credentials.json, the machine's secrets."""
    storage = bucket_of(setup)
    return _document(
        {
            "access_key_id": storage.access_key_id,
            "secret_access_key": storage.secret_access_key.get_secret_value(),
            "repository_password": password_of(storage).get_secret_value(),
        }
    )


def _has_password(request: DeployRequest) -> bool:
    return bucket_of(request.setup).repository_password is not None


def bucket_of(setup: AgentSetup) -> BucketStorage:
    """Return the bucket of an agent, which every machine of this kind has."""
    assert setup.storage is not None  # noqa: S101 - the driver says that its machines need one
    return setup.storage


def _trust_of(setup: AgentSetup) -> OrdersTrust:
    assert setup.trust is not None  # noqa: S101 - the driver says that its agents take orders
    return setup.trust


def _empty() -> Inventory:
    return {group: {"hosts": {}} for group in GROUPS.values()}


def _document(fields: Mapping[str, object]) -> bytes:
    return (json.dumps(fields, indent=2) + "\n").encode()


def _base64(body: bytes) -> str:
    return base64.b64encode(body).decode()
