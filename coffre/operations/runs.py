"""Each command that does something to a tenant, recorded with who ran it, from which commit, and how it ended."""

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from coffre.errors import BusyError, ExpectedError, RefusedError
from coffre.operations.anchoring import anchor_quietly
from coffre.operations.service import Service, open_service
from coffre.records.activity import RunOutcome
from coffre.records.actor import Author
from coffre.records.database import Records
from coffre.records.events import utc_now
from coffre.secrets.store import OnNotice
from coffre.spec.loader import Repository


class Anchoring(Protocol):
    """Anchors the records; with ``is_told`` the operator hears of it when that fails."""

    def __call__(self, *, is_told: bool) -> None: ...


@contextmanager
def recorded_run(service: Service, command: str) -> Iterator[None]:
    """Record a command from its start: one that was killed stays without an end, and shows so."""
    records = service.records

    def anchor(*, is_told: bool) -> None:
        anchor_quietly(service.repository, records, service.secrets, service.on_notice if is_told else None)

    with recorded_in(records, service.author, command, [service.tenant.slug], anchor):
        yield


@contextmanager
def recorded_in(
    records: Records, author: Author, command: str, slugs: Sequence[str], anchor: Anchoring
) -> Iterator[None]:
    """Record a command that is about several tenants, or about none; ``anchor`` runs once its end is recorded.

    After a command that failed nothing is said of an anchor that fails too: mostly for the same cause, and the one
    sentence that counts is the command's own.
    """
    run_id = records.start_run(command, slugs, utc_now(), author)
    try:
        yield
    except BaseException as problem:
        # What ended the command is what the operator must hear of; an end that cannot be noted shows as a run without.
        with contextlib.suppress(ExpectedError):
            records.finish_run(run_id, utc_now(), _outcome_of(problem))
            if isinstance(problem, Exception):
                anchor(is_told=False)
        raise
    records.finish_run(run_id, utc_now(), RunOutcome.DONE)
    anchor(is_told=True)


def _outcome_of(problem: BaseException) -> RunOutcome:
    if isinstance(problem, RefusedError):
        return RunOutcome.REFUSED
    if isinstance(problem, BusyError):
        return RunOutcome.BUSY
    if isinstance(problem, KeyboardInterrupt):
        return RunOutcome.INTERRUPTED
    return RunOutcome.FAILED


@contextmanager
def open_recorded(repository: Repository, slug: str, command: str, on_notice: OnNotice) -> Iterator[Service]:
    """Open one tenant's service for a command that is recorded."""
    with open_service(repository, slug, on_notice) as service, recorded_run(service, command):
        yield service
