"""The memory of one tenant's machines, which makes losses visible: read and changed in the records."""

from collections.abc import Callable
from dataclasses import dataclass

from coffre.records.memory import Memory
from coffre.tenant.departure import is_being_erased
from coffre.tenant.estate.log import TenantLog


@dataclass(frozen=True)
class TenantMemory:
    """The memory of a tenant in the records database, which is opened on first use."""

    log: TenantLog

    def read(self, machine: str) -> Memory:
        """Return what is remembered of a machine's repository and reports."""
        return self.log.open_records().read_memory(self.log.tenant_id, machine)

    def change(self, machine: str, change: Callable[[Memory], Memory]) -> Memory:
        """Apply ``change`` to the current memory of a machine, store the result and return it."""
        return self.log.open_records().change_memory(self.log.tenant_id, machine, change)

    def recall(self, machine: str) -> Memory:
        """Return the memory of a machine, empty once its erasure has begun; reading creates no records."""
        return Memory() if is_being_erased(self.log, machine) else self.log.recall(machine)

    def learn(self, machine: str, change: Callable[[Memory], Memory]) -> None:
        """Apply ``change`` to the memory of a machine where records exist, unless its erasure has begun."""
        records = self.log.find_records()
        if records is not None and not is_being_erased(self.log, machine):
            records.change_memory(self.log.tenant_id, machine, change)

    def forget(self, machine: str) -> None:
        """Delete the memory of a machine whose bucket is erased."""
        self.log.open_records().forget_memory(self.log.tenant_id, machine)
