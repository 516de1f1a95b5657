"""Events (append-only), usage and runs."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import quoted_name

revision = "0001"
down_revision = None

SQLITE_GUARDS = (
    "CREATE TRIGGER events_no_update BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END",
    "CREATE TRIGGER events_no_delete BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are append-only'); END",
    # INSERT OR REPLACE deletes the old row without asking the trigger for deletes.
    "CREATE TRIGGER events_no_replace BEFORE INSERT ON events "
    "WHEN EXISTS (SELECT 1 FROM events WHERE id = NEW.id) BEGIN "
    "SELECT RAISE(ABORT, 'events are append-only'); END",
)

POSTGRESQL_GUARDS = (
    "CREATE FUNCTION events_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'events are append-only'; END $$",
    "CREATE TRIGGER events_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON events "
    "FOR EACH STATEMENT EXECUTE FUNCTION events_refuse_change()",
)


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    document = sa.JSON().with_variant(JSONB(), "postgresql")
    moment = sa.DateTime(timezone=True)
    commit = quoted_name("commit", quote=True)
    op.create_table(
        "events",
        sa.Column("id", number, primary_key=True),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column(commit, sa.Text()),
        sa.Column("machine", sa.Text()),
        sa.Column("details", document, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("events_by_tenant", "events", ["tenant_id", "kind", "machine"])
    op.create_table(
        "usage",
        sa.Column("tenant_id", sa.Text(), primary_key=True),
        sa.Column("measured_on", sa.Date(), primary_key=True),
        sa.Column("machine", sa.Text(), primary_key=True),
        sa.Column("current_bytes", sa.BigInteger(), nullable=False),
        sa.Column("stored_bytes", sa.BigInteger(), nullable=False),
        sa.Column("measured_at", moment, nullable=False),
    )
    op.create_table(
        "runs",
        sa.Column("id", number, primary_key=True),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("tenants", document, nullable=False),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("finished_at", moment),
        sa.Column("outcome", sa.Text()),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column(commit, sa.Text()),
        sqlite_autoincrement=True,
    )
    guards = SQLITE_GUARDS if op.get_bind().dialect.name == "sqlite" else POSTGRESQL_GUARDS
    for guard in guards:
        op.execute(guard)
