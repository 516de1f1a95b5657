"""Supervision over an estate in memory: the pass opens its tenants there, and its records are real."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from coffre.records.database.store import Records
from coffre.secrets.store import OnNotice
from coffre.spec.loader import Checkout
from coffre.spec.storage_platform import PlatformKind
from coffre.storage.driver import Storage
from coffre.storage.kinds import connect, driver_of
from coffre.storage.platform import Survey
from coffre.supervision import brake, rounds, watch
from coffre.supervision.rounds import PassResult, Supervisor
from coffre.tenant.opening import OpenTenant, in_force
from tests.doubles.buckets import InMemoryEstate
from tests.doubles.opening import log_of, open_in_memory

FIVE_MINUTES = timedelta(minutes=5)


@dataclass
class WatchDesk:
    """Stands in for `open_tenants`: opens each tenant as the given checkout has it, and never reads a file."""

    estate: InMemoryEstate
    records: Records
    before_open: Callable[[str], None] = lambda _: None
    opened: list[str] = field(default_factory=list)

    @contextmanager
    def open_tenants(self, checkout: Checkout, on_notice: OnNotice) -> Iterator["_Opener"]:
        yield _Opener(self, checkout)


@dataclass(frozen=True)
class _Opener:
    desk: WatchDesk
    checkout: Checkout

    def open_platform(self, platform_name: str) -> Storage:
        platforms = self.checkout.settings.platforms
        if len(platforms) > 1 and platforms[platform_name].kind is PlatformKind.ACRONIS:
            return connect(platforms[platform_name], self.checkout.root)
        return self.desk.estate.storage

    def open_survey(self, platform_name: str) -> Survey:
        platform = self.checkout.settings.platforms[platform_name]
        return driver_of(platform).open_survey(platform, self.checkout.root)

    def open(self, slug: str, *, is_look: bool = False) -> OpenTenant:
        self.desk.before_open(slug)
        self.desk.opened.append(slug)
        tenant = self.checkout.tenants[slug]
        log = log_of(tenant, self.desk.records)
        held = in_force(tenant, log)
        opened = open_in_memory(held, self.desk.estate, log, self.checkout.root, self.checkout.settings)
        return replace(opened, open_other=self.open_platform)


@dataclass
class Watching:
    """A supervisor over an estate in memory, with a clock that tests set."""

    desk: WatchDesk
    root: Path
    now: datetime
    said: list[str] = field(default_factory=list)
    problems: list[Exception] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._supervisor = Supervisor(
            self.root,
            self.desk.records,
            self.said.append,
            lambda _, problem: self.problems.append(problem),
            lambda: self.now,
            FIVE_MINUTES,
        )

    def look(self, after: timedelta = FIVE_MINUTES) -> PassResult:
        """Make one pass, so long after the one before."""
        self.now += after
        result = self._supervisor.run()
        assert self.problems == []
        return result


@contextmanager
def watching(
    root: Path, estate: InMemoryEstate, now: datetime, monkeypatch: pytest.MonkeyPatch, reference: str
) -> Iterator[Watching]:
    """Give a supervisor whose tenants are in memory."""
    with Records.open(reference, root) as records:
        desk = WatchDesk(estate, records)
        stand_in: Callable[[Checkout, OnNotice], AbstractContextManager[_Opener]] = desk.open_tenants
        monkeypatch.setattr(rounds, "open_tenants", stand_in)
        for module in (watch, brake):
            monkeypatch.setattr(module, "open_tenants", stand_in)
        yield Watching(desk, root, now)
