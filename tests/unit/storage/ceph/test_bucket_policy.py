"""The policy of a machine's bucket on RGW: its statements, and that they never reach the owner."""

import pytest

from coffre.storage.ceph import bucket_policy
from coffre.storage.s3 import policy

OWNER, MACHINE, BUCKET = "acme-k7f3q9wz2m", "acme-k7f3q9wz2m.compta-01", "acme-compta-01-0123456789"
FULL = policy.document(bucket_policy.statements(BUCKET, OWNER, MACHINE))


def test_a_machine_may_write_data_and_reports_but_neither_configuration_nor_keys_nor_orders():
    write = bucket_policy.statements(BUCKET, OWNER, MACHINE)[policy.MACHINE_WRITE_SID]
    assert [resource.removeprefix(f"arn:aws:s3:::{BUCKET}/") for resource in write["Resource"]] == [
        "reports/*",
        "restic/data/*",
        "restic/index/*",
        "restic/locks/*",
        "restic/snapshots/*",
    ]
    assert "s3:DeleteObject" not in write["Action"]


def test_a_retired_machine_is_in_no_statement():
    assert MACHINE not in policy.render(policy.document(bucket_policy.statements(BUCKET, OWNER, None)))
    assert set(bucket_policy.statements(BUCKET, OWNER, None)) == {policy.OWNER_SID, bucket_policy.STRANGERS_SID}


@pytest.mark.parametrize("machine", [MACHINE, None])
def test_our_own_documents_never_reach_the_owner(machine):
    policy.refuse_lockout(policy.document(bucket_policy.statements(BUCKET, OWNER, machine)), OWNER)
    switches = (policy.gate_statement, policy.stop_statement, policy.suspension_statement)
    for statement in (switch(BUCKET, MACHINE) for switch in switches):
        policy.refuse_lockout(policy.with_switch(FULL, policy.GATE_SID, statement), OWNER)


def test_the_document_stays_below_the_limit_of_rgw():
    """20 KiB is what S3 allows a policy."""
    long = bucket_policy.statements("b" * 63, "o" * 51, "o" * 51 + "." + "m" * 40)
    assert len(policy.render(policy.document(long))) < 20 * 1024
