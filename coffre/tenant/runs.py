"""Records each command that acts on a tenant: who ran it, from which commit, and how it ended."""

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from coffre.anchors.anchoring import anchor_quietly
from coffre.anchors.lost import refuse_lost_records
from coffre.errors import BusyError, ExpectedError, RefusedError
from coffre.records.activity import RunOutcome
from coffre.records.actor import Author
from coffre.records.database.store import Records
from coffre.secrets.store import OnNotice
from coffre.spec.loader import Checkout, reload_tenant
from coffre.spec.tenant import Tenant
from coffre.tenant.locking import tenant_locked
from coffre.tenant.lookup import find_tenant
from coffre.tenant.opening import OpenTenant, open_tenant
from coffre.workspace.clock import utc_now


class Anchoring(Protocol):
    """Anchors the records; with ``is_told`` the operator gets a notice when that fails."""

    def __call__(self, *, is_told: bool) -> None: ...


@contextmanager
def recorded_run(opened: OpenTenant, command: str) -> Iterator[None]:
    """Record a command from its start: a killed command has no recorded end, and this is visible."""
    records = opened.records
    refuse_lost_records(records, opened.secret_store)

    def anchor(*, is_told: bool) -> None:
        anchor_quietly(opened.checkout, records, opened.secret_store, opened.on_notice if is_told else None)

    with recorded_in(records, opened.log.author, command, [opened.tenant.slug], anchor):
        yield


@contextmanager
def recorded_in(
    records: Records, author: Author, command: str, slugs: Sequence[str], anchor: Anchoring
) -> Iterator[None]:
    """Record a command about several tenants, or about none; ``anchor`` runs after its end is recorded.

    After a failed command, a failure of the anchor gives no notice: it mostly has the same cause, and the operator
    needs the command's own message.
    """
    run_id = records.start_run(command, slugs, utc_now(), author)
    try:
        yield
    except BaseException as problem:
        # The operator must see the error that ended the command; an unrecorded end shows as a run without end.
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
def lock_tenant(
    checkout: Checkout, slug: str, on_notice: OnNotice, *, command: str = "a change", patience_seconds: float = 0
) -> Iterator[OpenTenant]:
    """Take a tenant's lock, and only then read: for commands that change the tenant.

    ``command`` is shown to the others that wait for it.

    The tenant's file, its holds and its records are read under the lock: earlier changes of another command or a
    colleague are included. BusyError when another command has the tenant for longer than the patience.
    """
    find_tenant(checkout, slug)
    with (
        tenant_locked(checkout, slug, command, patience_seconds),
        open_tenant(reload_tenant(checkout, slug), slug, on_notice) as opened,
    ):
        yield opened


@contextmanager
def lock_again(
    tenant: Tenant, checkout: Checkout, on_notice: OnNotice, *, command: str, patience_seconds: float
) -> Iterator[OpenTenant]:
    """Take the lock of a tenant that was opened without it, for one step that changes it, and read again."""
    slug = tenant.slug
    with lock_tenant(checkout, slug, on_notice, command=command, patience_seconds=patience_seconds) as now:
        yield now


@contextmanager
def lock_recorded(checkout: Checkout, slug: str, command: str, on_notice: OnNotice) -> Iterator[OpenTenant]:
    """Take a tenant's lock, then read, for a recorded command."""
    with lock_tenant(checkout, slug, on_notice, command=command) as opened, recorded_run(opened, command):
        yield opened


@contextmanager
def open_recorded(checkout: Checkout, slug: str, command: str, on_notice: OnNotice) -> Iterator[OpenTenant]:
    """Open a tenant for a recorded command that does not change the tenant."""
    with open_tenant(checkout, slug, on_notice) as opened, recorded_run(opened, command):
        yield opened
