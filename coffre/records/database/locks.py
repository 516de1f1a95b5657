"""Locks between computers, by PostgreSQL: session-level advisory locks, each held on a connection of its own.

The server releases a lock when its connection ends, so a killed command leaves none. A holder whose connection is lost
no longer has the lock: it learns this within seconds, and before its next change (`workspace/fence`). The server itself
notices a dead computer later than the holder does, so that the next holder comes after the last change. One request can
still come late: of a process that was stopped between the check and the sending. The next `apply` finds it, since it
compares with what is there.
"""

import hashlib
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from coffre.errors import BusyError, RemoteError
from coffre.outside.text import one_line
from coffre.records.database.connection import CONNECT_SECONDS
from coffre.records.database.location import Location
from coffre.records.database.trouble import translated
from coffre.workspace import fence

WATCH_SECONDS = 5.0
"""The time between two looks at a lock that is held."""
FRESH_SECONDS = 1.0
"""How long a look counts for the changes that follow it."""
POLL_SECONDS = 0.1

_NAME_BYTES = 63
"""PostgreSQL's limit of an application name."""
_PARTS_CHARACTERS = (12, 30, 19)
_SETTINGS = {
    "statement_timeout": 10_000,
    # A dead computer's lock is released after 60 s; its holder, if it lives, has stopped after 20 s.
    "tcp_keepalives_idle": 30,
    "tcp_keepalives_interval": 10,
    "tcp_keepalives_count": 3,
    "timezone": "UTC",
}
_OWN_KEEPALIVE = {
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}

_OWN = sa.text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = :high AND objid = :low AND objsubid = 1 "
    "AND granted AND pid = pg_backend_pid()"
)
_HOLDER = sa.text(
    "SELECT application_name, backend_start FROM pg_locks JOIN pg_stat_activity USING (pid) "
    "WHERE locktype = 'advisory' AND classid = :high AND objid = :low AND objsubid = 1 AND granted "
    "AND datname = current_database()"
)


@dataclass(frozen=True)
class Holder:
    """Who holds a lock: a command, a person and a computer; ``since`` is when its connection began."""

    command: str
    actor: str
    host: str
    since: datetime | None = None

    def __str__(self) -> str:
        since = "" if self.since is None else f" since {self.since:%Y-%m-%d %H:%M:%S} UTC"
        return f"{self.command} by {self.actor} on {self.host}{since}"


class LockLostError(RemoteError):
    """The connection that held a lock is lost, so another command may hold it now."""


class _HeldLock:
    """One lock that is held; asked by several threads."""

    def __init__(self, connection: sa.Connection, key: int, location: Location, subject: str) -> None:
        self._connection = connection
        self._key = key
        self._location = location
        self._subject = subject
        self._asking = threading.Lock()
        self._seen = _now()
        self._reason: str | None = None
        self._is_over = threading.Event()
        self._socket: int = connection.connection.driver_connection.fileno()  # type: ignore[union-attr]

    @property
    def is_lost(self) -> bool:
        return self._reason is not None

    def check(self) -> None:
        """Raise LockLostError when the lock is no longer held."""
        if self._reason is None and (_now() - self._seen > FRESH_SECONDS or _has_news(self._socket)):
            self._look()
        if self._reason is not None:
            raise self.lost()

    def lost(self) -> LockLostError:
        return LockLostError(
            f"the lock of {self._subject} in {self._location.shown} is lost ({self._reason}): this command stopped",
            "Another command may hold it now, so nothing more was changed; only a change that was on its way may still "
            "have come. Completed steps stay done. Run the same command again: it looks first at what is there.",
        )

    def watch(self, holder: threading.Thread) -> None:
        """Look again and again until `end`; interrupt the holder, like Ctrl-C, when the lock is lost."""
        while not self._is_over.wait(WATCH_SECONDS):
            self._look()
            if self._reason is not None:
                # Only the main thread takes signals; another one stops at its next change.
                if holder is threading.main_thread() and not self._is_over.is_set():
                    signal.pthread_kill(holder.ident or 0, signal.SIGINT)
                return

    def end(self) -> None:
        self._is_over.set()

    def _look(self) -> None:
        with self._asking:
            began = _now()
            try:
                held = self._connection.scalar(_OWN, _halves(self._key))
            except sa.exc.DBAPIError:
                self._reason = "its connection ended"
                return
            if not held:
                # A pooler between two transactions gives another connection, which has no lock.
                self._reason = "the server released it"
                return
            self._seen = began


@contextmanager
def shared_lock(
    location: Location, name: str, subject: str, busy: BusyError, holder: Holder, patience_seconds: float = 0
) -> Iterator[None]:
    """Hold an exclusive lock of this database between computers; ``subject`` is what it locks, for messages.

    ``busy``, and who holds it, when another command holds it for longer than the patience. LockLostError at the next
    change when the connection is lost.
    """
    engine = _open(location, holder)
    try:
        with translated(location):
            connection = engine.connect()
        try:
            key = _key_of(name)
            with translated(location):
                _take(connection, key, busy, patience_seconds)
            with _watched(_HeldLock(connection, key, location, subject)):
                yield
        finally:
            # Closing it releases the lock; a lost connection has nothing left to release.
            with suppress(sa.exc.DBAPIError):
                connection.invalidate()
                connection.close()
    finally:
        engine.dispose()


@contextmanager
def _watched(lock: _HeldLock) -> Iterator[None]:
    holder = threading.current_thread()
    watcher = threading.Thread(target=lock.watch, args=(holder,), name="lock", daemon=True)
    watcher.start()
    try:
        with fence.fenced_by(lock.check):
            yield
    except KeyboardInterrupt:
        if lock.is_lost:
            raise lock.lost() from None
        raise
    finally:
        lock.end()
        watcher.join()


def _take(connection: sa.Connection, key: int, busy: BusyError, patience_seconds: float) -> None:
    end = time.monotonic() + patience_seconds
    while not connection.scalar(sa.select(sa.func.pg_try_advisory_lock(key))):
        if time.monotonic() >= end:
            found = _find_holder(connection, key)
            raise busy if found is None else BusyError(f"{busy.message}: {found}", busy.hint)
        time.sleep(POLL_SECONDS)


def _find_holder(connection: sa.Connection, key: int) -> Holder | None:
    row = connection.execute(_HOLDER, _halves(key)).first()
    return None if row is None else read_holder(str(row[0] or ""), row[1])


def write_holder(holder: Holder) -> str:
    """Return a holder as the name of its connection, which other connections see: three short parts. Pure."""
    parts = zip((holder.command, holder.actor, holder.host), _PARTS_CHARACTERS, strict=True)
    name = "|".join(one_line(part.replace("|", " "), limit) for part, limit in parts)
    return name.encode("ascii", "replace")[:_NAME_BYTES].decode()


def read_holder(name: str, since: datetime | None) -> Holder | None:
    """Read what `write_holder` wrote; None for another program's name. Pure."""
    parts = one_line(name, _NAME_BYTES).split("|")
    if len(parts) != len(_PARTS_CHARACTERS):
        return None
    command, actor, host = parts
    return Holder(command, actor, host, None if since is None else since.astimezone(UTC))


def _open(location: Location, holder: Holder) -> sa.Engine:
    return sa.create_engine(
        location.url,
        poolclass=sa.pool.NullPool,
        isolation_level="AUTOCOMMIT",
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "application_name": write_holder(holder),
            "options": " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items()),
            **_OWN_KEEPALIVE,
        },
        hide_parameters=True,
    )


def _key_of(name: str) -> int:
    """Return a number that stands for a name, the same on every computer."""
    return int.from_bytes(hashlib.sha256(f"coffre lock {name}".encode()).digest()[:8], signed=True)


def _halves(key: int) -> dict[str, int]:
    """Return a key as `pg_locks` shows it: two unsigned halves."""
    return {"high": (key >> 32) & 0xFFFFFFFF, "low": key & 0xFFFFFFFF}


def _has_news(descriptor: int) -> bool:
    """Tell whether the server has said something unasked, the end of the connection mostly; also of a closed one."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


def _now() -> float:
    """Return a clock that also counts while this computer sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
