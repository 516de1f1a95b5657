"""The switches that a bucket's policy has: gate, stop and suspension. Pure."""

from coffre.storage.s3 import policy
from coffre.storage.survey import SurveyedBucket


def read_switches(
    name: str,
    document: policy.PolicyDocument,
    names: policy.Principals = policy.NO_ACCOUNT,
    quota_bytes: int | None = None,
) -> SurveyedBucket:
    """Return a bucket with the switches of its policy, and the limit of its own if it has one."""
    return SurveyedBucket(
        name,
        has_machine=policy.find_principal(document, policy.MACHINE_ACL_SID, names) is not None,
        is_gate_closed=policy.has_switch(document, policy.GATE_SID),
        is_stopped=policy.has_switch(document, policy.STOP_SID),
        is_suspended=policy.has_switch(document, policy.SUSPENSION_SID),
        quota_bytes=quota_bytes,
    )
