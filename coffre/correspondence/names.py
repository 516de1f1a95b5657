"""French names that several papers use: of the service, of systems, and of kinds of machines."""

from collections.abc import Mapping

from coffre.spec.machine import MachineKind
from coffre.spec.plan import OperatingSystem

SERVICE = "Sauvegarde dans le Cloud"

SYSTEMS: Mapping[OperatingSystem, str] = {
    OperatingSystem.LINUX: "Linux",
    OperatingSystem.WINDOWS: "Windows",
    OperatingSystem.MACOS: "macOS",
}

KINDS: Mapping[MachineKind, tuple[str, str]] = {
    MachineKind.WORKSTATION: ("poste", "postes"),
    MachineKind.SERVER: ("serveur", "serveurs"),
}
"""One, and several."""
