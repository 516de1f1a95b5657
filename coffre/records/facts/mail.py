"""The state of a mail, for any subject."""

from enum import StrEnum


class MailState(StrEnum):
    """The state of a mail. The database keeps the values for ever.

    A mail that stays in the state "sending" was interrupted: it is unknown whether it was sent. Without a mail server
    it is only written, to be delivered in another way.
    """

    WRITTEN = "written"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
