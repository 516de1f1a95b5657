"""The identity of a machine as its agent reports it, to distinguish it from a copy of its disk. The agent's `identity`
package says where each value comes from."""

from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from coffre.outside.times import UnbelievableTimeError, check_time

# A digest of a value that never leaves the machine; empty when unknown, which proves nothing.
Mark = Annotated[str, Field(pattern=r"^([0-9a-f]{32})?$")]


class MachineIdentity(BaseModel):
    """The values that distinguish one machine from another.

    ``machine_id`` is of the installation, which a copied disk keeps; ``hardware_id`` of the mainboard or the virtual
    machine; ``boot_id`` of one boot, which began at ``booted_at`` by the machine's own clock. ``host_name`` is for
    people.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    machine_id: Mark = ""
    hardware_id: Mark = ""
    boot_id: Mark = ""
    booted_at: AwareDatetime | None = None
    host_name: Annotated[str, Field(max_length=255)] = ""

    def believable(self, now: datetime) -> "MachineIdentity":
        """Return the identity without a boot time that no correct clock gives: the other values stay valid."""
        if self.booted_at is None:
            return self
        try:
            return self.model_copy(update={"booted_at": check_time(self.booted_at, now)})
        except UnbelievableTimeError:
            return self.model_copy(update={"booted_at": None})
