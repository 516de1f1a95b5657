"""Coffre's own session with AWS: its credential, the clients of each service, and the proof that the account is right.

It is botocore's session, so it honours the AWS_* variables and ~/.aws; the region is always platform.yaml's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit
from urllib.request import getproxies

from botocore import UNSIGNED
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    Credentials,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import NoCredentialsError, ProfileNotFound
from botocore.session import Session

from coffre.errors import ExpectedError, InvalidFileError
from coffre.outside.structured import UnreadableJsonError, read_json_object
from coffre.spec.storage_platform import AwsPlatform
from coffre.spec.values.references import read_reference
from coffre.storage.aws.faults import ASSUME_ROLE, WrongAccountError, aws_errors
from coffre.storage.aws.names import programs_bucket
from coffre.storage.s3.answers import reading, word
from coffre.storage.s3.client import adapt, bound, make_config, proxies_of
from coffre.storage.values import AccessKey, Endpoint

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

LIMIT_BYTES = 64 * 1024
"""The maximum size of a credential in a file or a variable; a session token has about 1 KiB."""

_CONNECT_SECONDS, _READ_SECONDS = 5.0, 20.0
_ATTEMPTS = 4
_CONNECTIONS = 16
_SESSION_NAME = "coffre"

ClientMaker = Callable[..., Any]


class AwsSession:
    """The clients of one account and region with Coffre's own credential; safe to use from many threads."""

    def __init__(self, platform: AwsPlatform, root: Path) -> None:
        """Raises ExpectedError when the credential's file, variable or profile is missing. Sends no request."""
        self.account = platform.account
        self.region = platform.region
        self._session = make_session(platform, root)
        self._clients: dict[tuple[str, str], Any] = {}
        self._making = threading.Lock()
        self._confirming = threading.Lock()
        self._is_confirmed = False

    @cached_property
    def endpoint(self) -> Endpoint:
        """The S3 endpoint of the region; its buckets must belong to the account."""
        return self.s3_endpoint(self.region)

    def s3_endpoint(self, region: str) -> Endpoint:
        """Return the S3 endpoint of a region of the account: AWS's own, or that of AWS_ENDPOINT_URL.

        Its authorities are those of AWS_CA_BUNDLE, if that is set.
        """
        with self._making:
            plain = Config(signature_version=UNSIGNED, s3={"us_east_1_regional_endpoint": "regional"})
            client = self._session.create_client("s3", region_name=region, config=plain)
        authorities = self._session.get_config_variable("ca_bundle")
        return Endpoint(
            url=client.meta.endpoint_url.rstrip("/"),
            region=region,
            ca_file=Path(authorities).expanduser() if authorities else None,
            platform_id=f"aws:{self.account}:{self.region}",
            account_id=self.account,
            programs_bucket=programs_bucket(self.account, self.region),
        )

    def client(self, service: str) -> Any:
        """Return the region's client of a service, once the account is confirmed."""
        self.confirm_account()
        return self._client(service, self.region, lambda: self._session.create_client(service))

    def s3(self, region: str | None = None) -> S3Client:
        """Return an S3 client with Coffre's own credential, once the account is confirmed."""
        self.confirm_account()
        endpoint = self.endpoint if region in (None, self.region) else self.s3_endpoint(str(region))

        def make() -> S3Client:
            client = self._session.create_client(
                "s3", region_name=endpoint.region, endpoint_url=endpoint.url, config=make_config(endpoint.url)
            )
            return adapt(client, endpoint)

        return cast("S3Client", self._client("s3", endpoint.region, make))

    def client_of(self, service: str, key: AccessKey) -> Any:
        """Return a client of a service with another key, which is not kept; of this account or not."""
        with self._making:
            return self._session.create_client(
                service, aws_access_key_id=key.access_key_id, aws_secret_access_key=key.secret_access_key
            )

    def credentials(self) -> Credentials:
        """Return Coffre's own credentials, which renew by themselves, once the account is confirmed."""
        self.confirm_account()
        with aws_errors("find the credential", "AWS"):
            found = self._session.get_credentials()
            if found is None:
                raise NoCredentialsError
        return found

    def confirm_account(self) -> None:
        """Refuse a credential of another account, before anything is read or written with it; asks AWS once."""
        with self._confirming:
            if self._is_confirmed:
                return
            answer = self.ask_identity()
            with reading("ask whose the credential is"):
                account = word(answer["Account"])
            if account != self.account:
                raise WrongAccountError(
                    f"the credential for AWS belongs to account {account[:12]}, not to account {self.account} of "
                    "platform.yaml",
                    "Use a credential of that account, or correct `account:` of platform.yaml; nothing was read or "
                    "written.",
                )
            self._is_confirmed = True

    def ask_identity(self) -> Mapping[str, Any]:
        """Return AWS's answer about the identity behind Coffre's own credential; this needs no right."""
        with aws_errors("ask whose the credential is", "AWS"):
            sts = self._client("sts", self.region, lambda: self._session.create_client("sts"))
        with aws_errors("ask whose the credential is", sts.meta.endpoint_url):
            answer: Mapping[str, Any] = sts.get_caller_identity()
            return answer

    def _client(self, service: str, region: str, make: ClientMaker) -> Any:
        with self._making:  # creating clients is not safe from several threads, using one is
            if (service, region) not in self._clients:
                with aws_errors(f"open {service}", "AWS"):
                    self._clients[service, region] = make()
            return self._clients[service, region]


def make_session(platform: AwsPlatform, root: Path) -> Session:
    """Return a session with the credential of platform.yaml; it is only resolved when a client needs it."""
    kind, _, name = (platform.credential or "").partition(":")
    session = _OurSession(profile=name if kind == "profile" else None)
    session.set_config_variable("region", platform.region)
    session.set_default_client_config(
        Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            max_pool_connections=_CONNECTIONS,
        )
    )
    try:
        session.get_scoped_config()
    except ProfileNotFound as error:
        raise ExpectedError(
            "AWS's configuration on this computer has no such profile"
            if platform.credential is None
            else f"AWS's configuration on this computer has no profile for credential ({platform.credential})",
            "Check ~/.aws/config, AWS_PROFILE, and `credential:` of platform.yaml; `aws configure list-profiles` names "
            "the profiles.",
        ) from error
    if kind in ("env", "file"):
        source: CredentialProvider | CredentialResolver = _Fixed(_read_credential(str(platform.credential), root))
    else:
        source = session.get_component("credential_provider")
    if platform.role is not None:
        source = _AssumedRole(session, source, platform.role)
    if isinstance(source, CredentialProvider):
        session.register_component("credential_provider", CredentialResolver([source]))
    return session


class _OurSession(Session):
    """A session whose clients, those for credentials included, have bounded answers and the product's own proxy."""

    def create_client(self, service_name: str, *args: Any, **settings: Any) -> Any:
        client = super().create_client(service_name, *args, **settings)
        url = client.meta.endpoint_url
        proxies = proxies_of(url)
        if proxies or getproxies():  # botocore would choose by its own rules
            settings["config"] = (settings.get("config") or Config()).merge(Config(proxies=proxies))
            client = super().create_client(service_name, *args, **settings)
        bound(client, url)
        return client


class _Fixed(CredentialProvider):
    """Gives the access key of a file or a variable."""

    METHOD = "coffre-credential"

    def __init__(self, credentials: Credentials) -> None:
        super().__init__()
        self._credentials = credentials

    def load(self) -> Credentials:
        return self._credentials

    load_credentials = load


class _AssumedRole(CredentialProvider):
    """Assumes a role with the credentials of another source, again before they expire."""

    METHOD = "coffre-role"

    def __init__(self, session: Session, source: Any, role: str) -> None:
        super().__init__()
        self._our_session = session
        self._source = source
        self._role = role

    def load(self) -> Credentials | None:
        source = self._source.load_credentials()
        if source is None:
            return None
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=self._our_session.create_client,
            source_credentials=source,
            role_arn=self._role,
            extra_args={"RoleSessionName": _SESSION_NAME},
        )
        return DeferredRefreshableCredentials(fetcher.fetch_credentials, ASSUME_ROLE)


def _read_credential(reference: str, root: Path) -> Credentials:
    """Read an access key of platform.yaml's `credential:`, JSON; errors never quote its value."""
    where, hint = f"credential ({reference})", "the comments of platform.yaml describe its content"
    try:
        values = read_json_object(read_reference(reference, root), LIMIT_BYTES)
    except UnreadableJsonError as error:
        raise InvalidFileError(f"{where}: {error}", hint) from error
    wrong = set(values) - {"access_key_id", "secret_access_key", "session_token"}
    if wrong:
        raise InvalidFileError(
            f"{where} has other values than access_key_id, secret_access_key and session_token", hint
        )
    texts = {}
    for name in ("access_key_id", "secret_access_key", "session_token"):
        value = values.get(name)
        if value is None and name == "session_token":
            continue
        if not isinstance(value, str) or not value or not value.isascii() or not value.isprintable() or " " in value:
            raise InvalidFileError(f"{where} has no {name}", hint)
        texts[name] = value
    return Credentials(texts["access_key_id"], texts["secret_access_key"], texts.get("session_token"), method="coffre")


def is_amazon(address: str, environment: Mapping[str, str]) -> bool:
    """Tell whether an address is one of AWS's own, or the one that AWS_ENDPOINT_URL names in its place. Pure."""
    host = urlsplit(address).netloc.lower()
    named = urlsplit(environment.get("AWS_ENDPOINT_URL", "")).netloc.lower()
    return host.partition(":")[0].endswith((".amazonaws.com", ".amazonaws.com.cn")) or (host == named != "")


_accounts: dict[str, str] = {}
"""The accounts of keys by their ids, asked once in a process."""


def read_account(platform: AwsPlatform, root: Path, key: AccessKey) -> str:
    """Return the account that a key belongs to; asks AWS once."""
    if key.access_key_id not in _accounts:
        client = AwsSession(platform, root).client_of("sts", key)
        with aws_errors(f"ask whose the key {key.access_key_id} is", "AWS"):
            answer = client.get_caller_identity()
        with reading(f"ask whose the key {key.access_key_id} is"):
            _accounts[key.access_key_id] = word(answer["Account"])
    return _accounts[key.access_key_id]
