"""What two copies of a bundle say together, and what a save may not drop, while keys are rotated."""

import pytest
from pydantic import SecretStr

from coffre.secrets import minting, rotations
from coffre.secrets.bundles import ControlBundle
from coffre.secrets.copies import Copy, judge, lost_entries
from coffre.secrets.errors import ConflictingCopiesError
from coffre.secrets.rotations import OWNER, SIGNING, machine_key

COMPTA = machine_key("compta-01")
EVERY_KEY = [OWNER, COMPTA, SIGNING]


def judged(primary: ControlBundle, escrow: ControlBundle) -> ControlBundle | None:
    return judge(Copy("primary", primary), Copy("escrow", escrow)).bundle


def test_a_key_that_moved_beside_its_successor_is_not_lost(control: ControlBundle) -> None:
    assert lost_entries(control, rotations.begin(control, EVERY_KEY)) == []


def test_a_key_that_has_a_successor_and_stands_nowhere_is_lost(control: ControlBundle) -> None:
    without = rotations.drop(rotations.begin(control, EVERY_KEY), EVERY_KEY)
    assert lost_entries(control, without) == [OWNER.secret, SIGNING.secret, COMPTA.secret]


def test_only_what_is_named_may_be_dropped(control: ControlBundle) -> None:
    begun = rotations.begin(control, EVERY_KEY)
    ended = rotations.drop(begun, EVERY_KEY)
    gone = [COMPTA.old_secret, OWNER.old_secret, SIGNING.old_secret]
    assert lost_entries(begun, ended) == gone
    assert lost_entries(begun, ended, dropping=gone[1:]) == gone[:1]
    assert lost_entries(begun, ended, dropping=gone) == []


def test_an_old_key_is_not_replaced_by_another_old_one(control: ControlBundle) -> None:
    """Begun twice: the first old key may still be on a machine that was never reached."""
    begun = rotations.begin(control, EVERY_KEY)
    assert len(lost_entries(begun, rotations.begin(begun, EVERY_KEY))) == 3


@pytest.mark.parametrize("now", [False, True])
def test_a_rotation_killed_between_its_two_writes_goes_on_with_the_escrow_s_new_keys(
    control: ControlBundle, now: bool
) -> None:
    begun = rotations.start(control, EVERY_KEY, now=now)
    assert judged(primary=control, escrow=begun) == begun


def test_a_decision_killed_between_its_two_writes_stands(control: ControlBundle) -> None:
    begun = rotations.begin(control, EVERY_KEY)
    decided = rotations.condemn(begun, EVERY_KEY)
    assert judged(primary=begun, escrow=decided) == decided


def test_an_end_killed_between_its_two_writes_is_reached_again(control: ControlBundle) -> None:
    decided = rotations.start(control, EVERY_KEY, now=True)
    ended = rotations.drop(decided, EVERY_KEY)
    assert judged(primary=decided, escrow=ended) == decided


def test_a_key_that_was_changed_without_its_old_one_is_a_conflict(control: ControlBundle) -> None:
    other = control.model_copy(update={"machine_keys": {"compta-01": minting.new_access_key()}})
    with pytest.raises(ConflictingCopiesError, match="disagree about the key of compta-01"):
        judged(primary=control, escrow=other)


def test_copies_that_are_each_ahead_in_something_are_united(control: ControlBundle) -> None:
    more = control.machine_keys | {"server-01": minting.new_access_key()}
    ours = rotations.condemn(rotations.begin(control, [OWNER]), [OWNER])
    theirs = ours.model_copy(update={"machine_keys": more, "condemned": (), "old_owner_key": None})
    found = judged(ours, theirs)
    assert found is not None
    assert found.machine_keys == more
    assert found.old_owner_key == control.owner_key
    assert found.condemned == (OWNER.old_secret,)


def test_of_two_credentials_the_escrow_s_is_the_newer(control: ControlBundle) -> None:
    mine, newer = (control.model_copy(update={"credentials": {"sudo": SecretStr(value)}}) for value in ("a", "b"))
    found = judged(primary=mine, escrow=newer)
    assert found is not None
    assert found.credentials["sudo"].get_secret_value() == "b"


def test_a_first_key_killed_between_its_two_writes_is_the_escrow_s(control: ControlBundle) -> None:
    before = control.model_copy(update={"owner_key": None, "machine_keys": {}})
    assert control.owner_key is not None
    first = rotations.give_first(before, OWNER, control.owner_key)
    assert judged(primary=before, escrow=first) == first
    assert judged(primary=first, escrow=before) == first
    another = rotations.give_first(before, COMPTA, control.machine_keys["compta-01"])
    assert judged(primary=another, escrow=first) == control
    assert judged(primary=first, escrow=another) == control


def test_a_rotation_withdrawn_between_two_writes_is_withdrawn_again(control: ControlBundle) -> None:
    begun = rotations.begin(control, [OWNER, COMPTA])
    withdrawn = rotations.withdraw(begun, OWNER)
    assert judged(primary=begun, escrow=withdrawn) == begun
    assert lost_entries(begun, withdrawn, dropping=[OWNER.secret, OWNER.old_secret]) == []
