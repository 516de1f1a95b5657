"""plan over many tenants: those whose inputs are unchanged are counted, with what was looked at and what was not."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from coffre.cli import output
from coffre.cli.context import explain

if TYPE_CHECKING:
    from coffre.provisioning.inputs import InputState
    from coffre.spec.loader import Checkout

NAMED = 10
"""So many unchanged tenants are named one by one."""


@dataclass(frozen=True)
class Compared:
    """The tenants of a plan: those to look at whole, and those that were compared and get no whole look.

    ``told`` are the unchanged ones, or all when no platform is asked; ``failed`` those whose platform is away.
    """

    to_plan: list[str]
    told: "tuple[InputState, ...]" = ()
    failed: tuple[str, ...] = ()
    is_offline: bool = False

    @property
    def has_changed(self) -> bool:
        """Whether an apply of a tenant that was only compared has something to do."""
        return any(not state.is_unchanged for state in self.told)

    def as_values(self) -> list[dict[str, object]]:
        """Return what was compared, for JSON: without a whole look nobody knows whether a change is needed."""
        looked_at = "inputs" if self.is_offline else "inputs, storage"
        return [{**asdict(state), "looked_at": looked_at, "is_needed": None} for state in self.told]


def sort_tenants(checkout: "Checkout", names: Sequence[str], *, is_offline: bool) -> Compared:
    """Compare inputs by files and records; unless offline, look at the storage alone of the unchanged ones."""
    from coffre.provisioning.inputs import compare_inputs

    states = compare_inputs(checkout, names, output.warning)
    if is_offline:
        return Compared([], tuple(states.values()), is_offline=True)
    from coffre.provisioning.drift.storages import StorageStanding, look_at_storages

    unchanged = [name for name, state in states.items() if state.is_unchanged]
    looks = look_at_storages(checkout, unchanged, output.warning)
    away = {name: look.problem for name, look in looks.items() if look.problem is not None}
    for name, problem in away.items():
        for line in explain(problem, name):
            output.error(line)
    told = tuple(states[name] for name, look in looks.items() if look.standing is StorageStanding.AS_APPLIED)
    done = {*away, *(state.tenant for state in told)}
    return Compared([name for name in names if name not in done], told, tuple(away))


def show_compared(found: Compared) -> None:
    """Print what was compared, and what nobody looked at."""
    from coffre.cli.words.inputs import describe_changed, describe_unchanged

    for state in found.told:
        if not state.is_unchanged:
            output.result(f"{state.tenant}: {describe_changed(state)}")
    unchanged = [state for state in found.told if state.is_unchanged]
    for line in describe_unchanged(unchanged, is_offline=found.is_offline, named=NAMED):
        output.result(line)
