"""An event: what happened to a tenant, who did it, from which commit. Refuses events with secrets."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pydantic import SecretStr

from coffre.errors import RefusedError

ALLOWED_KEYS = frozenset({"access_key_id", "access_key_ids", "password_handed_out"})
"""Names that look like a secret's but are not: ids of keys, and whether a password was handed out."""
_SECRET_KEY = re.compile(r"(^|_)(secrets?|passwords?|passphrases?|access)(_|$)", re.IGNORECASE)


class EventKind(StrEnum):
    """The kinds of events. The database keeps the values for ever: never rename one."""

    INSTALL = "install"
    UPDATE = "update"
    ORDERS = "orders"
    ORDERS_WRITTEN = "orders_written"
    REMOVAL = "removal"
    RETIREMENT = "retirement"
    QUOTA_CHANGE = "quota_change"
    LICENCE_CHANGE = "licence_change"
    OPTION_CHANGE = "option_change"
    SUSPENSION_CHANGE = "suspension_change"
    HOLD_CHANGE = "hold_change"
    COMMISSIONED = "commissioned"
    PASSWORD_USED = "password_used"  # noqa: S105 (the name of an event)
    DRILL = "drill"
    RESTORED = "restored"
    VERIFICATION = "verification"
    VERIFICATION_ROUND = "verification_round"
    COPY = "copy"
    GATE_CHANGE = "gate_change"
    GATE_WORD = "gate_word"
    OUT_OF_HOURS_APPLY = "out_of_hours_apply"
    KEY_ROTATED = "key_rotated"
    UNDELETE = "undelete"
    SNAPSHOT_SET_ASIDE = "snapshot_set_aside"
    SNAPSHOT_BROUGHT_BACK = "snapshot_brought_back"
    DEPARTURE = "departure"
    DEPARTURE_STEP = "departure_step"
    LETTER = "letter"
    DISCLOSURE = "disclosure"
    HOLD_PLACED = "hold_placed"
    HOLD_LIFTED = "hold_lifted"
    SNAPSHOTS_RELEASED = "snapshots_released"
    NEW_REPOSITORY = "new_repository"
    MACHINE_REPLACED = "machine_replaced"
    RECORDS_TRIMMED = "records_trimmed"
    PATHS_ACCEPTED = "paths_accepted"
    SECOND_COPY_CHANGE = "second_copy_change"
    RECORDS_BEGUN = "records_begun"
    REVIEWED_APPLY = "reviewed_apply"
    INPUTS_APPLIED = "inputs_applied"
    ENROLMENT_INVITED = "enrolment_invited"
    ENROLMENT_REVOKED = "enrolment_revoked"
    ENROLMENT_MISUSED = "enrolment_misused"
    CONFIGURATION_DELIVERED = "configuration_delivered"
    FINDING_OPENED = "finding_opened"
    FINDING_CLOSED = "finding_closed"
    FINDING_WORD = "finding_word"
    PAUSE_DECLARED = "pause_declared"
    PAUSE_ENDED = "pause_ended"
    RETENTION_FROZEN = "retention_frozen"
    RETENTION_RELEASED = "retention_released"
    MESSAGE_SENT = "message_sent"
    PRUNING_BEGAN = "pruning_began"
    PRUNING_ENDED = "pruning_ended"
    RETENTION_AGREED = "retention_agreed"
    PRUNED = "pruned"
    PRUNE_REFUSED = "prune_refused"
    ADVICE_GIVEN = "advice_given"
    ADVICE_ENDED = "advice_ended"
    PLATFORM_MAINTENANCE_DECLARED = "platform_maintenance_declared"
    PLATFORM_MAINTENANCE_WITHDRAWN = "platform_maintenance_withdrawn"
    CHANGE_WINDOW_DECLARED = "change_window_declared"
    TIME_EXCLUDED = "time_excluded"
    EXCLUSION_REVOKED = "exclusion_revoked"


@dataclass(frozen=True)
class Event:
    """One event, as it is added and read back.

    ``at`` is aware and is returned in UTC; ``commit`` is None outside a git checkout; ``machine`` is None when the
    event is about the whole tenant; ``details`` is plain JSON without secrets; the database assigns ``id`` in ascending
    order.
    """

    tenant_id: str
    slug: str
    kind: EventKind
    at: datetime
    actor: str
    commit: str | None = None
    machine: str | None = None
    details: Mapping[str, object] = field(default_factory=dict)
    id: int | None = None


def check_recordable(event: Event) -> None:
    """Refuse an event that must not be kept for ever: with a secret, a local time, or values outside JSON."""
    if event.at.tzinfo is None:
        raise ValueError(f"the time of a {event.kind} event has no time zone")
    _refuse_secrets(event.details, event.kind)
    json.dumps(event.details, allow_nan=False)


def storable(value: object) -> object:
    """Return a JSON value for both databases: PostgreSQL refuses NUL and half characters, which file names may have."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    if isinstance(value, Mapping):
        return {str(storable(str(key))): storable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [storable(inner) for inner in value]
    return value


def _refuse_secrets(value: object, kind: EventKind) -> None:
    if isinstance(value, SecretStr):
        raise _refused(kind, "a secret value")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if str(key) not in ALLOWED_KEYS and _SECRET_KEY.search(str(key)):
                raise _refused(kind, f"a key named {key!r}")
            _refuse_secrets(inner, kind)
    if isinstance(value, list | tuple | set | frozenset):
        for inner in value:
            _refuse_secrets(inner, kind)


def _refused(kind: EventKind, what: str) -> RefusedError:
    return RefusedError(
        f"this {kind} event was not recorded: its details contain {what}",
        "Records are kept for years and shown to customers. This is a fault of Coffre: report it.",
    )
