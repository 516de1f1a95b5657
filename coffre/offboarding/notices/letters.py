"""The letters of a departure, in French: each is written once, as a PDF and as the text of its e-mail."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from coffre.correspondence import names
from coffre.correspondence.documents import tenant_folder
from coffre.correspondence.french import describe_reach
from coffre.correspondence.pages import render_pdf, render_text
from coffre.offboarding.certificate.issued import Certificate
from coffre.offboarding.lifecycle.calendar import Calendar
from coffre.offboarding.lifecycle.evidence import Agent, RestoreLeft, Returned
from coffre.offboarding.notices import ics, words
from coffre.records.facts.departure import LetterKind
from coffre.spec.leaving import Return, ReturnedSnapshots, ReturnFormat
from coffre.spec.loader import Checkout
from coffre.spec.tenant import Tenant
from coffre.tenant.embedded import EmbeddedProof
from coffre.workspace.files import write_atomically

__all__ = ["LetterFacts", "LetterKind", "calendar_path", "letter_path", "message_path", "title_of", "write_letter"]

STYLE_SHEETS = ("courriers/page.css", "courriers/lettre.css")


@dataclass(frozen=True)
class LetterFacts:
    """The facts of a letter. All letters except those of the erasure and the renunciation need the calendar.

    ``departure`` is 1 for a tenant's first, one more after each renounced one; ``returned_on`` is the day on which the
    last data was returned; ``unreached`` are machines that keep their agent. ``restores`` are machines that the
    customer restores in their vendor's portal; ``guides`` are the names of the steps of that, by platform. ``editors``
    are the vendors that keep backups, of all machines if ``is_all_vendors``.
    """

    notice_on: date
    calendar: Calendar | None = None
    returned: tuple[Returned, ...] = ()
    returned_on: date | None = None
    unreached: tuple[Agent, ...] = ()
    restores: tuple[RestoreLeft, ...] = ()
    guides: Mapping[str, str] = field(default_factory=dict)
    editors: tuple[str, ...] = ()
    is_all_vendors: bool = False
    certificate: Certificate | None = None
    departure: int = 1


@dataclass(frozen=True)
class _Form:
    """A kind of letter: its template, which also names its file, its subject, and its required facts."""

    template: str
    title: str
    needs: Callable[[LetterFacts], object]


_FORMS: Mapping[LetterKind, _Form] = {
    LetterKind.NOTICE_RECEIVED: _Form(
        "accuse-de-reception",
        "Accusé de réception de votre demande de résiliation",
        lambda facts: facts.calendar,
    ),
    LetterKind.DATA_READY: _Form(
        "donnees-disponibles",
        "Vos données sont à votre disposition",
        lambda facts: facts.calendar and facts.returned and facts.returned_on,
    ),
    LetterKind.VENDOR_RESTORE: _Form(
        "recuperation-editeur",
        "Récupérez vos données depuis le portail de l’éditeur",
        lambda facts: facts.calendar and facts.restores,
    ),
    LetterKind.REMINDER: _Form(
        "rappel",
        "Rappel : vos données seront bientôt effacées",
        lambda facts: facts.calendar,
    ),
    LetterKind.UNREACHED: _Form(
        "machines-injoignables",
        "Machines dont l’agent de sauvegarde n’a pas pu être retiré",
        lambda facts: facts.calendar and facts.unreached,
    ),
    LetterKind.ERASED: _Form(
        "effacement",
        "Effacement de vos sauvegardes et certificat",
        lambda facts: facts.certificate,
    ),
    LetterKind.RENOUNCED: _Form(
        "renonciation",
        "Votre contrat se poursuit",
        lambda facts: facts.notice_on,
    ),
}


def write_letter(
    tenant: Tenant, checkout: Checkout, embedded: EmbeddedProof, kind: LetterKind, today: date, facts: LetterFacts
) -> Path:
    """Return a departure's letter of a kind, written at the first call; the text of its e-mail is beside it (.txt).

    A later call returns the same unchanged file, on any day and with any facts.
    """
    path = letter_path(tenant, checkout, kind, facts)
    if path.exists():
        return path
    form = _FORMS[kind]
    if not form.needs(facts):
        raise ValueError(f"a {kind} letter lacks required facts")
    wording = _word(tenant, checkout, embedded, kind, today, facts)
    write_atomically(message_path(path), render_text("courriers/message.txt.j2", wording).encode())
    if kind is LetterKind.NOTICE_RECEIVED and facts.calendar is not None:
        write_atomically(calendar_path(path), ics.render(tenant, facts.calendar))
    # The PDF comes last: when it exists, the rest exists too.
    write_atomically(path, render_pdf(f"courriers/{form.template}.html.j2", STYLE_SHEETS, wording))
    return path


def letter_path(tenant: Tenant, checkout: Checkout, kind: LetterKind, facts: LetterFacts) -> Path:
    """Return the path of a departure's letter of a kind.

    The same notice may continue a renounced departure, whose letters already exist.
    """
    again = f"-{facts.departure}" if facts.departure > 1 else ""
    return tenant_folder(checkout, tenant) / f"{facts.notice_on}{again}-{_FORMS[kind].template}.pdf"


def message_path(letter: Path) -> Path:
    """Return the path of the text of a letter's e-mail."""
    return letter.with_suffix(".txt")


def calendar_path(letter: Path) -> Path:
    """Return the path of the calendar of the notice's letter."""
    return letter.with_suffix(".ics")


def title_of(kind: LetterKind) -> str:
    """Return a letter's subject, in French."""
    return _FORMS[kind].title


def _word(
    tenant: Tenant, checkout: Checkout, embedded: EmbeddedProof, kind: LetterKind, today: date, facts: LetterFacts
) -> dict[str, object]:
    """Return all values for the templates of letters."""
    provider = checkout.settings.provider
    leaving = tenant.leaving
    return_ = leaving.return_ if leaving is not None else None
    return {
        "kind": kind.value,
        "title": _FORMS[kind].title,
        "service_name": names.SERVICE,
        "provider": provider,
        "tenant": tenant,
        "leaving": leaving,
        "today": today,
        "is_specimen": embedded.is_proved,
        "reach": describe_reach(provider.email, provider.phone),
        "notice_on": facts.notice_on,
        "calendar": facts.calendar,
        "calendar_lines": words.describe_calendar(facts.calendar) if facts.calendar is not None else [],
        "milestones": words.MILESTONES,
        "sources": words.SOURCES,
        "formats": words.FORMATS,
        "systems": names.SYSTEMS,
        "return_phrase": _describe_return(return_) if return_ is not None else "",
        "target": words.describe_target(return_.to) if return_ is not None else "",
        "returned": facts.returned,
        "returned_on": facts.returned_on,
        "passwords_handed_out": [each.machine for each in facts.returned if each.password_handed_out],
        "unreached": facts.unreached,
        "restores": facts.restores,
        "editors": list(facts.editors),
        "portals": list(dict.fromkeys(each.portal for each in facts.restores)),
        "guides": list(dict.fromkeys(facts.guides.values())),
        "is_all_vendors": facts.is_all_vendors,
        "certificate": facts.certificate,
        "enclosed": _enclosed(kind),
    }


def _describe_return(wanted: Return) -> str:
    if wanted.format is ReturnFormat.REPOSITORY:
        return "le dépôt de sauvegarde de chaque machine, avec le mot de passe et les programmes qui l’ouvrent"
    if wanted.snapshots is ReturnedSnapshots.ALL:
        return "les fichiers de toutes les sauvegardes conservées de chaque machine"
    return "les fichiers de la dernière sauvegarde de chaque machine"


def _enclosed(kind: LetterKind) -> list[str]:
    if kind is LetterKind.NOTICE_RECEIVED:
        return ["calendrier au format iCalendar"]
    return ["certificat d’effacement en PDF", "le même en JSON signé"] if kind is LetterKind.ERASED else []
