"""Shows and changes the list of recipients, and encrypts every bundle again for the new list.

At every moment each bundle is one complete file for the old or the new list. Both lists have at least two keys, one
of them ours. While some bundles are not yet encrypted for the new list, a mark exists; the same command again
finishes the work.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pydantic import SecretStr

from coffre.errors import ExpectedError, RefusedError, UsageError
from coffre.outside.text import split_lines
from coffre.secrets import age, files
from coffre.secrets.holders import keys
from coffre.secrets.places import BUNDLE_SUFFIX, LockShared, Places, list_bundles
from coffre.secrets.store import DEFAULT_WAIT_SECONDS, check_is_recipient
from coffre.workspace.file_store import FileStore

PENDING_FILE = ".recipients-pending"
_LOCK = "recipients"

OnProgress = Callable[[str], None]


@dataclass(frozen=True)
class Recipient:
    """A public key of the list; ``note`` is the comment above it, ``is_own`` marks the key of the current identity."""

    key: str
    note: str
    is_own: bool


@dataclass(frozen=True)
class RecipientList:
    """The current list; ``is_pending`` when some bundles are still encrypted for an earlier one."""

    recipients: tuple[Recipient, ...]
    is_pending: bool


@dataclass(frozen=True)
class Vault:
    """The two places, and the identity that opens their bundles."""

    places: Places
    identity: Path
    root: Path
    wait_seconds: float = DEFAULT_WAIT_SECONDS

    @classmethod
    def open(
        cls,
        primary: FileStore | Path,
        escrow: FileStore | Path,
        root: Path,
        *,
        lock_shared: LockShared | None = None,
        environment: Mapping[str, str] = os.environ,
    ) -> "Vault":
        """Return the vault of two places; the environment gives the path of the operator's identity."""
        return cls(Places.open(primary, escrow, root, lock_shared), keys.identity_path(environment), root)

    @property
    def is_pending(self) -> bool:
        """Whether some bundles are still encrypted for an earlier list."""
        return self.places.primary.read(PENDING_FILE) is not None

    @cached_property
    def identities(self) -> tuple[SecretStr, ...]:
        """The operator's identities, read when a bundle is first opened."""
        return keys.read_identities(self.identity, self.root)

    def bundles(self) -> list[tuple[FileStore, str]]:
        """Return every bundle of both places, the escrow's first, in the order of a save."""
        return [(place, name) for place in reversed(self.places.both) for name in list_bundles(place)]

    def read_list(self) -> str:
        """Return the text of the list of recipients."""
        return (self.places.primary.read(keys.RECIPIENTS_FILE) or b"").decode()


def list_recipients(vault: Vault) -> RecipientList:
    """Return the recipients of the bundles, in the order of the file."""
    known = keys.read_recipients(vault.places.primary)
    notes = _notes(vault.read_list())
    own = {age.public_half(identity) for identity in vault.identities} if vault.identity.exists() else set()
    found = tuple(Recipient(key, notes.get(key, ""), key in own) for key in known)
    return RecipientList(found, vault.is_pending)


def add_recipient(vault: Vault, key: str, note: str, on_progress: OnProgress) -> int:
    """Add a public key and encrypt every bundle for it too; returns how many files were written.

    May run again, also for a key that is on the list: every bundle is then encrypted again.
    """
    _check_key(key)
    with _changing(vault):
        text = vault.read_list()
        if key not in keys.read_recipients(vault.places.primary):
            text = text.rstrip("\n") + "\n" + (f"# {' '.join(note.split())}\n" if note.strip() else "") + f"{key}\n"
        return _change(vault, text, on_progress)


def remove_recipient(vault: Vault, key: str, on_progress: OnProgress) -> int:
    """Remove a public key from the list and encrypt every bundle for the others only; see `add_recipient`.

    RefusedError when fewer than two keys would be left. The holder of the key knows the former content of the bundles.
    """
    _check_key(key)
    with _changing(vault):
        current = keys.read_recipients(vault.places.primary)
        if key not in current:
            if vault.is_pending:
                return _change(vault, vault.read_list(), on_progress)
            raise UsageError("this key is not on the list", "`coffre secrets recipients list` shows those that are.")
        if len(current) - 1 < keys.MINIMUM_RECIPIENTS:
            raise RefusedError(
                f"the list would have {len(current) - 1} key left; at least {keys.MINIMUM_RECIPIENTS} are needed",
                "One lost key must not make all backups unreadable: first `coffre secrets recipients add` another.",
            )
        text = _without(vault.read_list(), key)
        return _change(vault, text, on_progress)


def _change(vault: Vault, text: str, on_progress: OnProgress) -> int:
    """Apply a list: write the mark, the list and the bundles, then remove the mark."""
    places = vault.places
    following = tuple(line for line in map(str.strip, split_lines(text)) if line and not line.startswith("#"))
    check_is_recipient(vault.identities, following, vault.identity, places.primary.shown(keys.RECIPIENTS_FILE))
    _check_all_open(vault)
    with files.explained(f"write the list of recipients in {places.primary.shown()} and escrow"):
        places.primary.write(PENDING_FILE, b"Some bundles are still encrypted for an earlier list.\n")
        for place in reversed(places.both):
            place.write(keys.RECIPIENTS_FILE, text.encode())
    # Listed only now: other runs write their bundles for the new list from here on.
    bundles = vault.bundles()
    for place, name in bundles:
        on_progress(f"encrypting {place.shown(name)} for {len(following)} recipients")
        _encrypt_anew(vault, place, name, following)
    with files.explained(f"remove {places.primary.shown(PENDING_FILE)}"):
        places.primary.delete(PENDING_FILE)
    return len(bundles)


def _encrypt_anew(vault: Vault, place: FileStore, name: str, recipients: Sequence[str]) -> None:
    shown = place.shown(name)
    slug = name.removesuffix(BUNDLE_SUFFIX).rpartition(".")[0]
    with vault.places.locked(slug, vault.wait_seconds):
        content = age.unseal(_read(place, name), vault.identities, shown)
        with files.explained(f"write {shown}"):
            place.write(name, age.seal(content, recipients))
        written = _read(place, name)
        if age.unseal(written, vault.identities, shown) != content:
            raise ExpectedError(
                f"{shown} was written, but reading it back gave something else",
                "Its other copy is good. Check its disk or mount, then run the same command again.",
            )


def _check_all_open(vault: Vault) -> None:
    """Check before any change: a bundle that does not open cannot be encrypted again."""
    for place, name in vault.bundles():
        age.unseal(_read(place, name), vault.identities, place.shown(name))


def _read(place: FileStore, name: str) -> bytes:
    with files.explained(f"read {place.shown(name)}"):
        return place.read(name) or b""


def _check_key(key: str) -> None:
    if key.upper().startswith(age.SECRET_KEY_PREFIX):
        raise UsageError(
            "this is a private key instead of a public one",
            "It is in this shell's history now: make another key, and name its public half (age1…).",
        )
    if not age.is_recipient(key):
        raise UsageError("this is not an age X25519 recipient", "A public key starts with age1; age-keygen shows it.")


def _notes(text: str) -> dict[str, str]:
    notes: dict[str, str] = {}
    last = ""
    for line in map(str.strip, split_lines(text)):
        if line.startswith("#"):
            last = line.lstrip("# ")
        elif line:
            notes[line], last = last, ""
    return notes


def _without(text: str, key: str) -> str:
    """Return the list's text without a key, and without the comment line above it."""
    kept: list[str] = []
    for line in split_lines(text):
        if line.strip() != key:
            kept.append(line)
        elif len(kept) > 1 and kept[-1].startswith("#"):
            kept.pop()
    return "\n".join(kept) + "\n"


@contextmanager
def _changing(vault: Vault) -> Iterator[None]:
    """Let only one command at a time change the list; a list and an escrow must exist."""
    places = vault.places
    keys.read_recipients(places.primary)
    if not places.has_escrow:
        raise ExpectedError(
            f"{places.escrow.shown()} is not an escrow: its recipients.txt is missing",
            "Mount the escrow if it is not mounted; for a new one, run `coffre secrets init`.",
        )
    with places.locked(_LOCK, vault.wait_seconds):
        yield
