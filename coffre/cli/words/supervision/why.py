"""The French words of `coffre why`: one screen about a tenant, to be read on the phone."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from coffre.cli.words.supervision.french_findings import ACTIONS, ATTRIBUTIONS, CONSEQUENCES, describe
from coffre.cli.words.supervision.french_lines import say_restore
from coffre.correspondence.french import count, format_day, format_moment, format_rounded_size, typeset
from coffre.correspondence.names import KINDS
from coffre.outside.text import visible
from coffre.records.facts.advice import AdviceMeans, AdviceOutcome
from coffre.records.kept_findings import KeptFinding
from coffre.spec.tenant import TenantStatus
from coffre.supervision.findings.life import as_finding
from coffre.supervision.findings.standing import find_standing
from coffre.supervision.judge.forecast import Forecast, Outlook
from coffre.supervision.lines import MachineRestore
from coffre.supervision.observe.seen import SeenMachine
from coffre.supervision.overview.ranking import is_old
from coffre.supervision.picture import TenantPicture
from coffre.tenant.advice import Advice

_MEANS = {
    AdviceMeans.MAIL: "par courriel",
    AdviceMeans.LETTER: "par lettre",
    AdviceMeans.PHONE: "par téléphone",
    AdviceMeans.MEETING: "en réunion",
}
_OUTCOMES = {
    AdviceOutcome.FOLLOWED: "suivi",
    AdviceOutcome.DECLINED: "non suivi par le client",
    AdviceOutcome.WITHDRAWN: "retiré",
}
STATUSES = {
    TenantStatus.ACTIVE: "actif",
    TenantStatus.SUSPENDED: "suspendu",
    TenantStatus.LEAVING: "en fin de contrat",
    TenantStatus.CLOSED: "terminé",
}


def describe_tenant(picture: TenantPicture, restores: Sequence[MachineRestore] = ()) -> Iterator[str]:
    """Yield the lines of the screen; ``restores`` are shown where their time is known."""
    for line in _lines(picture, [each for each in restores if each.time.unknown is None]):
        yield typeset(line)


def _lines(picture: TenantPicture, restores: Sequence[MachineRestore]) -> Iterator[str]:
    tenant = picture.tenant
    yield f"{tenant.name} ({tenant.slug}) : service {STATUSES[tenant.status]}"
    yield say_looked(picture)
    yield _space(picture)
    yield f"Licences : {say_licences(picture)}"
    for each in restores:
        yield f"Restauration complète de {say_restore(each)}"
    yield ""
    yield "Machines"
    for name, machine in tenant.machines.items():
        retired = machine.retired is not None
        yield f"  {name} : {say_machine(picture.machines[name], tenant.timezone, is_retired=retired)}"
    yield ""
    if picture.findings:
        yield "À signaler"
    elif picture.looked_at is not None:
        yield "Rien à signaler."
    else:
        yield "Rien n’est connu tant que personne n’a regardé."
    for turn, kept in enumerate(picture.findings, start=1):
        yield from _finding(turn, kept, tenant.timezone)
    if picture.advice:
        yield ""
        yield "Conseils donnés"
    today = picture.drawn_at.astimezone(ZoneInfo(tenant.timezone)).date()
    for advice in picture.advice:
        yield f"  {_advice(advice, tenant.timezone, today)}"


def say_looked(picture: TenantPicture) -> str:
    if picture.looked_at is None:
        return "Aucun contrôle n’a encore eu lieu : ce qui suit est inconnu."
    at = format_moment(picture.looked_at, picture.tenant.timezone)
    old = " : ATTENTION, ce contrôle est ancien" if is_old(picture.looked_at, picture.drawn_at) else ""
    return f"Dernier contrôle : le {at}{old}"


def _space(picture: TenantPicture) -> str:
    sold = picture.tenant.storage.quota_bytes
    used = None if picture.use is None else picture.use.current_bytes
    if used is None:
        return f"Espace : {format_rounded_size(sold)} vendus, utilisation inconnue"
    percent = used * 100 // sold
    share = f"{format_rounded_size(used)} sur {format_rounded_size(sold)}, soit {percent} %"
    return f"Espace : {share}. {say_outlook(picture.forecast)}"


def say_outlook(forecast: Forecast) -> str:
    if forecast.outlook is Outlook.GROWING and forecast.reached_on is not None:
        return f"À ce rythme, il sera plein vers le {format_day(forecast.reached_on)}."
    return {
        Outlook.REACHED: "Il est plein.",
        Outlook.STEADY: "À ce rythme, il suffit pour longtemps.",
        Outlook.UNKNOWN: "L’historique est trop court pour une prévision.",
    }.get(forecast.outlook, "")


def say_licences(picture: TenantPicture) -> str:
    tenant = picture.tenant
    used = [machine.kind for machine in tenant.active_machines().values()]
    parts = [f"{used.count(kind)} sur {count(sold, *KINDS[kind])}" for kind, sold in tenant.licences.items()]
    return ", ".join(parts) or "aucune"


def say_machine(seen: SeenMachine | None, timezone: str, *, is_retired: bool) -> str:
    if is_retired:
        return "retirée du service"
    if seen is None:
        return "état inconnu"
    if seen.last_success_at is None:
        return "aucune sauvegarde réussie"
    return f"dernière sauvegarde réussie le {_moment(seen.last_success_at, timezone)}"


def _advice(advice: Advice, timezone: str, today: date) -> str:
    given = advice.given_at.astimezone(ZoneInfo(timezone)).date()
    about = "" if advice.machine is None else f"{advice.machine} : "
    told = f"{advice.number}. {about}{visible(advice.text)} (le {format_day(given)}, {_MEANS[advice.means]})"
    if advice.outcome is not None:
        return f"{told} : {_OUTCOMES[advice.outcome]}"
    if advice.due_on is None:
        return f"{told} : à faire"
    late = ", délai dépassé" if advice.is_overdue(today) else ""
    return f"{told} : à faire avant le {format_day(advice.due_on)}{late}"


def _finding(turn: int, kept: KeptFinding, timezone: str) -> Iterator[str]:
    finding = as_finding(kept)
    standing = find_standing(finding)
    about = f"{kept.place.machine} : " if kept.place.machine else ""
    yield f"  {turn}. {about}{describe(finding, timezone)}"
    parts = [
        f"depuis le {_moment(kept.since, timezone)}",
        ATTRIBUTIONS[standing.attribution],
        CONSEQUENCES[standing.consequence],
        f"suite : {ACTIONS[standing.action]}",
    ]
    yield f"     {' ; '.join(part for part in parts if part)}"


def _moment(moment: datetime, timezone: str) -> str:
    return format_moment(moment, timezone)
