"""References to what stands outside the repository's files."""

from pathlib import Path

import pytest

from coffre.errors import ExpectedError
from coffre.spec.references import read_reference


def test_a_file_is_read_below_the_root(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("secret\n")
    assert read_reference("file:key", tmp_path) == "secret"
    assert read_reference(f"file:{tmp_path}/key", Path("/nowhere")) == "secret"


def test_an_environment_variable_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COFFRE_TEST_KEY", "secret")
    assert read_reference("env:COFFRE_TEST_KEY", tmp_path) == "secret"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("env:COFFRE_TEST_UNSET", "the environment variable COFFRE_TEST_UNSET is not set"),
        ("file:absent", "No such file or directory"),
        ("file:.", "Is a directory"),
        ("file:empty", "is empty"),
        ("file:binary", "is not UTF-8 text"),
    ],
)
def test_what_is_missing_is_named(text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COFFRE_TEST_UNSET", raising=False)
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ExpectedError) as refused:
        read_reference(text, tmp_path)
    assert said in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize("text", ["hunter2", "env:", "file:", "http://hunter2@host"])
def test_what_is_no_reference_is_not_repeated(text: str, tmp_path: Path) -> None:
    """It may be the secret itself."""
    with pytest.raises(ExpectedError) as refused:
        read_reference(text, tmp_path)
    assert "hunter2" not in refused.value.message + refused.value.hint
