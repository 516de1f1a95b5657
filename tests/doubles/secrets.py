"""The secrets of a tenant in memory: a command's access to them, without files and without age."""

import hashlib
from collections.abc import Collection
from typing import TypeVar

from coffre.errors import RefusedError
from coffre.secrets.bundles import KINDS, Bundle, ControlBundle, DataBundle, to_document
from coffre.secrets.copies import lost_entries
from coffre.secrets.destruction import BundleFiles
from coffre.secrets.errors import MissingCopyError
from coffre.secrets.identifiers import SecretId, describe

B = TypeVar("B", ControlBundle, DataBundle)


class InMemorySecrets:
    """Two bundles at most; like the real store, a save loses a secret only on purpose."""

    def __init__(
        self,
        control: ControlBundle | None = None,
        data: DataBundle | None = None,
        slug: str = "boulangerie-martin",
        tenant_id: str = "k7f3q9wz2m",
    ) -> None:
        self.tenant_id = tenant_id
        self._slug = slug
        self._control = control
        self._data = data

    def find_control_now(self) -> ControlBundle | None:
        return self.find_control()

    def find_control(self) -> ControlBundle | None:
        return self._control

    def control(self) -> ControlBundle:
        return self._found(self._control, ControlBundle)

    def find_data(self) -> DataBundle | None:
        return self._data

    def data(self) -> DataBundle:
        return self._found(self._data, DataBundle)

    def save_control(self, following: ControlBundle, *, dropping: Collection[SecretId] = ()) -> bool:
        self._refuse_loss(self._control, following, dropping)
        is_new, self._control = following != self._control, following
        return is_new

    def save_data(self, following: DataBundle, *, dropping: Collection[SecretId] = ()) -> bool:
        self._refuse_loss(self._data, following, dropping)
        is_new, self._data = following != self._data, following
        return is_new

    def find_files(self, model: type[Bundle]) -> BundleFiles:
        bundle = self._control if model is ControlBundle else self._data
        if bundle is None:
            return BundleFiles((), "")
        place = f"memory/{self._slug}.{KINDS[model]}.age"
        return BundleFiles((place,), hashlib.sha256(to_document(bundle)).hexdigest())

    def _found(self, bundle: B | None, model: type[B]) -> B:
        if bundle is None:
            raise MissingCopyError(
                f"{self._slug} has no {KINDS[model]} bundle",
                f"If it was never applied, run `coffre apply {self._slug}`.",
            )
        return bundle

    def _refuse_loss(self, current: B | None, following: B, dropping: Collection[SecretId]) -> None:
        lost = lost_entries(current, following, dropping)
        if lost:
            kind = KINDS[type(following)]
            what = ", ".join(map(describe, lost))
            raise RefusedError(f"the new {kind} bundle of {self._slug} would lose or change {what}")
