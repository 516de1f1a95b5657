"""The plain values of a look at a tenant's storage: how it differs from its stack, its users, its owner's buckets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

JsonValue = Any
"""Text, a number, a truth value, None, or a map of these, as the platform and the stack have it."""


class Part(StrEnum):
    """A part of a tenant's storage; its holder is a user or a bucket."""

    USER = "user"
    KEY = "key"
    WALL = "wall"
    USER_POLICY = "user_policy"
    BUCKET = "bucket"
    VERSIONING = "versioning"
    POLICY = "policy"
    LIFECYCLE = "lifecycle"
    PUBLIC_ACCESS = "public_access"
    OWNERSHIP = "ownership"
    ENCRYPTION = "encryption"
    LICENCES = "licences"
    """A vendor's licences, and what else it sells with the quota."""
    SERVICE = "service"
    """The vendor's service for backups as a whole."""
    ACCOUNT = "account"
    """A user's account in the vendor's portal."""
    SUSPENSION = "suspension"
    """Whether the owner itself is suspended, where that is declared."""
    OTHER = "other"
    """A resource of a kind that this version of Coffre does not know."""


@dataclass(frozen=True)
class ResourceDrift:
    """A resource of a stack that is missing or different on the platform.

    ``holder`` is the user or bucket that has it. ``path`` names the setting that differs (`tags.name`, the Sid of a
    statement, the id of a rule), empty when the whole is missing. A secret is never among the values. ``problem``: the
    platform refused the read, so nothing is known.
    """

    part: Part
    holder: str
    path: str = ""
    expected: JsonValue = None
    found: JsonValue = None
    problem: str = ""


@dataclass(frozen=True)
class SurveyedUser:
    """A user of a tenant; ``key_ids`` are all its access keys.

    ``bucket_quota_bytes``: the limit of each single bucket of the user, None without one; Coffre sets none.
    """

    uid: str
    is_suspended: bool
    key_ids: tuple[str, ...]
    bucket_quota_bytes: int | None = None


@dataclass(frozen=True)
class SurveyedBucket:
    """A bucket of a tenant's owner, with its switches.

    ``has_machine``: its policy names a machine, without which there are no switches. ``quota_bytes``: a limit of the
    bucket itself, None without one; Coffre sets none.
    """

    name: str
    has_machine: bool
    is_gate_closed: bool
    is_stopped: bool
    is_suspended: bool
    quota_bytes: int | None = None


@dataclass(frozen=True)
class HomeSurvey:
    """What a platform has of one tenant: how it differs from the stack, its users, and the buckets of its owner."""

    drift: Sequence[ResourceDrift] = ()
    users: Mapping[str, SurveyedUser] = field(default_factory=dict)
    buckets: Mapping[str, SurveyedBucket] = field(default_factory=dict)


def find_expiry_days(rule: JsonValue) -> int | None:
    """Return after how many days a lifecycle rule deletes earlier versions; None when it does not. Pure."""
    expiry = rule.get("NoncurrentVersionExpiration") if isinstance(rule, Mapping) else None
    days = expiry.get("NoncurrentDays") if isinstance(expiry, Mapping) else None
    return days if isinstance(days, int) else None
