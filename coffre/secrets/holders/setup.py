"""Sets up a secret store: identity, recovery key, list of recipients, and the two folders."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from coffre.errors import ExpectedError, RefusedError
from coffre.secrets import age, files
from coffre.secrets.holders import keys
from coffre.secrets.places import Places, list_bundles
from coffre.secrets.store import DEFAULT_WAIT_SECONDS, check_is_recipient
from coffre.workspace.file_store import FileStore, FolderStore
from coffre.workspace.files import make_private_folder, write_atomically

RECOVERY_FILE = "recovery-identity.txt"

_IDENTITY_TEXT = """\
# The identity that opens Coffre's secret bundles. Keep it on this machine, readable by you alone.
# public key: {public}
{secret}
"""
_RECOVERY_TEXT = """\
# The recovery identity of Coffre's secret bundles, for the day when every other one is lost.
# MOVE this file off this machine, into a safe; print it if you like. Coffre never needs it here.
# public key: {public}
{secret}
"""
_RECIPIENTS_TEXT = """\
# Whom every secret bundle is encrypted for: at least two age X25519 public keys, one a line.
# the operator's identity
{operator}
# the recovery identity, kept in a safe
{recovery}
"""


@dataclass(frozen=True)
class SetupResult:
    """The result of `init`; it names private keys only by their files.

    ``created`` lists what this call created: empty when everything existed. ``recovery_identity`` is set while the
    private half of the recovery key is still beside the identity, and not in a safe.
    """

    identity: Path
    recipients: tuple[str, ...]
    created: tuple[str, ...]
    recovery_identity: Path | None


@dataclass
class _Setup:
    places: Places
    identity: Path
    root: Path
    created: list[str] = field(default_factory=list)

    def shown(self, path: Path) -> str:
        return str(path.relative_to(self.root)) if path.is_relative_to(self.root) else str(path)

    @property
    def recovery(self) -> Path:
        return self.identity.with_name(RECOVERY_FILE)


def init(
    primary: FileStore | Path, escrow: FileStore | Path, root: Path, *, environment: Mapping[str, str] = os.environ
) -> SetupResult:
    """Create the missing ones of identity, recovery key, list of recipients and folders; may run again at any time.

    A bucket exists before: whoever pays for it creates it.

    RefusedError when bundles exist that a new key could not open, or when the list of recipients names keys and none of
    them is here: a new key would then hide that the right one is lost.
    """
    places = Places.open(primary, escrow, root)
    _refuse_missing_bucket(places)
    setup = _Setup(places, keys.identity_path(environment), root)
    keys.check_outside(setup.identity, root)
    keys.check_outside(setup.recovery, root)
    listed = _find_list(places)
    _check_may_start(setup, listed)
    with _locked(setup):
        text = (listed.read(keys.RECIPIENTS_FILE) if listed else None) or _mint_recipients(setup).encode()
        for place in places.both:
            _make_place(setup, place)
        # The list in the secrets folder comes last: it completes the set-up, and before it nothing can be saved.
        for place in (places.escrow, places.primary):
            if place.read(keys.RECIPIENTS_FILE) is None:
                with files.explained(f"write {place.shown(keys.RECIPIENTS_FILE)}"):
                    place.write(keys.RECIPIENTS_FILE, text)
                setup.created.append(place.shown(keys.RECIPIENTS_FILE))
    return SetupResult(
        identity=setup.identity,
        recipients=keys.read_recipients(places.primary),
        created=tuple(setup.created),
        recovery_identity=setup.recovery if setup.recovery.exists() else None,
    )


def make_identity(
    primary: FileStore | Path, escrow: FileStore | Path, root: Path, *, environment: Mapping[str, str] = os.environ
) -> tuple[Path, str, bool]:
    """Create this operator's identity if it is missing, for work beside others; changes no list of recipients.

    Returns its file, its public key, and whether it was created now.
    """
    setup = _Setup(Places.open(primary, escrow, root), keys.identity_path(environment), root)
    keys.check_outside(setup.identity, root)
    with _locked(setup):
        public = _ensure_identity(setup, setup.identity, _IDENTITY_TEXT)
    return setup.identity, public, bool(setup.created)


def _find_list(places: Places) -> FileStore | None:
    return next((place for place in places.both if place.read(keys.RECIPIENTS_FILE) is not None), None)


def _make_place(setup: _Setup, place: FileStore) -> None:
    if isinstance(place, FolderStore):
        with files.explained(f"make {place.shown()}"):
            if make_private_folder(place.folder):
                setup.created.append(place.shown())


def _refuse_missing_bucket(places: Places) -> None:
    for place in places.both:
        if not isinstance(place, FolderStore) and not place.exists():
            raise ExpectedError(
                f"there is no bucket for {place.shown()}",
                "Create it at its service, with versioning, then run this again.",
            )


def _check_may_start(setup: _Setup, listed: FileStore | None) -> None:
    places = setup.places
    bundles = [*list_bundles(places.primary), *list_bundles(places.escrow)]
    if listed is None:
        if bundles:
            raise RefusedError(
                f"there are already bundles ({bundles[0]}), but no recipients.txt with their recipients",
                f"Restore {places.primary.shown(keys.RECIPIENTS_FILE)} with the public keys of these bundles; "
                "new keys could not open them.",
            )
        return
    shown = listed.shown(keys.RECIPIENTS_FILE)
    if not setup.identity.exists():
        raise RefusedError(
            f"{shown} names keys, but there is no identity at {setup.identity}",
            f"Bring one of their identities here, or name it with {keys.IDENTITY_VARIABLE}. Or make your own with "
            "`coffre secrets identity`: a colleague adds it."
            + ("" if bundles else " If nothing was ever saved, remove that file first."),
        )
    identities = keys.read_identities(setup.identity, setup.root)
    check_is_recipient(identities, keys.read_recipients(listed), setup.identity, shown)
    only_here = sorted(set(list_bundles(places.primary)) - set(list_bundles(places.escrow)))
    if only_here and not places.has_escrow:
        raise RefusedError(
            f"{places.escrow.shown()} has no recipients.txt and lacks bundles (the first is {only_here[0]})",
            f"Mount the escrow if it is not mounted; for a new one, copy everything of {places.primary.shown()} "
            "there first.",
        )


def _mint_recipients(setup: _Setup) -> str:
    """Return the text of a first list of recipients; reuses the keys of an interrupted run."""
    operator = _ensure_identity(setup, setup.identity, _IDENTITY_TEXT)
    recovery = _ensure_identity(setup, setup.recovery, _RECOVERY_TEXT)
    return _RECIPIENTS_TEXT.format(operator=operator, recovery=recovery)


def _ensure_identity(setup: _Setup, path: Path, text: str) -> str:
    """Return the public half of an identity file; creates the file when there is none."""
    if not path.exists():
        secret = age.new_identity()
        _write_missing(setup, path, text.format(public=age.public_half(secret), secret=secret.get_secret_value()))
        return age.public_half(secret)
    first: SecretStr = keys.read_identities(path, setup.root)[0]
    return age.public_half(first)


def _write_missing(setup: _Setup, path: Path, text: str) -> None:
    if path.exists():
        return
    with files.explained(f"write {setup.shown(path)}"):
        write_atomically(path, text.encode())
    setup.created.append(setup.shown(path))


@contextmanager
def _locked(setup: _Setup) -> Iterator[None]:
    folder = setup.identity.parent
    with files.explained(f"make {folder}"):
        make_private_folder(folder)
    with files.locked(folder / ".lock", str(folder), DEFAULT_WAIT_SECONDS):
        yield
