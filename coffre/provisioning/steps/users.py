"""Users that somebody suspended, and limits of single buckets: neither is a resource, and Coffre sets neither."""

from collections.abc import Iterator

from coffre.agents.kinds import with_bucket
from coffre.provisioning.steps.keys import list_users, name_of, uid_of
from coffre.provisioning.terms.context import Context
from coffre.provisioning.terms.done import Enabled, Keyed
from coffre.provisioning.terms.found import OWNER, Change, ChangeKind
from coffre.spec.parts import of_buckets


def look(at: Context) -> list[Change]:
    """Return the users that would be enabled, and those of whose buckets a limit would be lifted."""
    suspended, limited = list(_list_suspended(at)), [name for name, _, _ in _list_limited(at)]
    changes = {ChangeKind.ENABLE_USERS: suspended, ChangeKind.LIFT_QUOTAS: list(dict.fromkeys(limited))}
    return [Change(kind, tuple(names)) for kind, names in changes.items() if names]


def do(at: Context, keyed: Keyed) -> Enabled:
    """Enable every user of the tenant, and lift every limit of a single bucket. May run twice.

    An owner whose suspension is declared has none of these users: its stack enables or suspends it.
    """
    storage = at.opened.storage
    uids = {name_of(subject): uid_of(at.tenant, subject) for subject in list_users(at.opened)}
    for name in _list_suspended(at):
        at.on_progress(f"enabling user {uids[name]}, which somebody suspended")
        storage.suspend_user(uids[name], False)
    for name, uid, bucket in _list_limited(at):
        at.on_progress(f"lifting the limit of {bucket or f'each bucket of {uid}'}, which somebody set ({name})")
        storage.lift_bucket_quota(uid, bucket)
    return Enabled()


def _list_suspended(at: Context) -> Iterator[str]:
    for subject in list_users(at.opened):
        user = at.opened.storage.survey_user(uid_of(at.tenant, subject))
        if user is not None and user.is_suspended:
            yield name_of(subject)


def _list_limited(at: Context) -> Iterator[tuple[str, str, str | None]]:
    """Yield whose buckets have a limit: the machine or OWNER, its user, and the bucket (None: each single one)."""
    if not at.opened.capabilities.has_buckets:
        return
    storage, owner_uid = at.opened.storage, at.opened.buckets.owner_uid
    owner = storage.survey_user(owner_uid)
    if owner is not None and owner.bucket_quota_bytes is not None:
        yield OWNER, owner_uid, None
    for name in at.existing.among(with_bucket(of_buckets(at.tenant).machines)):
        facts = at.opened.buckets.find_facts(name)
        if facts is not None and facts.quota_bytes is not None:
            yield name, owner_uid, facts.name
