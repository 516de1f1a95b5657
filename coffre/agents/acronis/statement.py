"""What documents state of Acronis' agent."""

from coffre.acronis.unverified.machines import LICENCE_BY_SYSTEM
from coffre.agents.statement import VendorStatement
from coffre.spec.machine import MachineKind
from coffre.spec.tenant import OperatingSystem

STATEMENT = VendorStatement(
    editor="Acronis",
    product="Acronis Cyber Protect",
    guide="docs/acronis.md",
    licences=tuple((OperatingSystem(system), MachineKind(kind)) for system, kind in LICENCE_BY_SYSTEM.value.items()),
)
