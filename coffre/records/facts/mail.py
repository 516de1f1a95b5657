"""How far a piece of mail went, whatever it is about."""

from enum import StrEnum


class MailState(StrEnum):
    """How far mail went. The values are in the database for ever.

    Mail that stayed at sending was cut off: whether it went out is not known. Without a mail server it is written only,
    to be handed over in another way.
    """

    WRITTEN = "written"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
