"""The secrets of one tenant: its two bundles, each decrypted once, and again only when its files have changed."""

from collections.abc import Callable, Collection
from typing import Generic, Protocol

from coffre.secrets.bundles import B, Bundle, ControlBundle, DataBundle
from coffre.secrets.destruction import BundleFiles
from coffre.secrets.identifiers import SecretId
from coffre.secrets.store import SecretStore, Stamps
from coffre.spec import naming
from coffre.spec.naming import Named


class TenantSecrets(Protocol):
    """What a command can do with the secrets of one tenant. Repository passwords in it are sealed.

    `use_password` of `coffre.tenant.estate.passwords` opens one, and records that use.
    """

    @property
    def tenant_id(self) -> str: ...

    def find_control(self) -> ControlBundle | None:
        """Return the control bundle, None when there is none; BundleError when a copy cannot be used."""

    def find_control_now(self) -> ControlBundle | None:
        """Return the control bundle as its files are now, for a look too."""

    def control(self) -> ControlBundle:
        """Return the control bundle; MissingCopyError when there is none."""

    def find_data(self) -> DataBundle | None:
        """Return the data bundle, None when there is none; BundleError when a copy cannot be used."""

    def data(self) -> DataBundle:
        """Return the data bundle; MissingCopyError when there is none."""

    def save_control(self, following: ControlBundle, *, dropping: Collection[SecretId] = ()) -> bool:
        """Write the control bundle; see `SecretStore.save_control`. After a failed save, reads give the earlier one."""

    def save_data(self, following: DataBundle, *, dropping: Collection[SecretId] = ()) -> bool:
        """Write the data bundle; see `SecretStore.save_data`."""

    def find_files(self, model: type[Bundle]) -> BundleFiles:
        """Return the files of a bundle, without opening it; see `SecretStore.find_files`."""


class StoredSecrets:
    """The secrets of a tenant in the secret store.

    A command may read them for hours without the tenant's lock while another one changes them: before each read, the
    stamps of the files are compared with those of the decrypted ones. For a look (``is_look``) they are those of the
    first read, as its records are.
    """

    def __init__(self, store: SecretStore, tenant: Named, *, is_look: bool = False) -> None:
        self._store = store
        self._tenant_id = tenant_id = tenant.id
        # A second copy has keys of its own, and the repositories' passwords are the same.
        self._keys, self._slug = keys, slug = naming.stack_name(tenant), tenant.slug
        self._control = _Decrypted(
            lambda: () if is_look else store.find_stamps(keys, ControlBundle),
            lambda: store.find_control(keys, tenant_id),
        )
        self._data = _Decrypted(
            lambda: () if is_look else store.find_stamps(slug, DataBundle), lambda: store.find_data(slug, tenant_id)
        )

    @property
    def tenant_id(self) -> str:
        return self._tenant_id

    def find_control(self) -> ControlBundle | None:
        return self._control.find()

    def find_control_now(self) -> ControlBundle | None:
        return self._store.find_control(self._keys, self._tenant_id)

    def control(self) -> ControlBundle:
        found = self._control.find()
        return self._store.get_control(self._keys, self._tenant_id) if found is None else found

    def find_data(self) -> DataBundle | None:
        return self._data.find()

    def data(self) -> DataBundle:
        found = self._data.find()
        return self._store.get_data(self._slug, self._tenant_id) if found is None else found

    def save_control(self, following: ControlBundle, *, dropping: Collection[SecretId] = ()) -> bool:
        is_written = self._store.save_control(self._keys, following, dropping=dropping)
        self._control.forget()
        return is_written

    def save_data(self, following: DataBundle, *, dropping: Collection[SecretId] = ()) -> bool:
        is_written = self._store.save_data(self._slug, following, dropping=dropping)
        self._data.forget()
        return is_written

    def find_files(self, model: type[Bundle]) -> BundleFiles:
        return self._store.find_files(self._slug if model is DataBundle else self._keys, model)


class _Decrypted(Generic[B]):
    """The bundle that was decrypted last, with the stamps that its files had before."""

    def __init__(self, find_stamps: Callable[[], Stamps], decrypt: Callable[[], B | None]) -> None:
        self._find_stamps = find_stamps
        self._decrypt = decrypt
        self._last: tuple[Stamps, B | None] | None = None

    def find(self) -> B | None:
        # The stamps come first: a change while the files are read then shows at the next read.
        stamps, last = self._find_stamps(), self._last
        if last is None or last[0] != stamps:
            last = self._last = (stamps, self._decrypt())
        return last[1]

    def forget(self) -> None:
        self._last = None
