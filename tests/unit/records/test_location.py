"""What `records:` may say."""

from pathlib import Path

import pytest

from coffre.errors import ExpectedError, InvalidFileError
from coffre.records.database.location import locate

ROOT = Path("/srv/tenants")


@pytest.mark.parametrize(
    ("reference", "file"),
    [("sqlite:.coffre/records.db", ROOT / ".coffre/records.db"), ("sqlite:/var/r.db", Path("/var/r.db"))],
)
def test_sqlite_path_starts_at_the_root(reference: str, file: Path) -> None:
    location = locate(reference, ROOT)
    assert location.file == file
    assert location.url.database == str(file)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_url_comes_from_the_environment_and_its_password_is_never_shown(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECORDS_URL", f"{scheme}://coffre:hunter2@db.example:5433/records?sslmode=verify-full")
    location = locate("env:RECORDS_URL", ROOT)
    assert location.file is None
    assert location.url.drivername == "postgresql+psycopg"
    assert location.url.password == "hunter2"
    assert location.url.query["sslmode"] == "verify-full"
    assert location.shown == "the records database records at db.example:5433"
    assert "hunter2" not in repr(location)


def test_url_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("sqlite:here.db\n")
    assert locate("file:url", tmp_path).file == tmp_path / "here.db"


def test_unset_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECORDS_URL", raising=False)
    with pytest.raises(ExpectedError, match="RECORDS_URL"):
        locate("env:RECORDS_URL", ROOT)


@pytest.mark.parametrize(
    "reference",
    ["", "records.db", "mysql://u:hunter2@h/d", "sqlite:///x.db", "postgresql://u:hunter2@h:port/d", "sqlite:", "://"],
)
def test_anything_else_is_refused_without_being_repeated(reference: str) -> None:
    with pytest.raises(InvalidFileError, match=r"^platform\.yaml: records: ") as caught:
        locate(reference, ROOT)
    assert "hunter2" not in caught.value.message + caught.value.hint
    assert "sqlite:PATH" in caught.value.hint
