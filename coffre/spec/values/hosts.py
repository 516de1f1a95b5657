"""Compares the target of a connection in any notation, also with this computer. Pure: it resolves no name."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from coffre.spec.parsing.lookup import Data

HostPort = tuple[str, str]
"""A host and a port in the normal form for comparison."""

_DEFAULT_PORT = 22
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_OF_THIS_COMPUTER = frozenset(
    {
        "localhost",
        "localhost4",
        "localhost6",
        "localhost.localdomain",
        "localhost4.localdomain4",
        "localhost6.localdomain6",
        "ip6-localhost",
        "ip6-loopback",
    }
)
_LOCAL_DOMAIN = ".localhost"
# Connecting to any of them reaches the computer that connects.
_LOCAL_NETWORKS = [ipaddress.ip_network(each) for each in ("0.0.0.0/8", "127.0.0.0/8", "::1/128", "::/128")]
# Addresses of IPv6 whose last 32 bits are one of IPv4: mapped, compatible, and translated by NAT64.
_WRAPPED_NETWORKS = [ipaddress.ip_network(each) for each in ("::ffff:0:0/96", "::/96", "64:ff9b::/96")]
_WORDS_OF_IPV6 = [ipaddress.ip_address(each) for each in ("::", "::1")]

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def find_host_port(connection: Data) -> HostPort | None:
    """Return the target of a connection of a tenant file; None when it has no possible host.

    An address is that of another machine on each site.
    """
    host, site = connection.get("host"), connection.get("site")
    if not isinstance(host, str):
        return None
    where = f"@{site}" if isinstance(site, str) else ""
    return f"{canonical_host(host)}{where}", _port(connection)


def canonical_host(host: str) -> str:
    """Return a host in normal form: small letters without the last dot, an address as its number."""
    name = host.lower().rstrip(".")
    address = _find_address(name)
    return str(address) if address is not None else name


def is_this_computer(host: str) -> bool:
    """Tell whether a host is certainly the computer that connects to it, by its text alone."""
    name = host.lower().rstrip(".")
    address = _find_address(name)
    if address is None:
        return name in _OF_THIS_COMPUTER or name.endswith(_LOCAL_DOMAIN)
    return any(address in network for network in _LOCAL_NETWORKS if network.version == address.version)


def _port(connection: Mapping[str, Any]) -> str:
    port = connection.get("port")
    return str(_DEFAULT_PORT if port is None else port)


def _find_address(name: str) -> _Address | None:
    if ":" in name:
        return _unwrapped(name)
    return _find_ipv4(name)


def _unwrapped(name: str) -> _Address | None:
    """Return an address of IPv6, or the IPv4 address that it contains."""
    try:
        address = ipaddress.IPv6Address(name.partition("%")[0])
    except ValueError:
        return None
    if address not in _WORDS_OF_IPV6 and any(address in network for network in _WRAPPED_NETWORKS):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _find_ipv4(name: str) -> ipaddress.IPv4Address | None:
    """Return the address that the C library reads from a text: one to four numbers, also octal or hexadecimal.

    The last number fills the remaining bytes: 127.1 is 127.0.0.1, and so is 2130706433.
    """
    parts = name.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    try:
        *heads, last = [_read_number(part) for part in parts]
    except ValueError:
        return None
    room = 256 ** (4 - len(heads))
    if last >= room or any(head > 255 for head in heads):
        return None
    return ipaddress.IPv4Address(int.from_bytes(bytes(heads), "big") * room + last)


def _read_number(text: str) -> int:
    if text.startswith("0x"):
        return int(text[2:] or "0", 16)
    return int(text, 8 if text.startswith("0") and len(text) > 1 else 10)
