"""Finds and destroys the files of a bundle; only the secret store calls this module."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from coffre.errors import ExpectedError, RefusedError
from coffre.secrets import files
from coffre.secrets.bundles import B
from coffre.secrets.copies import Copy
from coffre.secrets.errors import ForeignBundleError
from coffre.secrets.places import BUNDLE_SUFFIX, Places
from coffre.workspace.files import delete, write_atomically

_NOTE_SUFFIX = ".destroyed"


@dataclass(frozen=True)
class BundleFiles:
    """The present or former files of one bundle, and the SHA-256 of the encrypted content.

    Copies that differed have a fingerprint each, joined by "+".
    """

    places: tuple[str, ...]
    fingerprint: str


class Traces:
    """All files of one tenant's bundle of one kind in the two folders.

    A slug contains no dot, so no other tenant's file begins with the same name.
    """

    def __init__(self, places: Places, slug: str, kind: str) -> None:
        self._places = places
        self._name = f"{slug}.{kind}{BUNDLE_SUFFIX}"
        self._note = places.primary / f".{slug}.{kind}{_NOTE_SUFFIX}"
        self._what = f"the {kind} bundle of {slug}"

    def look(self) -> BundleFiles:
        """Return the present copies, including renamed and temporary ones."""
        found = self._list()
        with files.explained(f"read {self._what}"):
            hashes = dict.fromkeys(hashlib.sha256(path.read_bytes()).hexdigest() for path in found)
        return BundleFiles(tuple(self._places.shown(path) for path in found), "+".join(hashes))

    def prove(self, copies: Sequence[Copy[B]]) -> BundleFiles | None:
        """Return the files to destroy, None without any; RefusedError unless a copy opens and is the tenant's."""
        for copy in copies:
            if isinstance(copy.problem, ForeignBundleError):
                raise RefusedError(copy.problem.message, "Nothing was deleted. Put the tenant's own bundle back first.")
        found = self.look()
        if found.places and not any(copy.bundle is not None for copy in copies):
            raise RefusedError(
                f"no copy of {self._what} opens to prove that it is this tenant's: {', '.join(found.places)}",
                "Nothing was deleted. Use the identity that opens them, or restore a good copy from a backup.",
            )
        return found if found.places else None

    def is_covered_by(self, note: BundleFiles) -> bool:
        """Tell whether all present files are those of a note, or a part of them."""
        now = self.look().fingerprint
        return not now or set(now.split("+")) <= set(note.fingerprint.split("+"))

    def read_note(self, tenant_id: str) -> BundleFiles | None:
        """Return what an earlier run began to destroy; None when there was no such run."""
        try:
            fields = json.loads(self._note.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        if fields["tenant_id"] != tenant_id:
            return None  # of a former tenant of this name
        return BundleFiles(tuple(fields["places"]), fields["fingerprint"])

    def write_note(self, tenant_id: str, destroyed: BundleFiles) -> None:
        """Note the files before their destruction: after a kill only this note names them."""
        with files.explained(f"write {self._places.shown(self._note)}"):
            text = json.dumps({"tenant_id": tenant_id, **asdict(destroyed)})
            write_atomically(self._note, text.encode())

    def delete(self) -> None:
        """Delete every copy, the escrow's first, and check again; ExpectedError when one still exists."""
        for path in reversed(self._list()):
            with files.explained(f"delete {self._places.shown(path)}"):
                delete(path)
        left = self._list()
        if left:
            raise ExpectedError(
                f"{self._what} was deleted and still exists: {', '.join(map(self._places.shown, left))}",
                "A program writes it back, maybe a synchronised folder. Stop that, then run the same command again.",
            )

    def _list(self) -> list[Path]:
        folders = (self._places.primary, self._places.escrow)
        patterns = (f"{self._name}*", f".{self._name}*")
        return sorted(path for folder in folders for pattern in patterns for path in folder.glob(pattern))


def list_notes(folder: Path, slug: str) -> list[Path]:
    """Return the notes of destroyed bundles of a tenant."""
    return sorted(folder.glob(f".{slug}.*{_NOTE_SUFFIX}"))
