"""A departure's letters by mail: what goes with each, and the log of how far it went, kept as events."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from coffre import toolchain
from coffre.correspondence.documents import tenant_folder
from coffre.correspondence.outbox import Logged, Mailing, MailState, Posted, send_once
from coffre.correspondence.smtp import Message
from coffre.offboarding.notices.letter_kinds import LetterKind
from coffre.offboarding.notices.letters import calendar_path, message_path, title_of
from coffre.records.events import Event, EventKind
from coffre.tenant.service import Service


def send_letter(service: Service, kind: LetterKind, path: Path, today: date, resend: bool = False) -> Posted:
    """Send a letter to the tenant's contact, or without a mail server record that it is there to be handed over.

    See `send_once` for what is sent again and what is refused.
    """
    to, repository = service.tenant.contact.email, service.repository

    def write() -> Message:
        return Message(
            to=to,
            sender_name=repository.settings.provider.name,
            subject=f"{title_of(kind)} – contrat {service.tenant.contract.reference}",
            text=message_path(path).read_text(encoding="utf-8"),
            files={each.name: each.read_bytes() for each in list_files(service, kind, path)},
        )

    mailing = Mailing(f"the letter {path.name}", to, write)
    log = LetterLog(service, kind, path, today)
    return send_once(mailing, log, repository.settings.mail, repository.root, resend=resend)


def list_files(service: Service, kind: LetterKind, path: Path) -> tuple[Path, ...]:
    """Return the files that go with a letter: itself, the notice's calendar, the newest certificate's two files."""
    files = [path]
    if kind is LetterKind.NOTICE_RECEIVED:
        files.append(calendar_path(path))
    if kind is LetterKind.ERASED:
        folder = tenant_folder(service.repository, service.tenant)
        newest = max(folder.glob("certificat-*.pdf"), key=lambda each: each.name)
        files += [newest, newest.with_suffix(".json")]
    return tuple(files)


@dataclass(frozen=True)
class LetterLog:
    """The events about one letter's file; another departure's letter of that kind is another file."""

    service: Service
    kind: LetterKind
    path: Path
    today: date

    def find_last(self) -> Logged | None:
        last = _find_last(self.service, self.path)
        return None if last is None else Logged(MailState(str(last.details["state"])), last.at)

    def write(self, state: MailState, *, to: str | None = None, message_id: str | None = None) -> None:
        more = {"to": to, "message_id": message_id}
        known = {name: value for name, value in more.items() if value is not None}
        _record(self.service, self.kind, self.path, self.today, state, **known)


def _find_last(service: Service, path: Path) -> Event | None:
    """Return the newest event about a letter's file."""
    events = service.records.list_events(service.tenant.id, EventKind.LETTER)
    return next((event for event in reversed(events) if event.details["file"] == path.name), None)


def _record(service: Service, kind: LetterKind, path: Path, today: date, state: MailState, **more: object) -> None:
    service.record(
        EventKind.LETTER,
        letter=kind.value,
        file=path.name,
        sha256=toolchain.sha256_file(path),
        state=state.value,
        on=today.isoformat(),
        **more,
    )
