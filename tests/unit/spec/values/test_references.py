"""References to what stands outside the repository's files."""

import os
from pathlib import Path

import pytest

from coffre.errors import ExpectedError, InvalidFileError
from coffre.spec.files import repository_file
from coffre.spec.values.references import LIMIT_BYTES, read_reference


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
        ("file:.", "is not a plain file"),
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


def test_what_a_repository_names_is_neither_link_pipe_nor_device_there(tmp_path: Path) -> None:
    """What lies outside the repository is the operator's own: a secret mounted as a link is read."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "key").write_text("secret\n")
    (outside / "link").symlink_to("key")
    (root / "link").symlink_to(outside / "key")
    (root / "folder").symlink_to(outside)
    os.mkfifo(root / "pipe")
    (outside / "large").write_bytes(b"x" * (LIMIT_BYTES + 1))
    for named in ("link", "folder/key", "pipe", str(root / "link"), str(outside / "large"), "/dev/zero"):
        with pytest.raises(ExpectedError) as refused:
            read_reference(f"file:{named}", root)
        assert "secret" not in str(refused.value.message)
    assert read_reference(f"file:{outside}/link", root) == "secret"
    (root / ".coffre").symlink_to(outside)
    with pytest.raises(InvalidFileError):
        repository_file(root, ".coffre/key")
    for named in ("link", "folder/key", "pipe"):
        with pytest.raises(InvalidFileError):
            repository_file(root, named)
    assert repository_file(root, "absent") == root / "absent"


def test_a_second_checkout_may_have_the_work_folder_of_the_first(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    (first / ".coffre").mkdir(parents=True)
    (first / ".coffre" / "key").write_text("secret\n")
    (first / ".coffre" / "link").symlink_to("key")
    second.mkdir()
    (second / ".coffre").symlink_to(first / ".coffre")
    assert read_reference("file:.coffre/key", second) == "secret"
    with pytest.raises(InvalidFileError):
        repository_file(second, ".coffre/link")
