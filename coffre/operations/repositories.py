"""A machine's restic repository, opened from here through the one door to its password."""

from pathlib import Path

from coffre.agents.restic.repository import Repository
from coffre.operations.passwords import use_password
from coffre.operations.service import Service
from coffre.spec import naming


def open_repository(service: Service, machine: str, reason: str, cache_dir: Path | None = None) -> Repository:
    """Open a machine's restic repository with the owner's key; records who opens it and why.

    With ``cache_dir`` what is read of its structure is kept there, still encrypted, and read once.
    The platform is asked one thing first: restic would try for 15 minutes to reach one that is down.
    """
    service.owner_bucket(machine).probe_server_time()
    password = use_password(service, machine, reason)
    endpoint = service.storage.endpoint
    return Repository(
        url=f"s3:{endpoint.url}/{service.bucket_name(machine)}/{naming.RESTIC_PREFIX.rstrip('/')}",
        key=service.owner_key(),
        password=password,
        ca_file=endpoint.ca_file,
        region=endpoint.region,
        cache_dir=cache_dir,
    )
