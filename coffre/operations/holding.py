"""A confidential hold, placed: recorded first, then carried out on the platform and read back."""

from coffre.operations.holds import settle_hold
from coffre.operations.recorded_holds import RecordedHold, record_hold
from coffre.operations.runs import open_recorded
from coffre.operations.service import open_service
from coffre.operations.suspension import find_reason, set_suspension
from coffre.secrets.store import OnNotice
from coffre.spec.loader import Repository


def place_hold(repository: Repository, slug: str, hold: RecordedHold, on_notice: OnNotice) -> int:
    """Record a hold and see to it that the platform deletes nothing; returns of how many buckets that was read back.

    It counts from its record on, also when the platform cannot be reached: the error says so, and the same command
    (or `coffre apply`) finishes it.
    """
    with open_recorded(repository, slug, "hold place", on_notice) as service:
        record_hold(service, hold)
    with open_service(repository, slug, on_notice) as held:
        owner = held.storage.find_owner(held.owner_uid, exact=False)
        owned = owner.buckets if owner is not None else ()
        names = [name for name in held.tenant.machines if held.bucket_name(name) in owned]
        settle_hold(held, names)
        for name in names:
            if (reason := find_reason(held.tenant)) is not None and not held.machine(name).is_retired:
                set_suspension(held, name, reason)
        return len(names)
