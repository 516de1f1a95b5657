"""A folder that refuses writes, mounted read-only as a broken escrow would be."""

import subprocess
from pathlib import Path

import pytest

from coffre.errors import ExpectedError
from coffre.secrets import minting
from coffre.secrets.bundles import DataBundle
from coffre.secrets.holders.setup import init
from coffre.secrets.store import SecretStore


def test_read_only_escrow_stops_the_save_and_still_reads(tmp_path: Path) -> None:
    root, escrow = tmp_path / "checkout", tmp_path / "escrow"
    environment = {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    init(root / "secrets", escrow, root, environment=environment)
    store = SecretStore.open(root / "secrets", escrow, root, environment=environment)
    bundle = DataBundle(tenant_id="k7f3q9wz2m", repository_passwords={"pc": minting.new_password()})
    store.save_data("martin", bundle)
    subprocess.run(["mount", "--bind", str(escrow), str(escrow)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(escrow)], check=True)
        assert store.find_data("martin", "k7f3q9wz2m") == bundle
        with pytest.raises(ExpectedError, match=r"cannot write to .*\(escrow\): read-only file system") as caught:
            store.save_data("martin", DataBundle(tenant_id="k7f3q9wz2m"))
        assert "Make it readable and writable" in caught.value.hint
    finally:
        subprocess.run(["umount", str(escrow)], check=True)
