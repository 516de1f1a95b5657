"""Where a rotation stands, by the control bundle alone."""

from itertools import chain, combinations

import pytest

from coffre.secrets import rotations
from coffre.secrets.bundles import ControlBundle, entries
from coffre.secrets.errors import MissingKeyError
from coffre.secrets.rotations import OWNER, SIGNING, PendingRotation, Subject, machine_key

COMPTA = machine_key("compta-01")
EVERY_KEY = [OWNER, COMPTA, SIGNING]
SOME_KEYS = list(chain.from_iterable(combinations(EVERY_KEY, count) for count in (1, 2, 3)))


def pending(control: ControlBundle) -> tuple[PendingRotation, ...]:
    return rotations.pending_rotations(control, ["compta-01", "never-applied"])


def test_a_machine_that_was_never_applied_has_no_key_to_rotate(control: ControlBundle) -> None:
    assert rotations.list_subjects(control, ["compta-01", "never-applied"]) == EVERY_KEY


@pytest.mark.parametrize("subjects", SOME_KEYS)
def test_a_rotation_begins_ends_and_leaves_the_new_keys(control: ControlBundle, subjects: list[Subject]) -> None:
    begun = rotations.start(control, subjects, now=False)
    assert {rotation.secret for rotation in pending(begun)} == {subject.secret for subject in subjects}
    for subject in EVERY_KEY:
        was, now = entries(control)[subject.secret], entries(begun)[subject.secret]
        assert (was != now) == (subject in subjects)
        assert rotations.find_old(begun, subject) == (was if subject in subjects else None)
    ended = rotations.drop(rotations.condemn(begun, subjects), subjects)
    assert pending(ended) == ()
    assert ended.condemned == ()
    assert entries(ended) == {each: key for each, key in entries(begun).items() if each != each.old}


def test_what_is_pending_is_continued_and_nothing_is_begun_beside_it(control: ControlBundle) -> None:
    begun = rotations.start(control, [COMPTA], now=False)
    assert rotations.start(begun, EVERY_KEY, now=False) == begun
    assert rotations.start(begun, [OWNER], now=False) != begun


def test_until_its_cut_the_old_key_is_the_one_that_the_platform_has(control: ControlBundle) -> None:
    begun = rotations.start(control, EVERY_KEY, now=False)
    assert rotations.trusted_key(begun, OWNER) == control.owner_key
    assert rotations.trusted_key(begun, COMPTA) == control.machine_keys["compta-01"]
    assert rotations.signing_keys(begun) == [begun.signing_key, control.signing_key]
    cut = rotations.condemn(begun, EVERY_KEY)
    assert rotations.trusted_key(cut, OWNER) == begun.owner_key
    assert rotations.trusted_key(cut, COMPTA) == begun.machine_keys["compta-01"]
    assert rotations.signing_keys(cut) == [begun.signing_key]


def test_a_stolen_key_is_condemned_in_the_save_that_mints_its_successor(control: ControlBundle) -> None:
    cut = rotations.start(control, EVERY_KEY, now=True)
    assert all(rotation.is_cut for rotation in pending(cut))
    assert rotations.start(cut, EVERY_KEY, now=True) == cut
    assert rotations.start(cut, EVERY_KEY, now=False) == cut


def test_a_key_stolen_in_the_middle_of_a_rotation_is_not_trusted_in_its_new_form_either(control: ControlBundle) -> None:
    begun = rotations.start(control, [COMPTA], now=False)
    stolen = rotations.start(begun, [COMPTA], now=True)
    assert stolen.machine_keys == begun.machine_keys
    assert set(stolen.condemned) == {COMPTA.old_secret, COMPTA.secret}
    assert rotations.start(stolen, [COMPTA], now=True) == stolen
    without_first = rotations.drop(stolen, [COMPTA])
    assert rotations.is_pending(without_first, COMPTA)
    again = rotations.begin(without_first, [COMPTA])
    assert again.condemned == (COMPTA.old_secret,)
    assert again.old_machine_keys == begun.machine_keys
    assert again.machine_keys["compta-01"] not in (begun.machine_keys["compta-01"], control.machine_keys["compta-01"])


def test_condemning_one_key_leaves_the_others_both_valid(control: ControlBundle) -> None:
    begun = rotations.condemn(rotations.start(control, EVERY_KEY, now=False), [SIGNING])
    assert [rotation.is_cut for rotation in pending(begun)] == [False, False, True]


def test_a_user_without_a_key_is_told_and_named_with_what_to_do(control: ControlBundle) -> None:
    bare = control.model_copy(update={"owner_key": None, "machine_keys": {}})
    assert rotations.list_subjects(bare, ["compta-01"]) == [SIGNING]
    for subject, name in ((OWNER, "the owner's key"), (COMPTA, "the key of compta-01")):
        assert rotations.find_key(bare, subject) is None
        with pytest.raises(MissingKeyError, match=f"{name} does not exist yet") as raised:
            rotations.trusted_key(bare, subject)
        assert "coffre apply" in raised.value.hint


def test_a_first_key_is_the_user_s_own(control: ControlBundle) -> None:
    bare = control.model_copy(update={"owner_key": None, "machine_keys": {}})
    for subject in (OWNER, COMPTA):
        key = rotations.mint_key(subject)
        given = rotations.give_first(bare, subject, key)
        assert rotations.get_key(given, subject) == key
        assert pending(given) == ()


@pytest.mark.parametrize("subject", [OWNER, COMPTA])
def test_a_withdrawn_rotation_leaves_the_bundle_as_it_was(control: ControlBundle, subject: Subject) -> None:
    begun = rotations.begin(control, [subject])
    assert rotations.withdraw(begun, subject) == control
    stolen = rotations.start(begun, [subject], now=True)
    assert rotations.withdraw(stolen, subject) == control


def test_successors_are_taken_from_where_they_are_created(control: ControlBundle) -> None:
    created = {subject: rotations.mint_key(subject) for subject in (OWNER, COMPTA)}
    begun = rotations.start(control, EVERY_KEY, now=False, new_key=lambda subject: created[subject])
    assert {subject: rotations.get_key(begun, subject) for subject in created} == created
    assert begun.signing_key != control.signing_key
    asked: list[Subject] = []
    assert rotations.start(begun, EVERY_KEY, now=False, new_key=asked.append) == begun  # type: ignore[arg-type, func-returns-value]
    assert asked == [], "no key is created when nothing begins"
