"""One change of a tenant at a time on this machine; the lock goes with its process, however that ends."""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coffre.errors import BusyError

_LOOK_SECONDS = 0.1


@contextmanager
def tenant_lock(root: Path, slug: str, patience_seconds: float = 0) -> Iterator[None]:
    """Hold a tenant for the length of a change; BusyError when another command has it for longer than the patience."""
    path = lock_file(root, slug)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    until = time.monotonic() + patience_seconds
    with path.open("w") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() >= until:
                    raise BusyError(
                        f"another command is changing {slug}", "Wait for it to end and run the same command again."
                    ) from error
                time.sleep(_LOOK_SECONDS)
        yield


def lock_file(root: Path, slug: str) -> Path:
    """Return the file that is locked for the length of a change."""
    return root / ".coffre" / "locks" / slug
