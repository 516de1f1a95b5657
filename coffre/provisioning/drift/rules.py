"""What of a tenant's storage is drift. Pure: the platform's facts, the file, the keys and the records are values."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from coffre.agents.kinds import with_bucket
from coffre.provisioning.drift.values import Drift, DriftKind, Unseen, UnseenKind
from coffre.provisioning.steps.keys import KeyState, judge_keys, uid_of
from coffre.records.facts.contract import GateChange
from coffre.secrets import rotations
from coffre.secrets.bundles import ControlBundle
from coffre.secrets.rotations import Subject
from coffre.spec import naming
from coffre.spec.access import find_reason
from coffre.spec.tenant import Tenant
from coffre.storage.platform import Capabilities
from coffre.storage.survey import HomeSurvey, Part, ResourceDrift, SurveyedBucket, SurveyedUser


@dataclass(frozen=True)
class Names:
    """Which machine has a user or a bucket of a tenant; the tenant's own user has none."""

    users: Mapping[str, str | None]
    buckets: Mapping[str, str]

    @classmethod
    def of(cls, tenant: Tenant) -> "Names":
        machines = {naming.machine_uid(tenant, name): name for name in with_bucket(tenant.active_machines())}
        users: dict[str, str | None] = {naming.owner_uid(tenant): None, **machines}
        buckets = {
            naming.bucket_name(tenant.slug, tenant.id, name, is_copy=tenant.is_copy): name for name in tenant.machines
        }
        return cls(users, buckets)

    def find_machine(self, holder: str) -> str | None:
        return self.users.get(holder) or self.buckets.get(holder)


def judge_resources(tenant: Tenant, found: Iterable[ResourceDrift]) -> Iterator[Drift | Unseen]:
    """Yield the differences between platform and stack, by machine."""
    names = Names.of(tenant)
    for each in found:
        machine = names.find_machine(each.holder)
        if each.problem:
            yield Unseen(UnseenKind.STORAGE, machine, each.problem)
            continue
        if each.part is Part.LIFECYCLE and each.found is None and machine is not None and tenant.keeps_all(machine):
            # Taken away at once, under a hold or a frozen retention; the next apply takes it out of the stack as well.
            continue
        is_known = machine is not None or each.holder in names.users
        detail = each.path if is_known else f"{each.holder} {each.path}".strip()
        yield Drift(DriftKind(each.part.value), machine, detail, each.expected, each.found)


def judge_users(tenant: Tenant, seen: HomeSurvey, control: ControlBundle, can: Capabilities) -> Iterator[Drift]:
    """Yield suspended and unknown users, keys in no bundle, and keys of the bundle that the platform does not have.

    Where the suspension of the owner is declared, that is a resource of the stack, which is compared.
    """
    names = Names.of(tenant)
    for uid, user in seen.users.items():
        if uid not in names.users:
            yield Drift(DriftKind.EXTRA_USER, None, uid)
            continue
        machine = names.users[uid]
        if user.is_suspended and not can.suspends_owner:
            yield Drift(DriftKind.USER_SUSPENDED, machine, uid)
        if user.bucket_quota_bytes is not None:
            yield Drift(DriftKind.BUCKET_QUOTA, machine, uid, None, user.bucket_quota_bytes)
        if can.has_keys:
            subject = rotations.OWNER if machine is None else rotations.machine_key(machine)
            yield from _judge_keys(tenant, control, subject, user, gives_keys=can.gives_keys)


def _judge_keys(
    tenant: Tenant, control: ControlBundle, subject: Subject, user: SurveyedUser, *, gives_keys: bool
) -> Iterator[Drift]:
    keys = judge_keys(control, subject, user.key_ids)
    for key_id in keys.unknown:
        yield Drift(DriftKind.FOREIGN_KEY, subject.machine, key_id)
    # Where keys are chosen they are resources of the stack, which is compared.
    if gives_keys and keys.state is not KeyState.THERE:
        yield Drift(DriftKind.KEY, subject.machine, uid_of(tenant, subject))


def judge_buckets(tenant: Tenant, seen: HomeSurvey, gates: Mapping[str, GateChange | None]) -> Iterator[Drift]:
    """Yield the owner's buckets that no machine has, limits of single buckets, and switches that nobody has set.

    ``gates`` is the last recorded change of each machine's gate.
    """
    names = Names.of(tenant)
    active = with_bucket(tenant.active_machines())
    for name, bucket in seen.buckets.items():
        machine = names.buckets.get(name)
        if machine is None:
            yield Drift(DriftKind.EXTRA_BUCKET, None, name)
            continue
        if bucket.quota_bytes is not None:
            yield Drift(DriftKind.BUCKET_QUOTA, machine, name, None, bucket.quota_bytes)
        # Without its machine in the policy a bucket has no switch; that the policy lacks it is drift of its own.
        if machine in active and bucket.has_machine:
            yield from _judge_switches(tenant, machine, bucket, gates.get(machine))


def _judge_switches(
    tenant: Tenant, machine: str, bucket: SurveyedBucket, recorded: GateChange | None
) -> Iterator[Drift]:
    is_closed = recorded is not None and recorded.is_closed
    is_filling = recorded is not None and recorded.filling is not None
    for kind, expected, found in (
        (DriftKind.GATE, is_closed, bucket.is_gate_closed),
        (DriftKind.STOP, is_filling, bucket.is_stopped),
        (DriftKind.SUSPENSION, find_reason(tenant) is not None, bucket.is_suspended),
    ):
        if expected is not found:
            yield Drift(kind, machine, "", expected, found)
