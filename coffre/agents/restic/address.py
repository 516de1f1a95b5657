"""The address of a machine's repository, in the form of restic."""

from coffre.agents.restic.repository.layout import PREFIX


def repository_url(endpoint_url: str, bucket: str) -> str:
    """Return the address of the repository in a machine's bucket."""
    return f"s3:{endpoint_url}/{bucket}/{PREFIX.rstrip('/')}"
