"""Keys that are being replaced: what an apply goes on with, and what it ends."""

from dataclasses import dataclass

from coffre.agents.kinds import with_bucket
from coffre.provisioning.rotation.rotate import KeyOutcome, TenantRotation
from coffre.provisioning.terms.context import Context
from coffre.provisioning.terms.done import Admitted, Deployed, Escrowed, Forgotten
from coffre.secrets.rotations import PendingRotation, pending_rotations


@dataclass(frozen=True)
class Resumed:
    """The platform has each new key beside the old one; ``secrets`` are those of now."""

    rotation: TenantRotation
    secrets: Escrowed


def look(at: Context) -> tuple[PendingRotation, ...]:
    """Return the rotations that are under way."""
    control = at.service.secrets.find_control()
    return () if control is None else pending_rotations(control, with_bucket(at.tenant.active_machines()))


def resume(at: Context, escrowed: Escrowed, forgotten: Forgotten, admitted: Admitted) -> Resumed:
    """Go on with the rotations that an earlier command left, now that the whole stack is up."""
    rotation = TenantRotation(at.service, forgotten.control, at.on_progress)
    rotation.resume()
    # With the keys that it had to replace once more.
    return Resumed(rotation, Escrowed(rotation.control, escrowed.data))


def end(at: Context, resumed: Resumed, deployed: Deployed) -> tuple[KeyOutcome, ...]:
    """End each rotation that nothing waits for any more."""
    rotation = resumed.rotation
    return tuple(rotation.settle(rotation.all_keys(), deployed.machines))
