"""The records as they are: looked into where they exist, never made for a look, never a reason to stop."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from coffre.errors import ExpectedError
from coffre.records.database import Records
from coffre.records.location import locate
from coffre.spec.loader import Repository

OnNotice = Callable[[str], None]


@contextmanager
def open_existing_records(repository: Repository, on_notice: OnNotice) -> Iterator[Records | None]:
    """Yield the records, None when nothing was ever recorded or, with a notice, when they cannot be opened."""
    records = _find(repository, on_notice)
    try:
        yield records
    finally:
        if records is not None:
            records.close()


def _find(repository: Repository, on_notice: OnNotice) -> Records | None:
    reference, root = repository.settings.records, repository.root
    try:
        location = locate(reference, root)
        if location.file is not None and not location.file.exists():
            return None
        return Records.open(reference, root)
    except ExpectedError as problem:
        on_notice(f"the records were not looked at: {problem.message}")
        return None
