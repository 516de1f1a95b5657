"""Events, runs and closed days of usage are chained by hash; what is there already gets its links here."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from coffre.records.chain.linking import Linker, write_first_tip
from coffre.records.chain.links import Content, event_content, run_content, run_end_content
from coffre.records.database.tables import COMMIT, Json, UtcDateTime

revision = "0003"
down_revision = "0002"

_BATCH = 1000

# As they are in this form of the database.
_EVENTS = sa.table(
    "events",
    *(sa.column(name, sa.Text()) for name in ("tenant_id", "slug", "kind", "actor", COMMIT, "machine")),
    sa.column("id", sa.BigInteger()),
    sa.column("at", UtcDateTime()),
    sa.column("details", Json()),
)
_RUNS = sa.table(
    "runs",
    *(sa.column(name, sa.Text()) for name in ("command", "outcome", "actor", COMMIT)),
    sa.column("id", sa.BigInteger()),
    sa.column("started_at", UtcDateTime()),
    sa.column("finished_at", UtcDateTime()),
    sa.column("tenants", Json()),
)

_TRIMMED = (
    "NEW.salt IS NULL AND NEW.position = OLD.position AND NEW.form = OLD.form AND NEW.subject = OLD.subject "
    "AND NEW.subject_id = OLD.subject_id AND NEW.tenant_id = OLD.tenant_id AND NEW.kind = OLD.kind "
    "AND NEW.content = OLD.content AND NEW.hash = OLD.hash AND OLD.subject = 'event' AND EXISTS "
    "(SELECT 1 FROM trimming WHERE trimming.tenant_id = OLD.tenant_id AND trimming.kind = OLD.kind)"
)

SQLITE_GUARDS = (
    "CREATE TRIGGER events_linked BEFORE INSERT ON events WHEN NOT EXISTS "
    "(SELECT 1 FROM chain WHERE chain.subject = 'event' AND chain.subject_id = NEW.id) BEGIN "
    "SELECT RAISE(ABORT, 'events are added with their link'); END",
    "CREATE TRIGGER runs_linked BEFORE INSERT ON runs WHEN NOT EXISTS "
    "(SELECT 1 FROM chain WHERE chain.subject = 'run' AND chain.subject_id = NEW.id) BEGIN "
    "SELECT RAISE(ABORT, 'runs are added with their link'); END",
    "CREATE TRIGGER runs_ended BEFORE UPDATE ON runs WHEN OLD.finished_at IS NOT NULL OR NOT EXISTS "
    "(SELECT 1 FROM chain WHERE chain.subject = 'run_end' AND chain.subject_id = NEW.id) BEGIN "
    "SELECT RAISE(ABORT, 'a run ends once, with its link'); END",
    "CREATE TRIGGER runs_no_delete BEFORE DELETE ON runs BEGIN SELECT RAISE(ABORT, 'runs are append-only'); END",
    "CREATE TRIGGER runs_no_replace BEFORE INSERT ON runs "
    "WHEN EXISTS (SELECT 1 FROM runs WHERE id = NEW.id) BEGIN "
    "SELECT RAISE(ABORT, 'runs are append-only'); END",
    f"CREATE TRIGGER chain_no_update BEFORE UPDATE ON chain WHEN NOT COALESCE(({_TRIMMED}), 0) BEGIN "
    "SELECT RAISE(ABORT, 'the chain is append-only'); END",
    "CREATE TRIGGER chain_no_delete BEFORE DELETE ON chain BEGIN SELECT RAISE(ABORT, 'the chain is append-only'); END",
    "CREATE TRIGGER chain_no_replace BEFORE INSERT ON chain WHEN EXISTS (SELECT 1 FROM chain WHERE "
    "position = NEW.position OR (subject = NEW.subject AND subject_id = NEW.subject_id)) BEGIN "
    "SELECT RAISE(ABORT, 'the chain is append-only'); END",
    "CREATE TRIGGER heads_no_update BEFORE UPDATE ON heads BEGIN SELECT RAISE(ABORT, 'heads are append-only'); END",
    "CREATE TRIGGER heads_no_delete BEFORE DELETE ON heads BEGIN SELECT RAISE(ABORT, 'heads are append-only'); END",
    "CREATE TRIGGER heads_no_replace BEFORE INSERT ON heads "
    "WHEN EXISTS (SELECT 1 FROM heads WHERE id = NEW.id) BEGIN "
    "SELECT RAISE(ABORT, 'heads are append-only'); END",
)

# Triggers are written as PostgreSQL shows them, so that a look can compare.
POSTGRESQL_GUARDS = (
    "CREATE FUNCTION events_refuse_unlinked() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN IF EXISTS (SELECT 1 FROM chain WHERE chain.subject = 'event' AND chain.subject_id = NEW.id) "
    "THEN RETURN NEW; END IF; RAISE EXCEPTION 'events are added with their link'; END $$",
    "CREATE TRIGGER events_linked BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION events_refuse_unlinked()",
    "CREATE FUNCTION runs_refuse_unlinked() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN IF EXISTS (SELECT 1 FROM chain WHERE chain.subject = 'run' AND chain.subject_id = NEW.id) "
    "THEN RETURN NEW; END IF; RAISE EXCEPTION 'runs are added with their link'; END $$",
    "CREATE TRIGGER runs_linked BEFORE INSERT ON runs FOR EACH ROW EXECUTE FUNCTION runs_refuse_unlinked()",
    "CREATE FUNCTION runs_refuse_unended() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN IF OLD.finished_at IS NULL AND EXISTS "
    "(SELECT 1 FROM chain WHERE chain.subject = 'run_end' AND chain.subject_id = NEW.id) "
    "THEN RETURN NEW; END IF; RAISE EXCEPTION 'a run ends once, with its link'; END $$",
    "CREATE TRIGGER runs_ended BEFORE UPDATE ON runs FOR EACH ROW EXECUTE FUNCTION runs_refuse_unended()",
    "CREATE FUNCTION runs_refuse_delete() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'runs are append-only'; END $$",
    "CREATE TRIGGER runs_no_delete BEFORE DELETE OR TRUNCATE ON runs "
    "FOR EACH STATEMENT EXECUTE FUNCTION runs_refuse_delete()",
    "CREATE FUNCTION chain_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the chain is append-only'; END $$",
    "CREATE TRIGGER chain_no_delete BEFORE DELETE OR TRUNCATE ON chain "
    "FOR EACH STATEMENT EXECUTE FUNCTION chain_refuse_change()",
    "CREATE FUNCTION chain_refuse_update() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN IF {_TRIMMED} THEN RETURN NEW; END IF; RAISE EXCEPTION 'the chain is append-only'; END $$",
    "CREATE TRIGGER chain_no_update BEFORE UPDATE ON chain FOR EACH ROW EXECUTE FUNCTION chain_refuse_update()",
    "CREATE FUNCTION heads_refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'heads are append-only'; END $$",
    "CREATE TRIGGER heads_no_change BEFORE DELETE OR UPDATE OR TRUNCATE ON heads "
    "FOR EACH STATEMENT EXECUTE FUNCTION heads_refuse_change()",
)


def upgrade() -> None:
    connection = op.get_bind()
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite:
        # A Coffre of the form before that is at work still adds rows: none may come between our look and the guards.
        op.execute("LOCK TABLE events, runs IN SHARE ROW EXCLUSIVE MODE")
    _create_tables()
    for guard in SQLITE_GUARDS if is_sqlite else POSTGRESQL_GUARDS:
        op.execute(guard)
    write_first_tip(connection)
    linker = Linker(connection)
    for count, content in enumerate(_list_contents(connection), start=1):
        linker.add(content)
        if count % _BATCH == 0:
            linker.write()
    linker.write()


def _create_tables() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "chain",
        sa.Column("position", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("form", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.BigInteger()),
        sa.Column("tenant_id", sa.Text()),
        sa.Column("kind", sa.Text()),
        sa.Column("salt", sa.Text()),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
    )
    op.create_index("chain_by_subject", "chain", ["subject", "subject_id"], unique=True)
    op.create_index("chain_by_tenant", "chain", ["tenant_id", "kind"])
    op.create_table(
        "chain_tip",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("database_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
    )
    op.create_table(
        "heads",
        sa.Column("id", number, primary_key=True),
        sa.Column("database_id", sa.Text(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("signed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sqlite_autoincrement=True,
    )


def _list_contents(connection: sa.Connection) -> Iterator[Content]:
    """Return what was recorded before there was a chain: events in the order of adding, then runs with their ends."""
    for row in _read(connection, _EVENTS):
        yield event_content(row)
    for row in _read(connection, _RUNS):
        yield run_content(row)
        if row["finished_at"] is not None:
            yield run_end_content(row)


def _read(connection: sa.Connection, table: sa.TableClause) -> Iterator[sa.RowMapping]:
    last = 0
    while True:
        statement = sa.select(table).where(table.c.id > last).order_by(table.c.id).limit(_BATCH)
        rows = connection.execute(statement).mappings().all()
        if not rows:
            return
        yield from rows
        last = rows[-1]["id"]
