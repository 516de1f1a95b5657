"""The rules about the trials in a test bucket: whether policy, gate and quota work. Pure."""

from dataclasses import dataclass

from coffre.spec.gateways import Gateways
from coffre.spec.quota import blind_seconds
from coffre.spec.values.sizes import format_bytes
from coffre.storage.checking import PlatformFinding, ok, problem, unknown, warning

GATE_SECONDS = 1.0
LATE_SECONDS = 5.0


@dataclass(frozen=True)
class PolicyTrial:
    """The effect of a machine bucket's policy: who could do what."""

    owner_may_delete: bool
    machine_may_write: bool
    machine_may_delete: bool
    stranger_is_let_in: bool
    stranger_is_shut_out: bool


@dataclass(frozen=True)
class Lateness:
    """What the slowest gateway still accepted, and for how long; None seconds: longer than the check waited."""

    passed_bytes: int
    learnt_after_seconds: float | None
    watched_seconds: float


def judge_policy(trial: PolicyTrial) -> PlatformFinding:
    name = "policy"
    wrong = [
        text
        for text, is_wrong in (
            ("the owner has no access to a machine's objects", not trial.owner_may_delete),
            ("a machine cannot write its backups", not trial.machine_may_write),
            ("a machine can delete its backups", trial.machine_may_delete),
            ("an Allow for another user has no effect", not trial.stranger_is_let_in),
            ("a Deny with NotPrincipal does not stop other users", not trial.stranger_is_shut_out),
        )
        if is_wrong
    ]
    if wrong:
        return problem(
            name, f"bucket policies do not work as Coffre needs: {'; '.join(wrong)}", "Do not apply a tenant here."
        )
    return ok(name, "bucket policies work: a machine writes and cannot delete, its owner can, others have no access")


def judge_gate(closed_after_seconds: float | None) -> PlatformFinding:
    name = "gate"
    if closed_after_seconds is None:
        return problem(
            name,
            "a closed gate did not stop writes within 10 s",
            "Check the gateways' metadata cache; apply nothing.",
        )
    if closed_after_seconds > GATE_SECONDS:
        return warning(
            name,
            f"a closed gate takes {closed_after_seconds:.1f} s to stop writes",
            "Backups may exceed the sold quota for that long; check the gateways' metadata cache.",
        )
    return ok(name, f"a closed gate stops writes {_after(closed_after_seconds)}")


def judge_quota(limit_bytes: int, refused_after_seconds: float | None) -> PlatformFinding:
    """Judge how long writes still succeeded after the user quota was full."""
    name = "quota"
    full = f"writes past a full user quota of {format_bytes(limit_bytes)}"
    if refused_after_seconds is None:
        return problem(
            name, f"{full} continued for more than 10 s: the wall does not work", "Check rgw_*_quota_* of the gateways."
        )
    if refused_after_seconds > LATE_SECONDS:
        return warning(
            name,
            f"{full} are refused {_after(refused_after_seconds)}",
            "Lower rgw_bucket_quota_ttl and rgw_user_quota_bucket_sync_interval on the gateways.",
        )
    return ok(name, f"{full} are refused {_after(refused_after_seconds)}")


def judge_freed(freed_after_seconds: float | None) -> PlatformFinding:
    name = "quota cache"
    if freed_after_seconds is None:
        return warning(
            name,
            "space still counts more than 10 s after its deletion",
            "A full tenant stays full for that long after a clean-up: at most rgw_bucket_quota_ttl (600 s unless set) "
            "and rgw_user_quota_bucket_sync_interval (180 s unless set).",
        )
    return ok(name, f"deleted space is free again {_after(freed_after_seconds)}")


def judge_gateways(gateways: Gateways | None, lateness: Lateness | None) -> PlatformFinding:
    """Compare the gateways of platform.yaml with the measurement; without Lateness nothing could be measured."""
    name = "gateways"
    if gateways is None:
        return unknown(
            name,
            "the number of gateways is not set, and each one counts quotas by itself; Coffre assumes one",
            "Write `gateways:` with their count and cache times in platform.yaml: reserve and wall follow from it.",
        )
    said = f"platform.yaml says {blind_seconds(gateways)} s"
    if gateways.count == 1:
        return ok(name, "platform.yaml declares one gateway: there is no delay between gateways")
    if lateness is None:
        return unknown(
            name,
            f"the delay between {gateways.count} gateways was not measured; {said}",
            "Write the address of each reachable gateway as `gateways: {addresses: […]}` in platform.yaml.",
        )
    passed = f"meanwhile the others accepted {format_bytes(lateness.passed_bytes)}"
    if lateness.learnt_after_seconds is not None:
        return ok(
            name,
            f"{gateways.count} gateways know that a quota is full {_after(lateness.learnt_after_seconds)}; {said}; "
            f"{passed}",
        )
    if lateness.watched_seconds < blind_seconds(gateways):
        return unknown(
            name,
            f"{gateways.count} gateways do not see each other's writes within {lateness.watched_seconds:.0f} s; {said}",
            "Lower rgw_bucket_quota_ttl and rgw_user_quota_bucket_sync_interval on the gateways: until they know, each "
            "of them accepts the quota of a full tenant once more.",
        )
    return problem(
        name,
        f"a gateway accepts writes for more than {lateness.watched_seconds:.0f} s after another one is full; {said}",
        "Read rgw_bucket_quota_ttl and rgw_user_quota_bucket_sync_interval on each gateway, and write them there.",
    )


def judge_conditional_write(*, is_honoured: bool) -> PlatformFinding:
    name = "conditional write"
    if is_honoured:
        return ok(name, "If-None-Match is honoured in versioned buckets")
    return ok(name, "If-None-Match is not honoured in versioned buckets (before Ceph 20); Coffre does not rely on it")


def _after(seconds: float) -> str:
    return "at once" if seconds < 0.1 else f"after {seconds:.1f} s"
