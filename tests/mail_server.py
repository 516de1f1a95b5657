"""A real SMTP server on loopback, which keeps what it takes."""

import asyncio
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from coffre_lab.ceph import certificates

ADDRESS = "127.0.0.1"
PASSWORD = "tr0mpette"


@dataclass
class Inbox:
    """What the server took, and what it answers to a message instead of taking it."""

    messages: list[EmailMessage] = field(default_factory=list)
    answer: str | None = None
    hangs_up: bool = False
    hangs_seconds: float = 0.0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name
        await asyncio.sleep(self.hangs_seconds)
        if self.answer is not None:
            return self.answer
        read = message_from_bytes(envelope.original_content or b"", policy=policy.default)
        assert isinstance(read, EmailMessage)
        self.messages.append(read)
        if self.hangs_up:
            server.transport.abort()
        return "250 taken"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((ADDRESS, 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(inbox: Inbox, folder: Path, security: str) -> Iterator[dict[str, Any]]:
    """Run a server that wants an account, and return the `mail:` block that reaches it."""
    ca_pem, server_pem = certificates.issue((ADDRESS,), datetime.now(UTC))
    (folder / "ca.pem").write_text(ca_pem)
    (folder / "server.pem").write_text(server_pem)
    (folder / "smtp-password").write_text(PASSWORD + "\n")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")

    def authenticate(server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: Any) -> AuthResult:
        assert isinstance(given, LoginPassword)
        is_right = (given.login, given.password) == (b"coffre", PASSWORD.encode())
        return AuthResult(success=is_right, handled=False)

    options: dict[str, Any] = {"authenticator": authenticate, "auth_required": True}
    options |= {"auth_require_tls": security == "starttls"}
    options |= {"tls": {"ssl_context": context}, "starttls": {"tls_context": context, "require_starttls": True}}.get(
        security, {}
    )
    controller = Controller(inbox, hostname=ADDRESS, port=free_port(), **options)
    controller.start()
    try:
        yield {
            "host": ADDRESS,
            "port": controller.port,
            "security": security,
            "ca_file": "ca.pem",
            "sender": "exploitation@smileo.example",
            "user": "coffre",
            "password": "file:smtp-password",
        }
    finally:
        controller.stop()
