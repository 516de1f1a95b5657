"""The rules that turn what was seen of a platform into findings. Pure: facts and the time come in as values."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from coffre.spec.sizes import format_bytes
from coffre.storage.ceph.checks.finding import Finding, ok, problem, unknown, warning
from coffre.storage.ceph.checks.wire import Wire

EXPIRY_WARNING_DAYS = 30
EXPIRY_PROBLEM_DAYS = 7
CLOCK_WARNING_SECONDS = 60
CLOCK_PROBLEM_SECONDS = 300
SLOW_MS = 20.0
STALL_MS = (30.0, 60.0)
"""What Nagle's algorithm against delayed acknowledgements adds to a small call: 40 ms, give or take the platform."""
USED_WARNING_PERCENT = 80
USED_PROBLEM_PERCENT = 90
GATE_SECONDS = 1.0
LATE_SECONDS = 5.0

_NEEDED = {"users": "*", "buckets": "*", "metadata": "read"}
_USEFUL = {*_NEEDED, "usage", "info", "ratelimit", "accounts"}
_EXPIRED, _NOT_YET_VALID, _OTHER_NAME, _OTHER_ADDRESS = 10, 9, 62, 64
_RELEASES = {
    "pacific": 16,
    "quincy": 17,
    "reef": 18,
    "squid": 19,
    "tentacle": 20,
    "umbrella": 21,
}


def judge_answer(wire: Wire, url: str) -> Finding:
    """Judge whether anybody serves S3 there."""
    name = "endpoint"
    if wire.distrust_code is not None:
        return unknown(name, f"{url} was not asked anything: its certificate is not accepted")
    if wire.failure or wire.status is None:
        return problem(
            name,
            f"no answer from {url}: {wire.failure or 'it said nothing'}",
            "See that the platform is up, that `endpoint` is right, and that this computer reaches it.",
        )
    if wire.status >= 500:
        return problem(
            name,
            f"{url} answers HTTP {wire.status}: a gateway is there, and does not serve",
            "Look at the gateways and, if there is one, at the load balancer in front of them; then check again.",
        )
    milliseconds = (wire.connect_seconds or 0.0) * 1000
    return ok(name, f"{url} answers (connecting takes {milliseconds:.1f} ms)")


def judge_certificate(wire: Wire, now: datetime) -> Finding:
    name = "certificate"
    if not wire.is_tls:
        return problem(
            name,
            "the endpoint is plain http: keys travel signed, but backups' names, orders and reports are readable",
            "Give the gateway a certificate and write https:// in the endpoints file.",
        )
    if wire.distrust_code is not None:
        return _judge_distrust(name, wire, now)
    if wire.expires_at is None:
        return unknown(name, "no TLS connection came about, so no certificate was seen")
    days = (wire.expires_at - now).days
    sentence = f"the certificate is vouched for, its names match, and it is valid for {_days(days)} more"
    advice = f"Renew it before {wire.expires_at:%Y-%m-%d}: from then on no agent backs up."
    if days < EXPIRY_PROBLEM_DAYS:
        return problem(name, sentence, advice)
    return warning(name, sentence, advice) if days < EXPIRY_WARNING_DAYS else ok(name, sentence)


def _judge_distrust(name: str, wire: Wire, now: datetime) -> Finding:
    if wire.distrust_code == _EXPIRED:
        since = f" on {wire.expires_at:%Y-%m-%d}" if wire.expires_at is not None and wire.expires_at <= now else ""
        return problem(
            name, f"the certificate expired{since}", "Renew it (or its authority's); no agent backs up until then."
        )
    if wire.distrust_code == _NOT_YET_VALID:
        return problem(
            name, "the certificate is not valid yet", "Compare this computer's clock, then see when it was made."
        )
    if wire.distrust_code in (_OTHER_NAME, _OTHER_ADDRESS):
        return problem(
            name,
            "the certificate is for another name than the endpoint's",
            "Write the name that it has into `endpoint`, or have one made for this name.",
        )
    return problem(
        name,
        f"the certificate is of an authority that is not trusted here: {wire.distrust}",
        "Compare ca_file with the authority that signed it; if nobody changed it, somebody may stand in between.",
    )


def judge_tls_version(wire: Wire) -> Finding:
    name = "tls"
    if wire.tls_version is None:
        return unknown(name, "no TLS connection came about")
    if wire.speaks_plain:
        return problem(
            name,
            f"{wire.tls_version}, but the same port also serves plain http",
            "Have the gateway, or what stands in front of it, refuse plain http.",
        )
    if wire.tls_version not in ("TLSv1.2", "TLSv1.3"):
        return problem(name, f"{wire.tls_version} is broken", "Allow TLS 1.2 and 1.3 only.")
    return ok(name, f"{wire.tls_version}; plain http is refused")


def judge_clock(offset_seconds: float | None) -> Finding:
    name = "clock"
    if offset_seconds is None:
        return unknown(name, "the endpoint did not tell its time")
    size = abs(offset_seconds)
    if size <= CLOCK_WARNING_SECONDS:
        return ok(name, f"this computer's clock and the platform's are {size:.0f} s apart")
    way = "ahead of" if offset_seconds > 0 else "behind"
    sentence = f"the platform's clock is {_duration(size)} {way} this computer's"
    advice = "See which of the two is wrong (`chronyc tracking`), and put it right."
    if size <= CLOCK_PROBLEM_SECONDS:
        return warning(name, sentence, advice)
    return problem(
        name, f"{sentence}: from 5 minutes on nothing is erased, from 15 on every request is refused", advice
    )


@dataclass(frozen=True)
class Administrator:
    """The administrator's own user: capabilities by type, and whether RGW's checks do not bind it at all."""

    capabilities: Mapping[str, str]
    is_unbound: bool


def parse_administrator(record: Mapping[str, object]) -> Administrator:
    """Read what the Admin API tells of a user."""
    listed = record.get("caps")
    caps = {str(each["type"]): str(each["perm"]) for each in listed} if isinstance(listed, list) else {}
    flags = (str(record.get(name, "false")).lower() for name in ("system", "admin"))
    return Administrator(caps, is_unbound="true" in flags)


def judge_capabilities(administrator: Administrator) -> Finding:
    name = "administrator"
    have = administrator.capabilities
    if administrator.is_unbound:
        return warning(
            name,
            "the administrator is a system or admin user: it may read every customer's bucket, past every policy",
            "Make a user with `--caps=users=*;buckets=*;metadata=read` and without --system or --admin for Coffre.",
        )
    lacking = [f"{kind}={right}" for kind, right in _NEEDED.items() if not _covers(have.get(kind, ""), right)]
    if lacking:
        return judge_lacking(lacking)
    more = sorted(set(have) - _USEFUL)
    if more:
        return warning(
            name,
            f"the administrator may more than Coffre needs: {', '.join(more)}",
            f"Take it away: `radosgw-admin caps rm --caps={more[0]}={have[more[0]]}` with the administrator's --uid.",
        )
    return ok(name, "the administrator has users=*, buckets=*, metadata=read, and nothing that Coffre does not need")


def judge_lacking(lacking: Collection[str]) -> Finding:
    return problem(
        "administrator",
        f"the administrator lacks {', '.join(lacking)}",
        f"On the platform: `radosgw-admin caps add --caps='{';'.join(lacking)}'` with the administrator's --uid.",
    )


def _covers(have: str, needed: str) -> bool:
    rights = {part.strip() for part in have.split(",")}
    return "*" in rights or needed in rights or (needed == "*" and {"read", "write"} <= rights)


@dataclass(frozen=True)
class Features:
    """Which calls the gateway knows; RGW tells no version, so these tell it."""

    has_info: bool
    has_rate_limits: bool
    has_accounts: bool
    server: str | None = None


def judge_release(features: Features) -> Finding:
    """Name the Ceph release as far as it shows, and what it lacks that Coffre has to do without."""
    name = "release"
    named = re.fullmatch(r"Ceph Object Gateway \((\w+)\)", features.server or "")
    if named and named[1].lower() in _RELEASES:
        release = _RELEASES[named[1].lower()]
        return ok(name, f"Ceph {release} ({named[1].capitalize()}), as it says itself{_untried(release)}")
    if features.has_accounts:
        return ok(name, f"Ceph 19 (Squid) or newer{_untried(19)}")
    if features.has_info or features.has_rate_limits:
        return ok(name, f"Ceph 17 (Quincy) or 18 (Reef){_untried(17)}")
    return ok(
        name,
        "Ceph 16 (Pacific) or older: no rate limits, no accounts, no /admin/info; nothing that Coffre uses is missing "
        "on 16.2.15",
    )


def _untried(release: int) -> str:
    return "" if release == 16 else "; Coffre is tested on 16.2.15"


def judge_cluster(expected_fsid: str | None, told_fsid: str | None) -> Finding:
    """Compare the cluster that answers with the one that the endpoints file is about."""
    name = "cluster"
    if told_fsid is None:
        return unknown(name, "the gateway does not tell its cluster's fsid (from Ceph 17 on, with info=read, it does)")
    if expected_fsid is None:
        return warning(
            name, f"the cluster's fsid is {told_fsid}; the endpoints file has none", "Write it there as `fsid`."
        )
    if expected_fsid != told_fsid:
        return problem(
            name,
            f"another cluster answers: fsid {told_fsid}, the endpoints file says {expected_fsid}",
            "Apply nothing. Find out which one the tenants live on, and put the endpoints file right.",
        )
    return ok(name, f"the cluster is the one of the endpoints file, fsid {told_fsid}")


def judge_latency(median_ms: float, connect_ms: float) -> Finding:
    name = "latency"
    sentence = f"a small call takes {median_ms:.1f} ms (median)"
    if median_ms <= SLOW_MS:
        return ok(name, sentence)
    low, high = STALL_MS
    if low <= median_ms - connect_ms <= high:
        return warning(
            name,
            f"{sentence}, {median_ms - connect_ms:.0f} ms more than the way there: the mark of small packets that wait",
            "Add tcp_nodelay=1 to `rgw_frontends = beast …` on the gateways: it saves 40 ms on each small call.",
        )
    return warning(name, sentence, "Look at the way to the platform, and at its load.")


@dataclass(frozen=True)
class Room:
    """What was sold on a platform against what it has, in bytes; ``capacity_bytes`` None: nobody told."""

    tenants: int
    sold_bytes: int
    walls_bytes: int
    used_bytes: int
    capacity_bytes: int | None


def judge_room(room: Room) -> Finding:
    name = "room"
    sold = (
        f"{format_bytes(room.sold_bytes)} sold to {room.tenants} {'tenant' if room.tenants == 1 else 'tenants'} "
        f"(walls {format_bytes(room.walls_bytes)}), {format_bytes(room.used_bytes)} used by all users"
    )
    if room.capacity_bytes is None:
        return unknown(
            name,
            f"{sold}; how much the platform holds is not known",
            "Write what it can hold (`ceph df`, MAX AVAIL + STORED of the data pool) as `capacity:` in platform.yaml.",
        )
    percent = 100 * room.used_bytes / room.capacity_bytes
    sentence = f"{sold}, which is {percent:.0f} % of {format_bytes(room.capacity_bytes)}"
    if percent > USED_PROBLEM_PERCENT:
        return problem(name, sentence, "Add room now: at 95 % a Ceph cluster stops every write, of every customer.")
    if percent > USED_WARNING_PERCENT:
        return warning(name, sentence, "Order more room before it reaches 90 %.")
    if room.sold_bytes > room.capacity_bytes:
        return warning(
            name,
            f"{sentence}; more was sold than there is",
            "Sell no more quota here before there is more room, and watch what is used.",
        )
    return ok(name, sentence)


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


def reminders() -> list[Finding]:
    """Return what cannot be seen from outside, and has to be looked at on the platform."""
    return [
        unknown(
            "lifecycle hours",
            "when old versions are deleted cannot be read from outside",
            "On the platform: `ceph config get client.rgw rgw_lifecycle_work_time` (00:00-06:00 unless set); keep it "
            "out of the backups' hours.",
        ),
        unknown(
            "logs",
            "whether the gateways log requests cannot be read from outside, and RGW takes the secret of a new key in "
            "an address",
            "Set `debug_rgw = 0/0` on the gateways, and log no query strings in any proxy in front of them.",
        ),
    ]


def _after(seconds: float) -> str:
    return "at once" if seconds < 0.1 else f"after {seconds:.1f} s"


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
