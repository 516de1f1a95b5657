"""A tenant's stack: its program, where Pulumi keeps its state, and the engine that runs it."""

from pathlib import Path

from coffre.errors import InvalidFileError
from coffre.operations.service import Service
from coffre.provisioning.engine import Program, StackEngine
from coffre.secrets import minting
from coffre.secrets.bundles import ControlBundle
from coffre.spec.loader import Repository
from coffre.storage.ceph.connect import provider_environment
from coffre.storage.ceph.layout import TenantKeys, tenant_storage
from stacks.ceph import CephTenantStorage


def tenant_program(service: Service, keys: TenantKeys) -> Program:
    """Return the inline program that declares the tenant's storage."""
    storage = tenant_storage(service.tenant, service.platform, keys)

    def program() -> None:
        CephTenantStorage(storage)

    return program


def state_backend(repository: Repository) -> str:
    """Return Pulumi's backend URL for `state:` of platform.yaml, `file:PATH` under the root."""
    reference = repository.settings.state
    if reference.startswith("file:"):
        return f"file://{repository.root / reference.removeprefix('file:')}"
    raise InvalidFileError(
        f"platform.yaml: state: {reference} is not supported yet", "Write file:PATH; a team shares that folder for now."
    )


def open_engine(
    repository: Repository, service: Service, control: ControlBundle | None, scratch: Path | None = None
) -> StackEngine:
    """Open the engine of a tenant's stack; with ``scratch``, state and work folder are in there and nowhere else."""
    if scratch is None:
        assert control is not None  # noqa: S101 - a real stack is opened only with its passphrase
        backend, work_dir = state_backend(repository), repository.root / ".coffre" / "pulumi" / service.tenant.slug
        passphrase = control.stack_passphrase.get_secret_value()
    else:
        (scratch / "state").mkdir()
        backend, work_dir, passphrase = (
            f"file://{scratch / 'state'}",
            scratch / "work",
            minting.new_passphrase().get_secret_value(),
        )
    return StackEngine(
        service.tenant.slug,
        backend=backend,
        work_dir=work_dir,
        passphrase=passphrase,
        environment={**provider_environment(service.platform, repository.root), "AWS_CA_BUNDLE": ""},
    )
