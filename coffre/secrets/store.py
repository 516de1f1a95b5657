"""The secret store: a tenant's two bundles as age files, each in the secrets folder and in escrow."""

import os
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr

from coffre.errors import ExpectedError, RefusedError
from coffre.secrets import age, files
from coffre.secrets.bundles import (
    KINDS,
    PROVIDER,
    B,
    Bundle,
    ControlBundle,
    DataBundle,
    ProviderBundle,
    from_document,
    is_of_earlier_version,
    to_document,
)
from coffre.secrets.copies import Copy, Judged, judge, lost_entries
from coffre.secrets.destruction import BundleFiles, Traces, list_notes
from coffre.secrets.errors import BundleError, IdentityError, MissingCopyError
from coffre.secrets.holders import keys
from coffre.secrets.identifiers import SecretId, describe
from coffre.secrets.places import BUNDLE_SUFFIX, LockShared, Places, lock_name
from coffre.spec import naming
from coffre.workspace import fence
from coffre.workspace.file_store import FileStore, FolderStore

DEFAULT_WAIT_SECONDS = 10.0

OnNotice = Callable[[str], None]

Stamps = tuple[Hashable | None, ...]
"""What tells the copies of a bundle from later ones, by place; None without one."""


class SecretStore:
    """Reads and writes bundles. It opens a file only on request: without bundles it needs no identity.

    Notices are sentences, each given once, about copies that were not equal and that the next save repairs.
    """

    def __init__(
        self,
        places: Places,
        identity: Path,
        root: Path,
        *,
        wait_seconds: float = DEFAULT_WAIT_SECONDS,
        on_notice: OnNotice | None = None,
    ) -> None:
        self._places = places
        self._identity = identity
        self._root = root
        self._wait_seconds = wait_seconds
        self._on_notice = on_notice
        self._identities: tuple[SecretStr, ...] | None = None
        self._noticed: set[str] = set()

    @classmethod
    def open(
        cls,
        primary: FileStore | Path,
        escrow: FileStore | Path,
        root: Path,
        *,
        lock_shared: LockShared | None = None,
        environment: Mapping[str, str] = os.environ,
        on_notice: OnNotice | None = None,
    ) -> "SecretStore":
        """Return the store of two places; the environment gives the path of the operator's identity."""
        places = Places.open(primary, escrow, root, lock_shared)
        return cls(places, keys.identity_path(environment), root, on_notice=on_notice)

    def find_control(self, slug: str, tenant_id: str) -> ControlBundle | None:
        """Return a tenant's control bundle, None when neither place has it; BundleError when a copy is not valid."""
        return self._find(slug, tenant_id, ControlBundle)

    def find_data(self, slug: str, tenant_id: str) -> DataBundle | None:
        """Return a tenant's data bundle, None when neither place has it; BundleError when a copy is not valid."""
        return self._find(slug, tenant_id, DataBundle)

    def get_control(self, slug: str, tenant_id: str) -> ControlBundle:
        """Return a tenant's control bundle; MissingCopyError when neither place has it."""
        return self._get(slug, tenant_id, ControlBundle)

    def get_data(self, slug: str, tenant_id: str) -> DataBundle:
        """Return a tenant's data bundle; MissingCopyError when neither place has it."""
        return self._get(slug, tenant_id, DataBundle)

    def save_control(self, slug: str, bundle: ControlBundle, *, dropping: Collection[SecretId] = ()) -> bool:
        """Write a control bundle to both places; see `save_data`.

        A rotated secret may move beside its successor; those in ``dropping`` may disappear.
        """
        return self._save(slug, bundle, dropping)

    def save_data(self, slug: str, bundle: DataBundle, *, dropping: Collection[SecretId] = ()) -> bool:
        """Write a data bundle to escrow and to the secrets folder, then read both back and compare.

        Returns whether anything was written: False when both copies already are equal, in the current format. May run
        again after a kill or a failure at any point. RefusedError when the bundle lacks or changes a secret that a
        copy has: it only grows, except for the secrets in ``dropping``, whose backups are erased.
        A caller uses a new password only after this function has returned.
        """
        return self._save(slug, bundle, dropping)

    def find_provider(self) -> ProviderBundle | None:
        """Return the provider's own bundle, None when neither place has it; BundleError when a copy is not valid."""
        return self._find(PROVIDER, PROVIDER, ProviderBundle)

    def save_provider(self, bundle: ProviderBundle) -> bool:
        """Write the provider's own bundle to both places; see `save_data`."""
        return self._save(PROVIDER, bundle)

    def destroy(self, slug: str, tenant_id: str, model: type[Bundle]) -> BundleFiles:
        """Delete every copy of a bundle, also damaged and temporary ones, and check that none is left.

        This cannot be undone. May run again after a kill at any point, with the same result; without any present or
        former copy the places are empty. RefusedError, and nothing is deleted, when no copy is proved to be this
        tenant's, or when the escrow is missing: its copy would survive.
        """
        fence.check()
        self._refuse_missing_escrow()
        with self._places.locked(slug, self._wait_seconds):
            traces = Traces(self._places, slug, KINDS[model])
            note = traces.read_note(tenant_id)
            if note is None or not traces.is_covered_by(note):
                name = _name(slug, KINDS[model])
                note = traces.prove([self._read(place, name, tenant_id, model) for place in self._places.both])
                if note is None:
                    return BundleFiles((), "")
                traces.write_note(tenant_id, note)
            traces.delete()
            return note

    def forget_destroyed(self, slug: str) -> list[str]:
        """Remove the notes of destroyed bundles and the lock files; returns what was removed. The very last step."""
        removed = []
        for place in self._places.both:
            locks = [lock_name(slug)] if isinstance(place, FolderStore) else []
            for name in [*list_notes(place, slug), *locks]:
                with files.explained(f"remove {place.shown(name)}"):
                    if place.read(name) is not None:
                        place.delete(name)
                        removed.append(place.shown(name))
        return removed

    def find_files(self, slug: str, model: type[Bundle]) -> BundleFiles:
        """Return the places of a bundle, including renamed copies, and the SHA-256 of its encrypted file.

        It changes and opens nothing. ExpectedError when the escrow is missing: its copy would not be seen.
        """
        self._refuse_missing_escrow()
        return Traces(self._places, slug, KINDS[model]).look()

    def find_stamps(self, slug: str, model: type[Bundle]) -> Stamps:
        """Return what changes whenever a copy of a bundle is written or deleted. Opens nothing."""
        name = _name(slug, KINDS[model])
        with files.explained(f"read {self._places.primary.shown(name)}"):
            return tuple(place.find_stamp(name) for place in self._places.both)

    def _find(self, slug: str, tenant_id: str, model: type[B]) -> B | None:
        judged = self._judge(slug, tenant_id, model)
        if judged.notice and judged.notice not in self._noticed and self._on_notice is not None:
            self._noticed.add(judged.notice)
            self._on_notice(judged.notice)
        return judged.bundle

    def _get(self, slug: str, tenant_id: str, model: type[B]) -> B:
        bundle = self._find(slug, tenant_id, model)
        if bundle is None:
            primary, escrow = (place.shown(_name(slug, KINDS[model])) for place in self._places.both)
            raise MissingCopyError(
                f"{slug} has no {KINDS[model]} bundle: neither {primary} nor {escrow} exists",
                f"If {slug} was never applied, run `coffre apply {naming.slug_of_stack(slug)}`; else restore its "
                "bundles first.",
            )
        return bundle

    def _judge(self, slug: str, tenant_id: str, model: type[B]) -> Judged[B]:
        # The secrets folder is read before the escrow, and written after it: so a reader during a save may see a
        # newer escrow, but never one that lacks something.
        name = _name(slug, KINDS[model])
        first, second = self._places.both
        one, other = _read_sealed(first, name), _read_sealed(second, name)
        primary = self._open(one, first.shown(name), tenant_id, model)
        # A save writes the same bytes to both places: what opens here opens there.
        if one == other and primary.bundle is not None:
            return judge(primary, replace(primary, path=second.shown(name)))
        return judge(primary, self._open(other, second.shown(name), tenant_id, model))

    def _read(self, place: FileStore, name: str, tenant_id: str, model: type[B]) -> Copy[B]:
        return self._open(_read_sealed(place, name), place.shown(name), tenant_id, model)

    def _open(self, sealed: bytes | None, shown: str, tenant_id: str, model: type[B]) -> Copy[B]:
        if sealed is None:
            return Copy(shown)
        identities = self._open_identities()
        try:
            document = age.unseal(sealed, identities, shown)
            bundle = from_document(document, model, tenant_id, shown)
            return Copy(shown, bundle, is_earlier=is_of_earlier_version(document))
        except BundleError as problem:
            return Copy(shown, problem=problem)

    def _save(self, slug: str, bundle: Bundle, dropping: Collection[SecretId] = ()) -> bool:
        fence.check()
        kind = KINDS[type(bundle)]
        recipients = self._check_recipients()
        with self._places.locked(slug, self._wait_seconds):
            current = self._judge(slug, bundle.tenant_id, type(bundle))
            lost = lost_entries(current.bundle, bundle, dropping)
            if lost:
                raise RefusedError(
                    f"the new {kind} bundle of {slug} would lose or change {', '.join(map(describe, lost))}",
                    "Nothing was written. Another run may have changed it meanwhile: run the same command again.",
                )
            if current.bundle == bundle and not current.notice and not current.is_earlier:
                return False
            self._write_both(slug, bundle, recipients)
            # The list may have changed between our reading and our lock: then only we can correct this bundle.
            while (listed := self._check_recipients()) != recipients:
                recipients = listed
                self._write_both(slug, bundle, recipients)
        return True

    def _write_both(self, slug: str, bundle: Bundle, recipients: Sequence[str]) -> None:
        primary, escrow = self._places.both
        name, sealed = _name(slug, bundle.kind), age.seal(to_document(bundle), recipients)
        with files.explained(f"write {escrow.shown(name)} (escrow)"):
            listed = primary.read(keys.RECIPIENTS_FILE)
            if listed is not None and escrow.read(keys.RECIPIENTS_FILE) != listed:
                escrow.write(keys.RECIPIENTS_FILE, listed)
            escrow.write(name, sealed)
        with files.explained(f"write {primary.shown(name)}"):
            primary.write(name, sealed)
        for place in (escrow, primary):
            copy = self._read(place, name, bundle.tenant_id, type(bundle))
            if copy.bundle != bundle:
                raise ExpectedError(
                    f"{copy.path} was written, but reading it back gave something else",
                    "Do not use its content. Check its disk or mount, then run the same command again.",
                )

    def _check_recipients(self) -> tuple[str, ...]:
        """Return the recipients, after a check that we can open the bundle again and that the escrow is valid."""
        recipients = keys.read_recipients(self._places.primary)
        listed_in = self._places.primary.shown(keys.RECIPIENTS_FILE)
        check_is_recipient(self._open_identities(), recipients, self._identity, listed_in)
        self._refuse_missing_escrow()
        return recipients

    def _refuse_missing_escrow(self) -> None:
        if not self._places.has_escrow:
            raise ExpectedError(
                f"{self._places.escrow.shown()} is not an escrow: its recipients.txt is missing",
                "Mount the escrow if it is not mounted; for a new one, run `coffre secrets init`.",
            )

    def _open_identities(self) -> tuple[SecretStr, ...]:
        if self._identities is None:
            self._identities = keys.read_identities(self._identity, self._root)
        return self._identities


def _read_sealed(place: FileStore, name: str) -> bytes | None:
    with files.explained(f"read {place.shown(name)}"):
        return place.read(name)


def _name(slug: str, kind: str) -> str:
    return f"{slug}.{kind}{BUNDLE_SUFFIX}"


def check_is_recipient(
    identities: Sequence[SecretStr], recipients: Sequence[str], identity: Path, listed_in: str
) -> None:
    """Refuse to encrypt without reading back: one of our identities must be among the recipients."""
    if not {age.public_half(each) for each in identities} & set(recipients):
        raise IdentityError(
            f"the identity {identity} is not among the recipients of {listed_in}",
            "Use an identity of a recipient, or have one of them add your public key.",
        )
