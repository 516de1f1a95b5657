"""The rules about the cluster behind an endpoint: administrator, release, cluster, space. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from coffre.spec.values.sizes import format_bytes
from coffre.storage.checking import PlatformFinding, ok, problem, unknown, warning

USED_WARNING_PERCENT = 80
USED_PROBLEM_PERCENT = 90

NEEDED = {"users": "*", "buckets": "*", "metadata": "read"}
_USEFUL = {*NEEDED, "usage", "info", "ratelimit", "accounts"}
_TO_KNOW_THE_PLATFORM = ("zone", "read")
"""The capability to read the identity of the cluster; it does not allow changes of a zone."""


@dataclass(frozen=True)
class Release:
    """A release of Ceph: its name, and the day after which it gets no fixes."""

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
"""From docs.ceph.com, "Ceph Releases (index)", in November 2026; future days are estimates there."""
TESTED = (16, 18, 20)
"""The releases on which Coffre's own tests run."""

HOLES = "CVE-2025-30156 (weak encryption, also in the gateway) and CVE-2026-50152 (secrets for read-only users)"
_MENDED = {19: "19.2.6", 20: "20.2.4"}
"""The first version of a release that fixes both holes; older releases have no such version."""


@dataclass(frozen=True)
class Administrator:
    """The administrator's own user: capabilities by type, and whether it bypasses RGW's checks."""

    capabilities: Mapping[str, str]
    is_unbound: bool


def parse_administrator(record: Mapping[str, object]) -> Administrator:
    """Read a user from the Admin API's answer."""
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
            "the administrator is a system or admin user: it may read every customer's bucket despite every policy",
            "Make a user with `--caps=users=*;buckets=*;metadata=read` and without --system or --admin for Coffre.",
        )
    lacking = [f"{kind}={right}" for kind, right in NEEDED.items() if not _covers(have.get(kind, ""), right)]
    if lacking:
        return judge_lacking(lacking)
    more = sorted(kind for kind in set(have) - _USEFUL if (kind, have[kind]) != _TO_KNOW_THE_PLATFORM)
    if more:
        return warning(
            name,
            f"the administrator has more rights than Coffre needs: {', '.join(more)}",
            f"Remove them: `radosgw-admin caps rm --caps={more[0]}={have[more[0]]}` with the administrator's --uid.",
        )
    return ok(name, "the administrator has users=*, buckets=*, metadata=read, and no right that Coffre does not need")


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
    """The calls that the gateway knows; RGW does not show its version, so they indicate it."""

    has_info: bool
    has_rate_limits: bool
    has_accounts: bool
    server: str | None = None


def find_release(features: Features) -> tuple[int, int]:
    """Return the oldest and the newest possible release of a gateway, by its answers and the calls it knows."""
    named = re.fullmatch(r"Ceph Object Gateway \((\w+)\)", features.server or "")
    own = [number for number, release in RELEASES.items() if named and release.name.lower() == named[1].lower()]
    if own:
        return own[0], own[0]
    if features.has_accounts:
        return 19, max(RELEASES)
    return (17, 18) if features.has_info or features.has_rate_limits else (16, 16)


def judge_release(features: Features, today: date) -> list[PlatformFinding]:
    """Judge the Ceph release as far as it is visible: its support, Coffre's tests, and its possible holes."""
    oldest, newest = find_release(features)
    title = " to ".join(f"{number} ({RELEASES[number].name})" for number in dict.fromkeys((oldest, newest)))
    tried = "" if {oldest, newest} <= set(TESTED) else f"; Coffre is tested on {', '.join(map(str, TESTED))}"
    ended = RELEASES[newest].end_of_life
    if today > ended:
        life = warning(
            "release",
            f"Ceph {title}: it gets no fixes since {ended.isoformat()}{tried}",
            "Plan its upgrade with the platform's operator: "
            f"{', '.join(str(number) for number, each in RELEASES.items() if each.end_of_life >= today)} get fixes.",
        )
    else:
        life = ok("release", f"Ceph {title}{tried}")
    return [life, _judge_holes(oldest, newest)]


def _judge_holes(oldest: int, newest: int) -> PlatformFinding:
    name = "known holes"
    if newest < min(_MENDED):
        return warning(
            name,
            f"no version of Ceph {newest} fixes {HOLES}",
            f"Upgrade to a version that does: {' or '.join(_MENDED.values())}, or newer.",
        )
    mended = ", ".join(version for number, version in _MENDED.items() if oldest <= number <= newest)
    which = f"they are fixed from {mended} on" if mended else "for this release it is unknown whether they are fixed"
    return unknown(
        name,
        f"it is not visible from outside whether {HOLES} are fixed here",
        f"Ask the operator for the exact version: {which}.",
    )


def judge_cluster(expected_fsid: str | None, told_fsid: str | None) -> PlatformFinding:
    """Compare the cluster that answers with the one of the endpoints file."""
    name = "cluster"
    if told_fsid is None:
        return unknown(name, "the gateway does not show its cluster's fsid (from Ceph 17 on, with info=read, it does)")
    if expected_fsid is None:
        return warning(
            name, f"the cluster's fsid is {told_fsid}; the endpoints file has none", "Write it there as `fsid`."
        )
    if expected_fsid != told_fsid:
        return problem(
            name,
            f"another cluster answers: fsid {told_fsid}, the endpoints file says {expected_fsid}",
            "Apply nothing. Find out which cluster has the tenants, and correct the endpoints file.",
        )
    return ok(name, f"the cluster is the one of the endpoints file, fsid {told_fsid}")


@dataclass(frozen=True)
class PlatformSpace:
    """The sold and the available space of a platform, in bytes; ``capacity_bytes`` None: unknown."""

    tenants: int
    sold_bytes: int
    walls_bytes: int
    used_bytes: int
    capacity_bytes: int | None


def judge_room(room: PlatformSpace) -> PlatformFinding:
    name = "room"
    sold = (
        f"{format_bytes(room.sold_bytes)} sold to {room.tenants} {'tenant' if room.tenants == 1 else 'tenants'} "
        f"(walls {format_bytes(room.walls_bytes)}), {format_bytes(room.used_bytes)} used by all users"
    )
    if room.capacity_bytes is None:
        return unknown(
            name,
            f"{sold}; the capacity of the platform is unknown",
            "Write its capacity (`ceph df`, MAX AVAIL + STORED of the data pool) as `capacity:` in platform.yaml.",
        )
    percent = 100 * room.used_bytes / room.capacity_bytes
    sentence = f"{sold}, which is {percent:.0f} % of {format_bytes(room.capacity_bytes)}"
    if percent > USED_PROBLEM_PERCENT:
        return problem(name, sentence, "Add space now: at 95 % a Ceph cluster stops every write, of every customer.")
    if percent > USED_WARNING_PERCENT:
        return warning(name, sentence, "Order more space before it reaches 90 %.")
    if room.sold_bytes > room.capacity_bytes:
        return warning(
            name,
            f"{sentence}; more space is sold than exists",
            "Sell no more quota here before there is more space, and watch the used space.",
        )
    return ok(name, sentence)


def reminders() -> list[PlatformFinding]:
    """Return what is not visible from outside and must be checked on the platform."""
    return [
        unknown(
            "lifecycle hours",
            "the hours in which old versions are deleted are not visible from outside",
            "On the platform: `ceph config get client.rgw rgw_lifecycle_work_time` (00:00-06:00 unless set); keep it "
            "out of the backups' hours.",
        ),
        unknown(
            "logs",
            "it is not visible from outside whether the gateways log requests; RGW receives the secret of a new key "
            "in a URL",
            "Set `debug_rgw = 0/0` and `debug_rgw_access = 0/0` on the gateways (from Ceph 18 on both are needed), "
            "and log no query strings in any proxy in front of them.",
        ),
    ]
