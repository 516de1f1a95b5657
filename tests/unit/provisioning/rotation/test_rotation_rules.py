"""When an old key may go."""

from datetime import UTC, datetime, timedelta

import pytest

from coffre.provisioning.rotation.rules import (
    KeyUse,
    PendingCause,
    PendingReason,
    is_at_work,
    machines_to_move,
    waits_for,
)
from coffre.secrets import minting, rotations
from coffre.secrets.bundles import ControlBundle
from coffre.secrets.rotations import OWNER, SIGNING, machine_key

MACHINES = ["compta-01", "caisse-01"]
COMPTA = machine_key("compta-01")
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
BEFORE = ControlBundle(
    tenant_id="k7f3q9wz2m",
    owner_key=minting.new_access_key(),
    machine_keys={name: minting.new_access_key() for name in MACHINES},
    stack_passphrase=minting.new_passphrase(),
    signing_key=minting.new_signing_key(),
)
BEGUN = rotations.begin(BEFORE, rotations.list_subjects(BEFORE, MACHINES))


def seen(control: ControlBundle, machine: str, *, is_at_work: bool = False) -> KeyUse:
    """Return what a machine says that works with the newest keys of a bundle."""
    key_ids = frozenset({control.machine_keys[machine].access_key_id})
    return KeyUse(key_ids, minting.public_key_of(control.signing_key), is_at_work)


def test_a_machine_s_old_key_goes_once_it_has_reported_with_the_new_one() -> None:
    assert waits_for(BEGUN, COMPTA, {"compta-01": seen(BEGUN, "compta-01")}) is None
    unreported = PendingReason(PendingCause.NO_REPORT_WITH_NEW_KEY, ("compta-01",))
    silent = KeyUse(frozenset(), None, is_at_work=False)
    for witness in (seen(BEFORE, "compta-01"), silent, seen(BEGUN, "caisse-01")):
        assert waits_for(BEGUN, COMPTA, {"compta-01": witness}) == unreported


def test_a_backup_under_way_keeps_the_old_key_unless_it_is_cut_already() -> None:
    witnesses = {"compta-01": seen(BEGUN, "compta-01", is_at_work=True)}
    assert waits_for(BEGUN, COMPTA, witnesses) == PendingReason(PendingCause.BACKUP_UNDER_WAY, ("compta-01",))
    assert waits_for(rotations.condemn(BEGUN, [COMPTA]), COMPTA, witnesses) is None


def test_the_old_signing_key_signs_until_every_machine_trusts_the_new_one() -> None:
    moved = {name: seen(BEGUN, name) for name in MACHINES}
    assert waits_for(BEGUN, SIGNING, moved) is None
    for lagging in (["caisse-01"], MACHINES):
        witnesses = moved | {name: seen(BEFORE, name) for name in lagging}
        assert waits_for(BEGUN, SIGNING, witnesses) == PendingReason(PendingCause.SIGNING_KEY_NOT_TAKEN, tuple(lagging))


def test_nothing_at_a_customer_s_waits_for_the_owner_s_key() -> None:
    assert waits_for(BEGUN, OWNER, {}) is None


@pytest.mark.parametrize(("age", "expected"), [(-1, True), (29, True), (30, False)])
def test_a_lock_that_nobody_renews_is_a_dead_run_s(age: int, expected: bool) -> None:
    assert is_at_work(NOW - timedelta(minutes=age), NOW) is expected
    assert is_at_work(None, NOW) is False


def test_agents_are_moved_where_something_is_new_for_them() -> None:
    assert machines_to_move([OWNER], MACHINES) == []
    assert machines_to_move([OWNER, COMPTA], MACHINES) == ["compta-01"]
    assert machines_to_move([SIGNING], MACHINES) == MACHINES
