"""Looks at a tenant's storage on one platform, its own, a part's or its copy's: against its stack, file and records."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from coffre.agents.kinds import with_bucket
from coffre.errors import ExpectedError
from coffre.provisioning.changes import ResourceChange
from coffre.provisioning.drift import rules
from coffre.provisioning.drift.values import Drift, DriftKind, Unseen, UnseenKind
from coffre.provisioning.engine.settlement import StackSurvey
from coffre.provisioning.engine.stack import TenantStack, declare, state_folder
from coffre.provisioning.steps.secrets import declared_keys
from coffre.records.facts.contract import GateChange
from coffre.secrets.bundles import ControlBundle
from coffre.spec import naming
from coffre.storage.platform import Declaration, Survey
from coffre.storage.survey import HomeSurvey
from coffre.tenant.estate.log import fact_of
from coffre.tenant.opening import OpenTenant

F = TypeVar("F", bound=Drift | Unseen)

_NAMED = 5

_PULUMI = threading.Lock()
"""One Pulumi at a time: it takes all processors for the two seconds of a preview."""


def look_at_home(home: OpenTenant, survey: Survey) -> tuple[list[Drift | Unseen], HomeSurvey]:
    """Return the drift of a tenant's storage, and what its platform has. Writes nothing, and takes no lock."""
    control = home.secrets.find_control()
    declaration = declare(home.tenant, home.checkout, home.platform, declared_keys(home, control))
    if control is None:
        return _look_without_keys(home, survey.look(declaration, (), lambda _: None))
    stack = TenantStack(home.checkout, naming.stack_name(home.tenant), control)
    found = stack.survey(declaration, survey)
    drift = [_placed(home, each) for each in _judge(home, control, found, stack, declaration)]
    return drift, found.seen


def _look_without_keys(home: OpenTenant, seen: HomeSurvey) -> tuple[list[Drift | Unseen], HomeSurvey]:
    """Return what a tenant without a bundle is: never applied, unless something of it exists."""
    stack = naming.stack_name(home.tenant)
    if seen.users or stack in state_folder(home.checkout).list_stacks():
        raise ExpectedError(
            f"{stack} was applied before, but its control bundle is not on this computer",
            "Restore it from the escrow, or copy it from the computer where the tenant was applied.",
        )
    return [_placed(home, Drift(DriftKind.NEVER_APPLIED))], seen


def _placed(home: OpenTenant, found: F) -> F:
    """Return what was found with the platform that has it, unless that is the tenant's own."""
    name, tenant = home.tenant.storage.platform, home.tenant
    return replace(found, copied_to=name if tenant.is_copy else None, part=name if tenant.is_part else None)


def _judge(
    home: OpenTenant, control: ControlBundle, found: StackSurvey, stack: TenantStack, declaration: Declaration
) -> Iterator[Drift | Unseen]:
    seen, tenant = found.seen, home.tenant
    if not found.has_state:
        yield Drift(DriftKind.STACK_LOST if seen.users else DriftKind.NEVER_APPLIED)
    yield from rules.judge_resources(tenant, seen.drift)
    yield from rules.judge_users(tenant, seen, control, home.capabilities)
    gates = {} if tenant.is_copy else {name: _find_gate(home, name) for name in with_bucket(tenant.active_machines())}
    yield from rules.judge_buckets(tenant, seen, gates)
    if found.has_state and not found.is_declared and not seen.drift:
        # The file, Coffre's own code or an apply that was cut off: only Pulumi knows whether anything would change.
        changes = _preview(stack, declaration)
        if changes:
            yield Drift(DriftKind.NOT_APPLIED, None, _sum_up(changes))


def _sum_up(changes: Sequence[ResourceChange]) -> str:
    named = [f"{each.operation} {each.kind} {each.name}" for each in changes[:_NAMED]]
    return ", ".join(named) + (f" and {len(changes) - _NAMED} more" if len(changes) > _NAMED else "")


def _find_gate(home: OpenTenant, machine: str) -> GateChange | None:
    return fact_of(home.log.last(GateChange, machine))


def _preview(stack: TenantStack, declaration: Declaration) -> list[ResourceChange]:
    with _PULUMI:
        return stack.preview(declaration)


def as_unseen(problem: ExpectedError, kind: UnseenKind, home: OpenTenant | None = None) -> Unseen:
    """Return the error of a look as what was not seen, of one platform of a tenant if that was looked at."""
    unseen = Unseen(kind, None, problem.message, problem.hint)
    return unseen if home is None else _placed(home, unseen)
