"""Sends a mail exactly once: it logs every attempt before the attempt, and reports an unknown result.

It does not know the subject of the mail. The caller keeps the log of the mail's states with its other facts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from coffre.correspondence import smtp
from coffre.errors import ExpectedError, RefusedError
from coffre.records.facts.mail import MailState
from coffre.spec.platform import Mail


@dataclass(frozen=True)
class Logged:
    """The last logged state of a mail, and its time."""

    state: MailState
    at: datetime


class MailLog(Protocol):
    """The log of one mail."""

    def find_last(self) -> Logged | None:
        """Return the last state; None for a mail without log."""

    def write(self, state: MailState, *, to: str | None = None, message_id: str | None = None) -> None:
        """Log a state before this returns; ``to`` is the recipient, ``message_id`` the id that the server accepted."""


@dataclass(frozen=True)
class Mailing:
    """One mail: its name in messages, its recipient, and the function that writes its message."""

    what: str
    to: str
    write: Callable[[], smtp.Message]


@dataclass(frozen=True)
class Posted:
    """The result for a mail: ``is_new`` when it happened in this call, ``to`` its recipient, if it was sent."""

    state: MailState
    is_new: bool
    to: str | None = None


def send_once(mailing: Mailing, log: MailLog, settings: Mail | None, root: Path, *, resend: bool = False) -> Posted:
    """Send a mail that was not sent, or log its existence when there is no mail server.

    RefusedError when an earlier run was interrupted while it sent: then ``resend`` sends it again, also a sent one.
    NotSentError when the server did not accept it; UncertainError when the result is unknown.
    """
    last = log.find_last()
    if not resend and last is not None:
        if last.state is MailState.SENT:
            return Posted(MailState.SENT, is_new=False, to=mailing.to)
        if last.state is MailState.SENDING:
            raise RefusedError(
                f"it is unknown whether {mailing.what} was sent: the attempt of {last.at:%Y-%m-%d %H:%M} UTC "
                "has no result",
                "Ask the customer or read the mail server's log; then run the same command with --resend to send it "
                "again.",
            )
    if settings is None:
        if last is None:
            log.write(MailState.WRITTEN)
        return Posted(MailState.WRITTEN, is_new=last is None)
    message = mailing.write()
    log.write(MailState.SENDING, to=mailing.to)
    try:
        message_id = smtp.send(settings, root, message)
    except smtp.UncertainError:
        # The state stays "sending", as after a kill: the result is unknown, and a person must ask.
        raise
    except ExpectedError:
        log.write(MailState.FAILED, to=mailing.to)
        raise
    log.write(MailState.SENT, to=mailing.to, message_id=message_id)
    return Posted(MailState.SENT, is_new=True, to=mailing.to)
