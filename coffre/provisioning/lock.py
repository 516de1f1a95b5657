"""One change of a tenant at a time on this machine; the lock goes with its process, however that ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coffre.errors import BusyError


@contextmanager
def tenant_lock(root: Path, slug: str) -> Iterator[None]:
    """Hold a tenant for the length of a change; BusyError at once when another command has it."""
    folder = root / ".coffre" / "locks"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / slug).open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                f"another command is changing {slug}", "Wait for it to end and run the same command again."
            ) from error
        yield
