"""Presigned URLs: whoever has one makes that one request, with the rights of the key that signed it, until it expires.

Source: AWS Signature Version 4, authentication by query parameters; RGW follows it.
"""

from collections.abc import Mapping
from urllib.parse import quote

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from coffre.storage.values import AccessKey, Endpoint, SharedUpload


def share_upload(
    endpoint: Endpoint, place: tuple[str, str], key: AccessKey | Credentials, size_bytes: int, seconds: int
) -> SharedUpload:
    """Return the request that writes one object of exactly that size; ``place`` is its bucket and its key.

    Its headers are signed, so that nobody can leave one out: the size, and the condition that nothing is there yet
    (Ceph 18 ignores the condition and writes another version).
    """
    headers = {"Content-Length": str(size_bytes), "If-None-Match": "*"}
    return SharedUpload(_sign("PUT", endpoint, place, key, seconds, headers), headers)


def share_download(endpoint: Endpoint, place: tuple[str, str], key: AccessKey | Credentials, seconds: int) -> str:
    """Return the address that reads one object; ``place`` is its bucket and its key."""
    return _sign("GET", endpoint, place, key, seconds, {})


def _sign(
    method: str,
    endpoint: Endpoint,
    place: tuple[str, str],
    key: AccessKey | Credentials,
    seconds: int,
    headers: Mapping[str, str],
) -> str:
    credentials = Credentials(key.access_key_id, key.secret_access_key) if isinstance(key, AccessKey) else key
    url = f"{endpoint.url.rstrip('/')}/{quote('/'.join(place), safe='/')}"
    request = AWSRequest(method, url, headers=dict(headers))
    S3SigV4QueryAuth(credentials, "s3", endpoint.region, expires=seconds).add_auth(request)
    return str(request.url)
