"""Adds links at the end of the chain, in the transaction of the new record: only one writer at a time."""

import sqlalchemy as sa

from coffre.errors import ExpectedError
from coffre.records.chain.links import Content, LinkSubject, Tip, make_link, new_tip
from coffre.records.database import tables

_ROW = 1
"""The id of the only row of `chain_tip`."""


class Linker:
    """Links to add; `write` adds them. The tip stays locked until the caller's transaction ends.

    SQLite has one writer at a time; PostgreSQL locks the tip's row, and a waiting writer then reads the new tip.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self._tip = read_tip(connection, is_locked=True)
        self._rows: list[dict[str, object]] = []

    def next_id(self, subject: LinkSubject) -> int:
        """Return the id of the next event or run: one more than all before, including deleted ones."""
        chain = tables.chain
        last = self._connection.scalar(
            sa.select(sa.func.max(chain.c.subject_id)).where(chain.c.subject == subject.value)
        )
        return (last or 0) + 1

    def add(self, content: Content) -> None:
        """Add a link after the last one."""
        link = make_link(self._tip, content)
        self._tip = Tip(self._tip.database_id, link.position, link.hash)
        self._rows.append(vars(link))

    def write(self) -> None:
        """Write the links to the database before their rows: without its link, a row is refused."""
        if not self._rows:
            return
        table = tables.chain_tip
        self._connection.execute(sa.insert(tables.chain), self._rows)
        moved = {"position": self._tip.position, "hash": self._tip.hash}
        self._connection.execute(sa.update(table).where(table.c.id == _ROW).values(moved))
        self._rows = []


def read_tip(connection: sa.Connection, *, is_locked: bool = False) -> Tip:
    """Return the tip of the chain; ExpectedError when the database has lost it."""
    table = tables.chain_tip
    statement = sa.select(table.c.database_id, table.c.position, table.c.hash).where(table.c.id == _ROW)
    row = connection.execute(statement.with_for_update() if is_locked else statement).one_or_none()
    if row is None or not isinstance(row.position, int):
        raise ExpectedError(
            "the records database has lost the end of its chain: somebody changed it without Coffre",
            "Keep a copy of it unchanged, and restore a backup in its place.",
        )
    return Tip(str(row.database_id), row.position, str(row.hash))


def write_first_tip(connection: sa.Connection) -> None:
    """Begin a database's chain."""
    connection.execute(sa.insert(tables.chain_tip), {"id": _ROW, **vars(new_tip())})
