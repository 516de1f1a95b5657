"""The format of restic's repositories: opens them, creates them, and restores from them on a machine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from coffre.agents.reach.ssh import SshMachine
from coffre.agents.repository import (
    BucketStorage,
    Part,
    Remains,
    RemoteRestore,
    RepositoryLayout,
    RepositoryObject,
    RestoreSummary,
    Watcher,
    password_of,
)
from coffre.agents.restic.address import repository_url
from coffre.agents.restic.programs import list_restic_builds
from coffre.agents.restic.repository import remote_restore
from coffre.agents.restic.repository.layout import ResticLayout
from coffre.agents.restic.repository.new_repository import new_repository
from coffre.agents.restic.repository.repository import ResticRepository


@dataclass(frozen=True)
class _Key:
    access_key_id: str
    secret_access_key: str


class ResticFormat:
    """Repositories of restic, under `restic/` of a machine's bucket; implements RepositoryFormat."""

    layout: RepositoryLayout = ResticLayout()

    def open(
        self,
        storage: BucketStorage,
        *,
        cache_dir: Path | None = None,
        look: Callable[[], Remains] | None = None,
    ) -> ResticRepository:
        return ResticRepository(
            repository_url(storage.endpoint_url, storage.bucket),
            _Key(storage.access_key_id, storage.secret_access_key.get_secret_value()),
            password_of(storage),
            ca_file=storage.ca_file,
            region=storage.region,
            cache_dir=cache_dir,
            look=look,
        )

    def open_copy(self, folder: Path, password: SecretStr) -> ResticRepository:
        return ResticRepository(str(folder), None, password)

    def make(self, password: SecretStr, now: datetime) -> Sequence[tuple[str, bytes]]:
        """Return the key file, then the config: a key alone is no repository, a config alone is a damaged one."""
        new = new_repository(password, now)
        return (
            (self.layout.key_of(RepositoryObject(Part.KEYS, new.key_name)), new.key),
            (self.layout.key_of(RepositoryObject(Part.CONFIG, "")), new.config),
        )

    def list_programs(self) -> Mapping[str, Path]:
        return list_restic_builds()

    def look_at(self, machine: SshMachine) -> None:
        remote_restore.look_at(machine)

    def refuse_ours(self, path: str | None, machine: str) -> None:
        remote_restore.refuse_ours(path, machine)

    def restore_on(self, machine: SshMachine, restore: RemoteRestore, watcher: Watcher) -> RestoreSummary:
        return remote_restore.restore_on(machine, restore, watcher)
