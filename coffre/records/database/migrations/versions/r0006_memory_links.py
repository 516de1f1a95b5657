"""What is remembered of machines gets its links, and changes with one only; foreign keys can be acknowledged."""

from collections.abc import Mapping

import sqlalchemy as sa
from alembic import op

from coffre.records.chain.linking import Linker
from coffre.records.chain.links import memory_content
from coffre.records.database.tables import UtcDateTime

revision = "0006"
down_revision = "0005"

# As they are in this form of the database.
_OWNER = ("tenant_id", "machine")
_WHICH = ("machine_id", "hardware_id", "host_name")
_KNOWN = sa.table(
    "known_snapshots",
    *(sa.column(name, sa.Text()) for name in (*_OWNER, "snapshot_id", "boot", "released")),
    *(sa.column(name, UtcDateTime()) for name in ("seen_at", "released_at")),
    sa.column("report_number", sa.BigInteger()),
)
_MARKS = sa.table(
    "machine_memory",
    *(sa.column(name, sa.Text()) for name in (*_OWNER, *(f"accepted_{each}" for each in _WHICH))),
    *(
        sa.column(name, UtcDateTime())
        for name in ("sealed_since", "clean_until", "begun_at", "identified_since", "accepted_at")
    ),
    *(
        sa.column(name, sa.BigInteger())
        for name in ("report_number", "accounted_number", "check_in_number", "packs", "pack_bytes")
    ),
)
_BOOTS = sa.table(
    "known_boots",
    *(sa.column(name, sa.Text()) for name in (*_OWNER, "key", *_WHICH, "boot_id")),
    *(sa.column(name, sa.Boolean()) for name in ("is_own", "is_accepted")),
    *(sa.column(name, UtcDateTime()) for name in ("booted_at", "first_at", "last_at", "ended_at")),
    *(sa.column(name, sa.BigInteger()) for name in ("last_number", "let_go_number")),
)

_TABLES = ("known_snapshots", "known_boots", "machine_memory")
_REFUSED = "what is remembered changes with its link"


def _is_linked(row: str) -> str:
    """The newest link of all is this machine's: who changes a row adds it before, in the same transaction."""
    newest = "chain JOIN chain_tip ON chain.position = chain_tip.position"
    mine = f"chain.subject = 'memory' AND chain.tenant_id = {row}.tenant_id AND chain.kind = {row}.machine"
    return f"EXISTS (SELECT 1 FROM {newest} WHERE {mine})"  # noqa: S608 (nothing in it is from outside)


SQLITE_GUARDS = tuple(
    f"CREATE TRIGGER {table}_linked_{act.lower()} BEFORE {act} ON {table} WHEN NOT {_is_linked(row)} BEGIN "
    f"SELECT RAISE(ABORT, '{_REFUSED}'); END"
    for table in _TABLES
    for act, row in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD"))
)

# Triggers are written as PostgreSQL shows them, so that a look can compare.
POSTGRESQL_GUARDS = (
    *(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF {_is_linked(row)} THEN RETURN {row}; END IF; RAISE EXCEPTION '{_REFUSED}'; END $$"
        for name, row in (("memory_refuse_unlinked", "NEW"), ("memory_refuse_unlinked_delete", "OLD"))
    ),
    "CREATE FUNCTION memory_refuse_truncate() RETURNS trigger LANGUAGE plpgsql AS "
    f"$$ BEGIN RAISE EXCEPTION '{_REFUSED}'; END $$",
    *(
        f"CREATE TRIGGER {table}_{name} BEFORE {acts} ON {table} FOR EACH {each} EXECUTE FUNCTION {function}()"
        for table in _TABLES
        for name, acts, each, function in (
            ("linked", "INSERT OR UPDATE", "ROW", "memory_refuse_unlinked"),
            ("linked_delete", "DELETE", "ROW", "memory_refuse_unlinked_delete"),
            ("no_truncate", "TRUNCATE", "STATEMENT", "memory_refuse_truncate"),
        )
    ),
)


def upgrade() -> None:
    connection = op.get_bind()
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite:
        # A Coffre of the form before that is at work still remembers: nothing may come between our look and the guards.
        op.execute("LOCK TABLE known_snapshots, known_boots, machine_memory IN SHARE ROW EXCLUSIVE MODE")
    linker = Linker(connection)
    known, boots = _read(connection, _KNOWN), _read(connection, _BOOTS)
    marks = {owner: rows[0] for owner, rows in _read(connection, _MARKS).items()}
    for owner in sorted({*known, *boots, *marks}):
        linker.add(memory_content(*owner, marks.get(owner, {}), known.get(owner, []), boots.get(owner, [])))
    linker.write()
    op.add_column("machine_memory", sa.Column("foreign_until", sa.DateTime(timezone=True)))
    for guard in SQLITE_GUARDS if is_sqlite else POSTGRESQL_GUARDS:
        op.execute(guard)


def _read(connection: sa.Connection, table: sa.TableClause) -> dict[tuple[str, str], list[Mapping[str, object]]]:
    """Return the rows of each machine, without whose they are."""
    found: dict[tuple[str, str], list[Mapping[str, object]]] = {}
    for row in connection.execute(sa.select(table)).mappings():
        values = {name: value for name, value in row.items() if name not in _OWNER}
        found.setdefault((str(row["tenant_id"]), str(row["machine"])), []).append(values)
    return found
