"""Exact plans: `apply --plan` does exactly what `plan --out` saved, or it refuses."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from coffre.errors import ExpectedError, InvalidFileError, RefusedError
from coffre.provisioning.changes import differing, differing_changes
from coffre.provisioning.engine.stack import state_folder
from coffre.provisioning.plan import TenantPlan, plan_tenant
from coffre.provisioning.terms.context import FULLY, Intent
from coffre.provisioning.terms.differences import ENROLMENT
from coffre.provisioning.terms.found import GATE_MOVES, CopyPlan, MachinePlan, UnseenPart
from coffre.provisioning.terms.notes import UNBINDING, NoteKind
from coffre.secrets.store import OnNotice
from coffre.spec import naming
from coffre.spec.files import PLATFORM_FILE, TENANTS_FOLDER
from coffre.spec.loader import Checkout
from coffre.tenant.opening import OpenTenant, open_tenant
from coffre.workspace.files import write_atomically

VERSION = 5


@dataclass(frozen=True)
class ExactPlan:
    """One tenant's plan and its sources: the commit, the SHA-256 of the two files, and the stacks as they were.

    ``stacks`` has the SHA-256 of the state of each of the tenant's stacks, None for one that did not exist.
    """

    plan: TenantPlan
    commit: str | None
    tenant_file_sha256: str
    platform_file_sha256: str
    stacks: Mapping[str, str | None]


@dataclass(frozen=True)
class PlanFile:
    """The content of a file of plans; ``version`` is the file's format. It has no secret."""

    version: int
    tenants: tuple[ExactPlan, ...]


_ADAPTER = TypeAdapter(PlanFile)
_PARTS = {
    "secrets_to_mint": "secrets to create",
    "options": "options",
    "rotations": "rotations",
    "access": "access",
    "notes": "notes on the current state",
    "steps": "other changes",
}


def make_exact(opened: OpenTenant, plan: TenantPlan) -> ExactPlan:
    """Bind a plan to its source files, its stacks and the commit."""
    root = opened.checkout.root
    return ExactPlan(
        plan=plan,
        commit=opened.log.author.commit,
        tenant_file_sha256=hash_file(root / TENANTS_FOLDER / f"{opened.tenant.slug}.yaml"),
        platform_file_sha256=hash_file(root / PLATFORM_FILE),
        stacks=hash_stacks(opened),
    )


def hash_stacks(opened: OpenTenant) -> dict[str, str | None]:
    """Return the SHA-256 of the state of each of the tenant's stacks, None for one that does not exist."""
    states, names = state_folder(opened.checkout), [naming.stack_name(home.tenant) for home in opened.homes]
    found = {name: states.read(name) for name in names}
    return {name: None if state is None else state.digest for name, state in found.items()}


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def plan_exactly(checkout: Checkout, slug: str, on_notice: OnNotice, intent: Intent = FULLY) -> ExactPlan:
    """Return what apply would change for one tenant, with the sources of the plan."""
    with open_tenant(checkout, slug, on_notice) as opened:
        return make_exact(opened, plan_tenant(opened, intent))


def save_plans(path: Path, plans: Sequence[ExactPlan]) -> None:
    """Write the plans to a file that only its owner can read, completely or not at all."""
    document = PlanFile(VERSION, tuple(plans))
    text = json.dumps(_ADAPTER.dump_python(document, mode="json"), indent=2, ensure_ascii=False)
    try:
        write_atomically(path, f"{text}\n".encode(), is_durable=False, is_alone=False)
    except OSError as error:
        raise ExpectedError(f"the plan was not written to {path}: {error.strerror}", "Name another file.") from error


def load_plans(path: Path) -> tuple[ExactPlan, ...]:
    """Read a file of plans back."""
    try:
        document = _ADAPTER.validate_json(path.read_bytes())
    except OSError as error:
        raise ExpectedError(f"the plan {path} cannot be read: {error.strerror}") from error
    except ValidationError:
        document = None
    if document is None or document.version != VERSION:
        raise InvalidFileError(f"{path} is not a plan of this version of Coffre", "Make it with `coffre plan --out`.")
    return document.tenants


def refuse_unless_same(planned: ExactPlan, now: ExactPlan) -> None:
    """Refuse (RefusedError) a plan that is out of date, with each difference, or that could not be complete. Pure."""
    refuse_unread(now.plan)
    differences = list_differences(planned, now)
    if differences:
        raise RefusedError(
            f"{now.plan.tenant}: the plan is out of date; changed since then: {'; '.join(differences)}",
            "Nothing was changed. Make a new plan, check it, and apply it.",
        )


def refuse_unread(plan: TenantPlan) -> None:
    """Refuse (RefusedError) a plan that was made without a look into the buckets: no plan is exact then. Pure."""
    if any(note.kind is NoteKind.BUCKETS_UNREAD for note in plan.notes):
        raise RefusedError(
            f"{plan.tenant}: no plan is exact while the owner's key opens no bucket: they are not read",
            f"Nothing was changed. Run `coffre apply {plan.tenant}`, or with --storage-only to leave the agents.",
        )


def list_differences(planned: ExactPlan, now: ExactPlan) -> list[str]:
    """Name the differences between two plans of one tenant. Pure."""
    found = [
        what
        for what, one, other in (
            ("the commit", planned.commit, now.commit),
            ("the tenant file", planned.tenant_file_sha256, now.tenant_file_sha256),
            ("platform.yaml", planned.platform_file_sha256, now.platform_file_sha256),
        )
        if one != other
    ]
    before, after = _binding(planned.plan), _binding(now.plan)
    for part, words in _PARTS.items():
        if _plain(before[part]) != _plain(after[part]):
            found.append(words)
    return [
        *found,
        *differing(planned.stacks, now.stacks, "the state of stack "),
        *differing_changes(planned.plan.storage, now.plan.storage),
        *_compare_unseen(planned.plan.unseen, now.plan.unseen),
        *_compare_copies(planned.plan.second_copy, now.plan.second_copy),
        *differing(
            _agents(planned.plan),
            _agents(now.plan),
            "agent on ",
        ),
    ]


def _agents(plan: TenantPlan) -> dict[str, MachinePlan]:
    """Return what binds of each machine."""
    return {
        each.machine: replace(each, differences=tuple(one for one in each.differences if one.kind not in ENROLMENT))
        for each in plan.machines
    }


def _compare_unseen(planned: Sequence[UnseenPart], now: Sequence[UnseenPart]) -> list[str]:
    """Name the parts that answer in one plan alone; an error is another one each time."""
    before, after = ({each.platform for each in unseen} for unseen in (planned, now))
    return [
        *(f"{name} does not answer now" for name in sorted(after - before)),
        *(f"{name} answers now" for name in sorted(before - after)),
    ]


def _compare_copies(planned: CopyPlan | None, now: CopyPlan | None) -> list[str]:
    if planned == now:
        return []
    if planned is None or now is None or _sum_up(planned) != _sum_up(now):
        return ["the second copy"]
    return [f"the second copy's {each}" for each in differing_changes(planned.storage, now.storage)]


def _sum_up(copied: CopyPlan) -> tuple[str, bool, bool, str]:
    """Return what binds of a copy beside its changes; an error is another one each time."""
    return copied.platform, copied.needs_key, bool(copied.unseen), repr(_plain([asdict(each) for each in copied.steps]))


def _binding(plan: TenantPlan) -> dict[str, Any]:
    """Return the parts of a plan without what binds nobody: some notes, and gates, which open and close by use."""
    notes = tuple(note for note in plan.notes if note.kind not in UNBINDING)
    steps = tuple(step for step in plan.steps if step.kind not in GATE_MOVES)
    return asdict(replace(plan, notes=notes, steps=steps))


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))
