"""What documents state of an agent whose vendor runs a service of its own for it."""

from dataclasses import dataclass

from coffre.spec.machine import MachineKind
from coffre.spec.tenant import Machine, OperatingSystem


@dataclass(frozen=True)
class VendorStatement:
    """An agent of a vendor: backups lie in the vendor's service, restores and their tests are done in its portal.

    ``editor`` and ``product`` are names for documents in any language. ``guide`` is the page for SMILÉO's engineers;
    its sections ``#restore`` and ``#what-has-no-meaning-there`` say what to do instead of Coffre's own verbs.

    The contract (articles 1a, 13 and 15): licences come by an order to a distributor, the customer accepts the
    editor's terms, the agent's service level is the editor's, and a backup that is deleted in the portal is gone.

    ``licences`` are those that the vendor takes for a machine by its system, where it goes by that alone.
    """

    editor: str
    product: str
    guide: str
    licences: tuple[tuple[OperatingSystem, MachineKind], ...] = ()

    def find_other_licence(self, machine: Machine) -> MachineKind | None:
        """Return the licence that the vendor takes for a machine that the file sells by another one; else None."""
        counted = dict(self.licences).get(machine.os)
        return None if counted is machine.kind else counted
