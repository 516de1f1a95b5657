"""Checks that a snapshot's listing is a valid file tree, before anything of it is restored or read. Pure.

A machine can write anything into its own repository, and restic restores what it finds: if a name is in a folder both
as a link and as a folder, the second is written through the first. No listing that passes here has that. Memory only
grows with the folders that lead to one entry, plus eight bytes for each larger folder.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from coffre.agents.repository import REPLACED, HostileSnapshotError, Node, as_listed
from coffre.agents.restic.repository.output import read_node
from coffre.outside.processes import LINE_BYTES, endless

MAX_DEPTH = 2048
"""Nested folders. A path that restic reads on Linux has at most 4,095 bytes, and a name at least one."""
MAX_NAME_BYTES = 1024
"""Windows allows 255 characters, of up to three bytes each; other systems 255 bytes."""
MAX_PATH_BYTES = 64 * 1024
MAX_ENTRIES = 100_000_000
MAX_REPEATED = 1_000_000
MAX_REPEATED_TO_NEW = 1000
"""A few trees that name each other twice make more entries than any disk has: beyond MAX_REPEATED, folders that were
listed before may have at most this many entries per new entry. A copy of a folder is new: its inodes differ."""
SMALLEST_REMEMBERED = 64
"""From this number of entries on, a folder is recognised when it is listed again."""
MAX_HELD_NAMES = 100_000
"""Names that are not UTF-8 in the current folders; beyond that number only their bytes are compared."""
LARGEST_FILE_BYTES = 2**63 - 1

TYPES: Final = ("file", "dir", "symlink", "dev", "chardev", "fifo", "socket", "irregular")


@dataclass
class _Folder:
    """A folder that is being listed: its path, and the part of its names that shows a repeated one."""

    path: str
    last: bytes = b""
    odd: set[str] = field(default_factory=set)
    entries: int = 0
    repeated: int = 0
    digest: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=8))


class Listing:
    """The check of one snapshot: every line of `restic ls --json` goes through `read`, then `end` is called.

    Names that are not UTF-8 look the same after restic has replaced their bytes: ``has_twins`` says that two did, and
    that `BytesListing` must compare the bytes themselves.
    """

    def __init__(self, snapshot: str) -> None:
        self.snapshot = snapshot
        self.entries = 0
        self.has_twins = False
        self._begun = False
        self._folders = [_Folder("")]
        self._held = 0
        self._known: set[bytes] = set()

    def read(self, fields: Mapping[str, Any]) -> Node | None:
        """Return a line's entry, None for the line of the snapshot itself; HostileSnapshotError for an invalid one."""
        kind = fields.get("message_type")
        if kind == "snapshot" and not self._begun:
            self._begun = True
            return None
        self.entries += 1
        if kind != "node" or not self._begun:
            raise self._refused("is not an entry")
        if self.entries > MAX_ENTRIES:
            raise HostileSnapshotError(self.snapshot, f"it has more than {MAX_ENTRIES} entries")
        name, path = fields.get("name"), fields.get("path")
        if not isinstance(name, str) or not isinstance(path, str):
            raise self._refused("has no name")
        if name in ("", ".", "..") or "/" in name or "\0" in name:
            raise self._refused("has a name that no file can have")
        self._check_form(name, path, fields)
        folder = self._find_folder(name, path)
        folder.entries += 1
        what = (name, fields["type"], fields.get("size"), fields.get("inode"), fields.get("mtime"))
        folder.digest.update(repr(what).encode("utf-8", "surrogatepass"))
        if fields["type"] == "dir":
            self._folders.append(_Folder(path))
        return read_node(fields)

    def end(self) -> None:
        """Refuse a listing that never began."""
        if not self._begun:
            raise HostileSnapshotError(self.snapshot, "restic does not list it")

    def _check_form(self, name: str, path: str, fields: Mapping[str, Any]) -> None:
        if fields.get("type") not in TYPES:
            raise self._refused("has a type that restic does not know")
        size_bytes = fields.get("size", 0)
        if type(size_bytes) is not int or not 0 <= size_bytes <= LARGEST_FILE_BYTES:
            raise self._refused("has a size that no file can have")
        numbers = [fields.get(each, 0) for each in ("mode", "uid", "gid")]
        if any(type(each) is not int or not 0 <= each < 1 << 32 for each in numbers):
            raise self._refused("has a mode or an owner that no file can have")
        if not isinstance(fields.get("mtime", ""), str):
            raise self._refused("has a time that no file can have")
        if len(_bytes(name)) > MAX_NAME_BYTES or len(path) > MAX_PATH_BYTES:
            raise self._refused("has a longer name or path than any file")
        if path.count("/") > MAX_DEPTH:
            raise self._refused(f"is in more than {MAX_DEPTH} nested folders")

    def _find_folder(self, name: str, path: str) -> _Folder:
        parent = path.removesuffix(f"/{name}")
        if len(parent) == len(path):
            raise self._refused("is outside its folder")
        while self._folders and self._folders[-1].path != parent:
            self._leave(self._folders.pop())
        if not self._folders:
            raise self._refused("is in something that is not a folder")
        folder = self._folders[-1]
        if REPLACED in name:
            self._hold(folder, name)
        else:
            self._check_order(folder, _bytes(name))
        return folder

    def _leave(self, folder: _Folder) -> None:
        """Count the entries of a folder, and check whether the same folder was listed before."""
        self._held -= len(folder.odd)
        if not self._folders:
            return
        digest = folder.digest.digest()
        if folder.entries >= SMALLEST_REMEMBERED:
            if digest in self._known:
                folder.repeated = folder.entries
            self._known.add(digest)
        above = self._folders[-1]
        above.entries += folder.entries
        above.repeated += folder.repeated
        above.digest.update(digest)
        repeated = sum(each.repeated for each in self._folders)
        if repeated > max(MAX_REPEATED, MAX_REPEATED_TO_NEW * (self.entries - repeated)):
            raise HostileSnapshotError(self.snapshot, "its folders repeat each other too often")

    def _check_order(self, folder: _Folder, name: bytes) -> None:
        if name <= folder.last:
            raise self._refused("is twice in one folder or out of order")
        folder.last = name

    def _hold(self, folder: _Folder, name: str) -> None:
        if name in folder.odd or self._held >= MAX_HELD_NAMES:
            self.has_twins = True
            return
        folder.odd.add(name)
        self._held += 1

    def _refused(self, what: str) -> HostileSnapshotError:
        return HostileSnapshotError(self.snapshot, f"entry {self.entries} of its list {what}")


class BytesListing:
    """The check of the names' bytes, for a listing accepted by `Listing`: no folder has the same name twice."""

    def __init__(self, snapshot: str) -> None:
        self._snapshot = snapshot
        self._entries = 0
        self._folders: list[tuple[bytes, bytes]] = [(b"", b"")]

    def read(self, path: bytes) -> None:
        """Take the next path of the listing; HostileSnapshotError when its folder already has that name."""
        self._entries += 1
        parent, _, name = path.rpartition(b"/")
        # A path that is no folder may stay in the list: nothing is inside it.
        while self._folders and self._folders[-1][0] != parent:
            self._folders.pop()
        if not self._folders or not name or self._folders[-1][1] >= name:
            raise HostileSnapshotError(
                self._snapshot, f"entry {self._entries} of its list is twice in one folder or out of order"
            )
        self._folders[-1] = (parent, name)
        self._folders.append((path, b""))


def pair_bytes(snapshot: str, nodes: Iterable[Node], lines: Iterable[bytes]) -> Iterator[tuple[Node, bytes]]:
    """Yield each entry with its path in bytes, from restic's two forms of one listing.

    ``lines`` are those of the plain form: a path there has as many line ends as its name.
    """
    rest = iter(lines)
    for node in nodes:
        parts = [next(rest, b"") for _ in range(node.path.count("\n") + 1)]
        path = b"".join(parts).removesuffix(b"\n")
        if as_listed(path) != node.path:
            raise HostileSnapshotError(snapshot, "restic's two lists of it differ")
        yield node, path
    if next(rest, b""):
        raise HostileSnapshotError(snapshot, "restic's two lists of it differ")


def split_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a stream of blocks, each with its end; EndlessOutputError for one without end."""
    rest = b""
    for block in blocks:
        *lines, rest = (rest + block).split(b"\n")
        yield from (line + b"\n" for line in lines)
        if len(rest) > LINE_BYTES:
            raise endless("restic, in one line,", LINE_BYTES)
    if rest:
        yield rest


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")
