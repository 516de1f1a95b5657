"""Compares each act of a certificate with its calendar. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from coffre.offboarding.certificate.model import AttributedEvidence, CertificateFacts
from coffre.offboarding.lifecycle.calendar import Milestone
from coffre.offboarding.notices import words
from coffre.records.facts.departure import Stage


@dataclass(frozen=True)
class EarlyAct:
    """An act done before its first day; ``what`` is French."""

    what: str
    on: date
    first_on: date


def list_early(facts: CertificateFacts, *, is_embedded: bool) -> list[EarlyAct]:
    """Return the acts that were done before their day: by the day of their entry, and by the time it was written.

    On the embedded platform the day can be set, and only the day of the entry is used.
    """
    found = []
    for what, on, at, first_on in _acts(facts):
        days = [on] if is_embedded else [on, at.astimezone(ZoneInfo(facts.timezone)).date()]
        if min(days) < first_on:
            found.append(EarlyAct(what, min(days), first_on))
    return found


def _acts(facts: CertificateFacts) -> Iterator[tuple[str, date, datetime, date]]:
    yield from _stages(facts)
    erasure_from = _erasure_from(facts)
    if erasure_from is None:
        return
    acts: list[tuple[str, AttributedEvidence[object] | None]] = []
    for each in facts.machines:
        acts += [
            (f"Effacement commencé des sauvegardes de la machine {each.machine}", each.began),  # type: ignore[list-item]
            (f"Effacement achevé des sauvegardes de la machine {each.machine}", each.erased),  # type: ignore[list-item]
        ]
    for vendor in facts.vendors or ():
        acts.append((f"Suppression de l’espace du client chez {vendor.editor}", vendor.erased))  # type: ignore[arg-type]
    acts += [("Destruction des mots de passe ou des clés", each) for each in facts.secrets]  # type: ignore[misc]
    acts += [(f"Suppression du compte {each.fact.uid}", each) for each in facts.users]  # type: ignore[misc]
    if facts.verification is not None:
        acts.append(("Vérification de l’effacement", facts.verification.seen))  # type: ignore[arg-type]
    for what, seen in acts:
        if seen is not None:
            yield what, seen.on, seen.at, erasure_from


def _stages(facts: CertificateFacts) -> Iterator[tuple[str, date, datetime, date]]:
    days = {entry.milestone: entry.on for entry in facts.basis.calendar}
    if not days:
        return
    first = {
        Stage.NOTIFIED: days[Milestone.NOTICE],
        Stage.FROZEN: days[Milestone.SERVICE_ENDS] + timedelta(days=1),
        Stage.ERASED: days[Milestone.ERASURE_FROM],
        Stage.CLOSED: days[Milestone.ERASURE_FROM],
    }
    for each in facts.course:
        if each.stage in first:
            yield f"Étape « {words.STAGES[each.stage]} »", each.on, each.at, first[each.stage]


def _erasure_from(facts: CertificateFacts) -> date | None:
    if facts.basis.kept_until is not None:
        return facts.basis.kept_until + timedelta(days=1)
    return next((entry.on for entry in facts.basis.calendar if entry.milestone is Milestone.ERASURE_FROM), None)
