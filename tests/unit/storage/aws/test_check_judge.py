"""What was seen of an AWS account, judged; every limit from both sides."""

import pytest

from coffre.storage.aws.checks import judge
from coffre.storage.aws.checks.judge import Identity, PolicyTrial, Rights
from coffre.storage.checking import Verdict

OK, WARNING, PROBLEM, UNKNOWN = Verdict.OK, Verdict.WARNING, Verdict.PROBLEM, Verdict.UNKNOWN
ACCOUNT = "123456789012"
USER = f"arn:aws:iam::{ACCOUNT}:user/coffre-admin"


@pytest.mark.parametrize(
    ("identity", "verdict", "words"),
    [
        (Identity(ACCOUNT, USER, 0.0), OK, USER),
        (Identity(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", 0.0), WARNING, "root user"),
        (Identity("210987654321", USER, 0.0), PROBLEM, "belongs to account 210987654321"),
    ],
)
def test_identity(identity, verdict, words):
    finding = judge.judge_identity(identity, ACCOUNT)
    assert finding.verdict is verdict
    assert words in finding.sentence


@pytest.mark.parametrize(
    ("offset", "verdict", "words"),
    [
        (None, UNKNOWN, "did not send"),
        (60.0, OK, "differ by 60 s"),
        (-60.0, OK, "differ by 60 s"),
        (61.0, WARNING, "61 s behind AWS's"),
        (-300.0, WARNING, "300 s ahead of AWS's"),
        (301.0, PROBLEM, "AWS refuses requests"),
    ],
)
def test_clock(offset, verdict, words):
    finding = judge.judge_clock(offset)
    assert finding.verdict is verdict
    assert words in finding.sentence


@pytest.mark.parametrize(
    ("region", "location", "verdict"),
    [
        ("eu-west-3", "eu-west-3", OK),
        ("eu-west-1", "EU", OK),
        ("us-east-1", None, OK),
        ("eu-west-3", None, PROBLEM),
        ("eu-west-3", "eu-central-1", PROBLEM),
    ],
)
def test_region(region, location, verdict):
    assert judge.judge_region(region, location).verdict is verdict


NEEDED = frozenset({"s3:A", "s3:B", "iam:C"})


@pytest.mark.parametrize(
    ("rights", "verdict", "words"),
    [
        (Rights(NEEDED, done=NEEDED), OK, "all 3 rights"),
        (Rights(NEEDED, simulated=dict.fromkeys(NEEDED, True)), OK, "all 3 rights"),
        (Rights(NEEDED, done=frozenset({"s3:A"}), simulated={"s3:B": True, "iam:C": True}), OK, "all 3 rights"),
        (Rights(NEEDED), UNKNOWN, "0 of 3 rights were tried and are there; not tried: iam:C, s3:A, s3:B"),
        (Rights(NEEDED, done=frozenset({"s3:A"})), UNKNOWN, "1 of 3 rights were tried"),
        (Rights(NEEDED, done=NEEDED - {"s3:B"}, refused=frozenset({"s3:B"})), PROBLEM, "may not: s3:B"),
        (Rights(NEEDED, simulated={**dict.fromkeys(NEEDED, True), "s3:A": False}), PROBLEM, "may not: s3:A"),
        (Rights(NEEDED, done=frozenset({"s3:A"}), refused=frozenset({"s3:A"})), UNKNOWN, "not tried: iam:C, s3:B"),
        (Rights(NEEDED, done=NEEDED, simulated={"s3:A": False}), OK, "all 3 rights"),
    ],
)
def test_rights_are_there_when_they_were_tried_or_simulated_and_never_otherwise(rights, verdict, words):
    finding = judge.judge_rights(rights)
    assert finding.verdict is verdict
    assert words in finding.sentence


def test_many_missing_rights_are_named_in_part():
    needed = frozenset(f"s3:{letter}" for letter in "abcdefghijk")
    sentence = judge.judge_rights(Rights(needed, refused=needed)).sentence
    assert sentence == "Coffre may not: s3:a, s3:b, s3:c, s3:d, s3:e, s3:f, s3:g, s3:h and 3 more"


@pytest.mark.parametrize(("may_read", "verdict"), [(None, UNKNOWN), (True, WARNING), (False, OK)])
def test_customers_data(may_read, verdict):
    assert judge.judge_customer_data(may_read).verdict is verdict


ON = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)


@pytest.mark.parametrize(
    ("switches", "refusal", "verdict", "words"),
    [
        (ON, "", OK, "on for the whole account"),
        ({**ON, "BlockPublicPolicy": False}, "", WARNING, "BlockPublicPolicy"),
        (None, "", WARNING, "never set"),
        (None, "AccessDenied", UNKNOWN, "AccessDenied"),
    ],
)
def test_public_access(switches, refusal, verdict, words):
    finding = judge.judge_public_access(switches, refusal)
    assert finding.verdict is verdict
    assert words in finding.sentence


@pytest.mark.parametrize(
    ("there", "wanted", "limit", "verdict"),
    [
        (799, 10, 1000, OK),
        (800, 10, 1000, WARNING),
        (10, 800, 1000, WARNING),
        (999, 10, 1000, WARNING),
        (1000, 10, 1000, PROBLEM),
        (10, 1000, 1000, PROBLEM),
        (10, 10, None, UNKNOWN),
    ],
)
def test_limits(there, wanted, limit, verdict):
    assert judge.judge_limit("buckets", "buckets", there, wanted, limit, is_default=False).verdict is verdict


def test_a_limit_that_aws_did_not_tell_is_called_its_default():
    finding = judge.judge_limit("buckets", "buckets", 1, 1, 10_000, is_default=True)
    assert "AWS's default of 10000" in finding.sentence


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "policies work"),
        ({"owner_may_delete": False}, "the owner cannot delete"),
        ({"machine_may_write": False}, "cannot write"),
        ({"machine_may_delete": True}, "can delete"),
        ({"stranger_may_read": True}, "can read"),
    ],
)
def test_policy(changes, words):
    good = {
        "owner_may_delete": True,
        "machine_may_write": True,
        "machine_may_delete": False,
        "stranger_may_read": False,
    }
    finding = judge.judge_policy(PolicyTrial(**{**good, **changes}))
    assert finding.verdict is (PROBLEM if changes else OK)
    assert words in finding.sentence


@pytest.mark.parametrize(
    ("has_sdk", "plugin", "verdict", "words"),
    [
        (True, "/opt/pulumi-resource-aws", OK, "/opt/pulumi-resource-aws"),
        (True, None, PROBLEM, "plugin for AWS is not on PATH"),
        (False, "/opt/pulumi-resource-aws", PROBLEM, "SDK for AWS is not installed"),
    ],
)
def test_pulumi(has_sdk, plugin, verdict, words):
    finding = judge.judge_plugin(has_sdk=has_sdk, plugin=plugin)
    assert finding.verdict is verdict
    assert words in finding.sentence


@pytest.mark.parametrize(("seconds", "verdict"), [(0.3, OK), (5.0, OK), (5.1, WARNING), (None, PROBLEM)])
def test_gate(seconds, verdict):
    assert judge.judge_gate(seconds, 60.0).verdict is verdict


@pytest.mark.parametrize(("milliseconds", "verdict"), [(150.0, OK), (151.0, WARNING)])
def test_latency(milliseconds, verdict):
    assert judge.judge_latency(milliseconds).verdict is verdict
