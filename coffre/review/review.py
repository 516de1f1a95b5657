"""What a range of commits means: for each tenant whose file changes, differences, price, use, and what forbids it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from coffre.provisioning.plan import TenantPlan
from coffre.provisioning.reviewed.destruction import Destruction
from coffre.review import changes, consequences, guards
from coffre.review.changes import ChangeKind, FileChange
from coffre.review.consequences import Consequence, ConsequenceKind
from coffre.review.guards import Authorship, Guard, LiveUse, Unseen
from coffre.review.price import Lack, Lacking, MonthlyPrice, NoPrice, price_month
from coffre.review.revision import Range, Revision, changed_slugs
from coffre.spec.files import TENANTS_FOLDER
from coffre.spec.platform import PlatformFile
from coffre.spec.problems.problems import Problem
from coffre.spec.tenant import Tenant
from coffre.storage.costs import CostEstimate, NoPrices
from coffre.storage.kinds import driver_of

FindAuthorship = Callable[[str], Authorship]
"""Reads who wrote the commits of the range that change a tenant's file."""
Look = Callable[[Tenant], "LiveUse | Unseen"]
"""Reads the current use of a tenant as the base has it."""


@dataclass(frozen=True)
class PriceChange:
    """The price of a month before and after; None: there was no such tenant, or there will be none."""

    before: MonthlyPrice | NoPrice | None
    after: MonthlyPrice | NoPrice | None


@dataclass(frozen=True)
class PlatformCosts:
    """What a platform that bills by use would bill for the tenant, or for its second copy, with a full quota.

    None: the version has nothing there.
    """

    platform: str
    before: CostEstimate | NoPrices | None
    after: CostEstimate | NoPrices | None


@dataclass(frozen=True)
class PlannedChange:
    """What an apply of the new file would change, saved for the apply after the merge, and what it destroys."""

    plan: TenantPlan
    destroys: tuple[Destruction, ...]


@dataclass(frozen=True)
class Unplanned:
    """No plan could be made or saved: why not."""

    error: str


@dataclass(frozen=True)
class TenantReview:
    """What a range means for one tenant.

    ``use`` is None where nothing was asked: a new tenant, or a review without access to platforms. ``plan`` is None
    where none was asked for, and where something forbids the change.
    """

    slug: str
    name: str
    changes: tuple[FileChange, ...]
    guards: tuple[Guard, ...]
    consequences: tuple[Consequence, ...]
    price: PriceChange
    quota_bytes: int | None
    use: LiveUse | Unseen | None = None
    costs: tuple[PlatformCosts, ...] = ()
    plan: PlannedChange | Unplanned | None = None


@dataclass(frozen=True)
class Review:
    """What a range means; ``problems`` are those of its newer files, and ``guards`` are about platforms."""

    base: str
    head: str
    tenants: tuple[TenantReview, ...]
    guards: tuple[Guard, ...]
    consequences: tuple[Consequence, ...]
    problems: tuple[Problem, ...]
    is_platform_file_changed: bool

    @property
    def is_refused(self) -> bool:
        return bool(self.guards) or any(each.guards for each in self.tenants)

    @property
    def is_invalid(self) -> bool:
        return bool(self.problems)

    @property
    def unplanned(self) -> tuple[str, ...]:
        """The tenants whose plan was asked for and could not be made."""
        return tuple(each.slug for each in self.tenants if isinstance(each.plan, Unplanned))


@dataclass(frozen=True)
class Terms:
    """What a review measures by: the settings of the base, the moment, who wrote each file, and the look at live use.

    A pull request may change platform.yaml: the rules are those of the settings here, and only prices are compared.
    """

    settings: PlatformFile
    now: datetime
    find_authorship: FindAuthorship
    look: Look | None = None


def review(found: Range, terms: Terms) -> Review:
    """Return what a range of commits means. Only ``terms.look`` reaches the outside."""
    before, after = found.base.tenants, found.head.tenants
    changed = changed_slugs(found)
    gone = [slug for slug in changed.slugs if slug not in after and _is_gone(found.head, slug)]
    # What a file with a problem changes is not known.
    readable = [slug for slug in changed.slugs if slug in after or slug in gone]
    reviews = [_review_tenant(found, slug, gone, terms) for slug in readable]
    platforms = terms.settings.platforms
    full = [
        guard
        for name, platform in platforms.items()
        for guard in guards.judge_platform(name, platform.sellable_bytes, before.values(), after.values())
    ]
    hours = (
        consequences.foresee_hours(terms.settings.working_hours, terms.settings.prices, terms.now) if reviews else []
    )
    return Review(
        base=found.base.commit,
        head=found.head.commit,
        tenants=tuple(reviews),
        guards=tuple(full),
        consequences=tuple(hours),
        problems=tuple(found.head.problems),
        is_platform_file_changed=changed.is_platform_changed,
    )


def _is_gone(head: Revision, slug: str) -> bool:
    """Tell whether a commit has no file of a tenant; one that is there and was not read has a problem."""
    path = f"{TENANTS_FOLDER}/{slug}.yaml"
    unread = {problem.file for problem in head.problems}
    return path not in head.digests and unread.isdisjoint({path, TENANTS_FOLDER, "."})


def _review_tenant(found: Range, slug: str, gone: Sequence[str], terms: Terms) -> TenantReview:
    was, now = found.base.tenants.get(slug), found.head.tenants.get(slug)
    # What a file with a problem sold is not known: it is neither a new tenant's nor one to compare with.
    is_base_unread = was is None and not _is_gone(found.base, slug)
    differences = () if is_base_unread else changes.compare(was, now)
    refused = [
        *guards.judge_file(was, now, differences, _find_authorship(slug, differences, terms)),
        *guards.judge_moves(found.base.tenants, found.head.tenants, slug, gone),
    ]
    if now is not None:
        refused += guards.judge_terms(now, terms.now.astimezone(ZoneInfo(now.timezone)).date())
    use = terms.look(was) if terms.look is not None and was is not None else None
    if now is not None and isinstance(use, LiveUse):
        refused += guards.judge_use(now, differences, use)
    follows = [Consequence(ConsequenceKind.BASE_INVALID)] if is_base_unread else []
    if now is not None:
        follows += consequences.foresee(now, differences, terms.settings.offboarding)
    shown = now or was
    return TenantReview(
        slug=slug,
        name=shown.name if shown is not None else slug,
        changes=differences,
        guards=tuple(refused),
        consequences=tuple(follows),
        price=_compare_prices(found, slug, terms.now.date(), use),
        quota_bytes=None if now is None else now.storage.quota_bytes,
        use=use,
        costs=tuple(_compare_costs(was, now, terms.settings)),
    )


def _compare_costs(was: Tenant | None, now: Tenant | None, settings: PlatformFile) -> Iterator[PlatformCosts]:
    """Yield the costs on each platform of these settings that one of the versions names and that bills by use."""
    versions = [{} if each is None else _list_homes(each) for each in (was, now)]
    for name in dict.fromkeys(name for homes in versions for name in homes):
        platform = settings.platforms.get(name)
        if platform is not None:
            driver, days = driver_of(platform), settings.verify.period_days
            before, after = (
                driver.estimate(homes[name], platform, days) if name in homes else None for homes in versions
            )
            if before is not None or after is not None:
                yield PlatformCosts(name, before, after)


def _list_homes(tenant: Tenant) -> dict[str, Tenant]:
    """Return a tenant as each platform has it, its own and that of its second copy, by their names."""
    homes = (tenant, tenant.copied())
    return {each.storage.platform: each for each in homes if each is not None}


def _find_authorship(slug: str, differences: Sequence[FileChange], terms: Terms) -> Authorship:
    """Return who wrote the change of a file, asked only where a rule needs it."""
    needs = any(each.kind in (ChangeKind.LEAVING, ChangeKind.HOLD) for each in differences)
    return terms.find_authorship(slug) if needs else Authorship()


def _compare_prices(found: Range, slug: str, day: date, use: LiveUse | Unseen | None) -> PriceChange:
    stored = use.used_bytes if isinstance(use, LiveUse) else None

    def price(version: Revision) -> MonthlyPrice | NoPrice | None:
        tenant, settings = version.tenants.get(slug), version.settings
        if tenant is not None:
            return price_month(tenant, settings.prices if settings else None, day, stored)
        return None if _is_gone(version, slug) else NoPrice((Lacking(Lack.FILE, day),))

    return PriceChange(price(found.base), price(found.head))
