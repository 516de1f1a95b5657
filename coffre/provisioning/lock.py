"""One change of a tenant at a time on this machine; the lock goes with its process, however that ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coffre.errors import BusyError


@contextmanager
def tenant_lock(root: Path, slug: str) -> Iterator[None]:
    """Hold a tenant for the length of a change; BusyError at once when another command has it."""
    path = lock_file(root, slug)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                f"another command is changing {slug}", "Wait for it to end and run the same command again."
            ) from error
        yield


def lock_file(root: Path, slug: str) -> Path:
    """Return the file that is locked for the length of a change."""
    return root / ".coffre" / "locks" / slug
