"""Sending a departure's letters: each goes out once, and what is not known is said instead of guessed."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from coffre import toolchain
from coffre.correspondence import smtp
from coffre.errors import ExpectedError, RefusedError
from coffre.offboarding.notices.documents import tenant_folder
from coffre.offboarding.notices.letters import calendar_path, message_path, title_of
from coffre.records.facts.departure import LetterKind, LetterPosted, LetterState
from coffre.tenant.log import Recorded
from coffre.tenant.service import Service


@dataclass(frozen=True)
class Posted:
    """What became of a letter: ``is_new`` when it happened in this call, ``to`` whom it was sent, if it was."""

    kind: LetterKind
    state: LetterState
    is_new: bool
    to: str | None = None


def send_letter(service: Service, kind: LetterKind, path: Path, today: date, resend: bool = False) -> Posted:
    """Send a letter to the tenant's contact, or without a mail server record that it is there to be handed over.

    The events say what was tried before it is tried. RefusedError when an earlier run was cut off while it sent: then
    ``resend`` sends it again, also one that went out. NotSentError when the server did not take it.
    """
    last = _find_last(service, path)
    state = None if last is None else last.fact.state
    settings = service.repository.settings.mail
    if not resend and state is LetterState.SENT:
        return Posted(kind, LetterState.SENT, is_new=False, to=service.tenant.contact.email)
    if not resend and state is LetterState.SENDING and last is not None:
        raise RefusedError(
            f"whether the letter {path.name} went out is not known: it was being sent at "
            f"{last.at:%Y-%m-%d %H:%M} UTC, and nothing came after that",
            "Ask the customer or read the mail server's log; then run the same command with --resend to send it again.",
        )
    if settings is None:
        if state is None:
            _record(service, kind, path, today, LetterState.WRITTEN)
        return Posted(kind, LetterState.WRITTEN, is_new=state is None)
    to = service.tenant.contact.email
    message = smtp.Message(
        to=to,
        sender_name=service.repository.settings.provider.name,
        subject=f"{title_of(kind)} – contrat {service.tenant.contract.reference}",
        text=message_path(path).read_text(encoding="utf-8"),
        files={each.name: each.read_bytes() for each in list_files(service, kind, path)},
    )
    _record(service, kind, path, today, LetterState.SENDING, to=to)
    try:
        message_id = smtp.send(settings, service.repository.root, message)
    except smtp.UncertainError:
        # It stays at sending, as after a kill: nobody knows, and a person has to ask.
        raise
    except ExpectedError:
        _record(service, kind, path, today, LetterState.FAILED, to=to)
        raise
    _record(service, kind, path, today, LetterState.SENT, to=to, message_id=message_id)
    return Posted(kind, LetterState.SENT, is_new=True, to=to)


def list_files(service: Service, kind: LetterKind, path: Path) -> tuple[Path, ...]:
    """Return the files that go with a letter: itself, the notice's calendar, the newest certificate's two files."""
    files = [path]
    if kind is LetterKind.NOTICE_RECEIVED:
        files.append(calendar_path(path))
    if kind is LetterKind.ERASED:
        newest = max(tenant_folder(service).glob("certificat-*.pdf"), key=lambda each: each.name)
        files += [newest, newest.with_suffix(".json")]
    return tuple(files)


def _find_last(service: Service, path: Path) -> Recorded[LetterPosted] | None:
    """Return the newest event about a letter's file; another departure's letter of that kind is another file."""
    posted = service.log.list(LetterPosted)
    return next((each for each in reversed(posted) if each.fact.file == path.name), None)


def _record(service: Service, kind: LetterKind, path: Path, today: date, state: LetterState, **more: str) -> None:
    service.log.append(LetterPosted(kind, path.name, toolchain.sha256_file(path), state, today, **more))
