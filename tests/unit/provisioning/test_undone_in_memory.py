"""What somebody did to users and keys by hand is in the plan, and apply undoes it, on a platform in memory."""

from pathlib import Path

import pytest

from coffre.provisioning.terms.found import OWNER, Change, ChangeKind
from coffre.provisioning.terms.notes import NoteKind
from coffre.storage.values import AccessKey
from tests.doubles.workshop import CAISSE, COMPTA, Workshop, open_workshop


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    workshop = open_workshop(tmp_path, monkeypatch)
    workshop.apply()
    return workshop


def uid_of(workshop: Workshop, machine: str) -> str:
    return f"{workshop.estate.buckets.owner_uid}.{machine}"


def test_strange_keys_suspended_users_and_limits_are_planned_and_undone(workshop: Workshop) -> None:
    platform, owner = workshop.platform, workshop.estate.buckets.owner_uid
    compta, caisse = (uid_of(workshop, name) for name in (COMPTA, CAISSE))
    ours = platform.list_key_ids(compta)
    platform.add_key(compta, AccessKey("STRANGER", "x" * 20))
    platform.suspend_user(caisse, True)
    platform.set_bucket_quota(owner, None, 5)
    platform.set_bucket_quota(owner, workshop.estate.buckets.name(COMPTA), 7)
    plan = workshop.plan()
    assert plan.is_needed
    assert set(plan.steps) == {
        Change(ChangeKind.DELETE_KEYS, (COMPTA,)),
        Change(ChangeKind.ENABLE_USERS, (CAISSE,)),
        Change(ChangeKind.LIFT_QUOTAS, (OWNER, COMPTA)),
    }
    workshop.apply(planned=workshop.plan_exactly())
    assert platform.list_key_ids(compta) == ours
    user, limited, bucket = platform.survey_user(caisse), platform.survey_user(owner), workshop.estate.buckets
    assert user is not None
    assert not user.is_suspended
    assert limited is not None
    assert limited.bucket_quota_bytes is None
    facts = bucket.find_facts(COMPTA)
    assert facts is not None
    assert facts.quota_bytes is None
    assert not workshop.plan().is_needed


def test_a_suspended_owner_is_let_in_before_anything_reads_its_buckets(workshop: Workshop) -> None:
    owner = workshop.estate.buckets.owner_uid
    workshop.platform.suspend_user(owner, True)
    plan = workshop.plan()
    assert NoteKind.BUCKETS_UNREAD in {note.kind for note in plan.notes}
    assert Change(ChangeKind.ENABLE_USERS, (OWNER,)) in plan.steps
    workshop.apply()
    found = workshop.platform.find_owner(owner)
    assert found is not None
    assert not found.suspended
    assert not workshop.plan().is_needed


def test_a_key_that_is_being_replaced_is_no_stranger(workshop: Workshop) -> None:
    from coffre.secrets import rotations

    control = workshop.estate.secrets.control()
    begun = rotations.begin(control, [rotations.machine_key(COMPTA)])
    workshop.estate.secrets.save_control(begun)
    key = begun.machine_keys[COMPTA]
    new = AccessKey(key.access_key_id, key.secret_access_key.get_secret_value())
    workshop.platform.add_key(uid_of(workshop, COMPTA), new)
    assert ChangeKind.DELETE_KEYS not in {step.kind for step in workshop.plan().steps}
