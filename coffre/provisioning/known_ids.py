"""Known ids: an id belongs to one tenant for ever, so a new one must differ from those in files and records."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from coffre.spec.loader import Checkout
from coffre.tenant.past import OnNotice, open_existing_records


class IsKnown(Protocol):
    """Tells whether an id was ever a tenant's."""

    def __call__(self, candidate: str, /) -> bool: ...


@contextmanager
def open_known_ids(checkout: Checkout, on_notice: OnNotice) -> Iterator[IsKnown]:
    """Yield the function that tells whether an id was ever a tenant's; unreadable records only give a notice.

    Ids are drawn from 2 * 10^15: the records are a second check, not the reason why an id is unique.
    """
    in_files = {tenant.id for tenant in checkout.tenants.values()}
    with open_existing_records(checkout, on_notice) as records:

        def is_known(candidate: str, /) -> bool:
            return candidate in in_files or (records is not None and bool(records.list_events(candidate)))

        yield is_known
