"""A tenant's service in memory, for operations: without a platform, an identity or a lock."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from coffre.records.actor import Author
from coffre.records.database.store import Records
from coffre.secrets.store import OnNotice
from coffre.spec.loader import Checkout, reload_tenant
from coffre.spec.platform import PlatformFile
from coffre.spec.tenant import Tenant
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.opening import OpenTenant, in_force
from coffre.tenant.runs import recorded_in
from coffre.workspace.locks import tenant_lock
from tests.builders import PLATFORM
from tests.doubles.buckets import InMemoryEstate

AUTHOR = Author("claire@example.org", "1a2b3c4d5e6f")


def open_in_memory(
    tenant: Tenant,
    estate: InMemoryEstate,
    log: TenantLog,
    root: Path,
    settings: PlatformFile | None = None,
    contents: Mapping[str, bytes] | None = None,
) -> OpenTenant:
    """Return the service of a tenant file over an estate in memory; its records are those of the log.

    ``settings`` is the content of platform.yaml, by default that of `tests.builders`; ``contents`` the files'.
    """
    settings = settings or PlatformFile.model_validate(PLATFORM)
    return OpenTenant(
        checkout=Checkout(root, settings, {tenant.slug: tenant}, contents or {}),
        tenant=tenant,
        storage=estate.storage,
        secrets=estate.secrets,
        secret_store=None,  # type: ignore[arg-type]
        log=log,
        on_notice=lambda text: None,
    )


def log_of(tenant: Tenant, records: Records) -> TenantLog:
    """Return the log of a tenant in open records."""
    return TenantLog.read(records, tenant.id, tenant.slug, AUTHOR)


@dataclass(frozen=True)
class InMemoryDesk:
    """Opens a tenant of a checkout for each command, over one estate that outlives them; its records are real."""

    estate: InMemoryEstate

    @contextmanager
    def open(self, checkout: Checkout, slug: str, on_notice: OnNotice) -> Iterator[OpenTenant]:
        """Open the tenant as its file and the holds of its records are now; stands in for `open_tenant`."""
        now = reload_tenant(checkout, slug)
        tenant = now.tenants[slug]
        with Records.open(checkout.settings.records, checkout.root) as records:
            log = log_of(tenant, records)
            held = in_force(tenant, log)
            opened = open_in_memory(held, self.estate, log, checkout.root, checkout.settings, now.contents)
            yield replace(opened, on_notice=on_notice)

    @contextmanager
    def lock_recorded(self, checkout: Checkout, slug: str, command: str, on_notice: OnNotice) -> Iterator[OpenTenant]:
        """Take the tenant's lock, then read, and record the command; stands in for the function of that name.

        The records are not anchored: their key is the provider's, and no provider is here.
        """
        with (
            tenant_lock(checkout.root, slug),
            self.open(checkout, slug, on_notice) as opened,
            recorded_in(opened.records, opened.log.author, command, [slug], _anchor_nothing),
        ):
            yield opened


def _anchor_nothing(*, is_told: bool) -> None:
    """There is no key to sign the head of the records."""
