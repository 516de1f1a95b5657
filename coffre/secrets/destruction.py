"""The files in which a bundle stands or stood, and their end: only the secret store comes here."""

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
    """The files of one bundle: where they stand, or stood, and the SHA-256 of the encrypted content.

    Copies that differed have a fingerprint each, joined by "+".
    """

    places: tuple[str, ...]
    fingerprint: str


class Traces:
    """Everything that one tenant's bundle of one kind left in the two folders.

    A slug holds no dot, so that no other tenant's file begins like these.
    """

    def __init__(self, places: Places, slug: str, kind: str) -> None:
        self._places = places
        self._name = f"{slug}.{kind}{BUNDLE_SUFFIX}"
        self._note = places.primary / f".{slug}.{kind}{_NOTE_SUFFIX}"
        self._what = f"the {kind} bundle of {slug}"

    def look(self) -> BundleFiles:
        """Return the copies that are there now, put aside and temporary ones included."""
        found = self._list()
        with files.explained(f"read {self._what}"):
            hashes = dict.fromkeys(hashlib.sha256(path.read_bytes()).hexdigest() for path in found)
        return BundleFiles(tuple(self._places.shown(path) for path in found), "+".join(hashes))

    def prove(self, copies: Sequence[Copy[B]]) -> BundleFiles | None:
        """Return what is to be destroyed, None when there is nothing; RefusedError unless a copy opens as ours."""
        for copy in copies:
            if isinstance(copy.problem, ForeignBundleError):
                raise RefusedError(copy.problem.message, "Nothing was deleted. Put the tenant's own bundle back first.")
        found = self.look()
        if found.places and not any(copy.bundle is not None for copy in copies):
            raise RefusedError(
                f"no copy of {self._what} opens, so none proves to be this tenant's: {', '.join(found.places)}",
                "Nothing was deleted. Use the identity that opens them, or bring a sound copy back from a backup.",
            )
        return found if found.places else None

    def is_covered_by(self, note: BundleFiles) -> bool:
        """Tell whether all that is there now is what a note speaks of, or rests of it."""
        now = self.look().fingerprint
        return not now or set(now.split("+")) <= set(note.fingerprint.split("+"))

    def read_note(self, tenant_id: str) -> BundleFiles | None:
        """Return what an earlier run began to destroy; None when none did."""
        try:
            fields = json.loads(self._note.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        if fields["tenant_id"] != tenant_id:
            return None  # of a former tenant of this name
        return BundleFiles(tuple(fields["places"]), fields["fingerprint"])

    def write_note(self, tenant_id: str, destroyed: BundleFiles) -> None:
        """Note what is about to be destroyed: after a kill nothing else could tell any more."""
        with files.explained(f"write {self._places.shown(self._note)}"):
            text = json.dumps({"tenant_id": tenant_id, **asdict(destroyed)})
            write_atomically(self._note, text.encode())

    def delete(self) -> None:
        """Delete every copy, the escrow's first, and look again; ExpectedError when one is still there."""
        for path in reversed(self._list()):
            with files.explained(f"delete {self._places.shown(path)}"):
                delete(path)
        left = self._list()
        if left:
            raise ExpectedError(
                f"{self._what} was deleted and is still there: {', '.join(map(self._places.shown, left))}",
                "Something writes it back: a synchronised folder, say. Stop that, then run the same command again.",
            )

    def _list(self) -> list[Path]:
        folders = (self._places.primary, self._places.escrow)
        patterns = (f"{self._name}*", f".{self._name}*")
        return sorted(path for folder in folders for pattern in patterns for path in folder.glob(pattern))


def list_notes(folder: Path, slug: str) -> list[Path]:
    """Return the notes of destroyed bundles of a tenant."""
    return sorted(folder.glob(f".{slug}.*{_NOTE_SUFFIX}"))
