"""Exact plans: `apply --plan` does exactly what `plan --out` saved, or it refuses."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from coffre.errors import ExpectedError, InvalidFileError, RefusedError
from coffre.provisioning.changes import differing, differing_changes
from coffre.provisioning.plan import TenantPlan, plan_tenant
from coffre.provisioning.terms.context import FULLY, Intent
from coffre.provisioning.terms.found import CopyPlan
from coffre.provisioning.terms.notes import UNBINDING, NoteKind
from coffre.secrets.store import OnNotice
from coffre.spec.loader import Checkout
from coffre.spec.tenant import Tenant
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.opening import open_tenant
from coffre.workspace.files import write_atomically

VERSION = 4


@dataclass(frozen=True)
class ExactPlan:
    """One tenant's plan and its sources: the commit, and the SHA-256 of the two files."""

    plan: TenantPlan
    commit: str | None
    tenant_file_sha256: str
    platform_file_sha256: str


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


def make_exact(tenant: Tenant, checkout: Checkout, log: TenantLog, plan: TenantPlan) -> ExactPlan:
    """Bind a plan to its source files and commit."""
    root = checkout.root
    return ExactPlan(
        plan=plan,
        commit=log.author.commit,
        tenant_file_sha256=_sha256(root / "tenants" / f"{tenant.slug}.yaml"),
        platform_file_sha256=_sha256(root / "platform.yaml"),
    )


def plan_exactly(checkout: Checkout, slug: str, on_notice: OnNotice, intent: Intent = FULLY) -> ExactPlan:
    """Return what apply would change for one tenant, with the sources of the plan."""
    with open_tenant(checkout, slug, on_notice) as opened:
        return make_exact(opened.tenant, opened.checkout, opened.log, plan_tenant(opened, intent))


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
    if any(note.kind is NoteKind.BUCKETS_UNREAD for note in now.plan.notes):
        raise RefusedError(
            f"{now.plan.tenant}: no plan is exact while the platform has no key of the owner: its buckets are not read",
            f"Nothing was changed. Run `coffre apply {now.plan.tenant}`, or with --storage-only to leave the agents.",
        )
    differences = list_differences(planned, now)
    if differences:
        raise RefusedError(
            f"{now.plan.tenant}: the plan is out of date; changed since then: {'; '.join(differences)}",
            "Nothing was changed. Make a new plan, check it, and apply it.",
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
        *differing_changes(planned.plan.storage, now.plan.storage),
        *_compare_copies(planned.plan.second_copy, now.plan.second_copy),
        *differing(
            {machine.machine: machine for machine in planned.plan.machines},
            {machine.machine: machine for machine in now.plan.machines},
            "agent on ",
        ),
    ]


def _compare_copies(planned: CopyPlan | None, now: CopyPlan | None) -> list[str]:
    if planned == now:
        return []
    if planned is None or now is None or _sum_up(planned) != _sum_up(now):
        return ["the second copy"]
    return [f"the second copy's {each}" for each in differing_changes(planned.storage, now.storage)]


def _sum_up(copied: CopyPlan) -> tuple[str, bool, bool]:
    """Return what binds of a copy beside its changes; an error is another one each time."""
    return copied.platform, copied.needs_key, bool(copied.unseen)


def _binding(plan: TenantPlan) -> dict[str, Any]:
    """Return the parts of a plan without the notes that bind nobody."""
    return asdict(replace(plan, notes=tuple(note for note in plan.notes if note.kind not in UNBINDING)))


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=str))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
