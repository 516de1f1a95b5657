"""The French words of the pages, and what stands where: values for the templates below templates/site."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from markupsafe import Markup

from coffre.cli.site.curve import Curve, draw
from coffre.cli.words.supervision.french_findings import ACTIONS, ATTRIBUTIONS, CONSEQUENCES, describe
from coffre.cli.words.supervision.french_lines import say_restore
from coffre.cli.words.supervision.why import STATUSES, say_licences, say_looked, say_machine, say_outlook
from coffre.correspondence.french import count, format_day, format_moment, format_rounded_size, typeset
from coffre.findings import FindingKind
from coffre.operations.welcome import vendor_words
from coffre.records.kept_findings import KeptFinding
from coffre.spec.tenant import Tenant
from coffre.supervision.applied import UnknownTenant
from coffre.supervision.findings.life import as_finding
from coffre.supervision.findings.standing import NextAction, find_standing
from coffre.supervision.judge.availability import Availability
from coffre.supervision.overview.calendar import Day, DayState
from coffre.supervision.overview.gather import CURVE_DAYS, Drill, Overview, TenantOverview
from coffre.supervision.overview.ranking import Level, is_old, judge_level, level_of
from coffre.supervision.picture import TenantPicture

LEVELS: Mapping[Level, str] = {
    Level.STOPPED: "sauvegardes arrêtées",
    Level.UNKNOWN: "état inconnu",
    Level.GRAVE: "grave",
    Level.ATTENTION: "à suivre",
    Level.GOOD: "rien à signaler",
}
_COUNTED: Mapping[Level, tuple[str, str]] = {
    Level.STOPPED: ("client aux sauvegardes arrêtées", "clients aux sauvegardes arrêtées"),
    Level.UNKNOWN: ("client à l’état inconnu", "clients à l’état inconnu"),
    Level.GRAVE: ("client dans un état grave", "clients dans un état grave"),
    Level.ATTENTION: ("client à suivre", "clients à suivre"),
    Level.GOOD: ("client sans rien à signaler", "clients sans rien à signaler"),
}
STATES: Mapping[DayState, tuple[str, str]] = {
    DayState.SAVED: ("✓", "sauvegardée"),
    DayState.LATE: ("~", "en retard"),
    DayState.MISSED: ("✕", "sauvegarde manquée"),
    DayState.FAILED: ("!", "sauvegarde échouée"),
    DayState.NONE: ("–", "pas de sauvegarde"),
    DayState.OFF: ("·", "aucune prévue"),
    DayState.UNKNOWN: ("?", "inconnu : personne n’a regardé"),
    DayState.BEFORE: ("", "hors service ou à venir"),
}
"""The sign of a day, and its words."""
_TO_CUSTOMER: Mapping[NextAction, str] = {
    NextAction.WAIT: "elle sera sauvegardée à sa prochaine mise en marche",
    NextAction.CALL_CUSTOMER: "SMILÉO voit cela avec vous",
    NextAction.PROPOSE_AMENDMENT: "commander plus d’espace, ou en libérer",
    NextAction.LOOK_AT_MACHINE: "SMILÉO examine la machine",
    NextAction.FIND_COPY: "dire à SMILÉO si la machine a été remplacée ou copiée",
    NextAction.UPDATE_COFFRE: "SMILÉO examine ce constat",
    NextAction.FIND_OWNER: "SMILÉO établit à qui sont ces données",
    NextAction.RETIRE_OR_ROTATE: "SMILÉO voit avec vous si cette machine sert encore",
    NextAction.LOOK_IN_PORTAL: "SMILÉO consulte la console de l’éditeur",
}
"""What an operator does next, as the customer reads it where it is said otherwise to them."""
_MONTHS = "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.".split()  # noqa: SIM905
_OUTAGES = 5


@dataclass(frozen=True)
class Audience:
    """For whom a page is: SMILÉO's operators, or the customer, who sees nothing of the platform or of SMILÉO's work."""

    is_customer: bool


def index_facts(
    overview: Overview, tenants: Sequence[Mapping[str, Any]], levels: Sequence[Level], unknown: Sequence[UnknownTenant]
) -> dict[str, Any]:
    """Return what the index shows; ``tenants`` are `tenant_row`, the worst first."""
    now, last = overview.drawn_at, overview.last_pass
    every = [*levels, *(Level.UNKNOWN for _ in unknown)]
    counts = [(each, every.count(each)) for each in sorted(Level, reverse=True)]
    return {
        "title": "État des sauvegardes",
        "drawn": format_moment(now, _PARIS),
        "last": None if last is None or last.ended_at is None else format_moment(last.ended_at, _PARIS),
        "is_old": is_old(None if last is None else last.ended_at, now),
        "seen": None if last is None else f"{last.seen} sur {count(last.tenants, 'client', 'clients')}",
        "counts": [
            {"level": level.name.lower(), "number": number, "words": typeset(_COUNTED[level][number > 1])}
            for level, number in counts
            if number
        ],
        "tenants": tenants,
        "unknown": [{"name": each.slug, "words": "sa dernière mise en service n’est pas connue"} for each in unknown],
    }


_PARIS = "Europe/Paris"


def tenant_row(found: TenantOverview, href: str) -> dict[str, Any]:
    """Return the line of a tenant in the index."""
    picture = found.picture
    level = judge_level(picture)
    worst = max(picture.findings, key=lambda each: level_of(each, picture.drawn_at), default=None)
    return {
        "href": href,
        "name": picture.tenant.name,
        "slug": picture.tenant.slug,
        "level": level.name.lower(),
        "state": LEVELS[level],
        "space": _space(picture),
        "outlook": typeset(say_outlook(picture.forecast)),
        "findings": len(picture.findings),
        "worst": "" if worst is None else _say_worst(worst, picture.tenant),
        "looked": "jamais" if picture.looked_at is None else format_moment(picture.looked_at, picture.tenant.timezone),
        "is_old": is_old(picture.looked_at, picture.drawn_at),
    }


def tenant_facts(found: TenantOverview, audience: Audience) -> dict[str, Any]:
    """Return what the page of a tenant shows."""
    picture, tenant = found.picture, found.picture.tenant
    level = judge_level(picture)
    told = [each for each in picture.findings if not (audience.is_customer and each.place.platform)]
    told.sort(key=lambda each: level_of(each, picture.drawn_at), reverse=True)
    return {
        "title": tenant.name,
        "slug": None if audience.is_customer else tenant.slug,
        "status": f"service {STATUSES[tenant.status]}",
        "drawn": format_moment(picture.drawn_at, tenant.timezone),
        "looked": typeset(say_looked(picture)),
        "is_old": is_old(picture.looked_at, picture.drawn_at),
        "level": level.name.lower(),
        "state": LEVELS[level],
        "space": _space(picture),
        "outlook": typeset(say_outlook(picture.forecast)),
        "older": "" if any(each.is_whole for each in found.vendors) else _older(picture),
        "curve": _curve(found),
        "licences": typeset(say_licences(picture)),
        "weekdays": [("L", "lundi"), ("M", "mardi"), ("M", "mercredi"), ("J", "jeudi"), ("V", "vendredi"),
                     ("S", "samedi"), ("D", "dimanche")],
        "legend": [{"state": state.value, "sign": sign, "words": words} for state, (sign, words) in STATES.items()
                   if state is not DayState.BEFORE],
        "machines": [_machine(found, name) for name in tenant.machines],
        "findings": [_finding(each, picture, audience) for each in told],
        "availability": None if audience.is_customer else _availability(found.availability, tenant.timezone),
        "drills": [_drill(each, tenant.timezone) for each in found.drills],
        "restores": [typeset(say_restore(each)) for each in found.restores],
        "vendors": [{"title": vendor_words.say_title(each), "sentences": vendor_words.list_statements(each)}
                    for each in found.vendors],
        "is_drilled": not any(each.is_whole for each in found.vendors),
    }  # fmt: skip


def _space(picture: TenantPicture) -> dict[str, Any]:
    sold = picture.tenant.storage.quota_bytes
    used = None if picture.use is None else picture.use.current_bytes
    if used is None:
        return {"percent": None, "words": f"{format_rounded_size(sold)} vendus, utilisation inconnue"}
    words = f"{format_rounded_size(used)} sur {format_rounded_size(sold)}"
    percent = used * 100 // sold
    return {"percent": percent, "width": min(100, percent), "fill": _fill(percent), "words": words}


def _fill(percent: int) -> str:
    return "full" if percent >= 100 else "near" if percent >= 80 else "fine"


def _older(picture: TenantPicture) -> str:
    use = picture.use
    if use is None or use.current_bytes is None:
        return ""
    size = format_rounded_size(max(0, use.stored_bytes - use.current_bytes))
    return f"{size} d’anciennes versions, qui ne comptent pas dans l’espace vendu"


def _curve(found: TenantOverview) -> dict[str, Any] | None:
    picture, sizes = found.picture, found.sizes
    if not sizes:
        return None
    today = max(max(sizes), picture.drawn_at.date())
    curve = Curve(sizes, picture.tenant.storage.quota_bytes, picture.forecast, min(sizes), today)
    days = (max(sizes) - min(sizes)).days + 1
    first, last = min(sizes), max(sizes)
    gaps = days - len(sizes)
    missing = f" ; {count(gaps, 'jour', 'jours')} sans mesure" if gaps else ""
    description = typeset(
        f"De {format_rounded_size(sizes[first])} le {format_day(first)} à {format_rounded_size(sizes[last])} le "
        f"{format_day(last)}, pour {format_rounded_size(curve.quota_bytes)} vendus{missing}. "
        f"{say_outlook(picture.forecast)}"
    )
    return {
        "drawing": draw(curve, "espace", "Espace utilisé", description),
        "description": description,
        "days": CURVE_DAYS,
        "rows": [
            {"at": f"{curve.y(size) / 2:.2f}", "words": words}
            for size, words in _list_sizes(curve)
        ],
        "quota": f"{curve.y(curve.quota_bytes) / 2:.2f}",
        "columns": [{"at": f"{curve.x(day) / 6:.2f}", "words": _MONTHS[day.month - 1]} for day in curve.list_months()],
        "today": f"{curve.x(today) / 6:.2f}",
    }  # fmt: skip


def _list_sizes(curve: Curve) -> list[tuple[float, str]]:
    """Return the labels at the left: the quota, half of it, and nothing."""
    quota = curve.quota_bytes
    return [(quota, _shortly(quota)), (quota / 2, _shortly(quota // 2)), (0.0, "0")]


def _shortly(size_bytes: int) -> str:
    return format_rounded_size(size_bytes).replace(",00", "")


def _machine(found: TenantOverview, name: str) -> dict[str, Any]:
    picture = found.picture
    machine = picture.tenant.machines[name]
    days = found.calendars.get(name, ())
    is_retired = machine.retired is not None
    return {
        "name": name,
        "words": typeset(say_machine(picture.machines[name], picture.tenant.timezone, is_retired=is_retired)),
        "weeks": [[_day(day) for day in days[begin : begin + 7]] for begin in range(0, len(days), 7)],
        "saved": sum(day.state is DayState.SAVED for day in days),
    }  # fmt: skip


def _day(day: Day) -> dict[str, str]:
    sign, words = STATES[day.state]
    return {
        "number": str(day.on.day),
        "iso": day.on.isoformat(),
        "state": day.state.value,
        "sign": sign,
        "words": typeset(f"{_short(day.on)} : {words}"),
    }


def _short(day: date) -> str:
    return f"{day.day} {_MONTHS[day.month - 1]}"


def _say_worst(kept: KeptFinding, tenant: Tenant) -> str:
    words = _describe(kept, tenant)
    return typeset(f"{kept.place.machine} : {words}" if kept.place.machine else _begin(words))


def _begin(sentence: str) -> str:
    """Return a sentence with a capital letter."""
    return sentence[:1].upper() + sentence[1:]


def _describe(kept: KeptFinding, tenant: Tenant) -> str:
    return describe(as_finding(kept), tenant.timezone)


def _finding(kept: KeptFinding, picture: TenantPicture, audience: Audience) -> dict[str, Any]:
    tenant = picture.tenant
    parts = [f"depuis le {format_moment(kept.since, tenant.timezone)}", *_list_meaning(kept, audience)]
    if not audience.is_customer:
        parts += _list_care(kept, tenant.timezone, picture.drawn_at)
    return {
        "level": level_of(kept, picture.drawn_at).name.lower(),
        "machine": kept.place.machine,
        "words": typeset(_describe(kept, tenant) if kept.place.machine else _begin(_describe(kept, tenant))),
        "parts": [typeset(each) for each in parts if each],
        "number": None if audience.is_customer else kept.id,
    }


def _list_meaning(kept: KeptFinding, audience: Audience) -> list[str]:
    standing = find_standing(as_finding(kept))
    action, consequence = ACTIONS[standing.action], CONSEQUENCES[standing.consequence]
    if audience.is_customer:
        return [consequence, f"suite : {_TO_CUSTOMER.get(standing.action, action)}"]
    return [ATTRIBUTIONS[standing.attribution], consequence, f"suite : {action}"]


def _list_care(kept: KeptFinding, timezone: str, now: datetime) -> list[str]:
    """Return which part it is about, and what people said about a finding; it is SMILÉO's own affair."""
    silent = kept.silenced_until
    return [
        f"partie sur {kept.place.detail}" if as_finding(kept).kind is FindingKind.PART_FULL else "",
        f"pris en charge par {kept.acknowledged_by}" if kept.acknowledged_at is not None else "",
        f"en sommeil jusqu’au {format_moment(silent, timezone)}" if silent is not None and now < silent else "",
        f"ticket {kept.ticket}" if kept.ticket else "",
    ]


def _availability(found: Availability | None, timezone: str) -> dict[str, Any] | None:
    """Return the availability of the platform; it is the platform's, so no customer's page has it."""
    if found is None or found.percent is None:
        return None
    left = found.left_seconds
    budget = f"{_duration(left)} restent" if left >= 0 else f"dépassées de {_duration(-left)}"
    outages = [
        typeset(
            f"le {format_moment(each.begins_at, timezone)}, {_duration(each.counted_seconds)} comptées"
            f"{' ; elle dure encore' if each.is_going_on else ''}"
        )
        for each in reversed(found.outages[-_OUTAGES:])
    ]
    return {
        "is_good": left >= 0,
        "percent": _percent(found.percent),
        "year": found.year,
        "words": typeset(f"des {_duration(found.budget_seconds)} d’arrêt admises dans l’année, {budget}"),
        "unknown": _duration(found.unprobed_seconds) if found.unprobed_seconds else "",
        "outages": outages,
    }


def _percent(share: float) -> str:
    """Write a share that is not whole never as 100: nobody rounds an outage away."""
    return f"{math.floor(share * 1000) / 1000:.3f}".replace(".", ",")


def _duration(seconds: int) -> str:
    """Write a duration in whole minutes; a shorter one in seconds, one of several days in days."""
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours >= 72:
        return count(hours // 24, "jour", "jours")
    if seconds < 60:
        return f"{seconds} s"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def _drill(drill: Drill, timezone: str) -> dict[str, Any]:
    place = " depuis la seconde copie" if drill.is_copy else ""
    files = count(drill.files, "fichier relu", "fichiers relus")
    problems = f", {count(drill.problems, 'problème', 'problèmes')}" if drill.problems else ""
    return {
        "is_good": drill.problems == 0,
        "words": typeset(f"{drill.machine or 'toutes les machines'}{place} : {files}{problems}"),
        "at": format_moment(drill.at, timezone),
    }


def as_markup(text: str) -> Markup:
    """Return a style sheet of this installation for a page."""
    return Markup(text)  # noqa: S704 - a file of Coffre
