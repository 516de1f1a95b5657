"""An initialisation that was cut off between its key file and its config is repeated by the next apply."""

from types import SimpleNamespace

import pytest
from pydantic import SecretStr

from coffre.agents.repository import Remains
from coffre.agents.restic.repository import format as restic_format
from coffre.agents.restic.repository.new_repository import new_repository
from coffre.agents.restic.repository.repository import ResticError, ResticRepository
from coffre.operations import repository as opening
from coffre.provisioning.steps import repositories
from coffre.provisioning.terms.context import NO_RENEWAL
from coffre.storage.values import AccessKey
from coffre.workspace.clock import utc_now
from tests.builders import tenant_with

PASSWORD = SecretStr("pw-unused")


class FolderBucket:
    """A repository in a folder, as a bucket; ``ends_before`` cuts off whoever writes there."""

    def __init__(self, folder):
        self.folder, self.ends_before = folder, None

    def walk_objects(self, prefix):
        below = self.folder / prefix.removeprefix("restic/")
        return [SimpleNamespace(key=f"{prefix}{path.name}") for path in sorted(below.glob("*"))]

    def put(self, key, body):
        if key == self.ends_before:
            raise InterruptedError
        path = self.folder / key.removeprefix("restic/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    def hide(self, key):
        (self.folder / key.removeprefix("restic/")).unlink()


@pytest.fixture
def bucket(tmp_path, monkeypatch):
    bucket = FolderBucket(tmp_path / "repository")
    remains = Remains(has_config=False, has_keys=True, has_backups=False)
    monkeypatch.setattr(repositories, "look_at_remains", lambda bucket, layout: remains)
    monkeypatch.setattr(repositories, "_count_known", lambda memory, log, name: 0)
    monkeypatch.setattr(opening, "use_password", lambda secrets, log, name, reason: PASSWORD)
    opened = ResticRepository(str(bucket.folder), AccessKey("AK-unused", "SK-unused"), PASSWORD)
    monkeypatch.setattr(opening, "_repository", lambda *_: opened)
    for folder in ("data", "index", "snapshots", "locks"):
        (bucket.folder / folder).mkdir(parents=True)
    return bucket


def initialise(bucket):
    tenant = tenant_with()
    opened = SimpleNamespace(
        tenant=tenant,
        machine=tenant.machines.__getitem__,
        buckets=SimpleNamespace(open=lambda name: bucket, existing=lambda: SimpleNamespace(has=lambda name: True)),
        storage=None,
        secrets=None,
        log=None,
        memory=None,
    )
    return repositories.initialise_repositories(opened, NO_RENEWAL, lambda text: None)


def test_what_was_cut_off_before_its_config_is_made_anew_and_restic_opens_it(bucket):
    bucket.ends_before = "restic/config"
    with pytest.raises(InterruptedError):
        initialise(bucket)
    [lone] = bucket.walk_objects("restic/keys/")
    bucket.ends_before = None
    assert initialise(bucket) == {}
    [key] = bucket.walk_objects("restic/keys/")
    assert key != lone
    ResticRepository(str(bucket.folder), AccessKey("AK-unused", "SK-unused"), PASSWORD).check()


def test_a_repository_that_restic_does_not_open_is_not_called_made(bucket, monkeypatch):
    foreign = new_repository(SecretStr("another"), utc_now())
    monkeypatch.setattr(restic_format, "new_repository", lambda password, now: foreign)
    with pytest.raises(ResticError, match="password"):
        initialise(bucket)
