"""The state of a mail, for any subject, and the proof that a message to a customer left."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from coffre.records.details import OPTIONAL
from coffre.records.facts.fact import Fact


class MailState(StrEnum):
    """The state of a mail. The database keeps the values for ever.

    A mail that stays in the state "sending" was interrupted: it is unknown whether it was sent. Without a mail server
    it is only written, to be delivered in another way.
    """

    WRITTEN = "written"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


@dataclass(frozen=True)
class MessageSent(Fact):
    """A message to the customer was accepted by SMILÉO's mail server.

    ``subject`` and ``told`` say what it told (`records.messages`); ``sha256`` is the hash of the mail as it was handed
    over, ``answer`` what the server said. ``attempts`` above 1: an earlier attempt with the same Message-ID was not
    accepted, or its result is unknown.
    """

    message: int
    subject: str
    told: str
    to: str
    message_id: str
    answer: str
    sha256: str
    attempts: Annotated[int, OPTIONAL] = 1
