"""A fresh database of either kind for each test."""

from pathlib import Path

import pytest

from tests.postgresql import Database, Server, postgresql, postgresql_database

__all__ = ["Database", "Server", "postgresql", "postgresql_database"]


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Database:
    return Database("sqlite", "sqlite:.coffre/records.db", tmp_path, f"sqlite:///{tmp_path}/.coffre/records.db")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """A fresh database, once of each kind."""
    found: Database = request.getfixturevalue(f"{request.param}_database")
    return found
