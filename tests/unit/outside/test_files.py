import os
from pathlib import Path

import pytest

from coffre.outside.files import NotPlainFileError, TooLargeError, read_plain


def test_a_link_a_folder_a_pipe_and_a_device_are_not_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("key")
    (tmp_path / "link").symlink_to(secret)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "link", tmp_path / "folder", tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(NotPlainFileError):
            read_plain(path, 100)


def test_a_file_is_read_up_to_its_limit_and_not_beyond(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x" * 100)
    assert read_plain(file, 100) == b"x" * 100
    with pytest.raises(TooLargeError):
        read_plain(file, 99)


def test_a_huge_file_is_refused_by_its_size_alone(tmp_path: Path) -> None:
    file = tmp_path / "huge"
    with file.open("wb") as stream:
        stream.truncate(1 << 40)
    with pytest.raises(TooLargeError):
        read_plain(file, 1000)
