"""The locks of a tenant: in this checkout and, with records in PostgreSQL, between all computers that share them."""

import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from coffre.errors import BusyError, InvalidFileError
from coffre.records.actor import read_author
from coffre.records.database.location import Location, locate
from coffre.secrets.places import LockShared
from coffre.spec.loader import Checkout
from coffre.spec.stores import find_s3_place
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
def supervision_locked(checkout: Checkout) -> Iterator[None]:
    """Hold the lock of supervision: one process watches all tenants at a time. BusyError when another one does."""
    busy = BusyError("another process is supervising", "Wait for it to end, or stop it; one is enough for all tenants.")
    with _locked(checkout, "_supervision", "supervision", busy, "supervise"):
        yield


@contextmanager
def probing_locked(checkout: Checkout) -> Iterator[None]:
    """Hold the lock of probes: one process probes the platforms at a time. BusyError when another one does."""
    busy = BusyError("another process is probing the platforms", "Wait for it to end, or stop it; one is enough.")
    with _locked(checkout, "_probes", "the probes", busy, "probe"):
        yield


@contextmanager
def drilling_locked(checkout: Checkout) -> Iterator[None]:
    """Hold the lock of drills on schedule: one process makes them at a time. BusyError when another one does."""
    busy = BusyError("another process is making the drills that are due", "Wait for it to end; one is enough.")
    with _locked(checkout, "_drills", "the drills", busy, "drill --due"):
        yield


@contextmanager
def maintenance_locked(checkout: Checkout) -> Iterator[None]:
    """Hold the lock of what is said about maintenance: customers are told once. BusyError when another one says it."""
    busy = BusyError("another command is declaring maintenance", "Wait for it to end and run the same command again.")
    with _locked(checkout, "_maintenance", "maintenance", busy, "maintenance declare"):
        yield


def lock_bundles(checkout: Checkout) -> LockShared:
    """Return the lock of bundles in a bucket, which holds between all computers that share the records."""

    def lock(name: str, wait_seconds: float) -> AbstractContextManager[None]:
        busy = BusyError(
            f"another run is writing the same secrets ({name})", "Wait for it to end, then run this again."
        )
        location = _locate_shared(checkout)
        return _shared(checkout, location, f"bundles/{name}", f"the secrets of {name}", busy, "secrets", wait_seconds)

    return lock


@contextmanager
def _locked(
    checkout: Checkout, name: str, subject: str, busy: BusyError, command: str, patience_seconds: float = 0
) -> Iterator[None]:
    with ExitStack() as held:
        held.enter_context(named_lock(checkout.root, name, busy, patience_seconds))
        location = _locate_shared(checkout)
        if location.file is None:
            held.enter_context(_shared(checkout, location, name, subject, busy, command, patience_seconds))
        yield


def _locate_shared(checkout: Checkout) -> Location:
    """Return the records' database; InvalidFileError when it cannot lock what several computers share."""
    settings = checkout.settings
    location = locate(settings.records, checkout.root)
    shared = [each for each in (settings.state, settings.secrets, settings.escrow) if find_s3_place(each) is not None]
    if shared and location.file is not None:
        raise InvalidFileError(
            f"platform.yaml: {shared[0]} is shared, and {location.shown} cannot lock a tenant between computers",
            "Name a PostgreSQL database in records: (docs/team.md).",
        )
    return location


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
