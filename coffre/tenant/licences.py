"""Licences in use on a day: the machines on which an agent was deployed and that were not retired (article 1a)."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from coffre.records.facts.agents import AgentDeployed, Install, MachineRetired, Update
from coffre.records.facts.fact import Fact
from coffre.tenant.estate.log import Log, RecordedFact

_FACTS: tuple[type[Fact], ...] = (Install, Update, MachineRetired)


def list_deployments(log: Log) -> Sequence[RecordedFact[Fact]]:
    """Return the facts that `count_in_use` counts."""
    return log.list(_FACTS)


def count_in_use(deployments: Sequence[RecordedFact[Fact]], at: datetime) -> Mapping[str, int]:
    """Return the licences that were in use at a moment, by kind. Pure."""
    kinds: dict[str, str] = {}
    for each in deployments:
        if each.at > at or each.machine is None:
            continue
        if isinstance(each.fact, AgentDeployed):
            kinds[each.machine] = each.fact.licence or kinds.get(each.machine, "")
        elif isinstance(each.fact, MachineRetired) and not each.fact.agent:
            # A machine whose former agent alone retired has the other one, under the same licence.
            kinds.pop(each.machine, None)
    return dict(sorted(Counter(kind for kind in kinds.values() if kind).items()))
