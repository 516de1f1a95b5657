"""What somebody changes by hand in an AWS account is found, named, and undone by apply (moto stands for AWS)."""

import json
from typing import Any

from coffre.storage.aws.names import MACHINE_POLICY
from coffre.storage.s3 import lifecycle
from tests.e2e.aws.test_tenant_on_aws import EVERYTHING, SLUG, TENANT_ID, Backstage, backstage, desk, moto
from tests.e2e.conftest import Desk

__all__ = ["backstage", "desk", "moto"]

COMPTA, CAISSE = "compta-01", "caisse-01"
WITHOUT_AGENTS = {("agent_missing", COMPTA), ("agent_missing", CAISSE)}
"""What is true of this tenant all the time: only its storage is applied here."""


def found(desk: Desk) -> dict[str, Any]:
    [tenant] = desk.json("drift", SLUG, "--reports-only", "--json", expect=6)
    return tenant


def kinds(tenant: dict[str, Any]) -> set[tuple[str, str | None]]:
    return {(each["what"], each["machine"]) for each in tenant["drift"]} - WITHOUT_AGENTS


def test_a_tenant_as_it_was_applied_has_no_drift(desk: Desk) -> None:
    assert kinds(found(desk)) == {("never_applied", None)}
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    seen = found(desk)
    assert (kinds(seen), seen["unseen"]) == (set(), [])


def test_what_is_changed_by_hand_in_the_account_is_named_and_undone(desk: Desk, backstage: Backstage) -> None:
    compta, caisse = backstage.user(COMPTA), backstage.user(CAISSE)
    sids = backstage.sids(COMPTA)
    stranger = backstage.iam.create_access_key(UserName=compta)["AccessKey"]
    backstage.iam.put_user_policy(UserName=caisse, PolicyName=MACHINE_POLICY, PolicyDocument=json.dumps(EVERYTHING))
    weaken(backstage, COMPTA)
    backstage.s3.delete_bucket_lifecycle(Bucket=backstage.bucket(CAISSE))
    backstage.s3.put_bucket_versioning(Bucket=backstage.bucket(CAISSE), VersioningConfiguration={"Status": "Suspended"})
    seen = found(desk)
    assert kinds(seen) == {
        ("foreign_key", COMPTA),
        ("user_policy", CAISSE),
        ("policy", COMPTA),
        ("lifecycle", CAISSE),
        ("versioning", CAISSE),
    }
    assert all(each["is_undone_by_apply"] for each in seen["drift"])
    [key] = [each for each in seen["drift"] if each["what"] == "foreign_key"]
    assert key["detail"] == stranger["AccessKeyId"]
    told = desk.coffre("drift", SLUG, "--reports-only", expect=6).stdout
    assert f"{COMPTA}: an access key that is in no bundle ({stranger['AccessKeyId']})" in told
    assert stranger["SecretAccessKey"] not in told

    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    assert kinds(found(desk)) == set()
    control = backstage.secrets.get_control(SLUG, TENANT_ID)
    assert backstage.key_ids(compta) == [control.machine_keys[COMPTA].access_key_id]
    document = backstage.iam.get_user_policy(UserName=caisse, PolicyName=MACHINE_POLICY)["PolicyDocument"]
    assert document["Statement"] != EVERYTHING["Statement"]
    assert backstage.sids(COMPTA) == sids
    rules = backstage.s3.get_bucket_lifecycle_configuration(Bucket=backstage.bucket(CAISSE))["Rules"]
    assert {rule["ID"] for rule in rules} == set(lifecycle.rules(14))


def weaken(backstage: Backstage, machine: str) -> None:
    """Take the first refusal out of a bucket's policy."""
    bucket = backstage.bucket(machine)
    document = json.loads(backstage.s3.get_bucket_policy(Bucket=bucket)["Policy"])
    refusal = next(each for each in document["Statement"] if each["Effect"] == "Deny")
    document["Statement"].remove(refusal)
    backstage.s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(document))


def test_a_user_of_nobody_is_told_and_left(desk: Desk, backstage: Backstage) -> None:
    ours = backstage.iam.get_user(UserName=backstage.user(COMPTA))["User"]
    uid = f"{ours['UserName'].rpartition('.')[0]}.poste-99"
    backstage.iam.create_user(UserName=uid, Path=ours["Path"])
    try:
        [drift] = [each for each in found(desk)["drift"] if each["what"] != "agent_missing"]
        assert (drift["what"], drift["detail"], drift["is_undone_by_apply"]) == ("extra_user", uid, False)
    finally:
        backstage.iam.delete_user(UserName=uid)
    assert kinds(found(desk)) == set()
