"""Repository passwords as tests read them: past the door, which would record a use."""

from coffre.secrets.bundles import DataBundle


def read_password(bundle: DataBundle, machine: str) -> str:
    """Return a machine's repository password in clear."""
    return bundle.repository_passwords[machine].reveal_for_storage().get_secret_value()
