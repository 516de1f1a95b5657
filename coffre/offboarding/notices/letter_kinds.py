"""Which letters a departure has. The values are in the database for ever."""

from enum import StrEnum


class LetterKind(StrEnum):
    """What a letter is about."""

    NOTICE_RECEIVED = "notice_received"
    DATA_READY = "data_ready"
    REMINDER = "reminder"
    UNREACHED = "unreached"
    ERASED = "erased"
    RENOUNCED = "renounced"
