"""A tenant's S3 keys as the platform's driver takes them."""

from coffre.secrets.bundles import S3Key
from coffre.storage.driver import AccessKey


def access_key(key: S3Key) -> AccessKey:
    """Return a bundle's key as the platform's driver takes it."""
    return AccessKey(key.access_key_id, key.secret_access_key.get_secret_value())
