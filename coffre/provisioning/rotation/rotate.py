"""rotate: adds new keys beside the old ones, updates the agents, and revokes each old key when it is no longer used."""

from collections.abc import Callable
from dataclasses import dataclass

from coffre.agents.kinds import with_bucket
from coffre.errors import RefusedError, RemoteError
from coffre.observation.sighting import look
from coffre.provisioning.rotation.tenant_rotation import KeyOutcome, TenantRotation
from coffre.provisioning.steps.secrets import check_escrow, ensure_report_keys
from coffre.provisioning.terms.context import refuse_what_rules_forbid
from coffre.provisioning.terms.found import OWNER
from coffre.secrets import rotations
from coffre.secrets.bundles import ControlBundle
from coffre.secrets.rotations import Subject
from coffre.spec.loader import Checkout
from coffre.spec.tenant import PullConnection, Tenant
from coffre.tenant.estate.buckets import ExistingBuckets
from coffre.tenant.lookup import find_machine
from coffre.tenant.opening import OpenTenant
from coffre.tenant.runs import lock_recorded

OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class KeyChoice:
    """The keys to rotate: without a choice, every key of the tenant."""

    machine: str | None = None
    owner: bool = False
    signing: bool = False


def list_cut_off(tenant: Tenant, choice: KeyChoice) -> list[str]:
    """Return the machines that must enrol again when their old keys are revoked at once (`via: pull`). Pure."""
    is_every = choice.signing or choice == KeyChoice()
    pulled = [
        name for name, machine in tenant.active_machines().items() if isinstance(machine.connection, PullConnection)
    ]
    return [name for name in pulled if is_every or name == choice.machine]


@dataclass(frozen=True)
class RotationOutcome:
    """The result of a rotation."""

    tenant: str
    keys: tuple[KeyOutcome, ...]
    continued: bool
    warnings: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        return all(key.is_done for key in self.keys)


def rotate_tenant(
    checkout: Checkout, slug: str, choice: KeyChoice, *, now: bool, on_progress: OnProgress
) -> RotationOutcome:
    """Rotate a tenant's keys; with ``now`` the old ones are revoked before any agent is updated. May run twice."""
    with lock_recorded(checkout, slug, "rotate", on_progress) as opened:
        _refuse_what_is_not_there(opened.tenant, refuse_what_rules_forbid(opened))
        warning = check_escrow(opened.checkout, opened.embedded)
        control = ensure_report_keys(opened.tenant, opened.secrets, opened.log, opened.secrets.control())
        subjects = choose_subjects(opened.tenant, control, choice)
        rotation = TenantRotation(opened, control, on_progress)
        continued = bool(rotation.pending(subjects))
        rotation.start(subjects, now=now)
        rotation.put_new_keys(subjects)
        rotation.cut(subjects)
        for name in with_bucket(opened.tenant.active_machines()):
            look(
                opened.tenant, opened.buckets, opened.secrets, opened.memory, name
            )  # Remembers the report numbers: a new agent must continue above them.
        keys = rotation.settle(subjects, rotation.move_agents(subjects))
        keys += rotate_copy(opened, on_progress, now=now) if rotations.OWNER in subjects else []
        return RotationOutcome(slug, tuple(keys), continued, (warning,) if warning else ())


def rotate_copy(opened: OpenTenant, on_progress: OnProgress, *, now: bool) -> list[KeyOutcome]:
    """Rotate the key of the second copy's owner, which no machine has; nothing without a copy. May run twice.

    A platform that is away is part of the result: the tenant's own keys are rotated by then.
    """
    copied = opened.second_copy
    control = copied.secrets.find_control() if copied is not None else None
    if copied is None or control is None or rotations.find_key(control, rotations.OWNER) is None:
        return []
    rotation, subjects = TenantRotation(copied, control, on_progress), [rotations.OWNER]
    try:
        rotation.start(subjects, now=now)
        rotation.put_new_keys(subjects)
        rotation.cut(subjects)
        return rotation.settle(subjects)
    except RemoteError as problem:
        platform = copied.tenant.storage.platform
        why = {platform: problem.message}
        return [KeyOutcome(rotations.OWNER.secret, None, False, False, machine_messages=why, platform=platform)]


def choose_subjects(tenant: Tenant, control: ControlBundle, choice: KeyChoice) -> list[Subject]:
    """Return the chosen keys; UsageError for an unknown machine, RefusedError for one without a key."""
    everything = rotations.list_subjects(control, with_bucket(tenant.active_machines()))
    if choice == KeyChoice():
        return everything
    chosen = []
    if choice.machine is not None:
        find_machine(tenant, choice.machine)
        chosen.append(rotations.machine_key(choice.machine))
    chosen += [rotations.OWNER] if choice.owner else []
    chosen += [rotations.SIGNING] if choice.signing else []
    for subject in chosen:
        if subject not in everything:
            raise RefusedError(
                f"{tenant.slug}/{subject.machine or OWNER} has no key to rotate",
                "It was never applied, or is retired; nothing was changed.",
            )
    return chosen


def _refuse_what_is_not_there(tenant: Tenant, owned_buckets: ExistingBuckets) -> None:
    """Refuse a tenant that was never applied, or whose platform was lost: users and buckets come before keys."""
    missing = [name for name in with_bucket(tenant.active_machines()) if not owned_buckets.has(name)]
    if missing:
        raise RefusedError(
            f"{tenant.slug}: no bucket on the platform for {', '.join(missing)}",
            f"Run `coffre apply {tenant.slug}` first; nothing was rotated.",
        )
