"""The end of a tenant's stack: removes Pulumi's files of it, once none of its resources exists."""

import gzip
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from coffre.errors import BusyError
from coffre.provisioning.engine.stack import state_folder
from coffre.provisioning.engine.state import PROJECT, has_owner
from coffre.spec.loader import Checkout
from coffre.workspace import fence
from coffre.workspace.files import remove_paths
from coffre.workspace.paths import PULUMI_HOME, stack_folder


def remove_stack_files(checkout: Checkout, slug: str) -> list[str]:
    """Remove a stack's state, history, backups, locks, logs and work folder; returns the removed paths, from the root.

    The caller has checked that the platform has nothing left of the tenant: otherwise its resources would be orphaned.
    May run twice. BusyError while a Pulumi of this computer, or of another one, has the stack's lock.
    """
    fence.check()
    states = state_folder(checkout)
    held = [lock for lock in states.list_locks(slug) if has_owner(lock)]
    if held:
        raise BusyError(
            f"the stack of {slug} is locked by {held[0]}", "Wait for it to end, then run the same command again."
        )
    return [*states.remove(slug), *remove_files(_list_own(checkout, slug), checkout.root)]


def list_stack_files(checkout: Checkout, slug: str) -> list[str]:
    """Return the existing files of a stack, as `remove_stack_files` would remove them; changes nothing."""
    own = [_shown(path, checkout.root) for path in _list_own(checkout, slug) if path.exists()]
    return [*state_folder(checkout).list_places(slug), *own]


def remove_files(paths: Iterable[Path], root: Path) -> list[str]:
    """Remove files and folders, a link as itself; returns the removed ones, in a readable form."""
    return [_shown(path, root) for path in remove_paths(paths)]


def list_traces(home: Path, slug: str) -> Iterator[Path]:
    """Yield the traces of a stack in Pulumi's own folder: the logs of its runs, and where it was selected."""
    run = re.compile(rf"organization\+{PROJECT}\+{re.escape(slug)}-\d{{8}}T\d{{6}}.*\.log")
    named = re.compile(rf"(?<![a-z0-9_-]){re.escape(slug)}(?![a-z0-9_-])".encode())
    for path in sorted((home / "logs").glob("*.log")):
        if run.fullmatch(path.name) or (path.name.startswith("pulumi-") and named.search(_unpacked(path))):
            yield path
    for path in sorted((home / "workspaces").glob(f"{PROJECT}-*.json")):
        if named.search(path.read_bytes()):
            yield path


def _list_own(checkout: Checkout, slug: str) -> list[Path]:
    """Return what a stack has on this computer besides its state."""
    return [stack_folder(checkout.root, slug), *list_traces(checkout.root / PULUMI_HOME, slug)]


def _shown(path: Path, root: Path) -> str:
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _unpacked(path: Path) -> bytes:
    packed = path.read_bytes()
    try:
        return gzip.decompress(packed)
    except (OSError, EOFError):
        return packed  # the log of a killed run, or of a Pulumi that writes plain text
