"""The policies of a machine on AWS beside those on Ceph, as a file and statement by statement.

COFFRE_UPDATE_GOLDEN=1 writes the file anew; git shows what changed.
"""

import itertools
import json
import os
from pathlib import Path

import pytest

from coffre.storage.aws.names import AwsPrincipals, programs_bucket
from coffre.storage.aws.policy import OWNER_ACTIONS, PROGRAMS_SID, TLS_SID, bucket_statements, machine_policy
from coffre.storage.ceph import bucket_policy
from coffre.storage.s3 import policy

GOLDEN = Path(__file__).resolve().parents[3] / "golden" / "policies.json"
ACCOUNT, OWNER, BUCKET = "123456789012", "acme-k7f3q9wz2m", "acme-compta-01-0123456789"
MACHINE = f"{OWNER}.compta-01"
AWS = AwsPrincipals(ACCOUNT)
PROGRAMS = programs_bucket(ACCOUNT, "eu-west-3")
SWITCHES = {
    "gate": (policy.GATE_SID, policy.gate_statement),
    "stop": (policy.STOP_SID, policy.stop_statement),
    "suspension": (policy.SUSPENSION_SID, policy.suspension_statement),
}

BUCKET_POLICY, OWN_POLICY = "the bucket's policy", "the machine's own policy"
WHERE = {
    policy.OWNER_SID: BUCKET_POLICY,
    policy.MACHINE_LIST_SID: OWN_POLICY,
    policy.MACHINE_READ_SID: OWN_POLICY,
    policy.MACHINE_WRITE_SID: OWN_POLICY,
    policy.MACHINE_UNLOCK_SID: OWN_POLICY,
    policy.MACHINE_ACL_SID: BUCKET_POLICY,
}
"""Where each statement of Ceph's stands on AWS."""
MISSING = {
    bucket_policy.STRANGERS_SID: "On RGW a writer owns its objects, and with an ACL it could let others read them: a "
    "Deny for everybody else is needed. On AWS the bucket owns every object and ACLs are off (ownership enforced), so "
    "a user without a statement has no right. A Deny with NotPrincipal would also shut out Coffre's own role and the "
    "account.",
}
"""The statements of Ceph's that AWS does not have, and why."""
NEEDLESS = {
    policy.MACHINE_ACL_SID: "ACLs are off on AWS, so it denies what is refused anyway. It stays because it tells whose "
    "bucket it is: a retired machine's bucket has none.",
}
"""The statements that deny nothing more on AWS, and why they are there."""
ADDED = {
    TLS_SID: "AWS answers on port 80 as well; the embedded and any sound RGW do not.",
    PROGRAMS_SID: "On RGW the bucket of programs lets every user of the platform read; on AWS each machine's own "
    "policy does.",
}
"""The statements that Ceph does not have, and why."""


def ceph(switches=(), machine=MACHINE):
    statements = bucket_policy.statements(BUCKET, OWNER, machine)
    return policy.document({**statements, **{sid: make(BUCKET, MACHINE) for sid, make in switches}})


def aws(switches=(), machine=MACHINE):
    statements = bucket_statements(ACCOUNT, BUCKET, OWNER, machine)
    return policy.document({**statements, **{sid: make(BUCKET, MACHINE, AWS) for sid, make in switches}})


def states():
    for count in range(len(SWITCHES) + 1):
        for names in itertools.combinations(SWITCHES, count):
            yield " and ".join(names) or "no switch", {"switches": [SWITCHES[name] for name in names]}
    yield "retired", {"machine": None}


def documents():
    own = machine_policy(ACCOUNT, BUCKET, PROGRAMS)
    found = {}
    for name, given in states():
        inline = None if name == "retired" else own
        found[name] = {"ceph": ceph(**given), "aws": {BUCKET_POLICY: aws(**given), OWN_POLICY: inline}}
    return {"comparison": {"where": WHERE, "missing": MISSING, "needless": NEEDLESS, "added": ADDED}, **found}


def test_the_policies_are_the_golden_ones():
    text = json.dumps(documents(), indent=2) + "\n"
    if os.environ.get("COFFRE_UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_every_statement_of_ceph_has_its_place_or_a_reason_to_be_missing():
    places = {BUCKET_POLICY: policy.by_sid(aws()), OWN_POLICY: policy.by_sid(machine_policy(ACCOUNT, BUCKET, PROGRAMS))}
    of_ceph = set(policy.by_sid(ceph()))
    assert of_ceph == {*WHERE, *MISSING}
    assert {sid: place for place, found in places.items() for sid in found if sid in of_ceph} == WHERE
    assert {sid for found in places.values() for sid in found} - of_ceph == set(ADDED)


@pytest.mark.parametrize("sid", [sid for sid, place in WHERE.items() if place == OWN_POLICY])
def test_a_machines_own_policy_allows_what_ceph_allows(sid):
    right = policy.by_sid(machine_policy(ACCOUNT, BUCKET, PROGRAMS))[sid]
    beside = policy.by_sid(ceph())[sid]
    assert right.pop("Condition") == {"StringEquals": {"s3:ResourceAccount": ACCOUNT}}
    assert beside.pop("Principal") == {"AWS": [bucket_policy.user_arn(MACHINE)]}
    assert right == beside


@pytest.mark.parametrize("sid", [policy.MACHINE_ACL_SID, *(sid for sid, _ in SWITCHES.values())])
def test_denies_differ_in_the_name_of_the_machine_alone(sid):
    every = list(SWITCHES.values())
    beside, here = policy.by_sid(ceph(every))[sid], policy.by_sid(aws(every))[sid]
    assert beside.pop("Principal") == {"AWS": [bucket_policy.user_arn(MACHINE)]}
    assert here.pop("Principal") == {"AWS": [AWS.arn(MACHINE)]}
    assert here == beside


def test_the_owner_has_a_list_of_actions_where_it_has_all_on_ceph():
    beside, here = policy.by_sid(ceph())[policy.OWNER_SID], policy.by_sid(aws())[policy.OWNER_SID]
    assert (beside.pop("Action"), here.pop("Action")) == (["s3:*"], sorted(OWNER_ACTIONS))
    assert not [action for action in OWNER_ACTIONS if "*" in action or "Acl" in action or "Bypass" in action]
    assert (beside.pop("Principal"), here.pop("Principal")) == (
        {"AWS": [bucket_policy.user_arn(OWNER)]},
        {"AWS": [AWS.arn(OWNER)]},
    )
    assert here == beside


def test_a_retired_machine_is_named_nowhere_on_aws():
    assert MACHINE not in policy.render(aws(machine=None))
    assert set(policy.by_sid(aws(machine=None))) == {policy.OWNER_SID, TLS_SID}


def test_the_documents_stay_below_the_limits_of_aws():
    """20 KiB for a bucket's policy; 2,048 characters for all inline policies of a user, white space not counted."""
    long = "o" * 51 + "." + "m" * 40
    statements = {**bucket_statements(ACCOUNT, "b" * 63, "o" * 51, long)}
    statements |= {sid: make("b" * 63, long, AWS) for sid, make in SWITCHES.values()}
    assert len(policy.render(policy.document(statements))) < 20 * 1024
    longest = programs_bucket(ACCOUNT, "ap-southeast-99")
    assert len(policy.render(machine_policy(ACCOUNT, "b" * 63, longest))) <= 2048
