"""The nodes of a lab's cluster: this machine itself, or network name spaces that the lab's bridge connects."""

from dataclasses import dataclass
from pathlib import Path

from coffre_lab import network, processes

NAMESPACES = Path("/run/netns")


@dataclass(frozen=True)
class Node:
    """One node: its address, and its name space; None: the lab's bridge itself."""

    address: str
    namespace: str | None = None

    @property
    def cable(self) -> str:
        """The interface on this machine's side, with the same name as the name space."""
        return self.namespace or ""

    def enter(self) -> tuple[str, ...]:
        """Return the prefix of a command that runs on this node."""
        return () if self.namespace is None else ("nsenter", f"--net={NAMESPACES / self.namespace}", "--")

    def ensure(self, bridge: str, prefix_length: int) -> None:
        """Create the name space with its address, and plug its cable in."""
        if self.namespace is None:
            return
        place = NAMESPACES / self.namespace
        if place.exists() and place.stat().st_dev == NAMESPACES.stat().st_dev:
            place.unlink()  # the empty file of a run that was killed before it made the name space
        if not place.exists():
            processes.run(["ip", "netns", "add", self.namespace], timeout=10)
        if not Path(f"/sys/class/net/{self.cable}").exists():
            end = ("peer", "name", "eth0", "netns", self.namespace)
            processes.run(["ip", "link", "add", self.cable, "type", "veth", *end], timeout=10)
        address = f"{self.address}/{prefix_length}"
        processes.run(["ip", "-n", self.namespace, "address", "replace", address, "dev", "eth0"], timeout=10)
        for interface in ("lo", "eth0"):
            processes.run(["ip", "-n", self.namespace, "link", "set", interface, "up"], timeout=10)
        processes.run(["ip", "link", "set", self.cable, "master", bridge, "up"], timeout=10)

    def set_cable(self, *, plugged: bool) -> None:
        """Plug the cable in or pull it: without it, packets are lost without an error."""
        processes.run(["ip", "link", "set", self.cable, "up" if plugged else "down"], timeout=10)

    def remove(self) -> None:
        """Remove name space and cable; missing ones are fine."""
        if self.namespace is None:
            return
        network.remove_interface(self.cable)
        if (NAMESPACES / self.namespace).exists():
            processes.run(["ip", "netns", "delete", self.namespace], timeout=10)


def list_namespaces(token: str) -> list[str]:
    """Return the existing name spaces of a lab."""
    if not NAMESPACES.is_dir():
        return []
    return sorted(entry.name for entry in NAMESPACES.iterdir() if entry.name.startswith(f"{token}-"))
