"""The recorded generations of a machine's orders: the last used, the last certainly written, and the one due.

The storage host could restore any document that was ever signed. The records are ours: they show which is outdated.
"""

from coffre.records.facts.agents import Install, OrdersIssued, OrdersWritten, Update
from coffre.tenant.estate.log import Log


def find_last_used(log: Log, machine: str) -> int:
    """Return the highest generation ever used for a machine, written or not; 0 when none was recorded."""
    last = log.last(OrdersIssued, machine)
    return 0 if last is None else last.fact.generation


def find_written(log: Log, machine: str) -> int:
    """Return the newest generation that was certainly in a machine's bucket; 0 when none is recorded.

    A generation is recorded before it is written, so after a kill the last one may never have been stored: the proof
    is a confirmed write, or the machine's confirmation.
    """
    found = (log.last(OrdersWritten, machine), log.last(Install, machine), log.last(Update, machine))
    return max((each.fact.generation for each in found if each is not None), default=0)


def find_due(log: Log, machine: str) -> int:
    """Return the lowest generation with all current orders of a machine: the later ones only renew it."""
    issued = [each.fact for each in log.list(OrdersIssued, machine)]
    return next((fact.generation for fact in reversed(issued) if not fact.renews), 0)


def confirm_written(log: Log, machine: str, generation: int) -> None:
    """Record that a generation is in the machine's bucket. May run twice; the second run adds nothing."""
    if find_written(log, machine) < generation:
        log.append(OrdersWritten(generation), machine)
