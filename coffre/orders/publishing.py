"""The programs that orders name, brought to where machines fetch them by themselves."""

from collections.abc import Callable

from coffre.agents.restic.programs import AgentPrograms
from coffre.orders.control import ordered_restic
from coffre.spec.tenant import Tenant
from coffre.storage.driver import ProgramShelf, Publication

OnReplaced = Callable[[str], None]
"""Called with one sentence when something else stood where a program belongs."""


def publish_programs(tenant: Tenant, storage: ProgramShelf, on_replaced: OnReplaced, *, proves: bool = False) -> None:
    """Publish the restic of every system that the tenant's machines have; one short request each when it is there.

    Called before orders are written: orders never name a program that cannot be fetched. May run twice. With ``proves``
    each is read and hashed, since its checksum is only the platform's word.
    """
    for system in sorted({machine.os for machine in tenant.active_machines().values()}):
        program = ordered_restic(system)
        published = storage.publish_program(AgentPrograms.find(system).restic, program.sha256, proves=proves)
        if published is Publication.REPLACED:
            on_replaced(
                f"platform {tenant.storage.platform}: restic {program.version} of {system.value} machines had "
                "been replaced in bucket coffre-programs by something else, and was written again: machines run only "
                "what signed orders name by its hash, so none ran it, but none could upgrade; find out who writes there"
            )
