"""What a customer uses, as figures for people: the reason why something is not taken away."""

from collections.abc import Sequence
from dataclasses import dataclass

from coffre.acronis.client import AcronisClient
from coffre.acronis.identifiers import InfraUuid, TenantUuid
from coffre.acronis.values.usages import Usage
from coffre.errors import RefusedError

ItemKey = tuple[str, InfraUuid | None]


@dataclass(frozen=True)
class Use:
    """What a customer uses by the vendor's own figures, which lag, and what is registered there, which does not."""

    usages: Sequence[Usage] = ()
    agents: int = 0
    machines: int = 0

    @property
    def is_any(self) -> bool:
        """Whether anything is used."""
        return bool(self.figures)

    @property
    def figures(self) -> list[str]:
        """Each figure that is not 0, with its unit."""
        used = [f"{each.name} {show(each)}" for each in self.usages if each.absolute_value]
        counts = [(self.agents, "registered agent(s)"), (self.machines, "machine(s)")]
        return used + [f"{count} {what}" for count, what in counts if count]

    def of(self, key: ItemKey) -> int:
        """Return the use of one item."""
        return sum(each.absolute_value for each in self.usages if (each.name, each.infra_id) == key)


def show(usage: Usage) -> str:
    """Return an amount with its unit; numbers of things have none."""
    return f"{usage.absolute_value} bytes" if usage.measurement_unit == "bytes" else str(usage.absolute_value)


def read_figures(client: AcronisClient, tenant: TenantUuid) -> Use:
    """Read the vendor's figures of a customer."""
    return Use(client.usages.read(tenant))


def read_all(client: AcronisClient, tenant: TenantUuid) -> Use:
    """Read the vendor's figures, and whatever is registered in the customer."""
    within = client.within(tenant).agents
    return Use(client.usages.read(tenant), sum(1 for _ in within.list_all()), sum(1 for _ in within.list_machines()))


def refuse_used(client: AcronisClient, tenant: TenantUuid, what: str) -> None:
    """Raise RefusedError with the figures while a customer uses anything."""
    use = read_all(client, tenant)
    if use.is_any:
        raise RefusedError(
            f"{what} is in use: {', '.join(use.figures)}",
            "nothing was changed; what is used goes by offboarding only, after the customer had its data back",
        )
