"""The bucket policy as a document: switches, comparison, and the refusal to lock the owner out."""

import json

import pytest

from coffre.errors import RefusedError
from coffre.storage.ceph import bucket_policy
from coffre.storage.s3 import policy

OWNER, MACHINE, BUCKET = "acme-k7f3q9wz2m", "acme-k7f3q9wz2m.compta-01", "acme-compta-01-0123456789"
FULL = policy.document(bucket_policy.statements(BUCKET, OWNER, MACHINE))


def deny(**changes):
    return {"Effect": "Deny", "Action": "s3:*", "Resource": f"arn:aws:s3:::{BUCKET}/*", **changes}


def test_owner_and_machine_are_found_in_the_document():
    assert policy.find_principal(FULL, policy.OWNER_SID) == OWNER
    assert policy.find_principal(FULL, policy.MACHINE_WRITE_SID) == MACHINE
    assert policy.find_principal({}, policy.OWNER_SID) is None
    assert policy.list_uids(policy.by_sid(FULL)) == [OWNER, MACHINE]


def test_a_switch_goes_on_and_off_and_leaves_the_rest():
    closed = policy.with_switch(FULL, policy.GATE_SID, policy.gate_statement(BUCKET, MACHINE))
    assert policy.has_switch(closed, policy.GATE_SID)
    assert not policy.has_switch(FULL, policy.GATE_SID)
    assert not policy.is_same(closed, FULL)
    assert policy.owned(closed) == policy.owned(FULL)
    assert policy.with_switch(closed, policy.GATE_SID, None) == FULL
    twice = policy.with_switch(closed, policy.GATE_SID, policy.gate_statement(BUCKET, MACHINE))
    assert len(twice["Statement"]) == len(closed["Statement"])


def test_new_statements_keep_the_switches_of_the_live_document():
    closed = policy.with_switch(FULL, policy.GATE_SID, policy.gate_statement(BUCKET, MACHINE))
    closed = policy.with_switch(closed, policy.SUSPENSION_SID, policy.suspension_statement(BUCKET, MACHINE))
    renewed = policy.with_statements(closed, bucket_policy.statements(BUCKET, OWNER, None))
    assert set(policy.by_sid(renewed)) == {
        policy.OWNER_SID,
        bucket_policy.STRANGERS_SID,
        policy.GATE_SID,
        policy.SUSPENSION_SID,
    }


def test_order_scalars_and_repeats_make_no_difference():
    other = json.loads(policy.render(FULL))
    other["Statement"].reverse()
    for statement in other["Statement"]:
        statement["Action"] = [*statement["Action"][::-1], statement["Action"][0]]
        if len(statement["Resource"]) == 1:
            statement["Resource"] = statement["Resource"][0]
        if "Principal" in statement:
            statement["Principal"]["AWS"] = statement["Principal"]["AWS"][0]
    assert policy.is_same(other, FULL)


@pytest.mark.parametrize("extra", [{"Condition": {"Bool": {"aws:SecureTransport": "true"}}}, {"Effect": "Deny"}])
def test_any_other_difference_counts(extra):
    other = json.loads(policy.render(FULL))
    other["Statement"][0] |= extra
    assert not policy.is_same(other, FULL)


def test_statements_without_a_sid_or_with_one_used_twice_do_not_hide():
    allow = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}
    other = json.loads(policy.render(FULL))
    other["Statement"] += [allow, {**allow, "Sid": policy.OWNER_SID}]
    names = set(policy.by_sid(other)) - set(policy.by_sid(FULL))
    assert len(names) == 2
    assert any(name.startswith("unnamed-") for name in names)
    assert any(name.startswith(f"{policy.OWNER_SID}-") for name in names)


def test_a_single_statement_may_stand_without_a_list():
    assert list(policy.by_sid({"Statement": {"Sid": "One", "Effect": "Allow"}})) == ["One"]


@pytest.mark.parametrize(
    "statement",
    [
        deny(Principal="*"),
        deny(Principal={"AWS": "*"}),
        deny(Principal={"AWS": bucket_policy.user_arn(OWNER)}),
        deny(Principal={"AWS": [bucket_policy.user_arn(MACHINE), bucket_policy.user_arn(OWNER)]}),
        deny(Principal={"AWS": bucket_policy.user_arn(f"{OWNER}:sub")}),
        deny(Principal={"AWS": bucket_policy.user_arn("acme*")}),
        deny(Principal={"AWS": "arn:aws:iam::tenant:root"}),
        deny(Principal={"AWS": []}),
        deny(Principal={"CanonicalUser": "x"}),
        deny(Principal={"AWS": bucket_policy.user_arn(MACHINE), "Federated": "x"}),
        deny(),
        deny(NotPrincipal={"AWS": bucket_policy.user_arn(MACHINE)}),
        deny(NotPrincipal={"AWS": bucket_policy.user_arn(OWNER)}, Principal={"AWS": "*"}),
        deny(NotPrincipal="*"),
        deny(Principal={"AWS": bucket_policy.user_arn(OWNER)}, Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
        {**deny(Principal={"AWS": bucket_policy.user_arn(MACHINE)}), "Effect": "deny"},
    ],
)
def test_a_deny_that_could_reach_the_owner_is_refused(statement):
    document = policy.document({**bucket_policy.statements(BUCKET, OWNER, MACHINE), "Bad": statement})
    with pytest.raises(RefusedError, match=f"statement Bad could deny access to the owner {OWNER}"):
        policy.refuse_lockout(document, OWNER)


def test_a_stopped_machine_writes_and_deletes_nothing_at_all_and_may_read():
    statement = policy.stop_statement(BUCKET, MACHINE)
    assert statement["Effect"] == "Deny"
    assert statement["Resource"] == [f"arn:aws:s3:::{BUCKET}/*"]
    assert statement["Action"] == ["s3:DeleteObject", "s3:PutObject"]
    assert policy.STOP_SID in policy.SWITCH_SIDS
