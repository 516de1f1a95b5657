"""Each command that does something to a tenant, recorded with who ran it, from which commit, and how it ended."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from coffre.errors import BusyError, RefusedError
from coffre.operations.service import Service, open_service
from coffre.records.activity import RunOutcome
from coffre.records.actor import Author
from coffre.records.database import Records
from coffre.records.events import utc_now
from coffre.secrets.store import OnNotice
from coffre.spec.loader import Repository


@contextmanager
def recorded_run(service: Service, command: str) -> Iterator[None]:
    """Record a command from its start: one that was killed stays without an end, and shows so."""
    with recorded_in(service.records, service.author, command, [service.tenant.slug]):
        yield


@contextmanager
def recorded_in(records: Records, author: Author, command: str, slugs: Sequence[str]) -> Iterator[None]:
    """Record a command that is about several tenants, or about none."""
    run_id = records.start_run(command, slugs, utc_now(), author)
    outcome = RunOutcome.FAILED
    try:
        yield
        outcome = RunOutcome.DONE
    except RefusedError:
        outcome = RunOutcome.REFUSED
        raise
    except BusyError:
        outcome = RunOutcome.BUSY
        raise
    except KeyboardInterrupt:
        outcome = RunOutcome.INTERRUPTED
        raise
    finally:
        records.finish_run(run_id, utc_now(), outcome)


@contextmanager
def open_recorded(repository: Repository, slug: str, command: str, on_notice: OnNotice) -> Iterator[Service]:
    """Open one tenant's service for a command that is recorded."""
    with open_service(repository, slug, on_notice) as service, recorded_run(service, command):
        yield service
