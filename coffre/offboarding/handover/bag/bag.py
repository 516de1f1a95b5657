"""A BagIt bag (RFC 8493) on a local disk: payload under data/, manifests of SHA-256, and tag files.

The `bagit` library moves files into its bags, follows links out of them and keeps every name in memory, so Coffre
writes its bags itself; they are verified with that library.
"""

import json
import os
import subprocess
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from coffre import toolchain
from coffre.offboarding.handover.bag.layout import BAG_INFO, BAGIT, MANIFEST, SUMMARY, TAG_MANIFEST
from coffre.outside.beneath import Beneath
from coffre.outside.environment import child_environment
from coffre.outside.files import open_plain

HASHED_AT_ONCE = 2
BATCH_FILES = 64
_DECLARATION = "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


@dataclass(frozen=True)
class HashedFile:
    """One file of a bag: its path in it, its SHA-256, and its size."""

    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class Payload:
    """The content of a manifest, and the SHA-256 of the manifest itself."""

    files: int
    bytes: int
    manifest_sha256: str


def hash_files(bag: Path, paths: Iterable[str]) -> Iterator[HashedFile]:
    """Yield every file's hash in the order of ``paths``, reading two at a time (hashing releases Python's lock).

    Only regular files without a link in their path are read, up to their first size; OSError for anything else.
    """
    waiting: deque[Future[list[HashedFile]]] = deque()
    remaining = iter(paths)
    with ThreadPoolExecutor(HASHED_AT_ONCE) as executor:
        while batch := list(islice(remaining, BATCH_FILES)):
            waiting.append(executor.submit(_hash_batch, bag, batch))
            if len(waiting) > 2 * HASHED_AT_ONCE:
                yield from waiting.popleft().result()
        for hashed in waiting:
            yield from hashed.result()


def write_manifest(bag: Path, files: Iterable[HashedFile]) -> Payload:
    """Write the payload manifest."""
    count = total_bytes = 0
    with (bag / MANIFEST).open("w", encoding="utf-8", newline="\n") as manifest:
        for file in files:
            manifest.write(f"{file.sha256}  {file.path}\n")
            count, total_bytes = count + 1, total_bytes + file.bytes
    return Payload(count, total_bytes, toolchain.sha256_file(bag / MANIFEST))


def read_manifest(bag: Path, name: str = MANIFEST) -> Iterator[tuple[str, str]]:
    """Yield SHA-256 and path of each line of a manifest."""
    with os.fdopen(open_plain(bag / name), encoding="utf-8", newline="\n") as manifest:
        for line in manifest:
            sha256, path = line.rstrip("\n").split("  ", 1)
            yield sha256, path


def write_tags(bag: Path, information: Iterable[tuple[str, str]], summary: Mapping[str, object]) -> None:
    """Write the other files of a bag beside its manifest; the summary last, since it marks the bag as complete.

    Every file beside data/ is in the tag manifest.
    """
    (bag / BAGIT).write_text(_DECLARATION, encoding="utf-8")
    lines = [f"{name}: {' '.join(value.split())}\n" for name, value in information]
    (bag / BAG_INFO).write_text("".join(lines), encoding="utf-8")
    text = json.dumps(summary, ensure_ascii=False, indent=1) + "\n"
    pending = bag / f".{SUMMARY}"
    pending.write_text(text, encoding="utf-8")
    tags = sorted(each.name for each in bag.iterdir() if each.is_file() and not each.name.startswith("."))
    lines = [f"{toolchain.sha256_file(bag / name)}  {name}\n" for name in tags if name not in (TAG_MANIFEST, SUMMARY)]
    lines.append(f"{toolchain.sha256_file(pending)}  {SUMMARY}\n")
    (bag / TAG_MANIFEST).write_text("".join(lines), encoding="utf-8")
    sync(bag)
    pending.rename(bag / SUMMARY)


def find_changed(bag: Path, name: str = MANIFEST) -> list[str]:
    """Return the paths of a manifest whose file is missing or different, read from the disk."""
    lines = read_manifest(bag, name)
    wanted: deque[tuple[str, str]] = deque()
    changed: list[str] = []

    def there(below: Beneath) -> Iterator[str]:
        for sha256, path in lines:
            if below.is_file(path.encode()):
                wanted.append((sha256, path))
                yield path
            else:
                changed.append(path)

    with Beneath(bag) as below:
        for file in hash_files(bag, there(below)):
            sha256, path = wanted.popleft()
            if sha256 != file.sha256:
                changed.append(path)
    return changed


def sync(folder: Path) -> None:
    """Make the file system of a folder write its cached data to disk."""
    subprocess.run(["sync", "--file-system", folder], check=True, env=child_environment(os.environ))


def _hash_batch(bag: Path, paths: list[str]) -> list[HashedFile]:
    with Beneath(bag) as below:
        return [HashedFile(path, *below.hash_file(path.encode())) for path in paths]
