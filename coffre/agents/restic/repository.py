"""A machine's restic repository, opened from here with the owner's key: what SMILÉO does to it, apart from backups."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from pydantic import SecretStr

from coffre import toolchain
from coffre.agents.restic.output import (
    Node,
    RestoreSummary,
    Snapshot,
    exact_pattern,
    read_line,
    read_node,
    read_restore_summary,
    read_snapshot,
)
from coffre.agents.restic.process import ResticCommand, ResticError, stream

__all__ = ["Node", "Repository", "ResticError", "RestoreSummary", "S3Key", "Snapshot"]

NO_REPOSITORY = 10
QUICK_SECONDS = 60.0
"""For what reads or writes a handful of objects; restic would go on trying for 15 minutes."""
LISTING_SECONDS = 2 * 3600.0
LONG_SECONDS = 24 * 3600.0

OnProgress = Callable[[float], None]
"""Called with the part that is done, 0 to 1."""


class S3Key(Protocol):
    """One S3 key pair, as storage has it."""

    @property
    def access_key_id(self) -> str: ...

    @property
    def secret_access_key(self) -> str: ...


class Repository:
    """One restic repository, with a key and its password.

    Reading takes no lock, so that the repository of a full or frozen tenant can be read. Nothing is cached on this
    computer unless ``cache_dir`` names a directory. ``ca_file`` None means the system's certificate authorities.
    Every method raises ResticError.
    """

    def __init__(
        self,
        url: str,
        key: S3Key,
        password: SecretStr,
        *,
        ca_file: Path | None = None,
        region: str = "default",
        cache_dir: Path | None = None,
    ) -> None:
        self._url = url
        self._key = key
        self._password = password
        self._ca_file = ca_file
        self._region = region
        self._cache_dir = cache_dir

    def init(self) -> bool:
        """Make the repository; False when there is one that this password opens. May run twice."""
        try:
            self._run(["cat", "config", "--no-lock"], QUICK_SECONDS)
        except ResticError as problem:
            if problem.exit_code_of_restic != NO_REPOSITORY:
                raise
            self._run(["init"], QUICK_SECONDS)
            return True
        return False

    def snapshots(self) -> list[Snapshot]:
        """Return every snapshot, oldest first by the machine's clock."""
        lines = self._run(["snapshots", "--no-lock"], QUICK_SECONDS)
        found = [read_snapshot(fields) for fields in json.loads("".join(lines) or "[]") or []]
        return sorted(found, key=lambda snapshot: snapshot.taken_at)

    def ls(self, snapshot: str) -> Iterator[Node]:
        """Yield every entry of a snapshot as it is read; the program ends when the iterator is closed."""
        for line in self._stream(["ls", "--no-lock", snapshot], LISTING_SECONDS):
            fields = read_line(line)
            if fields.get("message_type") == "node" or fields.get("struct_type") == "node":
                yield read_node(fields)

    def has_path(self, snapshot: str, path: str) -> bool:
        """Tell whether a snapshot holds an absolute path, file or folder."""
        lines = self._run(["ls", "--no-lock", snapshot, path], LISTING_SECONDS)
        return any(read_line(line).get("struct_type") == "node" for line in lines)

    def restore(
        self,
        snapshot: str,
        target: Path,
        *,
        includes: Sequence[str] = (),
        on_progress: OnProgress | None = None,
        no_cache: bool = False,
        deadline_seconds: float = LONG_SECONDS,
    ) -> RestoreSummary:
        """Restore a snapshot, or only some absolute paths of it with what is below them, under ``target``.

        The names are taken literally, not as patterns. A name that the snapshot lacks restores nothing: the summary's
        count tells. What was restored before a failure stays in ``target``.
        """
        arguments = ["restore", "--no-lock", "--sparse", snapshot, "--target", str(target)]
        arguments += [f"--include={exact_pattern(path)}" for path in includes]
        summary = RestoreSummary(0, 0)
        for line in self._stream(arguments, deadline_seconds, no_cache=no_cache):
            fields = read_line(line)
            if fields.get("message_type") == "status" and on_progress is not None:
                on_progress(float(fields.get("percent_done", 0.0)))
            elif fields.get("message_type") == "summary":
                summary = read_restore_summary(fields)
        return summary

    def compare(self, snapshot: str, target: Path) -> int:
        """Read what a restore wrote under ``target`` against the repository; returns the bytes that are not as there.

        Nothing is written. Empty files and entries without content are not looked at.
        """
        summary = RestoreSummary(0, 0)
        arguments = ["restore", "--no-lock", "--dry-run", snapshot, "--target", str(target)]
        for line in self._stream(arguments, LONG_SECONDS):
            fields = read_line(line)
            if fields.get("message_type") == "summary":
                summary = read_restore_summary(fields)
        return summary.restored_bytes

    def check(self, *, read_data: bool = False) -> None:
        """Check the repository's structure, with ``read_data`` every pack's content; returns only when all is well."""
        self._run(["check", "--no-lock", *(["--read-data"] if read_data else [])], LONG_SECONDS)

    def _run(self, arguments: Sequence[str], deadline_seconds: float) -> list[str]:
        return list(self._stream(arguments, deadline_seconds))

    def _stream(self, arguments: Sequence[str], deadline_seconds: float, *, no_cache: bool = False) -> Iterator[str]:
        cache = [f"--cache-dir={self._cache_dir}"] if self._cache_dir and not no_cache else ["--no-cache"]
        certificates = [f"--cacert={self._ca_file}"] if self._ca_file else []
        settings = ["--json", f"--repo={self._url}", f"--option=s3.region={self._region}", *certificates, *cache]
        secrets = {
            "AWS_ACCESS_KEY_ID": self._key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self._key.secret_access_key,
            "RESTIC_PASSWORD": self._password.get_secret_value(),
        }
        return stream(ResticCommand(toolchain.find_tool("restic"), [*settings, *arguments], secrets, deadline_seconds))
