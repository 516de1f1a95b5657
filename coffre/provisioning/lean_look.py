"""A quick look at the platform for tenants whose inputs are unchanged: one read of each owner, and nothing else.

It compares whether the owner exists and is enabled, its wall, and which buckets it has. Users of machines, policies,
lifecycles, repositories and orders are not read: a plan of that tenant, or an apply, reads them.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

from coffre.agents.kinds import with_bucket
from coffre.errors import ExpectedError, RemoteError
from coffre.spec import naming
from coffre.spec.loader import Checkout
from coffre.spec.quota import wall_bytes
from coffre.spec.storage_platform import Platform
from coffre.spec.tenant import Tenant
from coffre.storage.driver import Storage
from coffre.storage.kinds import driver_of
from coffre.storage.values import OwnerFacts
from coffre.tenant.opening import open_storage

THREADS = 8
"""A read is mostly work of this process and of the platform; more threads would wait for each other."""


class Seen(StrEnum):
    """What a quick look found."""

    AS_APPLIED = "as applied"
    OTHER = "other"
    """Something differs: only a whole look can say what it means."""
    UNSEEN = "unseen"


@dataclass(frozen=True)
class LeanLook:
    """The result for one tenant; ``problem`` is why its platform gave no answer."""

    tenant: str
    seen: Seen
    problem: ExpectedError | None = None


def look_leanly(checkout: Checkout, slugs: Iterable[str]) -> dict[str, LeanLook]:
    """Look at the owners of tenants. A platform that is away is asked by a few tenants only, not by each of them."""
    storages: dict[str, Storage | ExpectedError] = {}

    def open_once(name: str) -> Storage:
        if name not in storages:
            try:
                storages[name] = open_storage(checkout, name)
            except ExpectedError as problem:
                storages[name] = problem
        found = storages[name]
        if isinstance(found, ExpectedError):
            raise found
        return found

    def look(slug: str) -> LeanLook:
        tenant = checkout.tenants[slug]
        copied = tenant.copied()
        for home in (tenant, *([] if copied is None else [copied])):
            name = home.storage.platform
            try:
                owner = open_once(name).find_owner(naming.owner_uid(home), exact=False)
            except RemoteError as problem:
                storages[name] = problem
                return LeanLook(slug, Seen.UNSEEN, problem)
            except ExpectedError as problem:
                return LeanLook(slug, Seen.UNSEEN, problem)
            if not is_as_applied(home, checkout.settings.platforms[name], owner):
                return LeanLook(slug, Seen.OTHER)
        return LeanLook(slug, Seen.AS_APPLIED)

    with ThreadPoolExecutor(THREADS, thread_name_prefix="lean-look") as threads:
        return {each.tenant: each for each in threads.map(look, slugs)}


def is_as_applied(tenant: Tenant, platform: Platform, owner: OwnerFacts | None) -> bool:
    """Tell whether an owner is as an apply of this tenant leaves it. Pure."""
    if owner is None or owner.suspended:
        return False
    wanted = {
        naming.bucket_name(tenant.slug, tenant.id, name, is_copy=tenant.is_copy)
        for name in with_bucket(tenant.machines)
    }
    has_wall = driver_of(platform).capabilities.has_wall
    is_wall_right = not has_wall or owner.wall_bytes == wall_bytes(tenant.storage.quota_bytes, platform)
    return set(owner.buckets) == wanted and is_wall_right
