"""What a command over many tenants has done so far, on disk: after a kill the next one goes on from there.

One file for each scope, that is a command with its options. A line is added, and synced, for each tenant that is done.
A line that a kill has cut counts as not written: its tenant is done again, which is harmless.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from coffre.workspace.files import PRIVATE_FILE, PRIVATE_FOLDER, write_atomically
from coffre.workspace.paths import PROGRESS_FOLDER

KEPT = timedelta(hours=12)
"""An older interruption is history: what was done then may have been changed by others since."""
_VERSION = 1
_SUFFIX = ".jsonl"


@dataclass(frozen=True)
class Progress:
    """The progress of one scope: when it began, and a digest of the inputs of each tenant that is done."""

    path: Path
    began_at: datetime
    done: Mapping[str, str]

    def note(self, tenant: str, inputs_sha256: str) -> None:
        """Add a tenant that is done."""
        line = json.dumps({"tenant": tenant, "inputs_sha256": inputs_sha256})
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_FILE)
        try:
            os.write(descriptor, f"{line}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def end(self) -> None:
        """Forget it: everything is done, or the next command should do everything again."""
        self.path.unlink(missing_ok=True)


def open_progress(root: Path, scope: str, now: datetime, *, anew: bool = False) -> Progress:
    """Return the progress of an interrupted command of the same scope, or begin one; ``anew`` forgets the former."""
    folder = root / PROGRESS_FOLDER
    folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE_FOLDER)
    for path in folder.glob(f"*{_SUFFIX}"):
        if now.timestamp() - path.stat().st_mtime > KEPT.total_seconds():
            path.unlink(missing_ok=True)
    path = folder / f"{hashlib.sha256(scope.encode()).hexdigest()[:24]}{_SUFFIX}"
    found = None if anew else _read(path)
    if found is None or not timedelta() <= now - found.began_at < KEPT:
        found = Progress(path, now, {})
    lines = [{"version": _VERSION, "began_at": found.began_at.isoformat()}]
    done = [{"tenant": tenant, "inputs_sha256": digest} for tenant, digest in found.done.items()]
    write_atomically(path, "".join(f"{json.dumps(line)}\n" for line in (*lines, *done)).encode(), is_alone=False)
    return found


def _read(path: Path) -> Progress | None:
    """Read a file of progress; None without one that this version wrote."""
    try:
        head, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        fields = json.loads(head)
        if fields["version"] != _VERSION:
            return None
        began_at = datetime.fromisoformat(fields["began_at"])
        entries = [json.loads(line) for line in lines if line.endswith("\n")]
        return Progress(path, began_at, {str(each["tenant"]): str(each["inputs_sha256"]) for each in entries})
    except (OSError, ValueError, KeyError, TypeError):
        return None
