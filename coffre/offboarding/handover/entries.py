"""The entries of a returned snapshot: restic's facts, the restored file, and its place in the bag."""

import base64
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from coffre.agents.repository import Node, as_listed
from coffre.offboarding.handover.bag.layout import APART, LONG_PATHS
from coffre.offboarding.handover.job import TargetLimits
from coffre.offboarding.handover.names import may_be_held, same_text, stand_in
from coffre.operations.restore.streamed_file import is_as_listed
from coffre.outside.beneath import Beneath

FILE, FOLDER = "file", "dir"
# JSON does not escape them, and many programs read them as the end of a line.
_LINE_BREAKS = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}


@dataclass(frozen=True)
class SnapshotEntry:
    """One entry of a snapshot.

    ``path`` is the absolute path on the machine; ``restored`` is restic's place and ``stored`` the final one, both in
    the bag. Links, pipes and devices have no place: a manifest only lists files, and a link would lead out of the bag.
    ``is_apart``: the file was not restored in its place; ``stored`` is its other place. ``left_out`` is the reason why
    an entry could not be handed over at all.
    """

    node: Node
    folder: str
    path: bytes
    restored: bytes
    stored: bytes | None
    target: bytes | None = None
    hard_link: str | None = None
    attributes: Mapping[str, bytes] = field(default_factory=dict)
    is_apart: bool = False
    left_out: str = ""

    @property
    def is_renamed(self) -> bool:
        return self.stored is not None and self.stored != self.restored

    @property
    def has_stand_in(self) -> bool:
        """Whether its own name differs in the bag, not only that of a folder above it."""
        return self.stored is not None and os.path.basename(self.stored) != os.path.basename(self.restored)


@dataclass(frozen=True)
class Tree:
    """A restored snapshot: the bag, the folder in it (below data/), and the limits of the bag's target."""

    bag: Beneath
    folder: str
    limits: TargetLimits = field(default_factory=TargetLimits)

    @property
    def root(self) -> bytes:
        return b"data/" + self.folder.encode() if self.folder else b"data"


class MissingEntriesError(Exception):
    """Entries of the snapshot are missing on the target, or wrong; ``count`` of them."""

    def __init__(self, count: int) -> None:
        super().__init__(str(count))
        self.count = count


def read_entries(
    tree: Tree, nodes: Iterable[tuple[Node, bytes]], *, is_incomplete: bool = False
) -> Iterator[SnapshotEntry]:
    """Yield every entry of a snapshot with its restored file, parents before their content.

    ``nodes`` is restic's list, each with its path in bytes. With ``is_incomplete`` restic reported that the disk did
    not accept everything: then missing or wrong files are marked. Otherwise MissingEntriesError is raised at the end
    when something is missing or has another size.
    """
    places, missing = _Places(tree), 0
    for node, path in nodes:
        restored = tree.root + path
        facts = tree.bag.find(restored)
        if is_as_listed(node, facts):
            stored = places.choose(node, restored)
            yield _complete(SnapshotEntry(node, tree.folder, path, restored, stored), tree, facts)
        elif not is_incomplete:
            missing += 1
        elif node.type == FILE:
            yield SnapshotEntry(node, tree.folder, path, restored, places.choose_apart(restored), is_apart=True)
        else:
            # The line of a folder, pipe or device is complete. Only a link itself has its target.
            left_out = "lien non rétabli par le support" if node.type == "symlink" else ""
            yield SnapshotEntry(node, tree.folder, path, restored, None, left_out=left_out)
    if missing:
        raise MissingEntriesError(missing)


def to_line(entry: SnapshotEntry) -> str:
    """Return an entry as a line of the tag file. Text that is not UTF-8 is added in base64. Pure."""
    node = entry.node
    fields: dict[str, Any] = {
        "chemin": as_listed(entry.path),
        "type": node.type,
        "mode": f"{node.mode:04o}",
        "uid": node.uid,
        "gid": node.gid,
        "modifie": node.mtime,
    }
    if not _is_text(entry.path):
        fields["chemin_base64"] = _base64(entry.path)
    if entry.folder:
        fields["instantane"] = entry.folder
    if node.type == FILE:
        fields["octets"] = node.size_bytes
    if entry.stored is not None:
        fields["range_sous"] = entry.stored.decode()
    fields |= {"hors_place": True} if entry.is_apart else {}
    fields |= {"non_remis": entry.left_out} if entry.left_out else {}
    fields |= {"restaure_sous_base64": _base64(entry.restored)} if entry.is_renamed else {}
    if entry.target is not None:
        fields["cible"] = as_listed(entry.target)
        fields |= {} if _is_text(entry.target) else {"cible_base64": _base64(entry.target)}
    if entry.hard_link is not None:
        fields["lien_dur"] = entry.hard_link
    if entry.attributes:
        named = {as_listed(os.fsencode(name)): value for name, value in entry.attributes.items()}
        fields["attributs_base64"] = {name: _base64(value) for name, value in named.items()}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).translate(_LINE_BREAKS) + "\n"


class _Places:
    """Chooses the place of each entry in the bag."""

    def __init__(self, tree: Tree) -> None:
        self._bag = tree.bag
        self._longest_bytes = tree.limits.longest_bytes
        self._is_windows = tree.limits.is_windows
        self._moved: dict[bytes, bytes] = {}
        self._bearers: list[tuple[bytes, frozenset[bytes]]] = []

    def choose(self, node: Node, restored: bytes) -> bytes | None:
        if node.type not in (FILE, FOLDER):
            return None
        folder, _, name = restored.rpartition(b"/")
        held = name if name in self._find_bearers(folder) else stand_in(name, is_windows=self._is_windows)
        stored = self._moved.get(folder, folder) + b"/" + held
        if node.type == FOLDER:
            if stored != restored:
                self._moved[restored] = stored
            # Its content has another place, and nobody could open or remove it.
            return stored if len(stored) <= self._longest_bytes else None
        return stored if len(stored) <= self._longest_bytes else self._aside(LONG_PATHS, restored)

    def choose_apart(self, restored: bytes) -> bytes:
        """Return the place of a file that was not restored in its own place."""
        return self._aside(LONG_PATHS if len(restored) > self._longest_bytes else APART, restored)

    def _aside(self, folder: str, restored: bytes) -> bytes:
        return f"{folder}/{hashlib.sha256(restored).hexdigest()}".encode()

    def _find_bearers(self, folder: bytes) -> frozenset[bytes]:
        """Return the names of a folder that stay: the possible ones, and only one of several equal texts.

        This is the one in the usual, composed form of Unicode if there is one. Cached for the folders on the path.
        """
        while self._bearers and not (folder + b"/").startswith(self._bearers[-1][0] + b"/"):
            self._bearers.pop()
        if not self._bearers or self._bearers[-1][0] != folder:
            self._bearers.append((folder, self._choose_bearers(folder)))
        return self._bearers[-1][1]

    def _choose_bearers(self, folder: bytes) -> frozenset[bytes]:
        try:
            names = self._bag.names(folder)
        except (FileNotFoundError, NotADirectoryError):
            return frozenset()  # its entries are missing too, and counted
        held = [each for each in names if may_be_held(each, is_windows=self._is_windows)]
        chosen: dict[str, bytes] = {}
        for each in sorted(held, key=lambda name: (same_text(name) != name.decode(), name)):
            chosen.setdefault(same_text(each, is_windows=self._is_windows), each)
        return frozenset(chosen.values())


def _complete(entry: SnapshotEntry, tree: Tree, facts: os.stat_result | None) -> SnapshotEntry:
    """Add what restic's list lacks: the targets of links, hard links, and extended attributes."""
    if facts is None:
        return entry
    target = tree.bag.read_link(entry.restored) if stat.S_ISLNK(facts.st_mode) else None
    is_one_of_many = stat.S_ISREG(facts.st_mode) and facts.st_nlink > 1
    hard_link = f"{entry.folder}#{facts.st_ino}" if is_one_of_many else None
    attributes = tree.bag.attributes(entry.restored)
    if target is None and hard_link is None and not attributes:
        return entry
    return SnapshotEntry(
        entry.node, entry.folder, entry.path, entry.restored, entry.stored, target, hard_link, attributes
    )


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
