"""Alembic's script for a migration, on the connection and in the transaction of `schema.py`."""

from alembic import context

from coffre.records.database.schema import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
