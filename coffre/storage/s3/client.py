"""S3 clients: their signatures, checks and connection pools, independent of the AWS environment variables.

botocore makes them; boto3 would only add transfer managers. It is imported when the first client is made.
"""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from coffre.errors import RemoteError
from coffre.outside.proxies import find_proxy, refuse_broken
from coffre.storage.s3.answers import read_bounded
from coffre.storage.s3.faults import PlatformUnreachableError
from coffre.storage.s3.signed_http import CONNECT_SECONDS, READ_SECONDS, READING_METHODS
from coffre.storage.values import AccessKey, Endpoint
from coffre.workspace import fence

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest, AWSRequest
    from botocore.config import Config
    from botocore.model import OperationModel
    from botocore.session import Session
    from types_boto3_s3 import S3Client

_CONNECTIONS = 32
_ATTEMPTS = 9
"""botocore waits 0.05 s before the second attempt and about twice as long before each further one: about 6 s."""

EXPECTED_OWNERS = ("ExpectedBucketOwner", "ExpectedSourceBucketOwner")

_BEGAN = "coffre_began"

_guard = threading.Lock()
_session: Session | None = None


def make_client(endpoint: Endpoint, key: AccessKey) -> S3Client:
    """Return a client for one key; the first one takes 0.1 s, later ones 4 ms."""
    with _guard:  # creating clients is not safe from several threads, using one is
        client = _the_session().create_client(
            "s3",
            endpoint_url=endpoint.url,
            region_name=endpoint.region,
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
            verify=str(endpoint.ca_file) if endpoint.ca_file else True,
            use_ssl=endpoint.url.startswith("https:"),
            config=make_config(endpoint.url),
        )
    bound(client, endpoint.url)
    return adapt(client, endpoint)


def make_config(url: str) -> Config:
    """Return how S3 is spoken at an address: its signatures, checksums, limits, and its proxy."""
    from botocore.config import Config

    return Config(
        signature_version="s3v4",
        s3={"addressing_style": "path"},
        # RGW before 20 does not know the trailing checksums that botocore sends by default.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        max_pool_connections=_CONNECTIONS,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        proxies=proxies_of(url),
    )


def proxies_of(url: str) -> dict[str, str]:
    """Return the proxy to an address in the form of botocore; an empty value turns off botocore's own choice."""
    proxy = find_proxy(url)
    return {} if proxy is None else {urlsplit(url).scheme: proxy.url}


def bound(client: Any, url: str) -> None:
    """Limit the answers of a client of any service, and the time of all attempts of one call together.

    It changes nothing once a lock of this process is lost, also not by repeating a call.
    """
    client.meta.events.register("before-send", _refuse_unlocked)
    client.meta.events.register("request-created", _end_in_time)
    wire: Any = vars(client)["_endpoint"]  # botocore has no other place for it
    wire.http_session = _BoundedSession(wire.http_session, url)


def adapt(client: Any, endpoint: Endpoint) -> S3Client:
    """Return an S3 client without botocore's habits that can harm, which names the account that must own each bucket.

    It follows no redirect: a bucket of another region is refused, not read.
    """
    from botocore.handlers import add_expect_header

    # botocore asks before it sends a body (Expect: 100-continue), sends none when it is refused, and reuses the
    # connection. A load balancer that waits for the body reads the next call as the body: RGW answers 405 to the rest.
    client.meta.events.unregister("before-call.s3", add_expect_header)
    client.meta.events.register("before-parameter-build.s3", _follow_no_redirect)
    if endpoint.account_id is not None:
        client.meta.events.register("before-parameter-build.s3", _expect_owner(endpoint.account_id))
    return cast("S3Client", client)


def _refuse_unlocked(request: AWSPreparedRequest, **_event: object) -> None:
    if request.method not in READING_METHODS:
        fence.check()


def _follow_no_redirect(context: dict[str, Any], **_event: object) -> None:
    """Tell botocore's redirector, which marks each call just before, that it has redirected this one already."""
    context.setdefault("s3_redirect", {})["redirected"] = True


def _expect_owner(account: str) -> Callable[..., None]:
    """Return the handler that adds the expected owner of its buckets to every call that has such a parameter."""

    def add(params: dict[str, Any], model: OperationModel, **_event: object) -> None:
        known = model.input_shape.members if model.input_shape is not None else {}
        params.update({name: account for name in EXPECTED_OWNERS if name in known})

    return add


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


def load() -> None:
    """Import botocore, and load what it knows of S3 and its lists (0.1 s), by a client that connects to nothing."""
    client = make_client(Endpoint("https://localhost"), AccessKey("none", "none"))
    client.can_paginate("list_objects_v2")
    client.close()


def load_in_background() -> None:
    """Load botocore while the caller waits for something else; new clients wait for it."""
    if _session is None:
        threading.Thread(target=load, name="s3").start()


def _end_in_time(request: AWSRequest, **_event: object) -> None:
    """Start no further attempt of a call that has already waited long: botocore repeats calls without an answer.

    Raises botocore's own ReadTimeoutError.
    """
    from botocore.exceptions import ReadTimeoutError

    began = request.context.setdefault(_BEGAN, time.monotonic())
    if time.monotonic() - began >= READ_SECONDS:
        raise ReadTimeoutError(endpoint_url=str(request.url), error=f"read timeout={READ_SECONDS:.0f}")


MAX_CLIENTS = 64
"""More than the workers of any command, with a second copy each."""


class ClientCache:
    """The S3 clients of one endpoint, one per key: those used last, since each takes memory.

    A pass of supervision goes through thousands of owners. Safe to use from many threads; a client that is left out
    still serves whoever has it.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._guard = threading.Lock()
        self._clients: OrderedDict[AccessKey, S3Client] = OrderedDict()

    def get(self, key: AccessKey) -> S3Client:
        with self._guard:
            client = self._clients.get(key)
            if client is not None:
                self._clients.move_to_end(key)
                return client
        made = make_client(self._endpoint, key)
        with self._guard:
            client = self._clients.setdefault(key, made)
            self._clients.move_to_end(key)
            while len(self._clients) > MAX_CLIENTS:
                self._clients.popitem(last=False)
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
