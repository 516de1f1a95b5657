"""Only the platform that the lab itself recorded goes without an escrow apart."""

import json
from pathlib import Path

import pytest

from coffre.spec.loader import load_repository
from coffre.storage.ceph.connect import is_embedded

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("endpoint_fsid", "record", "expected"),
    [
        ("a", '{"fsid": "a"}', True),
        ("a", '{"fsid": "b"}', False),
        ("a", None, False),
        ("a", "no record", False),
        (None, "{}", False),
    ],
)
def test_a_platform_is_the_lab_by_the_labs_own_record(
    endpoint_fsid: str | None, record: str | None, expected: bool, tmp_path: Path
) -> None:
    platform = load_repository(REPOSITORY).settings.platforms["lab"]
    folder = tmp_path / ".coffre" / "lab"
    folder.mkdir(parents=True)
    endpoints = {"endpoint": "https://127.0.0.1:7443", "fsid": endpoint_fsid}
    (folder / "endpoints.json").write_text(json.dumps(endpoints), encoding="utf-8")
    if record is not None:
        (folder / "state.json").write_text(record, encoding="utf-8")
    assert is_embedded(platform, tmp_path) is expected
