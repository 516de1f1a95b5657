"""Chooses the proxy to a platform: one decision for Python, restic and Go, by Go's rules.

An https address uses HTTPS_PROXY unless NO_PROXY excludes it, an http one HTTP_PROXY; upper case has priority over
lower case. This computer's own addresses never use a proxy, and neither do SSH, mail and databases.
"""

import contextlib
import http.client
import ipaddress
import os
import socket
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from coffre.errors import RemoteError, UsageError

CONNECT_SECONDS = 10.0
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True)
class Proxy:
    """A proxy from an environment variable; its password is never shown."""

    address: SplitResult
    variable: str

    @property
    def url(self) -> str:
        """The complete URL, with the account if there is one."""
        return self.address.geturl()

    @property
    def shown(self) -> str:
        """The part that may be shown."""
        return f"http://{self.host}:{self.port} ({self.variable})"

    @property
    def host(self) -> str:
        return self.address.hostname or ""

    @property
    def port(self) -> int:
        return self.address.port or _PORTS["http"]

    @property
    def headers(self) -> dict[str, str]:
        """The headers of the request for a tunnel."""
        if self.address.username is None:
            return {}
        account = f"{unquote(self.address.username)}:{unquote(self.address.password or '')}"
        return {"Proxy-Authorization": f"Basic {b64encode(account.encode()).decode()}"}


def find_proxy(url: str, environment: Mapping[str, str] | None = None) -> Proxy | None:
    """Return the proxy to a platform's address; UsageError for an invalid one or another kind than http."""
    environment = os.environ if environment is None else environment
    parts = urlsplit(url)
    name = {"https": "HTTPS_PROXY", "http": "HTTP_PROXY"}.get(parts.scheme, "")
    variable = next((each for each in (name, name.lower()) if environment.get(each)), None)
    if variable is None or not parts.hostname:
        return None
    excepted = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    if _is_here(parts.hostname) or is_excepted(parts.hostname, parts.port or _PORTS[parts.scheme], excepted):
        return None
    return Proxy(_read(environment[variable], variable), variable)


def proxy_environment(url: str) -> dict[str, str]:
    """Return the variables that make restic use the same proxy as Coffre."""
    found = find_proxy(url)
    return {} if found is None else {found.variable.upper(): found.url}


def _read(value: str, variable: str) -> SplitResult:
    value = value.strip()
    try:
        address = urlsplit(value if "://" in value else f"http://{value}")
        is_usable = address.scheme == "http" and bool(address.hostname) and address.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise UsageError(
            f"{variable} names no supported proxy",
            f"Write http://HOST:PORT into {variable}, or unset it; NO_PROXY excludes addresses.",
        )
    return address


def _is_here(host: str) -> bool:
    """Tell whether a host is this computer, by any of its addresses."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as any_socket:
        try:
            any_socket.bind((host, 0))
        except OSError:
            return address.is_loopback
    return True


def is_excepted(host: str, port: int, excepted: str) -> bool:
    """Tell whether NO_PROXY's list has a host: by name, domain, address or network, each also with a port. Pure."""
    host = host.lower().rstrip(".")
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        return any(_has_address(each, address, port) for each in _entries(excepted))
    return any(_has_name(each, host, port) for each in _entries(excepted))


def _entries(excepted: str) -> list[str]:
    return [entry for each in excepted.split(",") if (entry := each.strip().lower())]


def _has_address(entry: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> bool:
    if entry == "*":
        return True
    with contextlib.suppress(ValueError):
        return address in ipaddress.ip_network(entry.strip("[]"), strict=False)
    name, _, stated = entry.rpartition(":")
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(name.strip("[]")) == address and stated == str(port)
    return False


def _has_name(entry: str, host: str, port: int) -> bool:
    name, _, stated = entry.partition(":")
    if stated and stated != str(port):
        return False
    name = name.removeprefix("*") if name.startswith("*.") else name
    return entry == "*" or (host.endswith(name) if name.startswith(".") else host == name or host.endswith(f".{name}"))


def connect(url: str, seconds: float) -> socket.socket:
    """Return a connection to an address, through its proxy if there is one; OSError without a connection."""
    parts, proxy = urlsplit(url), find_proxy(url)
    host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 0)
    if proxy is None:
        return socket.create_connection((host, port), seconds)
    way = http.client.HTTPConnection(proxy.host, proxy.port, timeout=seconds)
    way.set_tunnel(host, port, proxy.headers)
    try:
        way.connect()
    except http.client.HTTPException as error:
        way.close()
        raise OSError(f"its answer is not one of a proxy: {type(error).__name__}") from error
    except OSError:
        way.close()
        raise
    tunnel: socket.socket = way.sock
    return tunnel


def refuse_broken(url: str) -> None:
    """Raise RemoteError when the proxy does not connect to an address: restic alone would try for 15 minutes."""
    proxy = find_proxy(url)
    if proxy is None:
        return
    try:
        connect(url, CONNECT_SECONDS).close()
    except OSError as error:
        reason = "it did not answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise RemoteError(f"no connection to {url} through the proxy {proxy.shown}: {reason}", advice(url)) from error


def advice(url: str) -> str:
    """Return what to do about a failing proxy."""
    host = urlsplit(url).hostname
    return f"Check that proxy; if the platform needs no proxy, set NO_PROXY={host}."
