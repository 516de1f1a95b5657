"""Decides which machine is accepted: the one that SMILÉO deploys an agent to, or its replacement by an operator."""

from dataclasses import dataclass
from functools import partial

from coffre.agents.identity import MachineIdentity
from coffre.observation.judge import identity
from coffre.operations.acknowledge.acknowledge import check_reason
from coffre.records.boots import AcceptedMachine
from coffre.records.facts.agents import AcceptedBefore, MachineReplaced
from coffre.records.memory import Memory
from coffre.spec.tenant import Tenant
from coffre.tenant.estate.log import Log
from coffre.tenant.estate.memory import TenantMemory
from coffre.tenant.lookup import find_machine
from coffre.workspace.clock import utc_now


@dataclass(frozen=True)
class Replacement:
    """The operator's decision that other machines replace these, and the reason."""

    machines: tuple[str, ...] = ()
    reason: str = ""


NO_REPLACEMENT = Replacement()


def meet(memory: TenantMemory, machine: str, said: MachineIdentity | None) -> tuple[str, ...]:
    """Compare the machine at a machine's address with the accepted one.

    The first machine is accepted, and also the next one after its place was given away. Returns the differences of
    another machine (see `identity.judge`); empty for the accepted one, and for an agent that gives no identity.
    """
    if said is None or not any((said.machine_id, said.hardware_id, said.boot_id)):
        return ()
    now = utc_now()

    def learn(known: Memory) -> Memory:
        if known.accepted is None:
            return identity.accept(known, said, now)
        return identity.hear(known, identity.seen_by_us(said, now))

    learnt = memory.change(machine, learn)
    if not identity.is_another_machine(learnt, said, now):
        return ()
    return identity.differences(learnt.accepted, said) or ("start",)


def give_away(tenant: Tenant, log: Log, memory: TenantMemory, replacement: Replacement) -> None:
    """Record that other machines replace these, and why: the next deployment shows which ones. May run twice."""
    if replacement.machines:
        check_reason(replacement.reason)
    for name in replacement.machines:
        find_machine(tenant, name)
    for name in replacement.machines:
        before = memory.read(name).accepted
        log.append(MachineReplaced(replacement.reason, _describe(before)), name)
        memory.change(name, partial(identity.give_away, at=utc_now()))


def _describe(accepted: AcceptedMachine | None) -> AcceptedBefore | None:
    if accepted is None:
        return None
    return AcceptedBefore(accepted.host_name, identity.tag_of(accepted.machine_id, accepted.hardware_id), accepted.at)
