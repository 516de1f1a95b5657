"""Events of a tenant that has left can go, by kind, within one transaction that says which; no other event can."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_ALLOWED = "SELECT 1 FROM trimming WHERE trimming.tenant_id = OLD.tenant_id AND trimming.kind = OLD.kind"

SQLITE_GUARDS = (
    "DROP TRIGGER events_no_delete",
    f"CREATE TRIGGER events_no_delete BEFORE DELETE ON events WHEN NOT EXISTS ({_ALLOWED}) BEGIN "
    "SELECT RAISE(ABORT, 'events are append-only'); END",
)

POSTGRESQL_GUARDS = (
    "DROP TRIGGER events_no_change ON events",
    "CREATE TRIGGER events_no_change BEFORE UPDATE OR TRUNCATE ON events "
    "FOR EACH STATEMENT EXECUTE FUNCTION events_refuse_change()",
    "CREATE FUNCTION events_refuse_delete() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN IF EXISTS ({_ALLOWED}) THEN RETURN OLD; END IF; "
    "RAISE EXCEPTION 'events are append-only'; END $$",
    "CREATE TRIGGER events_no_delete BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION events_refuse_delete()",
)


def upgrade() -> None:
    op.create_table(
        "trimming",
        sa.Column("tenant_id", sa.Text(), primary_key=True),
        sa.Column("kind", sa.Text(), primary_key=True),
    )
    for guard in SQLITE_GUARDS if op.get_bind().dialect.name == "sqlite" else POSTGRESQL_GUARDS:
        op.execute(guard)
