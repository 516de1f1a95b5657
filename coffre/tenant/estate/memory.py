"""The memory of one tenant's machines, which makes losses visible: read and changed in the records."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coffre.records.memory import Memory

if TYPE_CHECKING:
    from coffre.records.database.store import Records


@dataclass(frozen=True)
class TenantMemory:
    """The memory of a tenant in the records database, which is opened on first use."""

    tenant_id: str
    open_records: "Callable[[], Records]"

    def read(self, machine: str) -> Memory:
        """Return what is remembered of a machine's repository and reports."""
        return self.open_records().read_memory(self.tenant_id, machine)

    def change(self, machine: str, change: Callable[[Memory], Memory]) -> Memory:
        """Apply ``change`` to the current memory of a machine, store the result and return it."""
        return self.open_records().change_memory(self.tenant_id, machine, change)
