"""What of a tenant's storage is drift, by plain values."""

from dataclasses import replace
from typing import Any

import pytest

from coffre.provisioning.drift.rules import judge_buckets, judge_resources, judge_users
from coffre.provisioning.drift.values import BY_HAND, Drift, DriftKind, Unseen, UnseenKind
from coffre.records.facts.contract import FillReason, GateChange
from coffre.secrets import minting, rotations
from coffre.secrets.bundles import ControlBundle
from coffre.spec import naming
from coffre.storage.acronis.driver import CAPABILITIES as VENDORS
from coffre.storage.ceph.driver import CAPABILITIES
from coffre.storage.platform import KeyOrigin
from coffre.storage.survey import HomeSurvey, Part, ResourceDrift, SurveyedBucket, SurveyedUser
from tests.builders import tenant_with

TENANT = tenant_with()
COMPTA, CAISSE = "compta-01", "caisse-01"
OWNER = naming.owner_uid(TENANT)
CONTROL = ControlBundle(
    tenant_id=TENANT.id,
    owner_key=minting.new_access_key(),
    machine_keys={name: minting.new_access_key() for name in (COMPTA, CAISSE)},
    stack_passphrase=minting.new_passphrase(),
    signing_key=minting.new_signing_key(),
)


def bucket_of(machine: str) -> str:
    return naming.bucket_name(TENANT.slug, TENANT.id, machine)


def user(machine: str | None, **changes: Any) -> SurveyedUser:
    subject = rotations.OWNER if machine is None else rotations.machine_key(machine)
    uid = OWNER if machine is None else naming.machine_uid(TENANT, machine)
    plain = {"uid": uid, "is_suspended": False, "key_ids": (rotations.get_key(CONTROL, subject).access_key_id,)}
    return SurveyedUser(**{**plain, **changes})


def bucket(machine: str, **changes: Any) -> SurveyedBucket:
    plain = {"has_machine": True, "is_gate_closed": False, "is_stopped": False, "is_suspended": False}
    return SurveyedBucket(**{"name": bucket_of(machine), **plain, **changes})


def seen(*users: SurveyedUser, buckets: tuple[SurveyedBucket, ...] = ()) -> HomeSurvey:
    every = {each.uid: each for each in (user(None), user(COMPTA), user(CAISSE), *users)}
    return HomeSurvey((), every, {each.name: each for each in buckets})


CAN = {
    False: CAPABILITIES,
    True: replace(CAPABILITIES, keys=KeyOrigin.GIVEN),
}
"""The capabilities of a platform by whether it gives the keys."""


def judged(found: HomeSurvey, *, gives_keys: bool = False) -> list[Drift]:
    return list(judge_users(TENANT, found, CONTROL, CAN[gives_keys]))


def test_what_is_as_it_should_be_is_no_drift() -> None:
    assert judged(seen()) == []
    assert judged(seen(), gives_keys=True) == []
    assert list(judge_buckets(TENANT, seen(buckets=(bucket(COMPTA), bucket(CAISSE))), {})) == []


@pytest.mark.parametrize(
    ("changed", "kind", "machine", "detail"),
    [
        (user(COMPTA, is_suspended=True), DriftKind.USER_SUSPENDED, COMPTA, naming.machine_uid(TENANT, COMPTA)),
        (user(None, is_suspended=True), DriftKind.USER_SUSPENDED, None, OWNER),
        (user(None, bucket_quota_bytes=7), DriftKind.BUCKET_QUOTA, None, OWNER),
        (user(None, uid=f"{OWNER}.poste-09"), DriftKind.EXTRA_USER, None, f"{OWNER}.poste-09"),
        (user(CAISSE, key_ids=(*user(CAISSE).key_ids, "STRANGER")), DriftKind.FOREIGN_KEY, CAISSE, "STRANGER"),
    ],
)
def test_each_oddity_of_a_user_is_drift(
    changed: SurveyedUser, kind: DriftKind, machine: str | None, detail: str
) -> None:
    (drift,) = judged(seen(changed))
    assert (drift.what, drift.machine, drift.detail) == (kind, machine, detail)


def test_a_key_that_is_being_replaced_is_ours() -> None:
    begun = rotations.begin(CONTROL, [rotations.machine_key(COMPTA)])
    new = rotations.get_key(begun, rotations.machine_key(COMPTA)).access_key_id
    both = user(COMPTA, key_ids=(*user(COMPTA).key_ids, new))
    assert list(judge_users(TENANT, seen(both), begun, CAN[False])) == []


def test_a_lost_key_is_drift_here_only_where_keys_are_no_resources() -> None:
    lost = seen(user(COMPTA, key_ids=()))
    assert judged(lost) == []
    assert [each.what for each in judged(lost, gives_keys=True)] == [DriftKind.KEY]


def test_a_bucket_that_no_machine_has_is_drift_that_apply_leaves() -> None:
    (drift,) = judge_buckets(TENANT, seen(buckets=(bucket(COMPTA, name="old-bucket"),)), {})
    assert (drift.what, drift.detail) == (DriftKind.EXTRA_BUCKET, "old-bucket")
    assert drift.what in BY_HAND
    assert not drift.is_undone_by_apply


CLOSED = GateChange(True, 10, 10)
FILLING = GateChange(True, 10, 100, 200, FillReason.OBJECTS)


@pytest.mark.parametrize(
    ("recorded", "changes", "kinds"),
    [
        (None, {}, []),
        (None, {"is_gate_closed": True}, [DriftKind.GATE]),
        (CLOSED, {"is_gate_closed": True}, []),
        (CLOSED, {}, [DriftKind.GATE]),
        (FILLING, {"is_gate_closed": True, "is_stopped": True}, []),
        (FILLING, {"is_gate_closed": True}, [DriftKind.STOP]),
        (None, {"is_suspended": True}, [DriftKind.SUSPENSION]),
        (None, {"quota_bytes": 5}, [DriftKind.BUCKET_QUOTA]),
        (CLOSED, {"has_machine": False}, []),
    ],
)
def test_switches_are_compared_with_the_records_and_the_file(
    recorded: GateChange | None, changes: dict[str, Any], kinds: list[DriftKind]
) -> None:
    found = judge_buckets(TENANT, seen(buckets=(bucket(COMPTA, **changes),)), {COMPTA: recorded})
    assert [each.what for each in found] == kinds


def test_a_suspended_tenants_machines_should_be_shut_out() -> None:
    suspended = tenant_with(status="suspended")
    (drift,) = judge_buckets(suspended, seen(buckets=(bucket(COMPTA),)), {})
    assert (drift.what, drift.expected, drift.found) == (DriftKind.SUSPENSION, True, False)


def test_a_resource_is_told_by_its_machine_and_what_was_refused_is_unknown() -> None:
    wall = ResourceDrift(Part.WALL, OWNER, "", 10, 5)
    lifecycle = ResourceDrift(Part.LIFECYCLE, bucket_of(CAISSE), "all", {"a": 1}, None)
    refused = ResourceDrift(Part.POLICY, bucket_of(COMPTA), problem="AccessDenied")
    other = ResourceDrift(Part.OTHER, "odd", "x")
    assert list(judge_resources(TENANT, [wall, lifecycle, refused, other])) == [
        Drift(DriftKind.WALL, None, "", 10, 5),
        Drift(DriftKind.LIFECYCLE, CAISSE, "all", {"a": 1}, None),
        Unseen(UnseenKind.STORAGE, COMPTA, "AccessDenied"),
        Drift(DriftKind.OTHER, None, "odd x"),
    ]


def test_every_part_of_storage_is_a_kind_of_drift() -> None:
    assert {part.value for part in Part} <= {kind.value for kind in DriftKind}


def test_the_lifecycle_that_a_frozen_retention_took_away_is_no_drift_and_that_of_another_machine_is() -> None:
    gone = [ResourceDrift(Part.LIFECYCLE, bucket_of(name), "", None, None) for name in (COMPTA, CAISSE)]
    put_back = ResourceDrift(Part.LIFECYCLE, bucket_of(COMPTA), "mine", None, {"a": 1})
    found = list(judge_resources(TENANT.with_frozen([COMPTA]), [*gone, put_back]))
    assert [(each.machine, each.detail) for each in found] == [(CAISSE, ""), (COMPTA, "mine")]


def test_where_the_suspension_is_declared_it_is_drift_of_the_stack_alone() -> None:
    disabled = HomeSurvey((), {OWNER: SurveyedUser(OWNER, True, ())})
    assert list(judge_users(TENANT, disabled, CONTROL, VENDORS)) == []
    told = ResourceDrift(Part.SUSPENSION, OWNER, "", False, True)
    assert list(judge_resources(TENANT, [told])) == [Drift(DriftKind.SUSPENSION, None, "", False, True)]


@pytest.mark.parametrize("part", [Part.LICENCES, Part.SERVICE, Part.ACCOUNT])
def test_what_a_vendor_sells_is_drift_that_apply_undoes(part: Part) -> None:
    (drift,) = judge_resources(TENANT, [ResourceDrift(part, OWNER, "licences.servers", 2, 1)])
    assert (drift, drift.is_undone_by_apply) == (
        Drift(DriftKind(part.value), None, "licences.servers", 2, 1),
        True,
    )
