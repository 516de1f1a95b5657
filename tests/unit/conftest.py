"""What all unit tests share: things that take long to work out, and are the same each time."""

from functools import cache

import pytest
import sqlalchemy as sa
import typer.main
import typer.testing
from hypothesis import HealthCheck, settings

from coffre.records.chain.linking import write_first_tip
from coffre.records.database import schema
from coffre.records.database.location import Location

# How long an example takes says how busy the computer is, not whether the property holds.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

_migrate = schema._migrate


@cache
def _statements() -> tuple[str, ...]:
    """Return what makes a database as the migrations do, without the begin of its chain, which is its own."""
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    with engine.begin() as connection:
        _migrate(connection, None, Location(engine.url, "in memory", None))
    with engine.connect() as connection:
        dumped = [*connection.connection.driver_connection.iterdump()]
    engine.dispose()
    own = ("BEGIN TRANSACTION;", "COMMIT;", 'INSERT INTO "chain_tip"')
    return tuple(each for each in dumped if not each.startswith(own))


def _make_at_once(connection: sa.Connection, version: str | None, location: Location) -> None:
    """Make a new SQLite database as the migrations would; any other one goes through them."""
    if version is not None or connection.dialect.name != "sqlite":
        _migrate(connection, version, location)
        return
    for each in _statements():
        connection.exec_driver_sql(each)
    write_first_tip(connection)


@pytest.fixture(scope="module", autouse=True)
def _new_records_need_no_migrations(request: pytest.FixtureRequest) -> None:
    """Hundreds of tests open records of their own, whose migrations take a tenth of a second each time.

    Tests of the records themselves have the migrations.
    """
    schema._migrate = _migrate if request.path.parent.name == "records" else _make_at_once


@pytest.fixture(scope="session", autouse=True)
def _commands_are_put_together_once() -> None:
    """Each test that types a command would have Typer put all of them together again."""
    typer.testing._get_command = cache(typer.main.get_command)
