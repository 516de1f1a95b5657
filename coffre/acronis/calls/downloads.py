"""The vendor's installers: where the newest one is, and one fetched by its SHA-256. No token goes there."""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO, TypeVar
from urllib.parse import urlencode, urljoin, urlsplit

import httpx

from coffre.acronis.data_center import DataCenter
from coffre.acronis.errors import AbsurdAnswerError, AcronisAwayError, error_of
from coffre.acronis.exchange import NETWORK_ERRORS
from coffre.acronis.unverified.machines import DOWNLOAD_CHANNEL, DOWNLOAD_LINK
from coffre.acronis.wire import ending_within, open_connections
from coffre.errors import RefusedError
from coffre.outside.text import one_line

MAX_REDIRECTS = 5
INSTALLER_BYTES = 4 * 1024**3
DOWNLOAD_SECONDS = 3600.0
_LINK_SECONDS = 60.0
_LINK_CHARACTERS = 2000
_REFUSAL_BYTES = 64 * 1024
_REDIRECTS = (301, 302, 303, 307, 308)
_FAILURES = (httpx.HTTPError, httpx.StreamError, *NETWORK_ERRORS)

_Result = TypeVar("_Result")


class System(Enum):
    """The operating system of an installer, in the link's words."""

    WINDOWS = "windows"
    LINUX = "linux"
    MACOS = "apple"


class Architecture(Enum):
    """The processor of an installer, in the link's words."""

    X86_64 = "64"
    X86 = "32"
    ARM = "arm"


@dataclass(frozen=True)
class Installer:
    """An installer's address, where all redirects lead; its name is the last part of it."""

    url: str

    @property
    def name(self) -> str:
        """The name of the file."""
        return urlsplit(self.url).path.rpartition("/")[2]


class Downloads:
    """The calls about installers."""

    def __init__(self, data_center: DataCenter, ca_file: Path | None = None) -> None:
        self._data_center, self._ca_file = data_center, ca_file

    def find_newest(self, system: System, architecture: Architecture = Architecture.X86_64) -> Installer:
        """Return where the newest installer is; nothing of it is fetched."""
        query = {
            "language": "multi",
            "system": system.value,
            "architecture": architecture.value,
            "productType": "enterprise",
            "channel": DOWNLOAD_CHANNEL.value,
            "white_labeled": 0,
        }
        doing = f"find the newest installer for {system.value}"
        url = f"{self._data_center.url}{DOWNLOAD_LINK.value}?{urlencode(query)}"
        with ending_within(_LINK_SECONDS):
            return self._follow(doing, url, lambda response: Installer(str(response.url)))

    def fetch(self, url: str, sha256: str, target: BinaryIO, limit_bytes: int = INSTALLER_BYTES) -> int:
        """Write an installer into a file and return its size; RefusedError when it is not the one of this SHA-256.

        What was written is to be thrown away then. ``sha256`` is in lower-case hex.
        """

        def write(response: httpx.Response) -> int:
            size, digest = 0, hashlib.sha256()
            for piece in _pieces(doing, response):
                size += len(piece)
                if size > limit_bytes:
                    raise AbsurdAnswerError(f"{doing}: it is larger than {limit_bytes} bytes", "Check the address.")
                digest.update(piece)
                target.write(piece)
            if digest.hexdigest() != sha256:
                raise RefusedError(
                    f"the installer at {_shown(url)} is not the chosen one: its SHA-256 is {digest.hexdigest()}",
                    "Find out what changed before you choose the new one.",
                )
            return size

        doing = "fetch an installer"
        with ending_within(DOWNLOAD_SECONDS):
            return self._follow(doing, url, write)

    def _follow(self, doing: str, url: str, take: Callable[[httpx.Response], _Result]) -> _Result:
        """Give the answer at the end of all redirects to ``take`` while its connection is open."""
        for _ in range(MAX_REDIRECTS + 1):
            _check(doing, url)
            with _answer_at(doing, url, self._ca_file) as response:
                if response.status_code not in _REDIRECTS:
                    _refuse_other(doing, response)
                    return take(response)
                url = _next_address(doing, url, response.headers)
        raise AbsurdAnswerError(f"{doing}: more than {MAX_REDIRECTS} redirects", "Name the address of the file itself.")


@contextmanager
def _answer_at(doing: str, url: str, ca_file: Path | None) -> Iterator[httpx.Response]:
    connections = open_connections(url, ca_file)
    try:
        try:
            response = connections.send(connections.build_request("GET", url), stream=True)
        except (*_FAILURES, httpx.InvalidURL) as error:
            raise _away(doing, url, error) from None
        try:
            yield response
        finally:
            response.close()
    finally:
        connections.close()


def _pieces(doing: str, response: httpx.Response) -> Iterator[bytes]:
    """Yield the body of an answer; errors of whoever takes it stay theirs."""
    pieces = response.iter_bytes()
    while True:
        try:
            piece = next(pieces, None)
        except _FAILURES as error:
            raise _away(doing, str(response.url), error) from None
        if piece is None:
            return
        yield piece


def _away(doing: str, url: str, error: Exception) -> AcronisAwayError:
    return AcronisAwayError(
        f"{doing}: {_shown(url)} gave no whole answer ({type(error).__name__})",
        "Check this computer's way there, then run the same command again.",
    )


def _next_address(doing: str, url: str, headers: Mapping[str, str]) -> str:
    location = headers.get("Location", "")
    if not location or len(location) > _LINK_CHARACTERS:
        raise AbsurdAnswerError(f"{doing}: {_shown(url)} redirects nowhere", "Name the address of the file itself.")
    try:
        return urljoin(url, location)
    except ValueError:
        raise AbsurdAnswerError(
            f"{doing}: {_shown(url)} redirects nowhere", "Name the address of the file itself."
        ) from None


def _check(doing: str, url: str) -> None:
    """Refuse an address that is not https, or has an account in it."""
    try:
        parts = urlsplit(url)
        is_usable = parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise RefusedError(
            f"{doing}: {_shown(url)} is not an https address without an account",
            "Installers run as administrator: they are fetched by https only.",
        )


def _refuse_other(doing: str, response: httpx.Response) -> None:
    if response.status_code == HTTPStatus.OK:
        return
    content = bytearray()
    for piece in _pieces(doing, response):
        content += piece
        if len(content) > _REFUSAL_BYTES:
            break
    raise error_of(doing, response.status_code, bytes(content))


def _shown(url: str) -> str:
    """Return an address without its parameters: links of some storages have a right in them."""
    return one_line(url.partition("?")[0], 200)
