"""Looks at the storage alone of many tenants, for a plan: one that is as it was applied needs no whole look.

Orders, repositories and agents are not looked at: a plan of that tenant, or an apply, does that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from coffre.errors import ExpectedError, RemoteError
from coffre.provisioning.drift.fleet import TENANT_SECONDS, WORKERS, Platforms, Seen, look_at
from coffre.provisioning.drift.values import TenantDrift, UnseenKind
from coffre.secrets.store import OnNotice
from coffre.spec.loader import Checkout
from coffre.tenant.opening import TenantOpener, open_tenants
from coffre.workspace.many.threads import Late, run_all

_NO_ANSWER = (UnseenKind.PLATFORM, UnseenKind.TENANT)
"""What a whole look would meet as well."""


class StorageStanding(StrEnum):
    """What a look at a tenant's storage found."""

    AS_APPLIED = "as applied"
    OTHER = "other"
    """Something differs, or was not shown: only a whole look can say what it means."""
    UNSEEN = "unseen"


@dataclass(frozen=True)
class StorageLook:
    """The result for one tenant; ``problem`` is why nothing was seen."""

    tenant: str
    standing: StorageStanding
    problem: ExpectedError | None = None


def look_at_storages(checkout: Checkout, slugs: Sequence[str], on_notice: OnNotice) -> dict[str, StorageLook]:
    """Look at the storage of tenants, on each of their platforms; writes nothing and takes no lock.

    A platform that is away is asked by a few tenants only.
    """
    platforms = Platforms(checkout)
    with open_tenants(checkout, on_notice) as opener:
        jobs = {slug: _job(opener, slug, platforms) for slug in slugs}
        looks = {slug: judge(slug, result) for slug, result in run_all(jobs, WORKERS, TENANT_SECONDS)}
    return {slug: looks[slug] for slug in slugs}


def _job(opener: TenantOpener, slug: str, platforms: Platforms) -> Callable[[], TenantDrift]:
    def look() -> TenantDrift:
        seen: Seen = look_at(opener.open(slug, is_look=True), platforms, connects=False, reads_reports=False)
        return seen.found

    return look


def judge(slug: str, result: TenantDrift | Exception | Late) -> StorageLook:
    """Return what the look at a tenant means for its plan. Pure."""
    if isinstance(result, ExpectedError):
        return StorageLook(slug, StorageStanding.UNSEEN, result)
    if not isinstance(result, TenantDrift) or result.drift or result.ended is not None:
        return StorageLook(slug, StorageStanding.OTHER)
    silent = next((each for each in result.unseen if each.what in _NO_ANSWER), None)
    if silent is not None:
        return StorageLook(slug, StorageStanding.UNSEEN, RemoteError(silent.error, silent.hint))
    return StorageLook(slug, StorageStanding.OTHER if result.unseen else StorageStanding.AS_APPLIED)
