"""Repository passwords as tests read them: past the door, which would record a use."""

from coffre.secrets import minting
from coffre.secrets.bundles import DataBundle
from coffre.secrets.sealed import SealedPassword


def read_password(bundle: DataBundle, machine: str) -> str:
    """Return a machine's repository password in clear."""
    return bundle.repository_passwords[machine].reveal_for_storage().get_secret_value()


def new_passwords(tenant_id: str, *machines: str) -> DataBundle:
    """Return a data bundle with a new repository password for each machine."""
    passwords = {name: SealedPassword(minting.new_password()) for name in machines}
    return DataBundle(tenant_id=tenant_id, repository_passwords=passwords)
