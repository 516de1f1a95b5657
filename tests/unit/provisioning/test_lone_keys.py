"""An initialisation that was cut off between its key file and its config is repeated by the next apply."""

import subprocess
from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from coffre import toolchain
from coffre.agents.restic.damage import Remains as Look
from coffre.agents.restic.repository import Repository, ResticError
from coffre.provisioning import repositories
from coffre.provisioning.rules import Remains
from coffre.storage.driver import AccessKey


class FolderBucket:
    """A repository in a folder, as a bucket."""

    def __init__(self, folder):
        self.folder = folder

    def walk_objects(self, prefix):
        below = self.folder / prefix.removeprefix("restic/")
        return (SimpleNamespace(key=f"{prefix}{path.name}") for path in sorted(below.iterdir()))

    def hide(self, key):
        (self.folder / key.removeprefix("restic/")).unlink()


def test_a_key_file_alone_stops_restic_and_is_taken_away_first(tmp_path, monkeypatch):
    folder = tmp_path / "repository"
    look = Look(has_config=False, has_keys=True, has_backups=False)
    repository = Repository(str(folder), AccessKey("AK-unused", "SK-unused"), SecretStr("pw-unused"), look=lambda: look)
    assert repository.init() is True
    (folder / "config").unlink()
    with pytest.raises(ResticError, match=r"config is gone.*already contains keys"):
        repository.init()
    remains = Remains(has_config=False, has_keys=True, has_backups=False, known_snapshots=0)
    monkeypatch.setattr(repositories, "_look_at_remains", lambda service, name: remains)
    monkeypatch.setattr(repositories, "open_repository", lambda service, name, reason: repository)
    tenant = SimpleNamespace(slug="martin", active_machines=lambda: ["compta-01"])
    service = SimpleNamespace(tenant=tenant, owner_bucket=lambda name: FolderBucket(folder))
    assert repositories.initialise_repositories(service, repositories.NO_RENEWAL, lambda text: None) == {}
    assert len(list((folder / "keys").iterdir())) == 1
    subprocess.run(
        [toolchain.find_tool("restic"), "--no-cache", "-r", folder, "cat", "config"],
        env={"RESTIC_PASSWORD": "pw-unused"}, check=True, capture_output=True,
    )  # fmt: skip
