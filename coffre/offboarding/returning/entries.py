"""Every entry of a returned snapshot: what restic knows of it, what was restored, and where that lies in the bag."""

import base64
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from coffre.agents.restic.listing import as_restic_writes
from coffre.agents.restic.repository import Node
from coffre.offboarding.returning.job import Limits
from coffre.offboarding.returning.layout import LONG_PATHS
from coffre.offboarding.returning.names import may_be_held, same_text, stand_in
from coffre.outside.beneath import Beneath

FILE, FOLDER = "file", "dir"
# JSON leaves them as they are, and much software that reads lines takes them for the end of one.
_LINE_BREAKS = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}
NEVER_RESTORED = ("socket", "irregular")
"""What restic notes and does not make again: nothing of them is data."""


@dataclass(frozen=True)
class Entry:
    """One entry of a snapshot.

    ``path`` is the machine's, absolute; ``restored`` is where restic put it and ``stored`` where it lies at last, both
    in the bag. Links, pipes and devices lie nowhere: a manifest is about files, and a link would lead out of the bag.
    """

    node: Node
    folder: str
    path: bytes
    restored: bytes
    stored: bytes | None
    target: bytes | None = None
    hard_link: str | None = None
    attributes: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def is_renamed(self) -> bool:
        return self.stored is not None and self.stored != self.restored

    @property
    def has_stand_in(self) -> bool:
        """Whether its own name is another in the bag, not only that of a folder that it is in."""
        return self.stored is not None and os.path.basename(self.stored) != os.path.basename(self.restored)


@dataclass(frozen=True)
class Tree:
    """A snapshot as it was restored: the bag, the folder in it (below data/), and what the bag's target can hold."""

    bag: Beneath
    folder: str
    limits: Limits = field(default_factory=Limits)

    @property
    def root(self) -> bytes:
        return b"data/" + self.folder.encode() if self.folder else b"data"


class MissingEntriesError(Exception):
    """Entries of the snapshot are not on the target, or are not what they should be; ``count`` of them."""

    def __init__(self, count: int) -> None:
        super().__init__(str(count))
        self.count = count


def read_entries(tree: Tree, nodes: Iterable[Node]) -> Iterator[Entry]:
    """Yield every entry of a snapshot beside what was restored of it, parents before what is in them.

    ``nodes`` is restic's list. Raises MissingEntriesError at the end when something is missing or of another size.
    """
    names, places, missing = _Names(tree), _Places(tree), 0
    for node in nodes:
        path = names.find(node)
        restored = tree.root + path
        facts = tree.bag.find(restored)
        if facts is None:
            missing += node.type not in NEVER_RESTORED
        if facts is not None and node.type == FILE and facts.st_size != node.size_bytes:
            missing += 1
        stored = places.choose(node, restored)
        yield _complete(Entry(node, tree.folder, path, restored, stored), tree, facts)
    if missing:
        raise MissingEntriesError(missing)


def to_line(entry: Entry) -> str:
    """Return an entry as a line of the tag file. What is no UTF-8 stands beside, in base64. Pure."""
    node = entry.node
    fields: dict[str, Any] = {
        "chemin": as_restic_writes(entry.path),
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
    if entry.is_renamed:
        fields["restaure_sous_base64"] = _base64(entry.restored)
    if entry.target is not None:
        fields["cible"] = as_restic_writes(entry.target)
        fields |= {} if _is_text(entry.target) else {"cible_base64": _base64(entry.target)}
    if entry.hard_link is not None:
        fields["lien_dur"] = entry.hard_link
    if entry.attributes:
        fields["attributs_base64"] = {name: _base64(value) for name, value in entry.attributes.items()}
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).translate(_LINE_BREAKS) + "\n"


class _Names:
    """Finds the bytes behind restic's paths, by what was restored there."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._folders: dict[str, bytes] = {}
        self._unclaimed: dict[tuple[bytes, str], list[bytes]] = {}

    def find(self, node: Node) -> bytes:
        """Return a node's path. restic lists a folder before what is in it, and names in the order of their bytes."""
        if "\ufffd" not in node.path:
            return node.path.encode()
        parent, _, name = node.path.rpartition("/")
        folder = self._folders.get(parent, parent.encode())
        path = folder + b"/" + (self._claim(folder, name) if "\ufffd" in name else name.encode())
        if node.type == FOLDER:
            self._folders[node.path] = path
        return path

    def _claim(self, folder: bytes, name: str) -> bytes:
        key = (folder, name)
        if key not in self._unclaimed:
            there = sorted(self._tree.bag.names(self._tree.root + folder))
            self._unclaimed[key] = [each for each in there if as_restic_writes(each) == name]
        return self._unclaimed[key].pop(0) if self._unclaimed[key] else name.encode()


class _Places:
    """Chooses where each entry lies in the bag."""

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
        elif self._longest_bytes is not None and len(stored) > self._longest_bytes:
            stored = f"{LONG_PATHS}/{hashlib.sha256(restored).hexdigest()}".encode()
        return stored

    def _find_bearers(self, folder: bytes) -> frozenset[bytes]:
        """Return the names in a folder that stay: those that can be held, and of those that are one text a single one.

        That is one in the usual, composed form of Unicode where there is one. Kept for the folders that lead here.
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


def _complete(entry: Entry, tree: Tree, facts: os.stat_result | None) -> Entry:
    """Add what restic's list does not say: where links lead, which files are one, and extended attributes."""
    if facts is None:
        return entry
    target = tree.bag.read_link(entry.restored) if stat.S_ISLNK(facts.st_mode) else None
    is_one_of_many = stat.S_ISREG(facts.st_mode) and facts.st_nlink > 1
    hard_link = f"{entry.folder}#{facts.st_ino}" if is_one_of_many else None
    attributes = tree.bag.attributes(entry.restored)
    if target is None and hard_link is None and not attributes:
        return entry
    return Entry(entry.node, entry.folder, entry.path, entry.restored, entry.stored, target, hard_link, attributes)


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
