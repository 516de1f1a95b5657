"""A save on a full disk, in either place: said in one sentence, nothing lost, and healed once there is room."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from coffre.errors import ExpectedError
from coffre.secrets import minting
from coffre.secrets.bundles import DataBundle
from coffre.secrets.holders.setup import init
from coffre.secrets.store import SecretStore

TENANT_ID = "k7f3q9wz2m"
SLUG = "boulangerie-martin"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 KiB; mounting it takes root, as the lab does."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k,mode=700", "tmpfs", str(disk)], check=True)
    try:
        yield disk
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.parametrize("full_place", ["escrow", "secrets"])
def test_full_disk_loses_nothing(small_disk: Path, tmp_path: Path, full_place: str) -> None:
    root = tmp_path / "checkout"
    places = {name: root / name for name in ("secrets", "escrow")} | {full_place: small_disk / full_place}
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    init(places["secrets"], places["escrow"], root, environment=environment)
    store = SecretStore.open(places["secrets"], places["escrow"], root, environment=environment)
    passwords = {"compta-01": minting.new_password()}
    before = DataBundle(tenant_id=TENANT_ID, repository_passwords=passwords)
    store.save_data(SLUG, before)
    after = DataBundle(
        tenant_id=TENANT_ID, repository_passwords=passwords | {f"pc-{i}": minting.new_password() for i in range(200)}
    )
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"):
        filler.write_bytes(b"\0" * 1024 * 1024)
    with pytest.raises(ExpectedError, match=r"cannot write .*: no room is left there") as caught:
        store.save_data(SLUG, after)
    assert ("(escrow)" in caught.value.message) is (full_place == "escrow")
    assert "Make room" in caught.value.hint
    # Escrow is written first: when the other place is full the new passwords are kept there already.
    assert store.find_data(SLUG, TENANT_ID) == (before if full_place == "escrow" else after)
    assert not list(places[full_place].glob("*.tmp"))
    filler.unlink()
    assert store.save_data(SLUG, after) is True
    name = f"{SLUG}.data.age"
    assert (places["secrets"] / name).read_bytes() == (places["escrow"] / name).read_bytes()
