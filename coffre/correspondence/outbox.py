"""Mail that goes out once: what is tried is written down before it is tried, and what is not known is said.

It does not know what the mail is about. Whoever sends it keeps the log of its states, where its other facts are.
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
    """The last state that the log has of a piece of mail, and since when."""

    state: MailState
    at: datetime


class MailLog(Protocol):
    """What was written down of one piece of mail."""

    def find_last(self) -> Logged | None:
        """Return the last state; None of mail of which nothing was written down."""

    def write(self, state: MailState, *, to: str | None = None, message_id: str | None = None) -> None:
        """Write a state down before this returns; ``to`` is whom it is sent, ``message_id`` what a server took."""


@dataclass(frozen=True)
class Mailing:
    """One piece of mail: what messages call it, whom it is for, and what writes its message when it is sent."""

    what: str
    to: str
    write: Callable[[], smtp.Message]


@dataclass(frozen=True)
class Posted:
    """What became of a piece of mail: ``is_new`` when it happened in this call, ``to`` whom it was sent, if it was."""

    state: MailState
    is_new: bool
    to: str | None = None


def send_once(mailing: Mailing, log: MailLog, settings: Mail | None, root: Path, *, resend: bool = False) -> Posted:
    """Send a piece of mail that was not sent, or without a mail server write down that it is there.

    RefusedError when an earlier run was cut off while it sent: then ``resend`` sends it again, also one that went out.
    NotSentError when the server did not take it; UncertainError when nobody knows.
    """
    last = log.find_last()
    if not resend and last is not None:
        if last.state is MailState.SENT:
            return Posted(MailState.SENT, is_new=False, to=mailing.to)
        if last.state is MailState.SENDING:
            raise RefusedError(
                f"whether {mailing.what} went out is not known: it was being sent at {last.at:%Y-%m-%d %H:%M} UTC, "
                "and nothing came after that",
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
        # It stays at sending, as after a kill: nobody knows, and a person has to ask.
        raise
    except ExpectedError:
        log.write(MailState.FAILED, to=mailing.to)
        raise
    log.write(MailState.SENT, to=mailing.to, message_id=message_id)
    return Posted(MailState.SENT, is_new=True, to=mailing.to)
