"""Opens a tenant for a command: its file, its platform, its secrets and its records."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache, cached_property

from coffre.anchors.lost import LOST, are_lost
from coffre.records.actor import read_author
from coffre.records.database.location import exist_records
from coffre.records.database.store import Records
from coffre.secrets.store import OnNotice, SecretStore
from coffre.spec.loader import Checkout
from coffre.spec.storage_platform import Platform
from coffre.spec.stores import find_s3_place
from coffre.spec.tenant import Machine, Tenant
from coffre.storage.driver import Storage
from coffre.storage.kinds import connect, driver_of
from coffre.storage.platform import Capabilities
from coffre.storage.stores import open_store
from coffre.tenant.embedded import EmbeddedProof
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.estate.memory import TenantMemory
from coffre.tenant.estate.secrets import StoredSecrets, TenantSecrets
from coffre.tenant.holds import list_recorded, under_recorded
from coffre.tenant.locking import lock_bundles
from coffre.tenant.lookup import find_machine, find_tenant
from coffre.workspace.file_store import FileStore
from coffre.workspace.moved import refuse_moved


@dataclass(frozen=True)
class OpenTenant:
    """A tenant during a command, for the function of a verb; nothing in it is opened twice.

    The functions below a verb take the parts that they use.
    """

    checkout: Checkout
    tenant: Tenant
    storage: Storage
    secrets: TenantSecrets
    secret_store: SecretStore
    """The bundles of all tenants, and the provider's own."""
    log: TenantLog
    on_notice: OnNotice
    """Gets what an operator should know although the command goes on."""

    @property
    def records(self) -> Records:
        """The records, opened on first use: reading a tenant that was never applied creates no database."""
        return self.log.open_records()

    @cached_property
    def memory(self) -> TenantMemory:
        """The memory of this tenant's machines."""
        return TenantMemory(self.log)

    @cached_property
    def buckets(self) -> TenantBuckets:
        """The buckets of this tenant, opened with the owner's key."""
        return TenantBuckets(self.tenant, self.storage, self.secrets)

    @property
    def platform(self) -> Platform:
        return self.checkout.settings.platforms[self.tenant.storage.platform]

    @cached_property
    def capabilities(self) -> Capabilities:
        """The capabilities of the platform's kind."""
        return driver_of(self.platform).capabilities

    @cached_property
    def second_copy(self) -> "OpenTenant | None":
        """The tenant on the platform of its second copy, with the keys of that; None without a copy."""
        copied = self.tenant.copied()
        if copied is None:
            return None
        storage = open_storage(self.checkout, copied.storage.platform)
        return replace(self, tenant=copied, storage=storage, secrets=StoredSecrets(self.secret_store, copied))

    @property
    def homes(self) -> "tuple[OpenTenant, ...]":
        """The tenant on each platform that has storage of it: its own, then that of its second copy."""
        return (self,) if self.second_copy is None else (self, self.second_copy)

    @cached_property
    def embedded(self) -> EmbeddedProof:
        """Whether the platform is the embedded one; asked on first use."""
        return EmbeddedProof(self.checkout, self.tenant.storage.platform, self.storage)

    def machine(self, name: str) -> Machine:
        return find_machine(self.tenant, name)


def open_secrets(checkout: Checkout, on_notice: OnNotice) -> SecretStore:
    """Open the secret store of platform.yaml; ``on_notice`` gets the names of repaired copies."""
    primary, escrow = open_bundle_places(checkout)
    return SecretStore.open(primary, escrow, checkout.root, lock_shared=lock_bundles(checkout), on_notice=on_notice)


def open_bundle_places(checkout: Checkout) -> tuple[FileStore, FileStore]:
    """Open `secrets:` and `escrow:` of platform.yaml, each a folder or a bucket, without a request to it.

    RefusedError when they were moved elsewhere.
    """
    root, settings = checkout.root, checkout.settings
    for reference, shown in ((settings.secrets, "the secrets folder"), (settings.escrow, "the escrow")):
        if find_s3_place(reference) is None:
            refuse_moved(root / reference, shown)
    return open_store(settings.secrets, settings, root), open_store(settings.escrow, settings, root)


def open_storage(checkout: Checkout, platform_name: str) -> Storage:
    """Connect to a platform of platform.yaml."""
    return connect(checkout.settings.platforms[platform_name], checkout.root)


@contextmanager
def open_tenant(checkout: Checkout, slug: str, on_notice: OnNotice) -> Iterator[OpenTenant]:
    """Open a tenant for the duration of a command: its file under the holds of its log, and its log."""
    in_file = find_tenant(checkout, slug)
    with _open_log(checkout, in_file) as log:
        tenant = under_recorded(in_file, list_recorded(log))
        store = open_secrets(checkout, on_notice)
        if are_lost(log.find_records(), store):
            on_notice(f"{LOST}; what is shown here as new or missing may not be")
        yield OpenTenant(
            checkout=checkout,
            tenant=tenant,
            storage=open_storage(checkout, tenant.storage.platform),
            secrets=StoredSecrets(store, tenant),
            secret_store=store,
            log=log,
            on_notice=on_notice,
        )


@contextmanager
def _open_log(checkout: Checkout, tenant: Tenant) -> Iterator[TenantLog]:
    """Give a tenant's log; the records are opened on first use, and closed at the end."""
    reference, root = checkout.settings.records, checkout.root
    with ExitStack() as opened:

        @cache
        def open_records() -> Records:
            return opened.enter_context(Records.open(reference, root))

        def find_records() -> Records | None:
            return open_records() if exist_records(reference, root) else None

        yield TenantLog(tenant.id, tenant.slug, read_author(root), open_records, find_records)
