"""A repository password is read in one place, which records first: no other module of Coffre can or does."""

import ast
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

import coffre
from coffre.errors import RefusedError
from coffre.records.events import Event, EventKind
from coffre.secrets.bundles import DataBundle
from coffre.secrets.sealed import SealedPassword

ROOM = Path(coffre.__file__).parent
READING = {
    "open_password",
    "reveal_for_storage",
    "to_document",
    "from_document",
    "all_secret_values",
    "unseal",
    "SealedPassword",
    "pyrage",
}
"""All that gives a password in clear, or the file that holds it, or takes one apart."""

ALLOWED = {
    ("tenant/estate/passwords.py", "open_password"): "the door: it records the use first",
    ("secrets/bundles.py", "open_password"): "where it is defined",
    ("secrets/bundles.py", "reveal_for_storage"): "writing the bundle, for the encrypted file",
    ("secrets/bundles.py", "to_document"): "where it is defined",
    ("secrets/bundles.py", "from_document"): "where it is defined: passwords come out sealed",
    (
        "secrets/bundles.py",
        "all_secret_values",
    ): "where it is defined, for tests that search for leaks; nobody calls it",
    ("secrets/bundles.py", "SealedPassword"): "the field's type",
    ("secrets/sealed.py", "reveal_for_storage"): "where it is defined",
    ("secrets/sealed.py", "SealedPassword"): "where it is defined",
    ("provisioning/steps/secrets.py", "SealedPassword"): "a password that was minted just now is sealed",
    ("secrets/store.py", "to_document"): "encrypting a bundle for its two places",
    ("secrets/store.py", "from_document"): "reading a bundle, whose passwords come out sealed",
    ("secrets/store.py", "unseal"): "reading a bundle, whose passwords come out sealed",
    ("secrets/holders/verify.py", "from_document"): "looking that a bundle is sound: what it holds is compared, sealed",
    ("secrets/holders/verify.py", "unseal"): "looking that a file opens",
    ("secrets/holders/recipients.py", "unseal"): "encrypting a file for other recipients; what it holds is not read",
    (
        "secrets/holders/export.py",
        "to_document",
    ): "the control bundle; the passwords of an export came through the door",
    ("secrets/age.py", "unseal"): "where it is defined",
    ("secrets/age.py", "pyrage"): "the one module that speaks to age",
}


def words_in(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            found.add(node.value)  # by getattr
    return found


def test_nobody_else_reads_a_password() -> None:
    found = {
        (path.relative_to(ROOM).as_posix(), word)
        for path in sorted(ROOM.rglob("*.py"))
        for word in words_in(path) & READING
    }
    assert found == set(ALLOWED)


@pytest.fixture
def data() -> DataBundle:
    return DataBundle.model_validate(
        {"tenant_id": "k7f3q9wz2m", "repository_passwords": {"pc-1": "hunter2", "pc-2": "x"}}
    )


def use(**changes: object) -> Event:
    event = Event("k7f3q9wz2m", "martin", EventKind.PASSWORD_USED, datetime.now(UTC), "claire", machine="pc-1", id=7)
    return replace(event, **changes)  # type: ignore[arg-type]


def test_a_password_opens_for_its_recorded_use(data: DataBundle) -> None:
    assert data.open_password(use()).get_secret_value() == "hunter2"


@pytest.mark.parametrize(
    "changes", [{"id": None}, {"kind": EventKind.DRILL}, {"tenant_id": "another"}, {"machine": "pc-2"}]
)
def test_it_opens_for_nothing_else(data: DataBundle, changes: dict[str, object]) -> None:
    sealed = data.repository_passwords["pc-1"]
    with pytest.raises(RefusedError, match="opens only for a recorded use") as caught:
        sealed.open(use(**changes), data.tenant_id, "pc-1")
    assert "hunter2" not in caught.value.message + caught.value.hint


def test_no_text_of_it_shows_it(data: DataBundle) -> None:
    sealed = data.repository_passwords["pc-1"]
    texts = (repr(sealed), str(sealed), f"{data!r}", str(data), data.model_dump_json(), str(data.model_dump()))
    assert not [text for text in texts if "hunter2" in text]
    assert not hasattr(sealed, "get_secret_value")


def test_it_is_compared_sealed() -> None:
    assert SealedPassword(SecretStr("a")) == SealedPassword(SecretStr("a"))
    assert SealedPassword(SecretStr("a")) != SealedPassword(SecretStr("b"))
    assert len({SealedPassword(SecretStr("a")), SealedPassword(SecretStr("a"))}) == 1


@pytest.mark.parametrize("value", ["", 7, None, ["hunter2"], SecretStr("")])
def test_what_is_no_password_is_refused_without_being_quoted(value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        DataBundle.model_validate({"tenant_id": "k7f3q9wz2m", "repository_passwords": {"pc-1": value}})
    assert "hunter2" not in str(caught.value)
