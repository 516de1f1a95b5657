"""Opens a tenant for a command: its file, its platform, its secrets and its records."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property

from coffre.anchors.lost import LOST, are_lost
from coffre.records.actor import Author, read_author
from coffre.records.database.location import exist_records
from coffre.records.database.store import Records
from coffre.secrets.store import OnNotice, SecretStore
from coffre.spec.loader import Checkout
from coffre.spec.parts import of_buckets, parts_of
from coffre.spec.storage_platform import Platform
from coffre.spec.stores import find_s3_place
from coffre.spec.tenant import Machine, Tenant
from coffre.storage.driver import Storage
from coffre.storage.kinds import connect, driver_of
from coffre.storage.platform import Capabilities, Survey
from coffre.storage.stores import open_store
from coffre.tenant.embedded import EmbeddedProof
from coffre.tenant.estate.agents import TenantAgents, find_arriving
from coffre.tenant.estate.buckets import TenantBuckets
from coffre.tenant.estate.freezes import list_freezes
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.estate.memory import TenantMemory
from coffre.tenant.estate.read_ahead import ReadAheadLog
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
    open_other: Callable[[str], Storage] | None = None
    """Gives the platform of a second copy or of a part, by name, where several tenants share it."""
    is_look: bool = False
    """Whether records and secrets are those of the moment of the first question."""

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

    @cached_property
    def agents(self) -> TenantAgents:
        """The agents of this tenant's machines, opened with the platforms that they back up to."""
        return TenantAgents(self.tenant, self.checkout.settings.platforms, self.checkout.root, self.log)

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
        secrets = StoredSecrets(self.secret_store, copied, is_look=self.is_look)
        return replace(self, tenant=copied, storage=self._open(copied.storage.platform), secrets=secrets)

    @cached_property
    def parts(self) -> "tuple[OpenTenant, ...]":
        """The tenant on each platform that its agents back up to, its own one first; all have the same secrets."""
        found = parts_of(self.tenant, self.checkout.settings.platforms)
        if len(found) == 1:
            return (self,)
        own = self.tenant.storage.platform
        return tuple(
            replace(self, tenant=part, storage=self.storage if name == own else self._open(name))
            for part in found
            for name in [part.storage.platform]
        )

    @property
    def of_buckets(self) -> "OpenTenant":
        """The tenant as its buckets have it: a machine that moved on to an agent without one is retired there."""
        found = of_buckets(self.tenant)
        return self if found is self.tenant else replace(self, tenant=found)

    @property
    def as_arrived(self) -> "OpenTenant":
        """The tenant with every machine as its file has it, also where the agent before still serves."""
        return replace(self, tenant=self.tenant.as_arrived())

    @property
    def with_buckets(self) -> "OpenTenant | None":
        """The part whose machines have buckets; None for a tenant that has none anywhere."""
        return next((part for part in self.parts if part.capabilities.has_buckets), None)

    @property
    def homes(self) -> "tuple[OpenTenant, ...]":
        """The tenant on each platform that has storage of it: those of its parts, then that of its second copy."""
        return self.parts if self.second_copy is None else (*self.parts, self.second_copy)

    @property
    def bucket_homes(self) -> "tuple[OpenTenant, ...]":
        """The tenant on each of these platforms that keeps backups in buckets."""
        return tuple(home for home in self.homes if home.capabilities.has_buckets)

    def _open(self, platform_name: str) -> Storage:
        return open_storage(self.checkout, platform_name) if self.open_other is None else self.open_other(platform_name)

    @cached_property
    def embedded(self) -> EmbeddedProof:
        """Whether the platform is the embedded one; asked on first use."""
        return EmbeddedProof(self.checkout, self.tenant.storage.platform, self.storage)

    def machine(self, name: str) -> Machine:
        return find_machine(self.tenant, name)


def in_force(in_file: Tenant, log: TenantLog) -> Tenant:
    """Return the tenant of a file under its log: the holds and frozen retentions, and the agents that still serve."""
    held = under_recorded(in_file, list_recorded(log)).with_frozen(list_freezes(log))
    return held.with_arriving(find_arriving(held, log))


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


class TenantOpener:
    """Opens tenants of a checkout for a look at many; what they have in common is opened once, on first use.

    Safe to use from many threads. A command that changes a tenant opens it alone, with `open_tenant`.
    """

    def __init__(self, checkout: Checkout, on_notice: OnNotice, resources: ExitStack) -> None:
        """``resources`` closes the records at its end."""
        self._checkout = checkout
        self._on_notice = on_notice
        self._resources = resources
        self._guard = threading.RLock()
        self._records: Records | None = None
        self._storages: dict[str, Storage] = {}
        self._surveys: dict[str, Survey] = {}

    def open(self, slug: str, *, is_look: bool = False) -> OpenTenant:
        """Open a tenant: its file under the holds and frozen retentions of its log, and its log.

        For a look its records and secrets are read at once, and are those of that moment.
        """
        in_file = find_tenant(self._checkout, slug)
        kind = ReadAheadLog if is_look else TenantLog
        log = kind(in_file.id, in_file.slug, self._author, self._open_records, self._find_records)
        tenant = in_force(in_file, log)
        if self._are_records_lost:
            self._on_notice(f"{LOST}; what is shown here as new or missing may not be")
        return OpenTenant(
            checkout=self._checkout,
            tenant=tenant,
            storage=self.open_platform(tenant.storage.platform),
            secrets=StoredSecrets(self._secret_store, tenant, is_look=is_look),
            secret_store=self._secret_store,
            log=log,
            on_notice=self._on_notice,
            open_other=self.open_platform,
            is_look=is_look,
        )

    @cached_property
    def _author(self) -> Author:
        return read_author(self._checkout.root)

    @cached_property
    def _secret_store(self) -> SecretStore:
        return open_secrets(self._checkout, self._on_notice)

    @cached_property
    def _are_records_lost(self) -> bool:
        return are_lost(self._find_records(), self._secret_store)

    def open_platform(self, platform_name: str) -> Storage:
        """Return the storage of a platform, without a tenant."""
        with self._guard:
            if platform_name not in self._storages:
                self._storages[platform_name] = open_storage(self._checkout, platform_name)
            return self._storages[platform_name]

    def open_survey(self, platform_name: str) -> Survey:
        """Return what reads a platform for many tenants, without a request to it."""
        with self._guard:
            if platform_name not in self._surveys:
                platform = self._checkout.settings.platforms[platform_name]
                self._surveys[platform_name] = driver_of(platform).open_survey(platform, self._checkout.root)
            return self._surveys[platform_name]

    def _open_records(self) -> Records:
        with self._guard:
            if self._records is None:
                opened = Records.open(self._checkout.settings.records, self._checkout.root)
                self._records = self._resources.enter_context(opened)
            return self._records

    def _find_records(self) -> Records | None:
        return self._open_records() if exist_records(self._checkout.settings.records, self._checkout.root) else None


@contextmanager
def open_tenants(checkout: Checkout, on_notice: OnNotice) -> Iterator[TenantOpener]:
    """Give the opener of a checkout's tenants for the duration of a command."""
    with ExitStack() as resources:
        yield TenantOpener(checkout, on_notice, resources)


@contextmanager
def open_tenant(checkout: Checkout, slug: str, on_notice: OnNotice) -> Iterator[OpenTenant]:
    """Open a tenant for the duration of a command: its file under what its log has in force, and its log."""
    with open_tenants(checkout, on_notice) as opener:
        yield opener.open(slug)
