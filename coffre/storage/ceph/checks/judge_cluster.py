"""The rules about what stands behind an endpoint: administrator, release, cluster, room. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from coffre.spec.sizes import format_bytes
from coffre.storage.ceph.checks.finding import Finding, ok, problem, unknown, warning

USED_WARNING_PERCENT = 80
USED_PROBLEM_PERCENT = 90

_NEEDED = {"users": "*", "buckets": "*", "metadata": "read"}
_USEFUL = {*_NEEDED, "usage", "info", "ratelimit", "accounts"}
_TO_KNOW_THE_PLATFORM = ("zone", "read")
"""By this a gateway says which cluster it is; a zone may not be changed by it."""
_RELEASES = {
    "pacific": 16,
    "quincy": 17,
    "reef": 18,
    "squid": 19,
    "tentacle": 20,
    "umbrella": 21,
}


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
    more = sorted(kind for kind in set(have) - _USEFUL if (kind, have[kind]) != _TO_KNOW_THE_PLATFORM)
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
