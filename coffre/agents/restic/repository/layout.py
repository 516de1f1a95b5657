"""The keys of restic's objects in a machine's bucket. Pure."""

import re

from coffre.agents.repository import Part, RepositoryObject

PREFIX = "restic/"

_FOLDERS = {part.value: part for part in Part if part is not Part.CONFIG}
_HEX = "[0-9a-f]"
_ID = f"{_HEX}{{64}}"
_OWN = re.compile(
    rf"(?P<config>config)|(?P<part>keys|snapshots|index|locks)/(?P<id>{_ID})|data/(?P<start>{_HEX}{{2}})/(?P<pack>{_ID})"
)
# restic takes the last part of a listed key as an id, also in capitals, and then requests the id's normal key.
_TAKEN_FOR_A_FILE = re.compile(rf"{PREFIX}(index|snapshots|keys)/[0-9a-fA-F]{{64}}(/.*)?", re.DOTALL)


class ResticLayout:
    """The layout of restic's repositories, under `restic/`; implements RepositoryLayout."""

    prefix = PREFIX
    read_at_start = frozenset({Part.INDEX, Part.SNAPSHOTS, Part.KEYS})
    start_limit_bytes = 64 * 1024**2
    """Index, snapshot and key files have about 10 MB at most."""
    order = (Part.CONFIG, Part.KEYS, Part.DATA, Part.INDEX, Part.SNAPSHOTS)
    """Packs before the indexes that name them."""

    def prefix_of(self, part: Part) -> str:
        return f"{PREFIX}{part}" if part is Part.CONFIG else f"{PREFIX}{part}/"

    def part_of(self, key: str) -> Part | None:
        if not key.startswith(PREFIX):
            return None
        folder, slash, _ = key.removeprefix(PREFIX).partition("/")
        if slash:
            return _FOLDERS.get(folder)
        return Part.CONFIG if folder == Part.CONFIG else None

    def find(self, key: str) -> RepositoryObject | None:
        found = _OWN.fullmatch(key.removeprefix(PREFIX)) if key.startswith(PREFIX) else None
        if found is None:
            return None
        if found["pack"] is not None:
            is_in_its_folder = found["pack"].startswith(found["start"])
            return RepositoryObject(Part.DATA, found["pack"]) if is_in_its_folder else None
        return RepositoryObject(Part(found["config"] or found["part"]), found["id"] or "")

    def key_of(self, found: RepositoryObject) -> str:
        folder = f"{found.name[:2]}/" if found.part is Part.DATA else ""
        return f"{self.prefix_of(found.part)}{folder}{found.name}"

    def misleads(self, key: str) -> bool:
        return self.find(key) is None and _TAKEN_FOR_A_FILE.fullmatch(key) is not None

    def pattern_of(self, part: Part) -> str:
        if part is Part.CONFIG:
            return part.value
        folder = f"{_HEX * 2}/" if part is Part.DATA else ""
        return f"{part}/{folder}{_HEX * 64}"
