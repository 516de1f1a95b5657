"""Sends a departure's letters by mail: their attachments, and the log of their states as events."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from coffre import toolchain
from coffre.correspondence.documents import tenant_folder
from coffre.correspondence.outbox import Logged, Mailing, Posted, send_once
from coffre.correspondence.smtp import Message
from coffre.offboarding.notices.letters import calendar_path, message_path, title_of
from coffre.records.facts.departure import LetterKind, LetterPosted
from coffre.records.facts.mail import MailState
from coffre.spec.loader import Checkout
from coffre.spec.tenant import Tenant
from coffre.tenant.estate.log import Log, TenantLog


def send_letter(
    tenant: Tenant, checkout: Checkout, log: TenantLog, kind: LetterKind, path: Path, today: date, resend: bool = False
) -> Posted:
    """Send a letter to the tenant's contact, or without a mail server record that it is ready for delivery.

    See `send_once` for repeated and refused sending.
    """
    to, settings = tenant.contact.email, checkout.settings

    def write() -> Message:
        return Message(
            to=to,
            sender_name=settings.provider.name,
            subject=f"{title_of(kind)} – contrat {tenant.contract.reference}",
            text=message_path(path).read_text(encoding="utf-8"),
            files={each.name: each.read_bytes() for each in list_files(tenant, checkout, kind, path)},
        )

    mailing = Mailing(f"the letter {path.name}", to, write)
    letters = LetterLog(log, kind, path, today)
    return send_once(mailing, letters, settings.mail, checkout.root, resend=resend)


def list_files(tenant: Tenant, checkout: Checkout, kind: LetterKind, path: Path) -> tuple[Path, ...]:
    """Return a letter's attachments: itself, the notice's calendar, the newest certificate's two files."""
    files = [path]
    if kind is LetterKind.NOTICE_RECEIVED:
        files.append(calendar_path(path))
    if kind is LetterKind.ERASED:
        folder = tenant_folder(checkout, tenant)
        newest = max(folder.glob("certificat-*.pdf"), key=lambda each: each.name)
        files += [newest, newest.with_suffix(".json")]
    return tuple(files)


@dataclass(frozen=True)
class LetterLog:
    """The events of one letter's file; another departure's letter of that kind is another file."""

    log: Log
    kind: LetterKind
    path: Path
    today: date

    def find_last(self) -> Logged | None:
        posted = self.log.list(LetterPosted)
        last = next((each for each in reversed(posted) if each.fact.file == self.path.name), None)
        return None if last is None else Logged(last.fact.state, last.at)

    def write(self, state: MailState, *, to: str | None = None, message_id: str | None = None) -> None:
        sha256 = toolchain.sha256_file(self.path)
        self.log.append(LetterPosted(self.kind, self.path.name, sha256, state, self.today, to, message_id))
