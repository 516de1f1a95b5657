"""Sends e-mail; only this module uses SMTP. The result is sent, not sent, or unknown."""

import contextlib
import email.policy
import mimetypes
import smtplib
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import format_datetime, formataddr, make_msgid
from pathlib import Path

from coffre.errors import ExpectedError, RemoteError
from coffre.spec.files import repository_file
from coffre.spec.platform import Mail, MailSecurity
from coffre.spec.values.references import read_reference
from coffre.workspace.clock import utc_now

ANSWER_SECONDS = 45.0
"""The maximum time for each answer of the server."""

_ACCEPTED, _WILL_FORWARD = 250, 251


class NotSentError(RemoteError):
    """The message was certainly not sent: the server refused it, or was not reached."""


class UncertainError(RemoteError):
    """The message was handed over, but no answer came: it may have been sent."""


@dataclass(frozen=True)
class Message:
    """An e-mail: a plain text with files by their names."""

    to: str
    sender_name: str
    subject: str
    text: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    is_automatic: bool = False
    """No person wrote it: mail programs send no notice of absence back (RFC 3834)."""


@dataclass(frozen=True)
class Accepted:
    """A mail that the server has accepted: its Message-ID, the answer, and the mail as it was handed over."""

    message_id: str
    answer: str
    content: bytes


def send(settings: Mail, root: Path, message: Message) -> str:
    """Hand a message to the server of platform.yaml and return its Message-ID; see `hand_over`."""
    return hand_over(settings, root, message).message_id


def hand_over(settings: Mail, root: Path, message: Message, token: str | None = None) -> Accepted:
    """Hand a message to the server of platform.yaml; returns once the server has accepted it.

    ``token`` is the first part of its Message-ID, for a message that may have been sent before; None: a new one.
    NotSentError or UncertainError when the server did not accept it; ExpectedError when the settings cannot be used.
    """
    password = None if settings.password is None else read_reference(settings.password, root)
    written = _write(settings, message, token)
    content = written.as_bytes(policy=email.policy.SMTP)
    with _connected(settings, root) as server:
        with _refusals(settings):
            if settings.user is not None:
                server.login(settings.user, password or "")
            _check(server.mail(settings.sender))
            _check(server.rcpt(message.to))
        try:
            code, answer = server.data(content)
        except smtplib.SMTPDataError as error:
            raise _not_sent(settings, _words(error.smtp_error)) from error
        except (OSError, smtplib.SMTPException) as error:
            raise UncertainError(
                f"{settings.host} did not answer after the message to {message.to} was handed over",
                "It may have been sent. Ask the customer, or read the server's log.",
            ) from error
        if code != _ACCEPTED:
            raise _not_sent(settings, _words(answer))
        with contextlib.suppress(OSError, smtplib.SMTPException):
            server.quit()
    return Accepted(str(written["Message-ID"]), f"{code} {_words(answer)}", content)


@contextlib.contextmanager
def _connected(settings: Mail, root: Path) -> Iterator[smtplib.SMTP]:
    context = _trust(settings, root)
    with _refusals(settings):
        if settings.security is MailSecurity.TLS:
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=ANSWER_SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=ANSWER_SECONDS)
    try:
        if settings.security is MailSecurity.STARTTLS:
            with _refusals(settings):
                server.starttls(context=context)
        with _refusals(settings):
            server.ehlo_or_helo_if_needed()
        yield server
    finally:
        server.close()


@contextlib.contextmanager
def _refusals(settings: Mail) -> Iterator[None]:
    """Turn every error before the hand-over into NotSentError; never quote the answer to a login."""
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        raise _not_sent(settings, "it refused the account and its password") from error
    except smtplib.SMTPResponseException as error:
        raise _not_sent(settings, _words(error.smtp_error)) from error
    except smtplib.SMTPException as error:
        raise _not_sent(settings, str(error)) from error
    except ssl.SSLError as error:
        raise _not_sent(settings, f"its certificate or its encryption is not trusted ({error.reason})") from error
    except OSError as error:
        raise _not_sent(settings, (error.strerror or str(error) or "no answer").lower()) from error


def _trust(settings: Mail, root: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(
            cafile=None if settings.ca_file is None else str(repository_file(root, settings.ca_file))
        )
    except OSError as error:
        raise ExpectedError(
            f"the CA certificates of mail.ca_file ({settings.ca_file}) cannot be read", "Name a PEM file."
        ) from error


def _write(settings: Mail, message: Message, token: str | None = None) -> EmailMessage:
    written = EmailMessage(policy=email.policy.SMTP)
    written["From"] = formataddr((message.sender_name, settings.sender))
    written["To"] = message.to
    written["Subject"] = message.subject
    written["Date"] = format_datetime(utc_now())
    domain = settings.sender.partition("@")[2]
    written["Message-ID"] = make_msgid(domain=domain) if token is None else f"<{token}@{domain}>"
    if message.is_automatic:
        written["Auto-Submitted"] = "auto-generated"
    written.set_content(message.text)
    for name, content in message.files.items():
        kind, _, subkind = (mimetypes.guess_type(name)[0] or "application/octet-stream").partition("/")
        written.add_attachment(content, maintype=kind, subtype=subkind, filename=name)
    return written


def _check(answer: tuple[int, bytes]) -> None:
    code, words = answer
    if code not in (_ACCEPTED, _WILL_FORWARD):
        raise smtplib.SMTPResponseException(code, words)


def _not_sent(settings: Mail, why: str) -> NotSentError:
    return NotSentError(
        f"the mail server {settings.host} did not accept the message: {why}",
        "Nothing was sent. Check `mail:` in platform.yaml, then run the same command again.",
    )


def _words(answer: bytes | str) -> str:
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    return " ".join(text.split())
