"""Which letters a departure has, and how far one went. The values are in the database for ever."""

from enum import StrEnum


class LetterKind(StrEnum):
    """What a letter is about."""

    NOTICE_RECEIVED = "notice_received"
    DATA_READY = "data_ready"
    REMINDER = "reminder"
    UNREACHED = "unreached"
    ERASED = "erased"
    RENOUNCED = "renounced"


class LetterState(StrEnum):
    """How far a letter went. One that stayed at sending was cut off: whether it went out is not known."""

    WRITTEN = "written"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
