"""The locks of a tenant: in this checkout and, with records in PostgreSQL, between all computers that share them."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from coffre.errors import BusyError
from coffre.records.actor import read_author
from coffre.records.database.location import Location, locate
from coffre.spec.loader import Checkout
from coffre.workspace.locks import named_lock, tenant_busy


@contextmanager
def tenant_locked(checkout: Checkout, slug: str, command: str, patience_seconds: float = 0) -> Iterator[None]:
    """Lock a tenant during a change by ``command``.

    BusyError when another command holds it longer than the patience; it names that command where records are shared.
    """
    with _locked(checkout, slug, slug, tenant_busy(slug), command, patience_seconds):
        yield


@contextmanager
def copy_locked(checkout: Checkout, slug: str, stack: str, command: str) -> Iterator[None]:
    """Lock the second copy of a tenant, by the name of its stack: for a run that fills it, and for its erasure.

    It comes after the tenant's lock, for a command that takes both. BusyError as for `tenant_locked`.
    """
    busy = BusyError(
        f"another command is working on the second copy of {slug}", "Wait for it to end and run the same command again."
    )
    with _locked(checkout, stack, f"the second copy of {slug}", busy, command):
        yield


@contextmanager
def _locked(
    checkout: Checkout, name: str, subject: str, busy: BusyError, command: str, patience_seconds: float = 0
) -> Iterator[None]:
    with ExitStack() as held:
        held.enter_context(named_lock(checkout.root, name, busy, patience_seconds))
        location = locate(checkout.settings.records, checkout.root)
        if location.file is None:
            held.enter_context(_shared(checkout, location, name, subject, busy, command, patience_seconds))
        yield


@contextmanager
def _shared(
    checkout: Checkout,
    location: Location,
    name: str,
    subject: str,
    busy: BusyError,
    command: str,
    patience_seconds: float,
) -> Iterator[None]:
    from coffre.records.database.locks import Holder, shared_lock

    holder = Holder(command, read_author(checkout.root).actor, socket.gethostname())
    with shared_lock(location, name, subject, busy, holder, patience_seconds):
        yield
