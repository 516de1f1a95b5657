"""Reads a mail that Coffre wrote, for people: its headers and its text without their encodings."""

import email
import email.policy
from collections.abc import Mapping
from dataclasses import dataclass

_SHOWN = ("From", "To", "Subject", "Date", "Message-ID")


@dataclass(frozen=True)
class ReadMail:
    """The headers that people read, and the plain text, whose lines end with a line feed."""

    headers: Mapping[str, str]
    text: str


def read_mail(document: str) -> ReadMail:
    """Return what a mail (RFC 5322) says."""
    message = email.message_from_bytes(document.encode(), policy=email.policy.default)
    headers = {name: str(message[name]) for name in _SHOWN if message[name] is not None}
    body = message.get_body(("plain",))
    return ReadMail(headers, "" if body is None else str(body.get_content()).replace("\r\n", "\n"))
