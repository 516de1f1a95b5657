"""How bad a tenant's state is, for lists with the worst first. Pure."""

from datetime import datetime, timedelta
from enum import IntEnum

from coffre.findings import FindingKind
from coffre.records.kept_findings import KeptFinding
from coffre.supervision.findings.life import as_finding
from coffre.supervision.findings.standing import Consequence, Severity, find_standing
from coffre.supervision.picture import TenantPicture

OLD = timedelta(hours=1)
"""A look that is older says little about now."""

_UNSEEN = frozenset(
    {
        FindingKind.TENANT_NOT_SEEN,
        FindingKind.NOT_KNOWN,
        FindingKind.PLATFORM_AWAY,
        FindingKind.PART_NOT_SEEN,
        FindingKind.USE_NOT_TOLD,
    }
)
_GRAVE = frozenset({Consequence.RESTORE_MAY_FAIL, Consequence.DELETED_BACKUP, Consequence.FOREIGN_ACCESS})


class Level(IntEnum):
    """The state of a tenant, the best first."""

    GOOD = 0
    ATTENTION = 1
    """Something is to be done, or a person takes care of what would be worse."""
    GRAVE = 2
    """Backups may be lost or foreign, or the contract's severity is major."""
    UNKNOWN = 3
    """Nobody has looked lately, or nobody could: it may be anything."""
    STOPPED = 4
    """Backups do not run, or the contract's severity is critical."""


def judge_level(picture: TenantPicture) -> Level:
    """Return the level of a tenant: that of its worst finding, and at least unknown when nobody looked lately."""
    levels = [level_of(each, picture.drawn_at) for each in picture.findings]
    if is_old(picture.looked_at, picture.drawn_at):
        levels.append(Level.UNKNOWN)
    return max(levels, default=Level.GOOD)


def is_old(looked_at: datetime | None, now: datetime) -> bool:
    """Tell whether the last look says little about now."""
    return looked_at is None or now - looked_at > OLD


def level_of(kept: KeptFinding, now: datetime) -> Level:
    """Return the level of one open finding."""
    finding = as_finding(kept)
    standing = find_standing(finding)
    if finding.kind in _UNSEEN:
        return Level.UNKNOWN
    if kept.is_silent(now):
        return Level.ATTENTION
    if standing.severity is Severity.CRITICAL or standing.consequence is Consequence.BACKUPS_STOP:
        return Level.STOPPED
    if standing.severity is Severity.MAJOR or standing.consequence in _GRAVE:
        return Level.GRAVE
    return Level.ATTENTION


def rank(picture: TenantPicture) -> tuple[int, int, float, str]:
    """Return the key that sorts pictures with the worst first: level, number of findings, part of the quota in use."""
    used = None if picture.use is None else picture.use.current_bytes
    share = 0.0 if used is None else used / picture.tenant.storage.quota_bytes
    return -judge_level(picture), -len(picture.findings), -share, picture.tenant.slug
