"""Connects to a platform of platform.yaml of kind aws."""

from pathlib import Path

from coffre.spec.storage_platform import AwsPlatform
from coffre.storage.aws.session import AwsSession
from coffre.storage.aws.storage import AwsStorage


def connect(platform: AwsPlatform, root: Path) -> AwsStorage:
    """Return the platform's storage, without a request to it. Raises ExpectedError for unreadable settings."""
    return AwsStorage(AwsSession(platform, root))
