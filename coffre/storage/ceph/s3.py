"""S3 clients for RGW: how they are signed, checked and pooled, whatever the environment says about AWS.

boto3 is imported when the first client is made: it costs 0.4 s and 50 MB.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

from coffre.storage.ceph.signed_http import CONNECT_SECONDS, READ_SECONDS
from coffre.storage.driver import AccessKey, Endpoint

if TYPE_CHECKING:
    import boto3
    from botocore.awsrequest import AWSRequest
    from types_boto3_s3 import S3Client

_CONNECTIONS = 32
_ATTEMPTS = 9
"""botocore waits 0.05 s before the second one and about twice as long before each further: some 6 s in all."""

_BEGAN = "coffre_began"

_guard = threading.Lock()
_session: boto3.Session | None = None


def make_client(endpoint: Endpoint, key: AccessKey) -> S3Client:
    """Return a client that speaks for one key; the first takes half a second, later ones 4 ms."""
    from botocore.config import Config

    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        # RGW before 20 does not know the trailing checksums that boto3 sends by default.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        max_pool_connections=_CONNECTIONS,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        proxies={},
    )
    with _guard:  # making clients is not safe from several threads, using one is
        client = _the_session().client(
            "s3",
            endpoint_url=endpoint.url,
            region_name=endpoint.region,
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
            verify=str(endpoint.ca_file) if endpoint.ca_file else True,
            use_ssl=endpoint.url.startswith("https:"),
            config=config,
        )
    client.meta.events.register("request-created.s3", _end_in_time)
    return client


def _end_in_time(request: AWSRequest, **_event: object) -> None:
    """Begin no further attempt of a call that has waited long already: botocore repeats what was not answered in time.

    Raises botocore's own ReadTimeoutError.
    """
    from botocore.exceptions import ReadTimeoutError

    began = request.context.setdefault(_BEGAN, time.monotonic())
    if time.monotonic() - began >= READ_SECONDS:
        raise ReadTimeoutError(endpoint_url=str(request.url), error=f"read timeout={READ_SECONDS:.0f}")


class ClientCache:
    """The S3 clients of one endpoint, one a key, for a process that works for many buckets of few owners."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._clients: dict[AccessKey, S3Client] = {}

    def get(self, key: AccessKey) -> S3Client:
        client = self._clients.get(key)
        if client is None:
            client = self._clients.setdefault(key, make_client(self._endpoint, key))
        return client


def _the_session() -> boto3.Session:
    """Return a session that knows botocore's defaults only: no AWS_* variable, no ~/.aws."""
    global _session
    if _session is None:
        import boto3
        import botocore.session
        from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, ConfigValueStore, ConstantProvider

        defaults = {name: entry[2] for name, entry in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()}
        files = {"config_file": os.devnull, "credentials_file": os.devnull}
        values = {**defaults, **files, "s3": None, "proxies_config": None}
        core = botocore.session.Session()
        store = ConfigValueStore(mapping={name: ConstantProvider(value=value) for name, value in values.items()})
        core.register_component("config_store", store)
        _session = boto3.Session(botocore_session=core)
    return _session
