"""The rules that refuse before any change. Pure: they take facts, and a refusal says what to write instead."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from coffre.agents.kinds import why_unsupported, with_bucket, with_repository
from coffre.errors import RefusedError
from coffre.records.facts.departure import Stage
from coffre.spec import naming
from coffre.spec.parts import of_buckets
from coffre.spec.tenant import AgentKind, Tenant, TenantStatus
from coffre.tenant.departure import STILL_SERVED
from coffre.tenant.estate.buckets import ExistingBuckets


def refuse_unsupported(tenant: Tenant) -> None:
    """Refuse what a tenant file may contain but Coffre does not support yet: a silent partial result is worse."""
    for name, machine in tenant.machines.items():
        reason = why_unsupported(machine)
        if reason:
            raise RefusedError(
                f"{tenant.slug}: machine {name}: {reason} is not supported yet",
                "Remove the machine from this change; nothing of this tenant was changed.",
            )


def refuse_terms_ahead(tenant: Tenant, today: date) -> None:
    """Refuse an acceptance of the editor's terms that lies ahead; ``today`` is the day in the tenant's time zone."""
    vendor = tenant.contract.vendor
    if vendor is not None and vendor.terms_accepted_on > today:
        raise RefusedError(
            f"{tenant.slug}: contract.vendor.terms_accepted_on is {vendor.terms_accepted_on}, and today is {today}",
            "Write the day on which the customer accepted the editor's terms: no machine gets its agent before.",
        )


def refuse_by_departure(tenant: Tenant, stage: Stage | None, leaving_machines: Mapping[str, Stage]) -> None:
    """Refuse to change a service that has ended, or whose departure contradicts its file.

    ``leaving_machines`` are the retired machines whose erasure has begun, each with its stage.
    """
    slug, goes_on = tenant.slug, f"Continue with `coffre offboard {tenant.slug}`."
    if stage is Stage.CLOSED:
        raise RefusedError(
            f"{slug} has left: its departure is closed, and ids are never used again",
            f"Delete tenants/{slug}.yaml, or keep it with `status: closed`. A customer who returns is a new tenant.",
        )
    if tenant.status is TenantStatus.CLOSED:
        raise RefusedError(f"{slug}: the file says `status: closed`, but its departure is not closed yet", goes_on)
    if stage is not None and tenant.status is not TenantStatus.LEAVING:
        raise RefusedError(
            f"{slug}: the file says `status: {tenant.status}`, but its departure is at {stage.value}",
            f"Run `coffre offboard {slug}`: it marks the departure as renounced.",
        )
    if stage is not None and stage not in STILL_SERVED:
        raise RefusedError(f"{slug} is leaving: its service has ended (its departure is at {stage.value})", goes_on)
    for name, reached in leaving_machines.items():
        has_moved_on = reached is Stage.CLOSED and name not in with_bucket(of_buckets(tenant).machines)
        if name in tenant.machines and reached is not Stage.RENOUNCED and not has_moved_on:
            raise RefusedError(
                f"{slug}/{name}: the backups of this retired machine are being erased or gone (stage {reached.value})",
                f"Finish with `coffre offboard {slug} --machine {name}`, then remove the machine from the file, or its "
                "`moved_from` if it has moved.",
            )


def refuse_orphan_stacks(stacks: Iterable[str], tenants: Collection[str]) -> None:
    """Refuse while a stack exists whose tenant file is gone: removing text never removes a service."""
    orphans = sorted(set(map(naming.slug_of_stack, stacks)) - set(tenants))
    if not orphans:
        return
    first = orphans[0]
    raise RefusedError(
        f"tenants/{first}.yaml is gone but its storage still exists"
        + (f" (also: {', '.join(orphans[1:])})" if orphans[1:] else ""),
        f"Put tenants/{first}.yaml back (`git log --diff-filter=D -- tenants/{first}.yaml` finds it; "
        f"without it, `coffre import {first}`). "
        "To end a customer's service, write `status: leaving` in the file; never remove the file.",
    )


def refuse_vanished_machines(tenant: Tenant, owned_buckets: Iterable[str], known_machines: Iterable[str]) -> None:
    """Refuse a file that no longer names a machine although its bucket exists.

    ``owned_buckets`` are the buckets of the tenant's owner on the platform, ``known_machines`` the names for which
    Coffre ever created a key: a bucket's name ends in a digest and does not give its machine.
    """
    expected = {_bucket_of(tenant, name) for name in tenant.machines}
    vanished = sorted(set(owned_buckets) - expected)
    if not vanished:
        return
    names = {_bucket_of(tenant, name): name for name in known_machines}
    bucket = vanished[0]
    machine = names.get(bucket)
    if machine is None:
        raise RefusedError(
            f"{tenant.slug}: bucket {bucket} belongs to this tenant, but no machine of the file has it",
            "First find out whose backups it contains (`radosgw-admin bucket stats --bucket` on the platform).",
        )
    raise RefusedError(
        f"{tenant.slug}: machine {machine} is no longer in the file, but its bucket {bucket} still exists",
        "Put the machine back, with `retired: {on: DATE, keep_until: DATE}` if it needs no more backups.",
    )


def _bucket_of(tenant: Tenant, machine: str) -> str:
    return naming.bucket_name(tenant.slug, tenant.id, machine, is_copy=tenant.is_copy)


def refuse_changed_agents(tenant: Tenant, existing: ExistingBuckets) -> None:
    """Refuse a file that gives a machine with a bucket an agent that keeps none: its backups would be nobody's."""
    in_need = with_bucket(of_buckets(tenant).machines)
    for name in existing.among(name for name in tenant.machines if name not in in_need):
        agent = tenant.machines[name].agent
        raise RefusedError(
            f"{tenant.slug}/{name} has backups in its bucket, but `agent: {agent}` stores none there",
            "Write `moved_from: {agent: …, keep_until: DATE}` with its earlier agent beside `agent:`: that agent goes "
            "once the new one has a good backup, and its backups stay until that day. Nothing was changed.",
        )


def refuse_abandoned_agents(tenant: Tenant, standing: Mapping[str, AgentKind]) -> None:
    """Refuse a file in which a machine has another agent than it had, without saying that it moves.

    ``standing`` are the agents of other kinds that machines have by the records.
    """
    for name, old in standing.items():
        moved = tenant.machines[name].moved_from
        if moved is None or moved.agent is not old:
            raise RefusedError(
                f"{tenant.slug}/{name} still has the agent {old.value}, and the file does not say that it moves",
                f"Write `moved_from: {{agent: {old.value}, keep_until: DATE}}` beside `agent:`: that agent goes once "
                "the new one has a good backup, and its backups stay until that day. Nothing was changed.",
            )


def judge_escrow(*, is_apart: bool, is_lab: bool) -> str:
    """Refuse an escrow that would be lost together with the original; returns a warning, or an empty text.

    ``is_apart`` tells whether secrets and escrow are on different file systems or services, ``is_lab`` whether the
    platform is the embedded one, where one disk is enough.
    """
    if is_apart:
        return ""
    if is_lab:
        return "the escrow is on the same disk or service as the secrets: only the embedded platform allows this"
    raise RefusedError(
        "the escrow is on the same file system or service as the secrets: one accident makes every backup unreadable",
        "Set `escrow:` in platform.yaml to a folder on another medium or a bucket of another service, separate from "
        "the platform.",
    )


def refuse_lost_secrets(
    tenant: Tenant, owned_buckets: Collection[str] | None, known_passwords: Collection[str] | None
) -> None:
    """Refuse to replace lost secrets: a new password for an old repository would hide that it cannot be read.

    ``owned_buckets`` is None when the owner is not on the platform, ``known_passwords`` when there are no bundles.
    """
    if owned_buckets is None:
        return
    if known_passwords is None:
        raise RefusedError(
            f"{tenant.slug} exists on its platform, but its secret bundles are not on this computer",
            "Restore them from the escrow, or copy them from the computer where the tenant was applied. Do not create "
            "new ones: they cannot open the existing backups.",
        )
    for name in with_repository(tenant.active_machines()):
        if _bucket_of(tenant, name) in owned_buckets and name not in known_passwords:
            raise RefusedError(
                f"{tenant.slug}/{name} has a bucket, but its repository password is in neither copy of the data bundle",
                "Restore the data bundle from the escrow: without it the backups in that bucket cannot be read.",
            )


@dataclass(frozen=True)
class RepositoryRemains:
    """The parts of a repository in a bucket, and how many of its snapshots were seen and are expected.

    ``may_be_copied``: the tenant has a second copy, which may still have them.
    """

    has_config: bool
    has_keys: bool
    has_backups: bool
    known_snapshots: int
    may_be_copied: bool = False

    @property
    def is_whole(self) -> bool:
        return self.has_config and self.has_keys


def refuse_lost_repository(slug: str, machine: str, remains: RepositoryRemains, *, renews: bool) -> None:
    """Refuse to create a new repository in place of an earlier one: its history would be lost without notice.

    An interrupted initialisation leaves only a key, and may be repeated. ``renews``: the operator accepts the loss of
    a repository that is gone; a partly existing one is refused even then.
    """
    comes_back = f"Restore what the bucket still has: `coffre undelete {slug} --machine {machine} --at TIME`"
    if remains.has_config:
        raise RefusedError(f"{slug}/{machine}: its repository has no keys any more", f"{comes_back}.")
    if remains.has_backups:
        raise RefusedError(
            f"{slug}/{machine}: its bucket has backups, but the repository's config is gone", f"{comes_back}."
        )
    if remains.known_snapshots and not renews:
        raise RefusedError(
            f"{slug}/{machine}: its repository is gone, and it held {remains.known_snapshots} snapshots",
            f"{comes_back}. {_from_copy(slug, machine) if remains.may_be_copied else ''}If it is completely lost, "
            f"create a new one (Coffre records this): "
            f"`coffre apply {slug} --new-repository {machine} --reason TEXT`.",
        )


def _from_copy(slug: str, machine: str) -> str:
    return f"If it is lost, its second copy may have it: `coffre copy {slug} --machine {machine} --back`. "
