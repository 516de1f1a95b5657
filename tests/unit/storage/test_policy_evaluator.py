"""The evaluator of policies that the isolation tests trust: every rule of AWS that it uses, and what it refuses."""

import pytest

from tests.policy_evaluator import Decision, Request, UnsupportedPolicyError, evaluate

ACCOUNT = "123456789012"
ANNE, BOB = (f"arn:aws:iam::{ACCOUNT}:user/coffre/{name}" for name in ("anne", "bob"))
KEY = "arn:aws:s3:::box/restic/data/1"
ALLOWED, DENIED, NOT_ALLOWED = Decision.ALLOWED, Decision.DENIED, Decision.NOT_ALLOWED


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(**changes):
    return {"Effect": "Allow", "Principal": {"AWS": [ANNE]}, "Action": "s3:GetObject", "Resource": KEY, **changes}


def deny(**changes):
    return allow(Effect="Deny", **changes)


def own(statement):
    return {name: value for name, value in statement.items() if name != "Principal"}


def ask(**changes):
    return Request(**{"caller": ANNE, "action": "s3:GetObject", "resource": KEY, "account": ACCOUNT, **changes})


def test_nothing_is_allowed_without_a_statement():
    assert evaluate(ask(), {}) is NOT_ALLOWED
    assert evaluate(ask(), policy(), [policy()]) is NOT_ALLOWED


def test_either_policy_allows_and_any_deny_wins():
    assert evaluate(ask(), policy(allow())) is ALLOWED
    assert evaluate(ask(), {}, [policy(own(allow()))]) is ALLOWED
    assert evaluate(ask(), policy(deny()), [policy(own(allow()))]) is DENIED
    assert evaluate(ask(), policy(allow()), [policy(own(deny()))]) is DENIED
    assert evaluate(ask(), policy(allow(), deny())) is DENIED


@pytest.mark.parametrize(
    ("principal", "caller", "decision"),
    [
        ({"AWS": ANNE}, ANNE, ALLOWED),
        ({"AWS": [BOB, ANNE]}, ANNE, ALLOWED),
        ({"AWS": ANNE}, BOB, NOT_ALLOWED),
        ({"AWS": ANNE}, None, NOT_ALLOWED),
        ("*", None, ALLOWED),
        ({"AWS": "*"}, BOB, ALLOWED),
    ],
)
def test_principals(principal, caller, decision):
    assert evaluate(ask(caller=caller), policy(allow(Principal=principal))) is decision


@pytest.mark.parametrize(("caller", "decision"), [(ANNE, NOT_ALLOWED), (BOB, DENIED), (None, DENIED)])
def test_a_deny_with_exceptions_reaches_everybody_else(caller, decision):
    statement = {"Effect": "Deny", "NotPrincipal": {"AWS": [ANNE]}, "Action": "s3:*", "Resource": "*"}
    assert evaluate(ask(caller=caller), policy(statement)) is decision


@pytest.mark.parametrize(
    ("action", "resource", "decision"),
    [
        ("s3:GetObject", KEY, ALLOWED),
        ("s3:getobject", KEY, ALLOWED),
        ("s3:*", KEY, ALLOWED),
        ("s3:Get*", "*", ALLOWED),
        ("s3:GetObjec?", KEY, ALLOWED),
        ("s3:GetObject?", KEY, NOT_ALLOWED),
        ("s3:GetObjectVersion", KEY, NOT_ALLOWED),
        ("s3:GetObject", "arn:aws:s3:::box/*", ALLOWED),
        ("s3:GetObject", "arn:aws:s3:::box/restic/*", ALLOWED),
        ("s3:GetObject", "arn:aws:s3:::box", NOT_ALLOWED),
        ("s3:GetObject", "arn:aws:s3:::box/restic", NOT_ALLOWED),
        ("s3:GetObject", "arn:aws:s3:::BOX/*", NOT_ALLOWED),
        ("s3:GetObject", "arn:aws:s3:::b.x/*", NOT_ALLOWED),
    ],
)
def test_patterns(action, resource, decision):
    assert evaluate(ask(), policy(allow(Action=[action], Resource=[resource]))) is decision


def test_not_resource_is_everything_else():
    only = {"Effect": "Deny", "Action": "s3:GetObject", "NotResource": ["arn:aws:s3:::programs/*"]}
    assert evaluate(ask(), {}, [policy(only)]) is DENIED
    assert evaluate(ask(resource="arn:aws:s3:::programs/x"), {}, [policy(only)]) is NOT_ALLOWED


@pytest.mark.parametrize(
    ("condition", "changes", "decision"),
    [
        ({"Bool": {"aws:SecureTransport": "false"}}, {"is_tls": False}, ALLOWED),
        ({"Bool": {"aws:SecureTransport": "false"}}, {}, NOT_ALLOWED),
        ({"StringEquals": {"s3:ResourceAccount": ACCOUNT}}, {}, ALLOWED),
        ({"StringEquals": {"s3:ResourceAccount": ACCOUNT}}, {"account": "999999999999"}, NOT_ALLOWED),
        ({"StringEquals": {"s3:ResourceAccount": ACCOUNT}}, {"account": None}, NOT_ALLOWED),
        ({"StringEquals": {"s3:ResourceAccount": ["1", ACCOUNT]}}, {}, ALLOWED),
        ({"StringEquals": {"aws:RequestedRegion": "eu-west-3"}}, {"region": "eu-west-3"}, ALLOWED),
        ({"StringEquals": {"aws:RequestedRegion": "eu-west-3"}}, {"region": "eu-west-1"}, NOT_ALLOWED),
        ({"StringEquals": {"aws:RequestedRegion": "eu-west-3"}}, {}, NOT_ALLOWED),
    ],
)
def test_conditions(condition, changes, decision):
    assert evaluate(ask(**changes), policy(allow(Condition=condition))) is decision


@pytest.mark.parametrize(
    "statement",
    [
        allow(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}),
        allow(NotAction="s3:GetObject"),
        allow(Resource="arn:aws:s3:::${aws:username}/*"),
        allow(Principal={"CanonicalUser": "x"}),
        allow(Principal={"AWS": ACCOUNT}),
        allow(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"}),
        allow(Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:user/*"}),
        {**own(allow()), "NotPrincipal": {"AWS": BOB}},
        own(allow()),
        allow(Effect="allow"),
    ],
)
def test_what_it_does_not_know_is_refused(statement):
    with pytest.raises(UnsupportedPolicyError):
        evaluate(ask(), policy(statement))


def test_only_the_present_version_of_the_language_is_read():
    with pytest.raises(UnsupportedPolicyError):
        evaluate(ask(), {"Version": "2008-10-17", "Statement": [allow()]})
    with pytest.raises(UnsupportedPolicyError):
        evaluate(ask(), {}, [policy(allow())])
