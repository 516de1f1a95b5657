"""Keys that are being replaced: continues their rotations, and ends those that are complete."""

from dataclasses import dataclass

from coffre.agents.kinds import with_bucket
from coffre.provisioning.rotation.tenant_rotation import KeyOutcome, TenantRotation
from coffre.provisioning.terms.context import Context
from coffre.provisioning.terms.done import Admitted, Deployed, Escrowed, Keyed
from coffre.secrets.rotations import PendingRotation, pending_rotations


@dataclass(frozen=True)
class Resumed:
    """The platform has each new key beside the old one; ``secrets`` are the current ones."""

    rotation: TenantRotation
    secrets: Escrowed


def look(at: Context) -> tuple[PendingRotation, ...]:
    """Return the rotations in progress."""
    control = at.opened.secrets.find_control()
    return () if control is None else pending_rotations(control, with_bucket(at.tenant.active_machines()))


def resume(at: Context, escrowed: Escrowed, keyed: Keyed, admitted: Admitted) -> Resumed:
    """Continue the rotations of an earlier command, now that the whole stack is updated."""
    rotation = TenantRotation(at.opened, keyed.control, at.on_progress)
    rotation.resume()
    # With the keys that had to be replaced a second time.
    return Resumed(rotation, Escrowed(rotation.control, escrowed.data))


def end(at: Context, resumed: Resumed, deployed: Deployed) -> tuple[KeyOutcome, ...]:
    """End each rotation that waits for nothing."""
    rotation = resumed.rotation
    return tuple(rotation.settle(rotation.all_keys(), deployed.machines))
