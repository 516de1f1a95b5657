"""The AWS clients that a check uses: with Coffre's own credential, and with the keys of its test users."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from coffre.spec.storage_platform import AwsPlatform
from coffre.storage.aws.session import AwsSession
from coffre.storage.s3.client import make_client
from coffre.storage.values import AccessKey


@dataclass(frozen=True)
class Sessions:
    """Give botocore's clients: by service with Coffre's own credential, and for S3 with a key, with TLS or without."""

    client: Callable[[str], Any]
    s3_of: Callable[[AccessKey], Any]
    plain_s3_of: Callable[[AccessKey], Any]


def open_sessions(platform: AwsPlatform, root: Path) -> Sessions:
    """Return the clients of a platform, without a request to it. Raises ExpectedError for unreadable settings."""
    session = AwsSession(platform, root)
    plain = replace(session.endpoint, url=session.endpoint.url.replace("https://", "http://", 1))
    return Sessions(
        client=lambda service: session.s3() if service == "s3" else session.client(service),
        s3_of=lambda key: make_client(session.endpoint, key),
        plain_s3_of=lambda key: make_client(plain, key),
    )
