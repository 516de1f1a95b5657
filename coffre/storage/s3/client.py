"""S3 clients for RGW: their signatures, checks and connection pools, independent of the AWS environment variables.

botocore makes them; boto3 would only add transfer managers. It is imported when the first client is made.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from coffre.errors import RemoteError
from coffre.outside.proxies import find_proxy, refuse_broken
from coffre.storage.driver import AccessKey, Endpoint
from coffre.storage.s3.answers import read_bounded
from coffre.storage.s3.faults import PlatformUnreachableError
from coffre.storage.s3.signed_http import CONNECT_SECONDS, READ_SECONDS

if TYPE_CHECKING:
    from botocore.awsrequest import AWSRequest
    from botocore.session import Session
    from types_boto3_s3 import S3Client

_CONNECTIONS = 32
_ATTEMPTS = 9
"""botocore waits 0.05 s before the second attempt and about twice as long before each further one: about 6 s."""

_BEGAN = "coffre_began"

_guard = threading.Lock()
_session: Session | None = None


def make_client(endpoint: Endpoint, key: AccessKey) -> S3Client:
    """Return a client for one key; the first one takes 0.1 s, later ones 4 ms."""
    from botocore.config import Config
    from botocore.handlers import add_expect_header

    proxy = find_proxy(endpoint.url)
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        # RGW before 20 does not know the trailing checksums that botocore sends by default.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        max_pool_connections=_CONNECTIONS,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        proxies={} if proxy is None else {urlsplit(endpoint.url).scheme: proxy.url},
    )
    with _guard:  # creating clients is not safe from several threads, using one is
        client = _the_session().create_client(
            "s3",
            endpoint_url=endpoint.url,
            region_name=endpoint.region,
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
            verify=str(endpoint.ca_file) if endpoint.ca_file else True,
            use_ssl=endpoint.url.startswith("https:"),
            config=config,
        )
    # botocore asks before it sends a body (Expect: 100-continue), sends none when it is refused, and reuses the
    # connection. A load balancer that waits for the body reads the next call as the body: RGW answers 405 to the rest.
    client.meta.events.unregister("before-call.s3", add_expect_header)
    client.meta.events.register("request-created.s3", _end_in_time)
    wire: Any = vars(client)["_endpoint"]  # botocore has no other place for it
    wire.http_session = _BoundedSession(wire.http_session, endpoint.url)
    return cast("S3Client", client)


class _BoundedSession:
    """botocore's HTTP session, which reads complete answers: here only up to the limit of an answer.

    Streamed answers are read by the caller.
    """

    def __init__(self, session: Any, url: str) -> None:
        self._session = session
        self._url = url

    def send(self, request: Any) -> Any:
        import urllib3
        from botocore.exceptions import BotoCoreError, ConnectionClosedError, ReadTimeoutError

        is_streamed, request.stream_output = request.stream_output, True
        try:
            response = self._session.send(request)
        except BotoCoreError:
            self._refuse_broken_proxy()
            raise
        if is_streamed and response.status_code < 300:
            return response
        try:
            response._content = read_bounded(response.raw, "read the platform's answer")
        except urllib3.exceptions.ReadTimeoutError as error:
            raise ReadTimeoutError(endpoint_url=request.url, error=error) from error
        except urllib3.exceptions.HTTPError as error:
            raise ConnectionClosedError(endpoint_url=request.url, error=error, request=request) from error
        return response

    def _refuse_broken_proxy(self) -> None:
        """Raise UnreachableError when the proxy does not connect: botocore would try nine times."""
        try:
            refuse_broken(self._url)
        except RemoteError as problem:
            raise PlatformUnreachableError(problem.message, problem.hint) from problem

    def close(self) -> None:
        self._session.close()


def load_in_background() -> None:
    """Let botocore load its S3 model (0.1 s) while the caller waits for something else; new clients wait for it."""
    if _session is None:
        nowhere = Endpoint("https://localhost")
        threading.Thread(target=make_client, args=(nowhere, AccessKey("none", "none")), name="s3").start()


def _end_in_time(request: AWSRequest, **_event: object) -> None:
    """Start no further attempt of a call that has already waited long: botocore repeats calls without an answer.

    Raises botocore's own ReadTimeoutError.
    """
    from botocore.exceptions import ReadTimeoutError

    began = request.context.setdefault(_BEGAN, time.monotonic())
    if time.monotonic() - began >= READ_SECONDS:
        raise ReadTimeoutError(endpoint_url=str(request.url), error=f"read timeout={READ_SECONDS:.0f}")


class ClientCache:
    """The S3 clients of one endpoint, one per key, for a process with many buckets of few owners."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._clients: dict[AccessKey, S3Client] = {}

    def get(self, key: AccessKey) -> S3Client:
        client = self._clients.get(key)
        if client is None:
            client = self._clients.setdefault(key, make_client(self._endpoint, key))
        return client


def _the_session() -> Session:
    """Return a session with botocore's defaults only: no AWS_* variable, no ~/.aws."""
    global _session
    if _session is None:
        from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, ConfigValueStore, ConstantProvider
        from botocore.session import Session

        defaults = {name: entry[2] for name, entry in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()}
        files = {"config_file": os.devnull, "credentials_file": os.devnull}
        values = {**defaults, **files, "s3": None, "proxies_config": None}
        session = Session()
        store = ConfigValueStore(mapping={name: ConstantProvider(value=value) for name, value in values.items()})
        session.register_component("config_store", store)
        _session = session
    return _session
