"""The input of every step: the open tenant, the options of the apply, and the owner's existing buckets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from coffre.errors import RemoteError
from coffre.operations.acknowledge.replaced_machine import NO_REPLACEMENT, Replacement
from coffre.provisioning import rules
from coffre.provisioning.terms.arrivals import settle_arrivals
from coffre.provisioning.terms.found import UnseenPart
from coffre.spec.parts import machines_of
from coffre.spec.quota import wall_bytes
from coffre.spec.tenant import Tenant
from coffre.storage.values import PlatformAwayError
from coffre.tenant.departure import find_stage, list_leaving_machines
from coffre.tenant.estate.agents import list_former_agents
from coffre.tenant.estate.buckets import ExistingBuckets
from coffre.tenant.lookup import local_today
from coffre.tenant.opening import OpenTenant
from coffre.tenant.second_copy import find_copy_platform, refuse_moved_copy

OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class Renewal:
    """The operator's decision that these machines' history is lost and a new repository starts, and the reason.

    ``is_platform_lost``: the same for every machine whose repository is gone (contract, article 15).
    """

    machines: frozenset[str] = field(default_factory=frozenset)
    is_platform_lost: bool = False
    reason: str = ""

    @property
    def is_asked(self) -> bool:
        return bool(self.machines) or self.is_platform_lost

    def covers(self, machine: str) -> bool:
        return self.is_platform_lost or machine in self.machines


NO_RENEWAL = Renewal()


@dataclass(frozen=True)
class Intent:
    """The options of an apply.

    With ``storage_only`` agents are left unchanged. With ``takes_unequal`` resources that exist but are missing in the
    stack's state are adopted and changed also when they differ: for a state that was lost. With ``replaces_orders`` new
    orders overwrite orders that this tenant's keys did not sign, or restored older ones. A machine whose repository is
    gone although snapshots of it were seen is refused, unless ``renewal`` names it. The machines that ``replacement``
    names are replaced: the machines of this deployment are accepted from now on.
    """

    storage_only: bool = False
    takes_unequal: bool = False
    replaces_orders: bool = False
    renewal: Renewal = NO_RENEWAL
    replacement: Replacement = NO_REPLACEMENT

    @property
    def has_options(self) -> bool:
        word = self.renewal.is_asked or bool(self.replacement.machines)
        return word or self.storage_only or self.takes_unequal or self.replaces_orders


FULLY = Intent()


@dataclass(frozen=True)
class Context:
    """An open tenant, and the options of the apply; ``existing`` are the owner's existing buckets.

    ``unseen`` are the parts of its space that do not answer: steps leave them, and their machines, as they are.
    """

    opened: OpenTenant
    intent: Intent
    existing: ExistingBuckets
    on_progress: OnProgress
    unseen: tuple[UnseenPart, ...] = ()

    @property
    def tenant(self) -> Tenant:
        return self.opened.tenant

    def sees(self, part: OpenTenant) -> bool:
        """Tell whether a part of the tenant's space answers."""
        return part.tenant.storage.platform not in {each.platform for each in self.unseen}

    @property
    def sees_own(self) -> bool:
        """Whether the tenant's own platform answers, which has its buckets. Otherwise nobody knows which exist."""
        return self.sees(self.opened.parts[0])

    @property
    def unseen_machines(self) -> frozenset[str]:
        """The machines whose agents back up to a part that does not answer."""
        return frozenset(name for each in self.unseen for name in each.machines)


def make_context(opened: OpenTenant, intent: Intent, on_progress: OnProgress) -> Context:
    """Refuse (RefusedError) what rules forbid by live facts, before any other read.

    A part that does not answer stops nothing of the others; where none answers, its error is raised. A machine whose
    new agent has a good backup is from now on as its file has it, unless a part does not answer: then nobody moves.
    """
    parts = opened.parts if len(opened.parts) > 1 else ()
    unseen = tuple(found for part in parts if (found := ask_part(opened, part)) is not None)
    opened = opened if unseen else settle_arrivals(opened)
    at = Context(opened, intent, opened.buckets.snapshot(()), on_progress, unseen)
    if at.sees_own:
        at = replace(at, existing=refuse_what_rules_forbid(opened))
    else:
        _refuse_what_records_forbid(opened)
        # Nothing is made anew for a tenant whose secrets are not here.
        if len(unseen) == len(parts) or opened.secrets.find_control() is None or opened.secrets.find_data() is None:
            raise RemoteError(unseen[0].error, unseen[0].hint)
    for part in parts if unseen else ():
        if at.sees(part):
            _refuse_moving_space(part, unseen[0])
    return at


def ask_part(opened: OpenTenant, part: OpenTenant) -> UnseenPart | None:
    """Ask the platform of a part for the tenant's owner; returns why it cannot be looked at, None when it answers."""
    try:
        part.storage.survey_user(part.buckets.owner_uid)
    except RemoteError as problem:
        there = machines_of(part.tenant, opened.tenant)
        return UnseenPart(part.tenant.storage.platform, there, problem.message, problem.hint)
    return None


def _refuse_moving_space(part: OpenTenant, unseen: UnseenPart) -> None:
    """Refuse (RemoteError) to make a part smaller while another one cannot be made larger: less than sold is left."""
    owner = part.storage.find_owner(part.buckets.owner_uid, exact=False)
    wall = None if owner is None else owner.wall_bytes
    if wall is not None and wall_bytes(part.tenant.storage.quota_bytes, part.platform) < wall:
        raise RemoteError(
            f"{part.tenant.slug}: the part on {part.tenant.storage.platform} gets smaller, and {unseen.platform} "
            f"does not answer: {unseen.error}",
            "Nothing was changed: space is added to one part before it is taken from another. Run the same command "
            f"again when {unseen.platform} answers, or leave the sizes of the parts as they are until then.",
        )


def refuse_what_rules_forbid(opened: OpenTenant) -> ExistingBuckets:
    """Compare the file with live facts before any change; returns the existing buckets of the tenant's owner."""
    _refuse_what_records_forbid(opened)
    owner = opened.storage.find_owner(opened.buckets.owner_uid)
    tenant = opened.tenant
    control = opened.secrets.find_control()
    data = opened.secrets.find_data()
    passwords = data.repository_passwords if control is not None and data is not None else None
    # Without secrets, whether there ever were some is told by the other parts: no first apply goes on without them.
    is_elsewhere = owner is None and passwords is None and _has_owner(opened.parts[1:])
    nothing = () if is_elsewhere else None
    rules.refuse_lost_secrets(tenant, owner.buckets if owner is not None else nothing, passwords)
    known_machines = {*(control.machine_keys if control is not None else ()), *(passwords or ())}
    owned = owner.buckets if owner is not None else ()
    rules.refuse_vanished_machines(tenant, owned, known_machines)
    existing = opened.buckets.snapshot(owned)
    rules.refuse_changed_agents(tenant, existing)
    return existing


def refuse_for_a_part(opened: OpenTenant) -> None:
    """Refuse the same for a command about one part: while the tenant's own platform is away, what records forbid."""
    try:
        refuse_what_rules_forbid(opened)
    except PlatformAwayError:
        if len(opened.parts) == 1:
            raise
        _refuse_what_records_forbid(opened)


def _refuse_what_records_forbid(opened: OpenTenant) -> None:
    tenant, log = opened.tenant, opened.log
    rules.refuse_by_departure(tenant, find_stage(log), list_leaving_machines(log))
    rules.refuse_unsupported(tenant)
    rules.refuse_terms_ahead(tenant, local_today(tenant))
    refuse_moved_copy(tenant, find_copy_platform(log))
    rules.refuse_abandoned_agents(tenant, list_former_agents(tenant, log))


def _has_owner(parts: Sequence[OpenTenant]) -> bool:
    return any(part.storage.survey_user(part.buckets.owner_uid) is not None for part in parts)
