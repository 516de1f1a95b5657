"""Files are written whole or not at all, whatever ends the writing."""

import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from coffre.workspace import files
from coffre.workspace.files import PUBLIC_FILE, temporary_name, write_atomically, write_once


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_is_private_unless_it_is_said_to_be_public_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_atomically(tmp_path / "private", b"one")
        write_atomically(tmp_path / "public", b"two", mode=PUBLIC_FILE, is_alone=False)
    finally:
        os.umask(before)
    assert [mode_of(tmp_path / name) for name in ("private", "public")] == [0o600, 0o644]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["private", "public"]


@pytest.mark.parametrize("is_alone", [True, False])
@pytest.mark.parametrize("is_durable", [True, False])
def test_a_disk_that_is_full_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, is_alone: bool, is_durable: bool
) -> None:
    file = tmp_path / "file"
    write_atomically(file, b"old")
    program = (
        "import resource, signal, sys\nfrom pathlib import Path\nfrom coffre.workspace.files import write_atomically\n"
        f"signal.signal({int(signal.SIGXFSZ)}, signal.SIG_IGN)\n"
        f"resource.setrlimit({resource.RLIMIT_FSIZE}, (1024, 1024))\n"
        f"write_atomically(Path(sys.argv[1]), b'n' * 4096, is_alone={is_alone}, is_durable={is_durable})\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True)
    assert "OSError" in done.stderr
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]


def test_the_next_write_clears_what_a_killed_one_left(tmp_path: Path) -> None:
    file = tmp_path / "file"
    temporary_name(file).write_bytes(b"half of a longer text")
    write_atomically(file, b"whole")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"whole"]


def test_ctrl_c_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    write_atomically(file, b"old")

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(file, b"new")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"old"]


def test_a_durable_file_is_synced_before_its_name_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, synced, sync = tmp_path / "file", [], os.fsync

    def note(descriptor: int) -> None:
        synced.append((stat.S_ISDIR(os.fstat(descriptor).st_mode), file.exists()))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    write_atomically(file, b"kept")
    assert synced == [(False, False), (True, True)]
    synced.clear()
    write_atomically(file, b"a note", is_durable=False)
    assert synced == []


def test_writers_who_are_not_alone_never_mix(tmp_path: Path) -> None:
    file, texts = tmp_path / "file", [letter * 65536 for letter in (b"a", b"b", b"c", b"d")]
    threads = [
        threading.Thread(target=write_atomically, args=(file, text), kwargs={"is_alone": False}) for text in texts
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [each.read_bytes() for each in tmp_path.iterdir()] in [[text] for text in texts]


def test_who_writes_once_keeps_what_another_wrote_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, fill = tmp_path / "key", files._fill

    def be_slower(*arguments: object, **options: object) -> None:
        fill(*arguments, **options)  # type: ignore[arg-type]
        if not file.exists():
            file.write_bytes(b"theirs")

    monkeypatch.setattr(files, "_fill", be_slower)
    write_once(file, b"ours")
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"theirs"]
    monkeypatch.undo()
    write_once(tmp_path / "other", b"ours")
    assert (tmp_path / "other").read_bytes() == b"ours"
    assert mode_of(tmp_path / "other") == 0o600
