"""The brake: a machine's retention freezes at once, for Coffre and for the platform, and only for that machine."""

from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from coffre.errors import BusyError, UsageError
from coffre.operations.holds import brake
from coffre.operations.holds.settle import find_expiring, settle_expiry
from coffre.records.facts.supervision import RetentionFrozen
from coffre.tenant.estate.freezes import find_freeze, list_freezes
from tests.builders import tenant_with
from tests.doubles.buckets import InMemoryEstate
from tests.doubles.log import InMemoryLog

COMPTA, CAISSE = "compta-01", "caisse-01"
FACT = RetentionFrozen(reason="the customer calls")


class Desk:
    """Opens one tenant in memory, as its log says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.tenant = tenant_with()
        self.estate, self.log, self.is_busy = InMemoryEstate.of_all(self.tenant), InMemoryLog(), False
        monkeypatch.setattr(brake, "open_recorded", self._open)
        monkeypatch.setattr(brake, "lock_tenant", self._lock)
        monkeypatch.setattr(brake, "lock_recorded", self._open)

    def opened(self) -> Any:
        tenant = self.tenant.with_frozen(list_freezes(self.log))
        opened = SimpleNamespace(tenant=tenant, log=self.log, buckets=self.estate.buckets)
        opened.homes = (opened,)
        return opened

    @contextmanager
    def _open(self, *_: Any, **__: Any) -> Any:
        yield self.opened()

    @contextmanager
    def _lock(self, *_: Any, **__: Any) -> Any:
        if self.is_busy:
            raise BusyError("another command is changing it", "Wait.")
        yield self.opened()


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(monkeypatch)


def freeze(desk: Desk, machine: str = COMPTA) -> None:
    brake.pull_brake(None, "martin", machine, FACT, lambda _: None)  # type: ignore[arg-type]


def test_nothing_of_the_machine_expires_from_then_on_and_the_others_go_on(desk: Desk) -> None:
    freeze(desk)
    assert find_expiring(desk.estate.buckets, [COMPTA, CAISSE]) == {CAISSE: ["all", "locks"]}
    freeze(desk)
    assert len(desk.log.events) == 1, "a second time changes nothing"


def test_while_another_command_has_the_tenant_it_is_frozen_for_coffre_and_the_words_say_what_is_not(
    desk: Desk,
) -> None:
    desk.is_busy = True
    with pytest.raises(BusyError, match="is frozen, but rules of the platform may still delete"):
        freeze(desk)
    assert find_freeze(desk.log, COMPTA) is not None
    desk.is_busy = False
    freeze(desk)
    assert find_expiring(desk.estate.buckets, [COMPTA]) == {}


def test_a_rule_that_somebody_puts_back_is_taken_away_by_whoever_settles_next(desk: Desk) -> None:
    freeze(desk)
    desk.estate.bucket(COMPTA)._state.expiry_days["mine"] = 1  # type: ignore[attr-defined]
    settle_expiry(desk.opened().tenant, desk.estate.buckets)
    assert find_expiring(desk.estate.buckets, [COMPTA]) == {}


def test_only_a_person_releases_it_and_says_why(desk: Desk) -> None:
    freeze(desk)
    brake.release_brake(None, "martin", COMPTA, "it was a migration", lambda _: None)  # type: ignore[arg-type]
    assert find_freeze(desk.log, COMPTA) is None
    with pytest.raises(UsageError):
        freeze(desk, "nobody-01")
