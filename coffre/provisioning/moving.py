"""Moves what the embedded default keeps in one checkout to where a team reaches it, and verifies each part there.

The order is state, bundles, records; then the marks, so that nobody goes on with what stays. A run may be killed at any
point and run again: what was copied is compared, and only what is missing is copied.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from coffre.errors import ExpectedError, InvalidFileError, RefusedError, UsageError
from coffre.provisioning.engine.state import StateFolder
from coffre.provisioning.engine.states import BucketStates
from coffre.records.database.location import locate
from coffre.records.database.moving import RecordsMoved, move_records
from coffre.records.events import EventKind
from coffre.secrets.holders import keys
from coffre.secrets.holders.verify import refuse_unopened
from coffre.secrets.places import list_bundles
from coffre.spec.loader import Checkout
from coffre.spec.platform import PlatformFile
from coffre.spec.rules.stores import check_stores
from coffre.storage.stores import open_store
from coffre.workspace.file_store import FileStore, FolderStore
from coffre.workspace.files import make_private_folder
from coffre.workspace.locks import named_lock, tenant_busy
from coffre.workspace.moved import find_moved, mark_moved
from coffre.workspace.paths import PULUMI_FOLDER

OnProgress = Callable[[str], None]
_WAIT_SECONDS = 10.0
_FILE = "file:"


@dataclass(frozen=True)
class Destination:
    """The new values of platform.yaml; None: it stays as it is."""

    state: str | None = None
    records: str | None = None
    secrets: str | None = None
    escrow: str | None = None

    @property
    def changes(self) -> dict[str, str]:
        return {key: value for key, value in vars(self).items() if value is not None}


@dataclass(frozen=True)
class TeamMove:
    """The result: how many files were verified at each new place, and the records.

    ``counts`` has stacks and bundles by the key of platform.yaml; None: an earlier run has moved and marked them.
    """

    changes: dict[str, str]
    counts: dict[str, int | None]
    records: RecordsMoved | None


def move_to_team(
    checkout: Checkout,
    to: Destination,
    trimmable: Collection[EventKind],
    now: datetime,
    on_progress: OnProgress,
    identity: Path,
) -> TeamMove:
    """Copy state, bundles and records to their new places, verify them there, and mark the old ones as moved.

    Every tenant is locked in this checkout meanwhile; ``identity`` opens the bundles. RefusedError when a new place has
    something else, or anything is not whole.
    """
    settings = _check(checkout, to)
    identities = keys.read_identities(identity, checkout.root) if to.secrets or to.escrow else ()
    with _all_locked(checkout):
        counts: dict[str, int | None] = {}
        if to.state:
            counts["state"] = _move_state(checkout, settings, on_progress)
        for key in ("secrets", "escrow"):
            if getattr(to, key):
                old = _folder(getattr(checkout.settings, key), checkout.root, key)
                new = open_store(getattr(settings, key), settings, checkout.root)
                counts[key] = _copy_bundles(old, new, identities, on_progress)
        moved = None
        if to.records:
            source, target = (locate(each, checkout.root) for each in (checkout.settings.records, to.records))
            on_progress(f"copying the records to {target.shown}")
            moved = move_records(source, target, trimmable, _WAIT_SECONDS)
        for key in ("state", "secrets", "escrow"):
            if getattr(to, key):
                folder = _folder(getattr(checkout.settings, key).removeprefix(_FILE), checkout.root, key)
                if folder.exists():
                    mark_moved(folder.folder, getattr(to, key), now)
    return TeamMove(to.changes, counts, moved)


def _check(checkout: Checkout, to: Destination) -> PlatformFile:
    """Return platform.yaml as it will be; UsageError or InvalidFileError when that cannot be."""
    if not to.changes:
        raise UsageError("nothing to move is named", "Name at least one of --state, --records, --secrets, --escrow.")
    settings = checkout.settings
    following = {
        **{key: getattr(settings, key) for key in ("state", "records", "secrets", "escrow")},
        **to.changes,
        "stores": settings.stores,
    }
    found = next(iter(check_stores(following)), None)
    if found is not None:
        value = following.get(str(found.loc[0]))
        raise InvalidFileError(
            f"platform.yaml would be invalid: {found.loc[0]}: {found.message.replace('{value}', str(value))}",
            f"{found.hint[:1].upper()}{found.hint[1:]}.",
        )
    changed = {**settings.model_dump(by_alias=True), **to.changes}
    return settings.model_copy(update={key: changed[key] for key in to.changes})


@contextmanager
def _all_locked(checkout: Checkout) -> Iterator[None]:
    with ExitStack() as held:
        for slug in checkout.tenants:
            held.enter_context(named_lock(checkout.root, slug, tenant_busy(slug)))
        yield


def _folder(reference: str, root: Path, key: str) -> FolderStore:
    if reference.startswith("s3://"):
        raise RefusedError(f"platform.yaml: {key} is in S3 already", f"Leave --{key} out.")
    return FolderStore(root / reference, root)


def _move_state(checkout: Checkout, settings: PlatformFile, on_progress: OnProgress) -> int | None:
    """Copy every stack's state and read it back; returns their number, None when an earlier run has marked them."""
    root = checkout.root
    folder = _folder(checkout.settings.state.removeprefix(_FILE), root, "state").folder
    old = StateFolder(f"file://{folder}", root)
    if settings.state.startswith(_FILE):
        raise UsageError("--state names no bucket", "Write s3://BUCKET/PREFIX.")
    store = open_store(settings.state, settings, root)
    new, again = BucketStates(store, root / PULUMI_FOLDER), open_store(settings.state, settings, root)
    if find_moved(folder) is not None:
        return None
    stacks = old.list_stacks()
    for stack in stacks:
        text = old.read_text(stack)
        if text is None:
            raise ExpectedError(
                f"the state of {stack} is compressed: Coffre does not move it", "Run `coffre apply` of it first."
            )
        old.read(stack)
        there = new.read_text(stack)
        if there is None:
            on_progress(f"copying the state of {stack}")
            new.write(stack, text)
            there = BucketStates(again, root / PULUMI_FOLDER).read_text(stack)
        if there is None or _digest(there) != _digest(text):
            raise RefusedError(
                f"{new.place(stack)} is another state than that of this checkout",
                "Nothing was written over it. Name a place that has no state yet.",
            )
    return len(stacks)


def _copy_bundles(
    old: FolderStore, new: FileStore, identities: tuple[SecretStr, ...], on_progress: OnProgress
) -> int | None:
    """Copy every bundle and the list of recipients, and open each where it is now.

    Returns the number of bundles, None when an earlier run has marked them.
    """
    if find_moved(old.folder) is not None:
        return None
    if isinstance(new, FolderStore):
        make_private_folder(new.folder)
    elif not new.exists():
        raise ExpectedError(f"there is no bucket for {new.shown()}", "Create it, with versioning, then run this again.")
    bundles = list_bundles(old)
    # The list comes last: without it nothing is saved there.
    for name in [*bundles, keys.RECIPIENTS_FILE]:
        content = old.read(name)
        if content is None:
            raise ExpectedError(f"{old.shown(name)} is missing", "Restore it first: `coffre secrets verify`.")
        there = new.read(name)
        if there is None:
            on_progress(f"copying {name} to {new.shown()}")
            new.write(name, content)
            there = new.read(name)
        if there != content:
            raise RefusedError(
                f"{new.shown(name)} is not the same as {old.shown(name)}",
                "Nothing was written over it. Name a place that has no bundles yet.",
            )
        if name != keys.RECIPIENTS_FILE:
            refuse_unopened(new, name, identities)
    return len(bundles)


def _digest(text: bytes) -> str:
    return hashlib.sha256(text).hexdigest()
