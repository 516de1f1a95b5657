"""A drill's comparison tells each way in which a restored file can be wrong."""

import hashlib
from pathlib import Path

from coffre.operations.drill import compare
from coffre.operations.sampling import ReportedHash, Sample, SnapshotFile


def reported(path: str, content: bytes) -> ReportedHash:
    return ReportedHash(path, len(content), hashlib.sha256(content).hexdigest())


def test_equal_files_are_no_problem(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").write_bytes(b"12")
    assert list(compare(Sample(1, (reported("/a", b"abc"),), (SnapshotFile("/b", 2),)), tmp_path)) == []


def test_a_missing_file_a_wrong_size_and_a_wrong_content_are_named(tmp_path: Path) -> None:
    (tmp_path / "short").write_bytes(b"1")
    (tmp_path / "changed").write_bytes(b"abd")
    sample = Sample(1, (reported("/changed", b"abc"), reported("/gone", b"x")), (SnapshotFile("/short", 2),))
    assert list(compare(sample, tmp_path)) == [
        "/gone: not restored",
        "/short: 1 bytes instead of 2",
        "/changed: its content is not what the machine reported",
    ]
