"""Looks once a day at the users of each platform: those with names of Coffre's that belong to no tenant."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from coffre.findings import Finding, FindingKind
from coffre.records.database.store import Records
from coffre.records.database.supervision import Watched
from coffre.records.events import EventKind
from coffre.records.facts.departure import DepartureStage, Stage
from coffre.records.facts.registry import read_as
from coffre.spec.files import list_ids
from coffre.spec.loader import Checkout
from coffre.storage.kinds import driver_of
from coffre.supervision.observe.ghosts import look_at_users
from coffre.tenant.opening import TenantOpener

EVERY = timedelta(days=1)
_GONE = frozenset({Stage.VERIFIED, Stage.CLOSED})
"""Somebody has checked that nothing of the tenant is left: what is there nevertheless is nobody's."""


@dataclass(frozen=True)
class UsersLook:
    """The users of no tenant on a platform, and when they were listed: None for a shared one, which nobody lists."""

    at: datetime | None
    findings: Sequence[Finding]

    @property
    def watched(self) -> Watched | None:
        """The look as the records keep it: when the next one is due follows from it."""
        return None if self.at is None else Watched(self.at)


@dataclass(frozen=True)
class Strangers:
    """The looks at the users of platforms; ``watched`` are the last ones, by platform."""

    root: Path
    records: Records
    watched: Mapping[str, Watched] = field(default_factory=dict)

    def jobs(
        self, checkout: Checkout, opener: TenantOpener, now: datetime
    ) -> Iterator[tuple[str, Callable[[], UsersLook]]]:
        """Yield the looks that are due, by platform."""
        for name, platform in checkout.settings.platforms.items():
            last = self.watched.get(name)
            if platform.shared or last is None or now - last.looked_at >= EVERY:
                yield name, self._job(checkout, opener, name, now)

    def _job(self, checkout: Checkout, opener: TenantOpener, name: str, now: datetime) -> Callable[[], UsersLook]:
        return lambda: self._look(checkout, opener, name, now)

    def _look(self, checkout: Checkout, opener: TenantOpener, name: str, now: datetime) -> UsersLook:
        platform = checkout.settings.platforms[name]
        if platform.shared:
            return UsersLook(None, ())
        has_wall = driver_of(platform).capabilities.has_wall
        found = look_at_users(opener.open_platform(name), self._list_known, has_wall=has_wall)
        return UsersLook(now, found)

    def _list_known(self) -> set[str]:
        """Return the ids of the tenants of records and files, without those of which nothing should be left.

        They are read after the users: an apply records a tenant before it makes its users.
        """
        last = self.records.find_newest({EventKind.DEPARTURE})
        facts = {tenant_id: read_as(event, DepartureStage) for tenant_id, event in last.items()}
        gone = {tenant_id for tenant_id, fact in facts.items() if fact.retired_machine is None and fact.stage in _GONE}
        return (set(self.records.find_newest(frozenset(EventKind))) - gone) | list_ids(self.root)


def is_about_users(kind: str) -> bool:
    """Tell whether findings of a kind come from these looks alone."""
    return kind == FindingKind.USER_NOT_DECLARED.value
