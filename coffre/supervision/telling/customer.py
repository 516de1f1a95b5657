"""The mails to customers, in French: what they say, and which of several goes out."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from coffre.correspondence.french import describe_reach, format_day, format_moment, format_share
from coffre.correspondence.pages import render_text
from coffre.correspondence.smtp import Message as Mail
from coffre.findings import FindingKind
from coffre.records.messages import Message, MessageKind, Told
from coffre.spec.platform import PlatformFile
from coffre.spec.tenant import Tenant
from coffre.supervision.telling.planning import CUSTOMER_PERCENT, read_finding
from coffre.tenant.vendors import list_vendor_services, own_machines


@dataclass(frozen=True)
class Situation:
    """What is true of the tenant when a mail is written; ``used_bytes`` is that of the last look, if it is known.

    ``open_kinds`` are the kinds of its open findings that customers are told of.
    """

    used_bytes: int | None
    used_at: datetime | None
    open_kinds: frozenset[FindingKind]


@dataclass(frozen=True)
class Letter:
    """One mail: ``lead`` is the message that it says, ``others`` those that it says as well."""

    lead: Message
    others: tuple[Message, ...] = ()


def choose_letters(due: Sequence[Message]) -> Iterator[Letter]:
    """Yield what goes to one customer now: the quota at 100 % says that of 90 % too, and one end is enough. Pure."""
    quota = [each for each in due if each.kind is MessageKind.FINDING]
    for is_end in (False, True):
        same = [each for each in quota if (each.told is Told.END) is is_end]
        if not same:
            continue
        strongest = FindingKind.QUOTA_NEAR if is_end else FindingKind.QUOTA_REACHED
        lead = next((each for each in reversed(same) if _kind(each) is strongest), same[-1])
        yield Letter(lead, tuple(each for each in same if each is not lead))
    yield from (Letter(each) for each in due if each.kind is not MessageKind.FINDING)


def write_letter(letter: Letter, tenant: Tenant, settings: PlatformFile, situation: Situation, now: datetime) -> Mail:
    """Return the mail of a letter to the tenant's contact."""
    subject, text = _LETTERS[letter.lead.kind](letter, tenant, settings, situation, now)
    return Mail(
        to=tenant.contact.email,
        sender_name=settings.provider.name,
        subject=f"{subject} – contrat {tenant.contract.reference}",
        text=text,
        is_automatic=True,
    )


def frame(tenant: Tenant, settings: PlatformFile) -> dict[str, object]:
    """Return the values that every template of a mail to customers has: who writes, to whom, how to answer."""
    platform = settings.platforms.get(tenant.storage.platform)
    return {
        "tenant": tenant,
        "provider": settings.provider,
        "reach": describe_reach(settings.provider.email, settings.provider.phone),
        "is_specimen": platform is not None and platform.is_marked_embedded,
    }


def _write_quota(
    letter: Letter, tenant: Tenant, settings: PlatformFile, situation: Situation, now: datetime
) -> tuple[str, str]:
    lead = letter.lead
    evidence = read_finding(lead).evidence
    used = situation.used_bytes
    if used is None and lead.told is not Told.END:
        measured = evidence.get("used_bytes")
        used = measured if isinstance(measured, int) else None
    state = _state(letter, situation)
    at = situation.used_at if situation.used_bytes is not None and situation.used_at is not None else now
    facts = {
        **frame(tenant, settings),
        "state": state,
        "percent": CUSTOMER_PERCENT,
        "share": "" if used is None else format_share(used, tenant.storage.quota_bytes),
        "at": format_moment(at, tenant.timezone),
        "own_machines": list(own_machines(tenant)),
        "vendors": list_vendor_services(tenant, settings.platforms),
        "was_stopped": any(_kind(each) is FindingKind.QUOTA_REACHED for each in (lead, *letter.others)),
    }
    return _SUBJECTS[state], render_text("messages/quota.txt.j2", facts)


def _state(letter: Letter, situation: Situation) -> str:
    kind = _kind(letter.lead)
    if letter.lead.told is not Told.END:
        return "reached" if kind is FindingKind.QUOTA_REACHED else "near"
    is_still_near = FindingKind.QUOTA_NEAR in situation.open_kinds
    return "resumed" if kind is FindingKind.QUOTA_REACHED and is_still_near else "over"


def _kind(message: Message) -> FindingKind:
    return FindingKind(read_finding(message).place.kind)


def _write_maintenance(
    letter: Letter, tenant: Tenant, settings: PlatformFile, _situation: Situation, _now: datetime
) -> tuple[str, str]:
    content = letter.lead.content
    begins_at, ends_at = (datetime.fromisoformat(content[name]) for name in ("begins_at", "ends_at"))
    state = {Told.BEGIN: "planned", Told.AGAIN: "changed", Told.END: "withdrawn"}[letter.lead.told]
    facts = {
        **frame(tenant, settings),
        "state": state,
        "begins": format_moment(begins_at, tenant.timezone),
        "ends": format_moment(ends_at, tenant.timezone),
        "timezone": tenant.timezone,
        "reason": content["reason"],
        "is_urgent": content["is_urgent"],
        "is_counted": content["is_late"],
    }
    day = format_day(begins_at.astimezone(ZoneInfo(tenant.timezone)).date())
    subject = f"Maintenance annulée, {day}" if state == "withdrawn" else f"Maintenance prévue le {day}"
    return subject, render_text("messages/maintenance.txt.j2", facts)


_SUBJECTS: Mapping[str, str] = {
    "near": f"Votre espace de sauvegarde est rempli à plus de {CUSTOMER_PERCENT}\u00a0%",
    "reached": "Vos sauvegardes sont arrêtées : l’espace est plein",
    "resumed": "Vos sauvegardes peuvent reprendre",
    "over": "Votre espace de sauvegarde est de nouveau suffisant",
}

Writer = Callable[[Letter, Tenant, PlatformFile, Situation, datetime], tuple[str, str]]
"""Returns the subject and the text of a mail."""

_LETTERS: Mapping[MessageKind, Writer] = {
    MessageKind.FINDING: _write_quota,
    MessageKind.MAINTENANCE: _write_maintenance,
}
"""Every kind of message that goes to customers; a test holds this complete."""
