"""Records on a full disk: said in one sentence, what was recorded is kept, and recording goes on once there is room."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from coffre.errors import ExpectedError
from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind
from coffre.workspace.clock import utc_now


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB; mounting it takes root, as the lab does."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_full_disk_keeps_what_was_recorded(small_disk: Path) -> None:
    def event(text: str) -> Event:
        return Event("k7f3q9wz2m", "martin", EventKind.INSTALL, utc_now(), "claire", details={"text": text})

    with Records.open("sqlite:records.db", small_disk) as records:
        records.append(event("before"))
        filler = small_disk / "filler"
        with pytest.raises(OSError, match="No space left"):
            filler.write_bytes(b"\0" * 2 * 1024 * 1024)
        with pytest.raises(ExpectedError, match=r"no room is left for the records database records\.db") as caught:
            records.append(event("x" * 200_000))
        assert "Make room" in caught.value.hint
        assert [found.details["text"] for found in records.list_events("k7f3q9wz2m")] == ["before"]
        filler.unlink()
        records.append(event("after"))
        assert [found.details["text"] for found in records.list_events("k7f3q9wz2m")] == ["before", "after"]
