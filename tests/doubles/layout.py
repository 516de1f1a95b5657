"""The keys of a repository of another kind of agent than restic: the rooms above know none by themselves."""

import re

from coffre.agents.repository import Part, RepositoryObject

PREFIX = "vault/"
_FORM = re.compile(r"vault/(?P<part>[a-z]+)(-(?P<name>[0-9a-f]{64}))?")


class VaultLayout:
    """All objects in one folder, each named by its part and its hash; implements RepositoryLayout."""

    prefix = PREFIX
    read_at_start = frozenset({Part.SNAPSHOTS})
    start_limit_bytes = 1024
    order = (Part.CONFIG, Part.DATA, Part.SNAPSHOTS)

    def prefix_of(self, part: Part) -> str:
        return f"{PREFIX}{part}" if part is Part.CONFIG else f"{PREFIX}{part}-"

    def part_of(self, key: str) -> Part | None:
        return next((part for part in Part if key.startswith(self.prefix_of(part))), None)

    def find(self, key: str) -> RepositoryObject | None:
        found, part = _FORM.fullmatch(key), self.part_of(key)
        if found is None or part is None or found["part"] != part or (found["name"] is None) != (part is Part.CONFIG):
            return None
        return RepositoryObject(part, found["name"] or "")

    def key_of(self, found: RepositoryObject) -> str:
        return f"{self.prefix_of(found.part)}{found.name}"

    def misleads(self, key: str) -> bool:
        return key.startswith(self.prefix_of(Part.SNAPSHOTS)) and self.find(key) is None

    def pattern_of(self, part: Part) -> str:
        return self.prefix_of(part).removeprefix(PREFIX) + "*"
