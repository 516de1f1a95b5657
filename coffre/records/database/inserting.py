"""Inserts that meet a row that is already there: both databases say it the same way, by their own dialects."""

from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite


def insert_into(connection: sa.Connection, table: sa.Table) -> "postgresql.Insert | sqlite.Insert":
    """Begin an insert that may leave or replace an existing row; imports only the dialect in use."""
    if connection.dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)
