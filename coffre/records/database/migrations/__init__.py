"""The migrations of the database's schema; Alembic runs them when records are opened."""
