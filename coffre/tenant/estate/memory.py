"""What is remembered of one tenant's machines, so that what is lost is missed: read and changed in the records."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coffre.records.memory import Memory

if TYPE_CHECKING:
    from coffre.records.database.store import Records


@dataclass(frozen=True)
class TenantMemory:
    """The memory of a tenant in the records database, which is opened when it is needed."""

    tenant_id: str
    open_records: "Callable[[], Records]"

    def read(self, machine: str) -> Memory:
        """Return what is remembered of a machine's repository and reports."""
        return self.open_records().read_memory(self.tenant_id, machine)

    def change(self, machine: str, change: Callable[[Memory], Memory]) -> Memory:
        """Bring what is remembered of a machine to what ``change`` makes of it as it is then; returns that."""
        return self.open_records().change_memory(self.tenant_id, machine, change)
