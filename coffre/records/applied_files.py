"""The files that applies worked from, each kept once under its SHA-256: a tenant's own, and platform.yaml.

They are no events: the event of an apply names them by their SHA-256, and a content that was changed has another one.
"""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from coffre.records.database import tables
from coffre.records.database.inserting import insert_into


@dataclass(frozen=True)
class AppliedFile:
    """One file as it was read; ``tenant_id`` is None for platform.yaml, which belongs to no tenant."""

    tenant_id: str | None
    content: bytes

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def add_files(connection: sa.Connection, files: Iterable[AppliedFile]) -> None:
    """Keep these files; one that is already there stays, also one that another apply adds at the same time."""
    wanted = {each.sha256: each for each in files}
    # In one order everywhere: two applies that add the same files never wait for each other.
    rows = [
        {"sha256": sha256, "tenant_id": each.tenant_id, "content": each.content}
        for sha256, each in sorted(wanted.items())
    ]
    if rows:
        statement = insert_into(connection, tables.applied_files)
        connection.execute(statement.on_conflict_do_nothing(index_elements=["sha256"]), rows)


def read_files(connection: sa.Connection, wanted: Collection[str]) -> Mapping[str, bytes]:
    """Return the kept files among these SHA-256; one whose content was changed in the database is left out."""
    table = tables.applied_files
    rows = connection.execute(sa.select(table.c.sha256, table.c.content).where(table.c.sha256.in_(sorted(wanted))))
    found = {str(row.sha256): bytes(row.content) for row in rows}
    return {sha256: content for sha256, content in found.items() if hashlib.sha256(content).hexdigest() == sha256}


def delete_files(connection: sa.Connection, tenant_id: str) -> None:
    """Delete the files of a tenant that has left: they name people and machines."""
    connection.execute(sa.delete(tables.applied_files).where(tables.applied_files.c.tenant_id == tenant_id))
