"""The rules about what was tried in a bucket of the check's own: do policy, gate and quota hold. Pure."""

from dataclasses import dataclass

from coffre.spec.sizes import format_bytes
from coffre.storage.ceph.checks.finding import Finding, ok, problem, warning

GATE_SECONDS = 1.0
LATE_SECONDS = 5.0


@dataclass(frozen=True)
class PolicyTrial:
    """How the policy of a machine's bucket worked: who could do what."""

    owner_may_delete: bool
    machine_may_write: bool
    machine_may_delete: bool
    stranger_is_let_in: bool
    stranger_is_shut_out: bool


def judge_policy(trial: PolicyTrial) -> Finding:
    name = "policy"
    wrong = [
        text
        for text, is_wrong in (
            ("the owner is shut out of a machine's objects", not trial.owner_may_delete),
            ("a machine cannot write its backups", not trial.machine_may_write),
            ("a machine can delete its backups", trial.machine_may_delete),
            ("an Allow for another user has no effect", not trial.stranger_is_let_in),
            ("a Deny with NotPrincipal does not shut strangers out", not trial.stranger_is_shut_out),
        )
        if is_wrong
    ]
    if wrong:
        return problem(
            name, f"bucket policies do not work as Coffre needs: {'; '.join(wrong)}", "Do not apply a tenant here."
        )
    return ok(name, "bucket policies hold: a machine writes and cannot delete, its owner may, strangers are kept out")


def judge_gate(closed_after_seconds: float | None) -> Finding:
    name = "gate"
    if closed_after_seconds is None:
        return problem(
            name,
            "a closed gate did not stop writes within 10 s",
            "Look at the gateways' metadata cache; apply nothing.",
        )
    if closed_after_seconds > GATE_SECONDS:
        return warning(
            name,
            f"a closed gate takes {closed_after_seconds:.1f} s to stop writes",
            "Backups may pass the sold quota for that long; look at the gateways' metadata cache.",
        )
    return ok(name, f"a closed gate stops writes {_after(closed_after_seconds)}")


def judge_quota(limit_bytes: int, refused_after_seconds: float | None) -> Finding:
    """Judge how long after a full user quota writes still went through."""
    name = "quota"
    full = f"writes past a full user quota of {format_bytes(limit_bytes)}"
    if refused_after_seconds is None:
        return problem(
            name, f"{full} went on for more than 10 s: the wall does not hold", "See rgw_*_quota_* of the gateways."
        )
    if refused_after_seconds > LATE_SECONDS:
        return warning(
            name,
            f"{full} are refused {_after(refused_after_seconds)}",
            "Lower rgw_bucket_quota_ttl and rgw_user_quota_bucket_sync_interval on the gateways.",
        )
    return ok(name, f"{full} are refused {_after(refused_after_seconds)}; several gateways count apart until they sync")


def judge_freed(freed_after_seconds: float | None) -> Finding:
    name = "quota cache"
    if freed_after_seconds is None:
        return warning(
            name,
            "space still counts more than 10 s after its deletion",
            "A full tenant stays full for that long after a clean-up: at most rgw_bucket_quota_ttl (600 s unless set) "
            "and rgw_user_quota_bucket_sync_interval (180 s unless set).",
        )
    return ok(name, f"deleted space is free again {_after(freed_after_seconds)}")


def judge_switch(name: str, *, works: bool, does: str, consequence: str) -> Finding:
    """Judge something that a gateway either does or does not."""
    if works:
        return ok(name, does)
    return problem(name, f"not so on this platform: {does}", consequence)


def judge_conditional_write(*, is_honoured: bool) -> Finding:
    name = "conditional write"
    if is_honoured:
        return ok(name, "If-None-Match is honoured in versioned buckets")
    return ok(name, "If-None-Match is not honoured in versioned buckets (as on 16.2.15); Coffre does not rely on it")


def _after(seconds: float) -> str:
    return "at once" if seconds < 0.1 else f"after {seconds:.1f} s"
