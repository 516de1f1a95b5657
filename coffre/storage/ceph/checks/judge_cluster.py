"""The rules about what stands behind an endpoint: administrator, release, cluster, room. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from coffre.spec.values.sizes import format_bytes
from coffre.storage.checking import PlatformFinding, ok, problem, unknown, warning

USED_WARNING_PERCENT = 80
USED_PROBLEM_PERCENT = 90

_NEEDED = {"users": "*", "buckets": "*", "metadata": "read"}
_USEFUL = {*_NEEDED, "usage", "info", "ratelimit", "accounts"}
_TO_KNOW_THE_PLATFORM = ("zone", "read")
"""By this a gateway says which cluster it is; a zone may not be changed by it."""


@dataclass(frozen=True)
class Release:
    """A release of Ceph: its name, and the day after which its makers mend nothing in it any more."""

    name: str
    end_of_life: date


RELEASES = {
    16: Release("Pacific", date(2024, 3, 4)),
    17: Release("Quincy", date(2025, 1, 13)),
    18: Release("Reef", date(2026, 3, 20)),
    19: Release("Squid", date(2026, 10, 31)),
    20: Release("Tentacle", date(2027, 6, 1)),
    21: Release("Umbrella", date(2028, 10, 28)),
}
"""As docs.ceph.com, "Ceph Releases (index)", has them in November 2026; days to come are estimates there."""
TESTED = (16, 18, 20)
"""The releases on which Coffre's own tests run."""

HOLES = "CVE-2025-30156 (weak encryption, the gateway's too) and CVE-2026-50152 (secrets for whoever may only read)"
_MENDED = {19: "19.2.6", 20: "20.2.4"}
"""The first version of a release in which both holes are mended; of older releases none was published."""


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


def judge_capabilities(administrator: Administrator) -> PlatformFinding:
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


def judge_lacking(lacking: Collection[str]) -> PlatformFinding:
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


def find_release(features: Features) -> tuple[int, int]:
    """Return the oldest and the newest release that a gateway can be, by what it says and by the calls it knows."""
    named = re.fullmatch(r"Ceph Object Gateway \((\w+)\)", features.server or "")
    own = [number for number, release in RELEASES.items() if named and release.name.lower() == named[1].lower()]
    if own:
        return own[0], own[0]
    if features.has_accounts:
        return 19, max(RELEASES)
    return (17, 18) if features.has_info or features.has_rate_limits else (16, 16)


def judge_release(features: Features, today: date) -> list[PlatformFinding]:
    """Name the Ceph release as far as it shows: whether it lives, whether it was tried, and which holes it may have."""
    oldest, newest = find_release(features)
    title = " to ".join(f"{number} ({RELEASES[number].name})" for number in dict.fromkeys((oldest, newest)))
    tried = "" if {oldest, newest} <= set(TESTED) else f"; Coffre is tested on {', '.join(map(str, TESTED))}"
    ended = RELEASES[newest].end_of_life
    if today > ended:
        life = warning(
            "release",
            f"Ceph {title}: nothing in it is mended since {ended.isoformat()}{tried}",
            "Plan its upgrade with the platform's operator: "
            f"{', '.join(str(number) for number, each in RELEASES.items() if each.end_of_life >= today)} live.",
        )
    else:
        life = ok("release", f"Ceph {title}{tried}")
    return [life, _judge_holes(oldest, newest)]


def _judge_holes(oldest: int, newest: int) -> PlatformFinding:
    name = "known holes"
    if newest < min(_MENDED):
        return warning(
            name,
            f"no version of Ceph {newest} mends {HOLES}",
            f"Upgrade to one that does: {' or '.join(_MENDED.values())}, or newer.",
        )
    mended = ", ".join(version for number, version in _MENDED.items() if oldest <= number <= newest)
    which = f"from {mended} on they are" if mended else "for this release it is not known whether they are"
    return unknown(
        name,
        f"whether {HOLES} are mended here cannot be read from outside",
        f"Ask the operator for the exact version: {which} mended.",
    )


def judge_cluster(expected_fsid: str | None, told_fsid: str | None) -> PlatformFinding:
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


def judge_room(room: Room) -> PlatformFinding:
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


def reminders() -> list[PlatformFinding]:
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
            "Set `debug_rgw = 0/0` and `debug_rgw_access = 0/0` on the gateways (from Ceph 18 on it takes both), "
            "and log no query strings in any proxy in front of them.",
        ),
    ]
