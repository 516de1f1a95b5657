"""A tenant's S3 keys in the form of the platform's driver."""

from coffre.secrets.bundles import S3Key
from coffre.storage.values import AccessKey


def access_key(key: S3Key) -> AccessKey:
    """Return a bundle's key in the form of the platform's driver."""
    return AccessKey(key.access_key_id, key.secret_access_key.get_secret_value())
