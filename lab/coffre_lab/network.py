"""The lab's network: one bridge with an unused address range."""

import hashlib
import ipaddress
import json
import socket
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coffre.errors import ExpectedError, RemoteError
from coffre_lab import processes

Network = ipaddress.IPv4Network


def lab_token(directory: Path) -> str:
    """Return the lab's short name, from its directory: a letter and 7 digits, the start of its interfaces' names."""
    return "c" + hashlib.sha256(str(directory.resolve()).encode()).hexdigest()[:7]


def bridge_name(token: str) -> str:
    """Return the bridge's interface name (the kernel allows 15 characters)."""
    return f"{token}-br"


def list_candidates(token: str) -> Iterator[Network]:
    """Yield the private ranges to try, a lab's own first choice first, so that labs rarely meet.

    10.64.0.0 to 10.127.255.0, then 172.16/12 for a machine whose own routes hold the whole of 10/8.
    """
    start = int(hashlib.sha256(token.encode()).hexdigest(), 16) % (64 * 256)
    for step in range(64 * 256):
        third = (start + step) % (64 * 256)
        yield Network((f"10.{64 + third // 256}.{third % 256}.0", 24))
    for step in range(16 * 256):
        yield Network((f"172.{16 + step // 256}.{step % 256}.0", 24))


def choose_network(token: str, taken: Iterable[Network]) -> Network:
    """Return the first candidate that overlaps nothing taken."""
    used = list(taken)
    for candidate in list_candidates(token):
        if not any(candidate.overlaps(network) for network in used):
            return candidate
    raise ExpectedError(
        "no private address range is free for the lab",
        "this machine's routes (ip route) leave none in 10/8 or 172.16/12",
    )


def parse_networks(addresses: Sequence[dict[str, Any]], routes: Sequence[dict[str, Any]]) -> dict[str, list[Network]]:
    """Return the IPv4 ranges in use by interface, from what ``ip -json`` says of addresses and routes."""
    found: dict[str, list[Network]] = {}
    for link in addresses:
        for address in link.get("addr_info", []):
            if address.get("family") == "inet":
                interface = ipaddress.ip_interface(f"{address['local']}/{address['prefixlen']}")
                found.setdefault(link["ifname"], []).append(Network(str(interface.network)))
    for route in routes:
        if route.get("dst", "default") != "default":
            found.setdefault(route.get("dev", "(no device)"), []).append(Network(route["dst"]))
    return found


def read_networks() -> dict[str, list[Network]]:
    """Return the IPv4 ranges that this machine's interfaces and routes use, by interface."""
    addresses = json.loads(processes.run(["ip", "-json", "-4", "address", "show"], timeout=10) or "[]")
    routes = json.loads(processes.run(["ip", "-json", "-4", "route", "show"], timeout=10) or "[]")
    return parse_networks(addresses, routes)


def choose_port(address: str, first: int) -> int:
    """Return the first port from ``first`` on that can be bound at the address."""
    for port in range(first, first + 200):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return port
    raise ExpectedError(f"no free port from {first} to {first + 199} at {address}", "see who listens with ss -ltn")


@dataclass(frozen=True)
class Bridge:
    """The bridge that carries the platform's address; the machines' interfaces are its ports."""

    name: str

    def exists(self) -> bool:
        """Tell whether the interface exists."""
        return Path(f"/sys/class/net/{self.name}").exists()

    def ensure(self, address: str, network: str) -> None:
        """Make the bridge and give it its address; refuse when another interface now uses the range."""
        range_ = Network(network)
        for interface, used in read_networks().items():
            if interface != self.name and any(range_.overlaps(other) for other in used):
                raise ExpectedError(
                    f"the lab's address range {network} is now in use by {interface}",
                    "end that other use, or coffre lab down --erase, then coffre lab up chooses another range",
                )
        if not self.exists():
            processes.run(["ip", "link", "add", self.name, "type", "bridge", "forward_delay", "0"], timeout=10)
        processes.run(["ip", "address", "replace", f"{address}/{range_.prefixlen}", "dev", self.name], timeout=10)
        processes.run(["ip", "link", "set", self.name, "up"], timeout=10)

    def remove(self) -> None:
        """Remove the bridge; a missing one is fine."""
        remove_interface(self.name)


def remove_interface(name: str) -> None:
    """Remove a network interface if it exists; that of a killed machine may disappear at the same time."""
    link = Path(f"/sys/class/net/{name}")
    if not link.exists():
        return
    try:
        processes.run(["ip", "link", "delete", name], timeout=10)
    except RemoteError:
        if link.exists():
            raise


def list_interfaces(token: str) -> list[str]:
    """Return the existing network interfaces of a lab: its bridge and the machines' cables."""
    names = (entry.name for entry in Path("/sys/class/net").iterdir())
    return sorted(name for name in names if name.startswith((f"{token}-", f"vb-{token}-")))
