"""Publishes the programs that orders name, in the place where machines download them."""

from collections.abc import Callable, Mapping

from coffre.agents.driver import OrderedProgram
from coffre.agents.kinds import driver_of
from coffre.spec.tenant import Machine, OperatingSystem, Tenant
from coffre.storage.driver import Storage
from coffre.storage.values import Publication

OnReplaced = Callable[[str], None]
"""Called with one sentence when a foreign object was in the place of a program."""


def publish_programs(tenant: Tenant, storage: Storage, on_replaced: OnReplaced, *, proves: bool = False) -> None:
    """Publish the programs that the tenant's orders name; one short request for each that is already there.

    Called before orders are written: orders never name a program that cannot be downloaded. May run twice. With
    ``proves`` each one is read and hashed, since its checksum is only the platform's statement.
    """
    for (system, name), program in sorted(list_ordered(tenant.active_machines()).items()):
        published = storage.publish_program(program.path, program.sha256, proves=proves)
        if published is Publication.REPLACED:
            on_replaced(
                f"platform {tenant.storage.platform}: bucket {storage.endpoint.programs_bucket} had another file in "
                f"place of {name} {program.version} for {system.value} machines; Coffre published the program again; "
                "no machine ran the other file, because signed orders name a program by its hash, but no machine "
                "could upgrade; find out who writes to this bucket"
            )


def list_ordered(machines: Mapping[str, Machine]) -> dict[tuple[OperatingSystem, str], OrderedProgram]:
    """Return the programs that orders of these machines name, by system and name."""
    return {
        (machine.os, name): program
        for machine in machines.values()
        for name, program in driver_of(machine).list_ordered_programs(machine.os).items()
    }
