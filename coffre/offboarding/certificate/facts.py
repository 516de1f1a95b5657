"""The facts of a certificate of erasure, only from recorded evidence and settings. Pure; a person adds nothing.

A fact without an entry in the journal is absent and shown as such: "non établi", for a customer's document "non
reçu". The provider's acts (evidence) and the customer's attestations are separate.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TypeVar
from zoneinfo import ZoneInfo

from coffre.offboarding.approval.second_person import ERASING
from coffre.offboarding.certificate.model import (
    Attests,
    AttributedEvidence,
    Basis,
    CertificateFacts,
    CertifiedVerification,
    Company,
    Controller,
    CopyFacts,
    Kept,
    Letter,
    MachineFacts,
    Processor,
    Provenance,
    Reached,
    Site,
    VendorFacts,
)
from coffre.offboarding.certificate.reservations import Holding, list_reservations
from coffre.offboarding.certificate.who import Who, list_people
from coffre.offboarding.lifecycle.calendar import Calendar, plan_calendar
from coffre.offboarding.lifecycle.evidence import (
    Agent,
    Approved,
    Attestation,
    BucketErased,
    ErasureBegan,
    OwnerErased,
    OwnerProved,
    RestoreLeft,
    Returned,
    SecretDestroyed,
    Step,
    UserDeleted,
    Verified,
)
from coffre.offboarding.lifecycle.journal import JournalLine, digest_journal
from coffre.offboarding.lifecycle.keeping_after import RetentionReason, kept_until
from coffre.records.chain.heads import Head
from coffre.records.events import Event, EventKind
from coffre.records.facts.departure import Attested, LetterPosted, RecordsTrimmed
from coffre.records.facts.registry import read_as
from coffre.signing.signers import person_of
from coffre.spec.parts import is_home, parts_of
from coffre.spec.platform import PlatformFile
from coffre.spec.storage_platform import Platform
from coffre.spec.tenant import Tenant
from coffre.storage.kinds import driver_of

E = TypeVar("E")

LONGEST_RUN_DAYS = 3
"""A run uses the day on which it began; an erasure of millions of versions may last past midnight."""


@dataclass(frozen=True)
class Sources:
    """The sources of the facts: the journal's entries, other events of the tenant, its file and platform.yaml.

    ``signers`` are the SHA-256 of the signing certificates, leaf first. ``who`` are the proved people;
    ``is_block_approved`` tells whether the `leaving:` block of the calendar is still the approved one, ``has_copy``
    whether a platform ever had storage of a second copy, ``has_advice`` whether the customer was advised or warned.
    ``moved_to`` is the editor whose agent backs the machine up now.
    """

    number: str
    issued_on: date
    machine: str | None
    entries: Sequence[JournalLine]
    others: Sequence[Event]
    tenant: Tenant
    settings: PlatformFile
    is_embedded: bool
    coffre_version: str
    commit: str | None
    signature_algorithm: str
    signers: tuple[str, ...]
    records: Head | None = None
    who: Who = field(default_factory=Who)
    is_block_approved: bool = True
    has_copy: bool = False
    has_advice: bool = False
    moved_to: str | None = None


def build_facts(sources: Sources) -> CertificateFacts:
    """Return the content of a certificate, including its reservations."""
    facts = _gather(sources)
    kept_to = Holding(is_embedded=sources.is_embedded, is_block_approved=sources.is_block_approved)
    return replace(facts, reservations=tuple(list_reservations(facts, kept_to)))


def _gather(sources: Sources) -> CertificateFacts:
    tenant, settings, entries = sources.tenant, sources.settings, sources.entries
    return CertificateFacts(
        number=sources.number,
        issued_on=sources.issued_on,
        specimen=tuple(_why_specimen(sources)),
        machine=sources.machine,
        controller=_controller(tenant),
        processor=_processor(settings),
        site=_site(settings.platforms[tenant.storage.platform]),
        basis=_basis(sources),
        course=tuple(_course(sources)),
        machines=tuple(_machine_facts(sources, name) for name in _scope(sources)),
        attestations=tuple(Attests(what, _find_attestation(sources, what)) for what in Attested),
        users_suspended=_find_mark(sources, Step.USERS_SUSPENDED),
        secrets=tuple(_list(sources, Step.SECRET_DESTROYED, SecretDestroyed)),
        users=tuple(_list(sources, Step.USER_DELETED, UserDeleted)),
        stack_removed=_find_mark(sources, Step.STACK_REMOVED),
        local_removed=_find_mark(sources, Step.LOCAL_REMOVED),
        verification=_verification(sources),
        emptied=_find(sources, Step.EMPTIED, Verified),
        final_check=_find(sources, Step.FINAL_CHECK, Verified),
        letters=tuple(_letters(sources.others)),
        kept=tuple(
            Kept(why, kept_until(why, sources.issued_on, settings.offboarding))
            for why in RetentionReason
            if why is not RetentionReason.ADVICE or sources.has_advice
        ),
        records_trimmed=_records_trimmed(sources.others),
        proof=Provenance(
            journal_entries=len(entries),
            journal_sha256=digest_journal(entries),
            commits=_commits(sources),
            coffre_version=sources.coffre_version,
            signature_algorithm=sources.signature_algorithm,
            signers=sources.signers,
            records=sources.records,
        ),
        timezone=tenant.timezone,
        people=tuple(list_people(entries, sources.who)),
        copy_site=_copy_site(sources),
        vendors=tuple(_vendors(sources)) or None,
    )


def _why_specimen(sources: Sources) -> Iterable[str]:
    if sources.is_embedded:
        yield "La plate-forme est celle d’essai, et la clé de signature une clé d’essai."
    zone = ZoneInfo(sources.tenant.timezone)
    if not all(_is_of_its_day(entry.on, entry.event.at.astimezone(zone).date()) for entry in sources.entries):
        yield "Le jour de la procédure a été fixé à la main : les dates ne sont pas celles des actes."


def _is_of_its_day(on: date, day: date) -> bool:
    """Tell whether an entry's run can have begun on a day: never later, and a run may last days."""
    return 0 <= (day - on).days <= LONGEST_RUN_DAYS


def _controller(tenant: Tenant) -> Controller:
    contract = tenant.contract
    return Controller(
        name=tenant.name,
        siren=contract.siren,
        registration=contract.registration,
        contact=tenant.contact.name,
        contract=contract.reference,
        signed_on=contract.signed_on,
        amendments=tuple(each.reference for each in contract.amendments),
    )


def _processor(settings: PlatformFile) -> Processor:
    provider = settings.provider
    return Processor(provider.name, provider.siren, provider.address, provider.country)


def _site(platform: Platform) -> Site:
    hosting, stated = platform.hosting, driver_of(platform).describe(platform)
    companies = tuple(Company(each.name, each.role, each.country) for each in hosting.sub_processors)
    is_named = stated.host is not None and stated.host.name in (each.name for each in companies)
    return Site(
        operator=hosting.operator,
        site=hosting.site,
        country=hosting.country,
        sub_processors=companies,
        media=stated.media,
        account=stated.account,
        region=stated.region,
        host=None if is_named else stated.host,
        is_vendors=True if stated.vendor_texts is not None else None,
    )


def _vendor_parts(sources: Sources) -> list[Tenant]:
    """Return the tenant on each platform that has no buckets; none for the end of one machine."""
    platforms = sources.settings.platforms
    found = parts_of(sources.tenant, platforms) if sources.machine is None else ()
    return [each for each in found if not driver_of(platforms[each.storage.platform]).capabilities.has_buckets]


def _find_vendor(sources: Sources, machine: str) -> str | None:
    """Return the platform without buckets that keeps all of a machine's backups; None when some are in a bucket.

    A machine that moves away from a vendor's agent has some in both.
    """
    file = sources.tenant.machines.get(machine)
    parts = [each for each in _vendor_parts(sources) if file is not None and machine in each.machines]
    platforms = sources.settings.platforms
    kept = [each for each in parts if file is not None and is_home(file.agent, platforms[each.storage.platform])]
    return kept[0].storage.platform if kept else None


def _vendors(sources: Sources) -> Iterable[VendorFacts]:
    for part in _vendor_parts(sources):
        name = part.storage.platform
        stated = driver_of(sources.settings.platforms[name]).describe(sources.settings.platforms[name])
        proved = [each for each in _list(sources, Step.OWNER_PROVED, OwnerProved) if each.fact.platform == name]
        erased = [each for each in _list(sources, Step.OWNER_ERASED, OwnerErased) if each.fact.platform == name]
        yield VendorFacts(
            platform=name,
            editor=stated.host.name if stated.host is not None else name,
            site=_site(sources.settings.platforms[name]),
            texts=stated.vendor_texts,
            proved=proved[-1] if proved else None,
            erased=erased[-1] if erased else None,
        )


def _copy_site(sources: Sources) -> Site | None:
    """Return the place of the second copy, for a tenant that had one by the records."""
    copied = sources.tenant.copied()
    if copied is None or not sources.has_copy:
        return None
    return _site(sources.settings.platforms[copied.storage.platform])


def _basis(sources: Sources) -> Basis:
    leaving = sources.tenant.leaving
    if sources.machine is not None:
        machine = sources.tenant.machines.get(sources.machine)
        retirement = machine.retired if machine is not None else None
        if retirement is None:
            return Basis()
        if sources.moved_to is not None:
            return Basis(kept_until=retirement.keep_until, moved_to=sources.moved_to)
        return Basis(retired_on=retirement.on, kept_until=retirement.keep_until)
    approved = _find(sources, Step.APPROVED, Approved)
    if leaving is None:
        return Basis(approved=approved)
    return Basis(
        choice=leaving.choice.value,
        requested_by=leaving.requested_by,
        notice_on=leaving.notice_on,
        ends_on=leaving.ends_on,
        extended_to=leaving.extended_to,
        is_public_buyer=leaving.public_buyer,
        approved=approved,
        calendar=_calendar(sources).entries,
    )


def _calendar(sources: Sources) -> Calendar:
    leaving = sources.tenant.leaving
    assert leaving is not None  # noqa: S101 - asked of departures only
    given = [*_steps(sources.entries, Step.RETURNED), *_steps(sources.entries, Step.RESTORE_LEFT)]
    return plan_calendar(leaving, sources.settings.offboarding, max((each.on for each in given), default=None))


def _course(sources: Sources) -> Iterable[Reached]:
    for entry in sources.entries:
        event = entry.event
        if entry.stage is not None:
            yield Reached(entry.stage, event.actor, event.at, entry.on, sources.who.is_proved(entry))


def _scope(sources: Sources) -> list[str]:
    """Return the machines of the certificate: also those of the journal that the file no longer has."""
    if sources.machine is not None:
        return [sources.machine]
    steps = [entry.event.machine for entry in sources.entries if entry.event.machine is not None]
    return list(dict.fromkeys([*sources.tenant.machines, *steps]))


def _machine_facts(sources: Sources, name: str) -> MachineFacts:
    own = replace(sources, entries=[entry for entry in sources.entries if _is_about(entry, name)])
    machine = sources.tenant.machines.get(name)
    seen = _list(own, Step.ERASURE_BEGAN, ErasureBegan)
    # The first observation is the one before the erasure.
    began = {each.fact.copied_to: each for each in reversed(seen)}
    erased = {each.fact.copied_to: each for each in _list(own, Step.BUCKET_ERASED, BucketErased)}
    copies = [CopyFacts(to, first, erased.get(to)) for to, first in began.items() if to is not None]
    return MachineFacts(
        machine=name,
        system=machine.os.value if machine is not None else "",
        returned=tuple(_list(own, Step.RETURNED, Returned)),
        agent=_find(own, Step.AGENT, Agent),
        began=began.get(None),
        erased=erased.get(None),
        copies=tuple(copies) or None,
        vendor=_find_vendor(sources, name),
        restore_left=_find(own, Step.RESTORE_LEFT, RestoreLeft),
    )


def _is_about(entry: JournalLine, machine: str) -> bool:
    return machine in (entry.event.machine, entry.evidence.get("machine"))


def _find_attestation(sources: Sources, what: Attested) -> AttributedEvidence[Attestation] | None:
    return next((each for each in reversed(_list(sources, Step.ATTESTED, Attestation)) if each.fact.what is what), None)


def _verification(sources: Sources) -> CertifiedVerification | None:
    entries, looks = sources.entries, _list(sources, Step.VERIFIED, Verified)
    if not looks:
        return None
    last = looks[-1]
    erasers = {entry.event.actor for entry in entries if entry.step in ERASING and entry.event.at < last.at}
    failed = sum(not each.fact.is_passed for each in looks[:-1])
    is_other_name = bool(erasers) and person_of(last.by) not in {person_of(each) for each in erasers}
    return CertifiedVerification(last, sources.who.is_verified_by_another, failed, is_other_name)


def _letters(others: Sequence[Event]) -> Iterable[Letter]:
    """Return each letter with its last state: written, sent, or unknown."""
    newest: dict[str, Letter] = {}
    for event in others:
        if event.kind is EventKind.LETTER:
            posted = read_as(event, LetterPosted)
            letter = posted.letter.value
            newest[letter] = Letter(letter, posted.state.value, posted.sha256, posted.on)
    return newest.values()


def _records_trimmed(others: Sequence[Event]) -> AttributedEvidence[None] | None:
    found = [event for event in others if event.kind is EventKind.RECORDS_TRIMMED]
    if not found:
        return None
    last = found[-1]
    on = read_as(last, RecordsTrimmed).on
    return None if on is None else AttributedEvidence(None, last.actor, last.at, on)


def _commits(sources: Sources) -> tuple[str, ...]:
    """Return the commits of the procedure, in order; the certificate's own last."""
    found = [entry.event.commit for entry in sources.entries] + [sources.commit]
    return tuple(dict.fromkeys(commit for commit in found if commit is not None))


def _steps(entries: Sequence[JournalLine], step: Step) -> list[JournalLine]:
    return [entry for entry in entries if entry.step is step]


def _list(sources: Sources, step: Step, kind: type[E]) -> list[AttributedEvidence[E]]:
    return [_see(sources, entry, entry.read(kind)) for entry in _steps(sources.entries, step)]


def _find(sources: Sources, step: Step, kind: type[E]) -> AttributedEvidence[E] | None:
    found = _list(sources, step, kind)
    return found[-1] if found else None


def _find_mark(sources: Sources, step: Step) -> AttributedEvidence[None] | None:
    """Return the person and the time of a step that has no other evidence."""
    found = _steps(sources.entries, step)
    return _see(sources, found[-1], None) if found else None


def _see(sources: Sources, entry: JournalLine, fact: E) -> AttributedEvidence[E]:
    return AttributedEvidence(fact, entry.event.actor, entry.event.at, entry.on, sources.who.is_proved(entry))
