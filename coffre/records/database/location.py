"""The place of the records: turns `records:` of platform.yaml into a database URL."""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from coffre.errors import InvalidFileError
from coffre.spec.values.references import read_reference

_FORMS = "Write sqlite:PATH, or env:NAME with postgresql://USER:PASSWORD@HOST/DATABASE in that variable."
_SQLITE = "sqlite:"
_POSTGRESQL_NAMES = frozenset({"postgresql", "postgres", "postgresql+psycopg"})


@dataclass(frozen=True)
class Location:
    """A database: its URL, its file for SQLite, and its name in messages (never with a password)."""

    url: sa.URL
    shown: str
    file: Path | None = None


def locate(reference: str, root: Path) -> Location:
    """Read the reference: `sqlite:PATH` from the root, a PostgreSQL URL, or `env:` or `file:` with one of them."""
    text = read_reference(reference, root) if reference.startswith(("env:", "file:")) else reference
    if text.startswith(_SQLITE) and not text.startswith("sqlite://"):
        return _sqlite(root, text.removeprefix(_SQLITE))
    try:
        url = sa.make_url(text)
    except (sa.exc.ArgumentError, ValueError):
        url = None
    # Raised here, and without the text: it may contain a password, and the library's exception may quote it.
    if url is None or url.drivername not in _POSTGRESQL_NAMES:
        raise InvalidFileError("platform.yaml: records: this is not a database that Coffre knows", _FORMS)
    host = url.host or "its socket"
    shown = f"the records database {url.database or url.username or ''} at {host}{f':{url.port}' if url.port else ''}"
    return Location(url.set(drivername="postgresql+psycopg"), shown)


def exist_records(reference: str, root: Path) -> bool:
    """Tell whether the database exists; a database on a server is assumed to exist."""
    file = locate(reference, root).file
    return file is None or file.exists()


def _sqlite(root: Path, path: str) -> Location:
    if not path or path == ":memory:":
        raise InvalidFileError("platform.yaml: records: sqlite: names no file", _FORMS)
    file = root / path
    return Location(sa.URL.create("sqlite", database=str(file)), f"the records database {path}", file)
