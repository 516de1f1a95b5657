"""The existing records, for readers: never created for a read, and an error in them does not stop the command."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from coffre.errors import ExpectedError
from coffre.records.database.location import exist_records
from coffre.records.database.store import Records
from coffre.spec.loader import Checkout

OnNotice = Callable[[str], None]


@contextmanager
def open_existing_records(checkout: Checkout, on_notice: OnNotice) -> Iterator[Records | None]:
    """Yield the records; None when nothing was ever recorded or, with a notice, when they cannot be opened."""
    records = _find(checkout, on_notice)
    try:
        yield records
    finally:
        if records is not None:
            records.close()


def _find(checkout: Checkout, on_notice: OnNotice) -> Records | None:
    reference, root = checkout.settings.records, checkout.root
    try:
        return Records.open(reference, root) if exist_records(reference, root) else None
    except ExpectedError as problem:
        on_notice(f"the records cannot be read: {problem.message}")
        return None
