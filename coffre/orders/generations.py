"""What the records know of the generations of a machine's orders: the last used, the last surely written, the one due.

The storage host could put back any document that was ever signed. The records are ours, so they say which is too old.
"""

from coffre.records.facts.agents import Install, OrdersIssued, OrdersWritten, Update
from coffre.tenant.estate.log import Log


def find_last_used(log: Log, machine: str) -> int:
    """Return the highest generation that was ever used for a machine, written or not; 0: none was recorded."""
    last = log.last(OrdersIssued, machine)
    return 0 if last is None else last.fact.generation


def find_written(log: Log, machine: str) -> int:
    """Return the newest generation that certainly stood in a machine's bucket; 0: none is recorded.

    A generation is recorded before it is written, so after a kill the last one may never have stood there: what counts
    is that the write was confirmed, or that the machine took it.
    """
    found = (log.last(OrdersWritten, machine), log.last(Install, machine), log.last(Update, machine))
    return max((each.fact.generation for each in found if each is not None), default=0)


def find_due(log: Log, machine: str) -> int:
    """Return the generation from which on a machine has all that is ordered: what came after only renews it."""
    issued = [each.fact for each in log.list(OrdersIssued, machine)]
    return next((fact.generation for fact in reversed(issued) if not fact.renews), 0)


def confirm_written(log: Log, machine: str, generation: int) -> None:
    """Record that a generation stands in the machine's bucket. May run twice; nothing is added the second time."""
    if find_written(log, machine) < generation:
        log.append(OrdersWritten(generation), machine)
