"""Finds and destroys the files of a bundle; only the secret store calls this module."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from coffre.errors import ExpectedError, RefusedError
from coffre.secrets import files
from coffre.secrets.bundles import B
from coffre.secrets.copies import Copy
from coffre.secrets.errors import ForeignBundleError
from coffre.secrets.places import BUNDLE_SUFFIX, Places
from coffre.workspace.file_store import FileStore

_NOTE_SUFFIX = ".destroyed"


@dataclass(frozen=True)
class BundleFiles:
    """The present or former files of one bundle, and the SHA-256 of the encrypted content.

    Copies that differed have a fingerprint each, joined by "+".
    """

    places: tuple[str, ...]
    fingerprint: str


class Traces:
    """All files of one tenant's bundle of one kind in the two places.

    A slug contains no dot, so no other tenant's file begins with the same name.
    """

    def __init__(self, places: Places, slug: str, kind: str) -> None:
        self._places = places
        self._name = f"{slug}.{kind}{BUNDLE_SUFFIX}"
        self._note = f".{slug}.{kind}{_NOTE_SUFFIX}"
        self._what = f"the {kind} bundle of {slug}"

    def look(self) -> BundleFiles:
        """Return the present copies, including renamed and temporary ones."""
        found = self._list()
        with files.explained(f"read {self._what}"):
            contents = [place.read(name) or b"" for place, name in found]
        hashes = dict.fromkeys(hashlib.sha256(content).hexdigest() for content in contents)
        return BundleFiles(tuple(place.shown(name) for place, name in found), "+".join(hashes))

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
        text = self._places.primary.read(self._note)
        if text is None:
            return None
        fields = json.loads(text)
        if fields["tenant_id"] != tenant_id:
            return None  # of a former tenant of this name
        return BundleFiles(tuple(fields["places"]), fields["fingerprint"])

    def write_note(self, tenant_id: str, destroyed: BundleFiles) -> None:
        """Note the files before their destruction: after a kill only this note names them."""
        with files.explained(f"write {self._places.primary.shown(self._note)}"):
            text = json.dumps({"tenant_id": tenant_id, **asdict(destroyed)})
            self._places.primary.write(self._note, text.encode())

    def delete(self) -> None:
        """Delete every copy, the escrow's first, and check again; ExpectedError when one still exists."""
        # A bucket may have earlier versions of a file that is gone.
        own = [(place, self._name) for place in self._places.both]
        for place, name in reversed(list(dict.fromkeys([*own, *self._list()]))):
            with files.explained(f"delete {place.shown(name)}"):
                place.delete(name)
        left = [place.shown(name) for place, name in self._list()]
        if left:
            raise ExpectedError(
                f"{self._what} was deleted and still exists: {', '.join(left)}",
                "A program writes it back, maybe a synchronised folder. Stop that, then run the same command again.",
            )

    def _list(self) -> list[tuple[FileStore, str]]:
        beginnings = (f".{self._name}", self._name)
        return [(place, name) for place in self._places.both for each in beginnings for name in place.list_names(each)]


def list_notes(place: FileStore, slug: str) -> list[str]:
    """Return the notes of destroyed bundles of a tenant."""
    return [name for name in place.list_names(f".{slug}.") if name.endswith(_NOTE_SUFFIX)]
