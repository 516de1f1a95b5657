"""A machine's restic repository, opened from here with the owner's key: all of SMILÉO's operations except backups."""

import os
import re
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from coffre import toolchain
from coffre.agents.repository import (
    LONG_SECONDS,
    QUICK_SECONDS,
    REPLACED,
    IncompleteRestoreError,
    Node,
    OnFraction,
    Remains,
    RestoreSummary,
    Snapshot,
    SnapshotList,
    as_listed,
)
from coffre.agents.restic.repository.cage import NO_CAGE, Cage, authorities, no_cage
from coffre.agents.restic.repository.damage import (
    NO_KEY_OPENS,
    NO_REPOSITORY,
    DamagedPart,
    count_failed_entries,
    judge_remains,
)
from coffre.agents.restic.repository.explain import explain_damage
from coffre.agents.restic.repository.listing import BytesListing, Listing, pair_bytes, split_lines
from coffre.agents.restic.repository.output import (
    exact_pattern,
    read_fraction,
    read_line,
    read_restore_summary,
    read_size,
    read_snapshots,
)
from coffre.agents.restic.repository.process import ResticCommand, ResticError, bound_to_us, stream, stream_bytes
from coffre.agents.restic.repository.pruning import ResticPruner
from coffre.errors import RemoteError
from coffre.outside.processes import LINE_BYTES
from coffre.outside.proxies import proxy_environment, refuse_broken

SNAPSHOTS_BYTES = 64 * 1024**2
"""The longest list of snapshots: 80,000 of them."""
LISTING_SECONDS = 2 * 3600.0

_FULL_ID = re.compile(r"[0-9a-f]{64}")


class KeyPair(Protocol):
    """One S3 key pair, in the form of the storage."""

    @property
    def access_key_id(self) -> str: ...

    @property
    def secret_access_key(self) -> str: ...


class ResticRepository:
    """One restic repository, with a key (None: it is in a local folder) and its password; implements Repository.

    Reads take no lock, so that the repository of a full or frozen tenant can be read. Nothing is cached on this
    computer unless ``cache_dir`` names a directory. ``ca_file`` None means the system's certificate authorities. Every
    method raises ResticError.
    """

    def __init__(
        self,
        url: str,
        key: KeyPair | None,
        password: SecretStr,
        *,
        ca_file: Path | None = None,
        region: str = "default",
        cache_dir: Path | None = None,
        look: Callable[[], Remains] | None = None,
    ) -> None:
        self._url = url
        self._key = key
        self._password = password
        self._ca_file = ca_file
        self._region = region
        self._cache_dir = cache_dir
        self._look = look
        self._sound: set[str] = set()

    def open(self) -> None:
        """Open the repository with restic; returns only when this password opens it."""
        self._run(["cat", "config", "--no-lock"], QUICK_SECONDS)

    def snapshots(self, deadline_seconds: float = QUICK_SECONDS) -> list[Snapshot]:
        """Return every usable snapshot, oldest first by the machine's clock."""
        return list(self.list_snapshots(deadline_seconds).usable)

    def list_snapshots(self, deadline_seconds: float = QUICK_SECONDS) -> SnapshotList:
        """Return every snapshot; one that no honest restic writes is named beside the usable ones."""
        # restic prints all snapshots in one line.
        lines = self._stream(["snapshots", "--no-lock"], deadline_seconds, line_bytes=SNAPSHOTS_BYTES)
        with closing(lines):
            return read_snapshots(next(lines, ""), datetime.now(UTC))

    def ls(self, snapshot: str) -> Iterator[Node]:
        """Yield every entry of a snapshot as it is read; the program ends when the iterator is closed.

        Each entry is checked as part of a valid file tree: HostileSnapshotError, at the entry or at the end. A reader
        that reaches the end has seen everything that a restore of that id creates: trees are named by their hash.
        ``snapshot`` is a full id.
        """
        listing = Listing(_full_id(snapshot))
        with self._explained(snapshot):
            for line in self._stream(["ls", "--no-lock", "--", snapshot], LISTING_SECONDS):
                node = listing.read(read_line(line))
                if node is not None:
                    yield node
            listing.end()
            if listing.has_twins:
                for _ in self.ls_bytes(snapshot):
                    continue
        self._sound.add(snapshot)

    def ls_bytes(self, snapshot: str) -> Iterator[tuple[Node, bytes]]:
        """Yield every entry as `ls` does, with its path in bytes: restic prints both forms of its listing."""
        listing, listed_bytes = Listing(_full_id(snapshot)), BytesListing(snapshot)
        lines = self._stream(["ls", "--no-lock", "--", snapshot], LISTING_SECONDS)
        plain = self._stream_plain(["ls", "--quiet", "--no-lock", "--", snapshot], LISTING_SECONDS)
        with self._explained(snapshot), closing(lines), closing(plain):
            nodes = (node for line in lines if (node := listing.read(read_line(line))) is not None)
            for node, path in pair_bytes(snapshot, nodes, split_lines(plain)):
                listed_bytes.read(path)
                yield node, path
            listing.end()

    def check_snapshot(self, snapshot: str) -> None:
        """Refuse a snapshot that no honest restic writes, by its whole listing; fast after an earlier read of it."""
        if snapshot not in self._sound:
            for _ in self.ls(snapshot):
                continue

    def has_path(self, snapshot: str, path: str) -> bool:
        """Tell whether a snapshot has an absolute path, file or folder. This checks the whole snapshot."""
        exact, is_there = os.fsencode(path), False
        wanted = as_listed(exact)
        for node in self.ls(snapshot):
            is_there = is_there or node.path == wanted
        if is_there and REPLACED in wanted:  # other bytes may have the same display
            return any(each == exact for _, each in self.ls_bytes(snapshot))
        return is_there

    def find_link(self, snapshot: str, path: str) -> str | None:
        """Return the link in a snapshot that is part of an absolute path, None when there is none."""
        wanted = as_listed(os.fsencode(path))
        links = (node.path for node in self.ls(snapshot) if node.type == "symlink")
        return next((link for link in links if wanted.startswith(f"{link}/")), None)

    def restore(
        self,
        snapshot: str,
        target: Path,
        *,
        includes: Sequence[str] = (),
        on_progress: OnFraction | None = None,
    ) -> RestoreSummary:
        """Restore a snapshot, or only some absolute paths of it with everything below them, under ``target``.

        The names are taken literally, not as patterns. A name that the snapshot lacks restores nothing: the summary's
        count shows it. Files restored before a failure stay in ``target``. ``snapshot`` is a full id. The whole
        snapshot is checked before any write, and restic writes in a cage: RefusedError without one.
        IncompleteRestoreError when everything is there except entries that the target refused.
        """
        self.check_snapshot(snapshot)
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = target.resolve()
        arguments = ["restore", "--no-lock", "--sparse", snapshot, "--target", str(target)]
        arguments += [f"--include={exact_pattern(path)}" for path in includes]
        summary = RestoreSummary(0, 0)
        try:
            for line in self._stream(arguments, LONG_SECONDS, self._cage(target)):
                fields = read_line(line)
                if fields.get("message_type") == "status" and on_progress is not None:
                    on_progress(read_fraction(fields))
                elif fields.get("message_type") == "summary":
                    summary = read_restore_summary(fields)
        except ResticError as problem:
            failed = count_failed_entries(problem.exit_code_of_restic, problem.said)
            if failed is None:
                raise
            raise IncompleteRestoreError(problem, summary, failed) from problem
        return summary

    def compare(self, snapshot: str, target: Path, skipped: Collection[str] = ()) -> int:
        """Compare the files of a restore under ``target`` with the repository; returns how many bytes differ.

        Nothing is written. Empty files and entries without content are not compared, nor those whose paths in restic's
        listing are in ``skipped``.
        """
        self.check_snapshot(snapshot)
        target = target.resolve()
        summary, skipped_bytes = RestoreSummary(0, 0), 0
        arguments = ["restore", "--no-lock", "--dry-run", snapshot, "--target", str(target)]
        arguments += ["--verbose=2"] if skipped else []
        for line in self._stream(arguments, LONG_SECONDS, self._cage(target)):
            fields = read_line(line)
            if fields.get("message_type") == "summary":
                summary = read_restore_summary(fields)
            elif fields.get("action") in ("restored", "updated") and fields.get("item") in skipped:
                skipped_bytes += read_size(fields)
        return summary.restored_bytes - skipped_bytes

    def dump(self, snapshot: str, path: bytes, deadline_seconds: float = LONG_SECONDS) -> Generator[bytes, None, None]:
        """Yield the content of one file of a snapshot in blocks; nothing is written here. ``snapshot`` is a full id.

        The program ends when the iterator is closed.
        """
        self.check_snapshot(snapshot)
        arguments = ["dump", "--quiet", "--no-lock", "--", snapshot, os.fsdecode(path)]
        yield from self._stream_plain(arguments, deadline_seconds)

    def check(self, *, read_data: bool = False) -> None:
        """Check the repository's structure, with ``read_data`` every pack's content; returns only without error."""
        self._run(["check", "--no-lock", *(["--read-data"] if read_data else [])], LONG_SECONDS)

    def pruner(self) -> ResticPruner:
        """Return what removes backups from the repository; its program ends with this process."""

        def run(arguments: Sequence[str], deadline_seconds: float) -> Generator[str, None, None]:
            return self._stream(arguments, deadline_seconds, ends_with_us=True)

        return ResticPruner(run, self._stream)

    def _run(self, arguments: Sequence[str], deadline_seconds: float) -> None:
        for _ in self._stream(arguments, deadline_seconds):
            continue

    def _stream(
        self,
        arguments: Sequence[str],
        deadline_seconds: float,
        cage: Cage | None = None,
        line_bytes: int = LINE_BYTES,
        *,
        ends_with_us: bool = False,
    ) -> Generator[str, None, None]:
        command = replace(self._command(["--json", *arguments], deadline_seconds, cage), line_bytes=line_bytes)
        command = bound_to_us(command) if ends_with_us else command
        try:
            yield from stream(command)
        except ResticError as problem:
            if problem.exit_code_of_restic == NO_CAGE:
                raise no_cage(problem.message.partition(": ")[2]) from problem
            self._raise_what_is_gone(problem)
            raise

    def _stream_plain(self, arguments: Sequence[str], deadline_seconds: float) -> Generator[bytes, None, None]:
        try:
            yield from stream_bytes(self._command(arguments, deadline_seconds, None))
        except ResticError as problem:
            self._raise_what_is_gone(problem)
            raise

    def _raise_what_is_gone(self, problem: ResticError) -> None:
        """Check the repository's own objects when restic's exit code may mean that they are lost."""
        if self._look is None or problem.exit_code_of_restic not in (NO_REPOSITORY, NO_KEY_OPENS):
            return
        damage = judge_remains(problem.exit_code_of_restic, self._look())
        if damage is not None:
            message, hint = explain_damage(damage)
            raise ResticError(message, hint, problem.exit_code_of_restic, problem.said, damage) from problem

    def _command(self, arguments: Sequence[str], deadline_seconds: float, cage: Cage | None) -> ResticCommand:
        address = self._url.removeprefix("s3:")
        try:
            refuse_broken(address)
        except RemoteError as problem:
            raise ResticError(problem.message, problem.hint) from problem
        cached = [f"--cache-dir={self._cache_dir}"] if self._cache_dir else ["--no-cache"]
        certificates = [f"--cacert={self._ca_file}"] if self._ca_file else []
        settings = [f"--repo={self._url}", f"--option=s3.region={self._region}", *certificates, *cached]
        secrets = {
            **self._key_environment(),
            "RESTIC_PASSWORD": self._password.get_secret_value(),
            **proxy_environment(address),
        }
        program, line = toolchain.find_tool("restic"), [*settings, *arguments]
        if cage is not None:
            program, line = cage.around(program, line)
        return ResticCommand(program, line, secrets, deadline_seconds)

    def _key_environment(self) -> dict[str, str]:
        if self._key is None:
            return {}
        return {
            "AWS_ACCESS_KEY_ID": self._key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self._key.secret_access_key,
        }

    def _cage(self, target: Path) -> Cage:
        is_here = self._url.startswith("/")
        write = (target, self._cache_dir) if self._cache_dir else (target,)
        return Cage(write, (*authorities(self._ca_file), *((Path(self._url),) if is_here else ())))

    @contextmanager
    def _explained(self, snapshot: str) -> Iterator[None]:
        """Name the snapshot whose listing could not be read."""
        try:
            yield
        except ResticError as problem:
            # 2 is a panic of Go, caused by an invalid tree. Without config or key every snapshot fails the same way.
            damage = problem.damaged
            if problem.exit_code_of_restic not in (1, 2) or (
                damage and damage.part in (DamagedPart.CONFIG, DamagedPart.KEY)
            ):
                raise
            hint = f"{problem.hint} If it fails every time, put the snapshot aside: `coffre snapshot set-aside`."
            message, code = f"snapshot {snapshot}: {problem.message}", problem.exit_code_of_restic
            raise ResticError(message, hint, code, problem.said, damage) from problem


def _full_id(snapshot: str) -> str:
    """Refuse a name whose snapshot may change: "latest", or the beginning of an id."""
    if not _FULL_ID.fullmatch(snapshot):
        raise ResticError(
            f"{snapshot[:80]!r} is not the full id of a snapshot", "Name one that `coffre restore` lists."
        )
    return snapshot
