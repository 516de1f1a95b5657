"""A machine's repository on one platform in memory, and an empty bucket for its copy on another."""

import hashlib
from collections.abc import Mapping

from coffre.agents.repository import Part, RepositoryLayout, RepositoryObject
from coffre.agents.restic.repository.layout import ResticLayout
from coffre.operations.copying.objects import RepositoryCopy, copy_repository
from coffre.operations.copying.pace import Pace
from coffre.storage.values import AccessKey
from tests.doubles.storage import MemoryPlatform
from tests.doubles.watched_bucket import WatchedBucket

CONFIG = b"the sealed config"
CONTENTS: Mapping[Part, int] = {Part.KEYS: 1, Part.DATA: 9, Part.INDEX: 2, Part.SNAPSHOTS: 3}
"""How many objects of each part the repository has; each has another size."""
REPORTS = [f"reports/000000000{number}-{number:032x}.sealed" for number in range(3)]


class KilledError(BaseException):
    """The process ended here."""


class Scene:
    """The source and the target, both watched, and what the last run noted."""

    def __init__(self, layout: RepositoryLayout | None = None, wall_bytes: int | None = None) -> None:
        self.layout = layout or ResticLayout()
        self.source, self.target = _make_bucket("source", None), _make_bucket("target", wall_bytes)
        self.notes: list[RepositoryCopy] = []
        self.progress: list[str] = []

    @classmethod
    def filled(cls, layout: RepositoryLayout | None = None, wall_bytes: int | None = None) -> "Scene":
        """Return a scene whose source has a repository, and reports."""
        scene = cls(layout, wall_bytes)
        scene.put(scene.config_key, CONFIG)
        for part in scene.layout.order:
            for number in range(CONTENTS.get(part, 0)):
                scene.add(part, f"{part} {number} {'.' * number}")
        for number, key in enumerate(REPORTS):
            scene.put(key, b"report" * (number + 1))
        return scene

    @property
    def config_key(self) -> str:
        return self.layout.key_of(RepositoryObject(Part.CONFIG, ""))

    def key_of(self, part: Part, text: str) -> str:
        return self.layout.key_of(RepositoryObject(part, hashlib.sha256(text.encode()).hexdigest()))

    def add(self, part: Part, text: str) -> str:
        """Put an object as the machine does, named by its hash; returns its key."""
        return self.put(self.key_of(part, text), text.encode())

    def put(self, key: str, body: bytes) -> str:
        self.source.bucket.put(key, body)
        return key

    def run(self, pace: Pace | None = None) -> RepositoryCopy:
        self.notes.clear()
        return copy_repository(
            self.source,  # type: ignore[arg-type]
            self.target,  # type: ignore[arg-type]
            self.layout,
            pace or Pace(),
            on_progress=self.progress.append,
            note=self.notes.append,
        )

    def release(self) -> None:
        self.source.release()
        self.target.release()

    def contents(self, bucket: WatchedBucket) -> dict[str, bytes]:
        found = {facts.key: bucket.bucket.find(facts.key, 1 << 30) for facts in bucket.bucket.walk_objects("")}
        assert all(isinstance(body, bytes) for body in found.values())
        return found

    def keys_in(self, bucket: WatchedBucket, part: Part) -> set[str]:
        keys = {facts.key for facts in bucket.bucket.walk_objects(self.layout.prefix_of(part))}
        return {key for key in keys if (found := self.layout.find(key)) and found.part is part}

    def assert_nothing_was_overwritten(self) -> None:
        versions = self.target.bucket.list_versions("")
        assert len({version.key for version in versions}) == len(versions)


def _make_bucket(name: str, wall_bytes: int | None) -> WatchedBucket:
    platform, key = MemoryPlatform(f"https://{name}.invalid"), AccessKey("KEY", "secret")
    platform.make_user("owner", key, wall_bytes)
    platform.make_bucket(name, "owner")
    return WatchedBucket(platform.open_bucket(name, key))
