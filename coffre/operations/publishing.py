"""The programs that orders name, brought to where machines fetch them by themselves."""

from coffre.agents.restic.programs import AgentPrograms
from coffre.operations.control import ordered_restic
from coffre.operations.service import Service


def publish_programs(service: Service) -> None:
    """Publish the restic of every system that the tenant's machines have; one short request each when it is there.

    Called before orders are written: orders never name a program that cannot be fetched. May run twice.
    """
    for system in sorted({machine.os for machine in service.tenant.active_machines().values()}):
        service.storage.publish_program(AgentPrograms.find(system).restic, ordered_restic(system).sha256)
