"""What an apply that did not finish may still do: a part of its reviewed plan, and nothing beyond it. Pure."""

from collections.abc import Iterable, Iterator

from coffre.errors import RefusedError
from coffre.provisioning.changes import ResourceChange
from coffre.provisioning.exact import ExactPlan, refuse_unread
from coffre.provisioning.plan import TenantPlan
from coffre.provisioning.terms.found import GATE_MOVES, OWNER, STACK, Change, MachinePlan

_COMPLETES = {"create": frozenset({"create", "adopt", "update"}), "replace": frozenset({"replace", "create", "delete"})}
"""By the planned operation on a resource, what may be left of it after an interruption; of others, themselves."""
_MINTED_KIND = "AccessKey"


def refuse_beyond(planned: ExactPlan, now: ExactPlan) -> None:
    """Refuse (RefusedError) an apply that goes on when it would do more than its plan still has to do.

    The state of the stacks is not compared: the interrupted apply itself moved it.
    """
    refuse_unread(now.plan)
    beyond = list_beyond(planned, now)
    if beyond:
        slug = now.plan.tenant
        raise RefusedError(
            f"{slug}: an apply of this plan was interrupted, and more than its rest would change: {'; '.join(beyond)}",
            f"Nothing was changed. Look at `coffre plan {slug}`, and run `coffre apply {slug}` if it is right.",
        )


def list_beyond(planned: ExactPlan, now: ExactPlan) -> list[str]:
    """Name what would change now and was not planned."""
    files = (
        ("the tenant file", planned.tenant_file_sha256 == now.tenant_file_sha256),
        ("platform.yaml", planned.platform_file_sha256 == now.platform_file_sha256),
    )
    before, after = planned.plan, now.plan
    copies = [() if each.second_copy is None else each.second_copy.storage for each in (before, after)]
    return [
        *(name for name, is_same in files if not is_same),
        *_beyond_names("secrets to create for ", before.secrets_to_mint, after.secrets_to_mint),
        *_beyond_resources(before.storage, after.storage, ""),
        *_beyond_resources(copies[0], copies[1], "the second copy's "),
        *_beyond_machines(before, after),
        *_beyond_access(before, after),
        *(f"{each.kind.value}" for each in after.steps if not _is_planned(each, before.steps)),
        *(["rotations"] if any(each not in before.rotations for each in after.rotations) else []),
    ]


def _beyond_names(prefix: str, before: Iterable[str], after: Iterable[str]) -> Iterator[str]:
    yield from (f"{prefix}{name}" for name in after if name not in set(before))


def _beyond_resources(before: Iterable[ResourceChange], after: Iterable[ResourceChange], prefix: str) -> Iterator[str]:
    known = {(each.kind, each.name): each for each in before}
    for each in after:
        planned = known.get((each.kind, each.name))
        if planned is None or not _completes(planned, each):
            yield f"{prefix}{each.kind} {each.name}"


def _completes(planned: ResourceChange, now: ResourceChange) -> bool:
    is_same_end = planned.kind == _MINTED_KIND or planned.inputs_sha256 == now.inputs_sha256
    return is_same_end and now.operation in _COMPLETES.get(planned.operation, {planned.operation})


def _beyond_machines(before: TenantPlan, after: TenantPlan) -> Iterator[str]:
    known = {each.machine: each for each in before.machines}
    # The apply of a new tenant made its signing key, which is an input of each agent.
    is_new = bool({OWNER, STACK} & set(before.secrets_to_mint))
    for each in after.machines:
        if each.action != "none" and not _is_same_agent(known.get(each.machine), each, is_new=is_new):
            yield f"agent on {each.machine}"


def _is_same_agent(planned: MachinePlan | None, now: MachinePlan, *, is_new: bool) -> bool:
    if planned is None or planned.action == "none":
        return False
    is_removal = (planned.action == "remove", now.action == "remove")
    is_same_end = is_new or planned.inputs_sha256 == now.inputs_sha256
    return is_removal in ((True, True), (False, False)) and is_same_end


def _beyond_access(before: TenantPlan, after: TenantPlan) -> Iterator[str]:
    planned = {(machine, switch.reason) for switch in before.access for machine in switch.machines}
    moved = {(machine, switch.reason) for switch in after.access for machine in switch.machines}
    yield from sorted(f"access of {machine}" for machine, reason in moved if (machine, reason) not in planned)


def _is_planned(step: Change, planned: Iterable[Change]) -> bool:
    """Tell whether a step is a planned one, or that for fewer machines."""
    return step.kind in GATE_MOVES or any(
        (each.kind, each.before, each.after) == (step.kind, step.before, step.after)
        and set(step.machines) <= set(each.machines)
        for each in planned
    )
