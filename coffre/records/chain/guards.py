"""The triggers that protect the tables, and the check that a database still has them unchanged."""

import re
from collections.abc import Iterator, Sequence

import sqlalchemy as sa

_SQLITE_TRIGGERS = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
_POSTGRESQL_TRIGGERS = (
    "SELECT tgname, pg_get_triggerdef(pg_trigger.oid), tgenabled::text, prosrc FROM pg_trigger "
    "JOIN pg_proc ON pg_proc.oid = tgfoid JOIN pg_class ON pg_class.oid = tgrelid "
    "WHERE NOT tgisinternal AND pg_class.relnamespace = current_schema()::regnamespace"
)
_CREATED = re.compile(r"CREATE TRIGGER (\w+) ")
_FUNCTION = re.compile(r"CREATE FUNCTION (\w+)\(\) .*?\$\$(.*)\$\$", re.DOTALL)
_EXECUTED = re.compile(r"EXECUTE FUNCTION (\w+)\(\)")
_ENABLED = "O"


def find_missing_guards(connection: sa.Connection) -> list[str]:
    """Return the names of the triggers that are missing, disabled or different from Coffre's."""
    is_sqlite = connection.dialect.name == "sqlite"
    wanted = expected_guards(is_sqlite=is_sqlite)
    if is_sqlite:
        found = {str(name): str(sql) for name, sql in connection.exec_driver_sql(_SQLITE_TRIGGERS)}
    else:
        rows = connection.exec_driver_sql(_POSTGRESQL_TRIGGERS)
        found = {
            str(name): f"{re.sub(r' ON [a-z_]+[.]', ' ON ', shown)} {body}"
            for name, shown, enabled, body in rows
            if enabled == _ENABLED
        }
    return sorted(name for name, text in wanted.items() if found.get(name) != text)


def expected_guards(*, is_sqlite: bool) -> dict[str, str]:
    """Return each trigger by its name, as the migrations define it: on PostgreSQL with its function's body."""
    statements = list(_list_statements(is_sqlite=is_sqlite))
    bodies = {found[1]: found[2] for text in statements if (found := _FUNCTION.match(text))}
    guards = {}
    for text in statements:
        created = _CREATED.match(text)
        if created:
            executed = _EXECUTED.search(text)
            guards[created[1]] = text if executed is None else f"{text} {bodies[executed[1]]}"
    return guards


def _list_statements(*, is_sqlite: bool) -> Iterator[str]:
    """Return the statements of every migration, in order: the last one on a trigger is valid."""
    from coffre.records.database.migrations.versions import (
        r0001_first_tables,
        r0002_trimming,
        r0003_chain,
        r0006_memory_links,
    )

    steps: Sequence[tuple[Sequence[str], Sequence[str]]] = (
        (r0001_first_tables.SQLITE_GUARDS, r0001_first_tables.POSTGRESQL_GUARDS),
        (r0002_trimming.SQLITE_GUARDS, r0002_trimming.POSTGRESQL_GUARDS),
        (r0003_chain.SQLITE_GUARDS, r0003_chain.POSTGRESQL_GUARDS),
        (r0006_memory_links.SQLITE_GUARDS, r0006_memory_links.POSTGRESQL_GUARDS),
    )
    for sqlite, postgresql in steps:
        yield from sqlite if is_sqlite else postgresql
