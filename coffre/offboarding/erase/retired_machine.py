"""offboard --machine: erases the backups of one retired machine after the last day of their retention."""

from collections.abc import Callable
from datetime import date

from coffre.errors import RefusedError
from coffre.offboarding.approval.people import digest
from coffre.offboarding.certificate.issue import issue
from coffre.offboarding.certificate.sealed import read_tenant_key
from coffre.offboarding.erase import destroying
from coffre.offboarding.erase.bucket import erase_bucket, identify_bucket
from coffre.offboarding.erase.owners import refuse_at_vendor
from coffre.offboarding.erase.tenant import describe_erased, note_erased
from coffre.offboarding.handover.targets.staging import machine_root
from coffre.offboarding.lifecycle.clock import check_day_of_erasure
from coffre.offboarding.lifecycle.due import find_lock_end, is_verified, refusing_under_hold
from coffre.offboarding.lifecycle.evidence import ErasureBegan, SecretDestroyed, Step
from coffre.offboarding.lifecycle.journal import Journal
from coffre.offboarding.lifecycle.procedure import Departure, DepartureOutcome, Manner, open_departure
from coffre.offboarding.lifecycle.stages import Waiting
from coffre.operations.copying.run import without_copying
from coffre.records.facts.departure import Stage
from coffre.signing.statements import Act
from coffre.spec.loader import Checkout
from coffre.spec.tenant import Tenant
from coffre.tenant.lookup import find_machine
from coffre.tenant.opening import OpenTenant
from coffre.workspace.clock import utc_now
from coffre.workspace.work_folder import remove_folder


def offboard_machine(
    checkout: Checkout, slug: str, machine: str, asked_day: date | None, manner: Manner
) -> DepartureOutcome:
    """Erase a retired machine's bucket and its password, then wait for a verification, then close. May run twice."""
    with open_departure(checkout, slug, "offboard --machine", asked_day, manner, machine) as departure:
        waiting = _advance(departure, machine)
        documents = tuple(departure.documents)
        return DepartureOutcome(
            slug, departure.journal.stage, None, tuple(departure.done), waiting, documents=documents
        )


def refuse_unless_over(tenant: Tenant, machine: str, today: date) -> None:
    """Refuse a machine in service, and one whose backups are still kept."""
    retirement = find_machine(tenant, machine).retired
    slug = tenant.slug
    if retirement is None:
        raise RefusedError(
            f"{slug}/{machine} is in service: its backups are not erased",
            "To retire a machine, write `retired: {on: DATE, keep_until: DATE}` in the file and apply it.",
        )
    if today <= retirement.keep_until:
        raise RefusedError(
            f"the backups of {slug}/{machine} are kept until {retirement.keep_until}; today is {today}",
            f"Run the same command from {first_day_of(tenant, machine)} on.",
        )


def first_day_of(tenant: Tenant, machine: str) -> date:
    """Return the first day on which a retired machine's backups may be erased."""
    retirement = find_machine(tenant, machine).retired
    assert retirement is not None  # noqa: S101 - asked of retired machines only
    return date.fromordinal(retirement.keep_until.toordinal() + 1)


def _advance(departure: Departure, machine: str) -> Waiting | None:
    opened, journal = departure.opened, departure.journal
    if journal.stage is None:
        refuse_unless_over(opened.tenant, machine, journal.today)
        refuse_at_vendor(opened, machine)
        waiting = _erase(departure, machine)
        if waiting is not None:
            return waiting
        _enter(departure, Stage.ERASED)
    if journal.stage is Stage.ERASED:
        if not is_verified(journal):
            command = f"`coffre offboard {opened.tenant.slug} --machine {machine} --verify`"
            return Waiting(f"a verification that passes: a second person runs {command}")
        _enter(departure, Stage.VERIFIED)
    if journal.stage is Stage.VERIFIED:
        certificate = issue(opened, journal, journal.today)
        departure.documents += [str(certificate.pdf), str(certificate.json)]
        _enter(departure, Stage.CLOSED)
        in_file = opened.checkout.tenants[opened.tenant.slug].machines[machine]
        what = machine if in_file.is_retired else f"`moved_from` of {machine}"
        departure.say(f"remove {what} from tenants/{opened.tenant.slug}.yaml now")
    return None


def _erase(departure: Departure, machine: str) -> Waiting | None:
    opened, journal, say = departure.opened, departure.journal, departure.say
    read_tenant_key(opened.tenant, opened.checkout, opened.embedded, utc_now())
    check_day_of_erasure(
        opened.tenant, opened.storage, opened.embedded, journal.today, first_day_of(opened.tenant, machine)
    )
    refuse = refusing_under_hold(opened.tenant, opened.checkout, opened.log, f"erasing the backups of {machine}")
    refuse()
    departure.manner.confirm(f"Erase every backup of {opened.tenant.slug}/{machine} and its password, for ever?")
    departure.prove(Act.ERASE, digest([home.buckets.name(machine) for home in opened.bucket_homes]))
    with without_copying(opened):
        begun = {each.bucket for each in journal.read(Step.ERASURE_BEGAN, ErasureBegan)}
        # The buckets on all platforms are identified before the first deletion.
        found = [(home, _identify(journal, home, machine)) for home in opened.bucket_homes]
        for home, began in found:
            if began is not None:
                _erase_bucket(departure, home, began, refuse, resumes=began.bucket in begun)
    if not journal.read(Step.SECRET_DESTROYED, SecretDestroyed):
        destroyed = destroying.destroy_password(opened, machine, refuse=refuse)
        if destroyed is not None:
            journal.note(Step.SECRET_DESTROYED, destroyed, machine)
            say(f"{machine}: its repository password is destroyed in both bundle copies")
    remove_folder(machine_root(opened.checkout.root, opened.tenant.slug, machine))
    until = find_lock_end(opened.tenant, journal)
    if until is not None:
        return Waiting(f"the end of the platform's own lock on {until}: the locked data is already unreadable", until)
    return None


def _identify(journal: Journal, home: OpenTenant, machine: str) -> ErasureBegan | None:
    """Return the machine's bucket on one platform before its erasure; None when there never was one."""
    name = home.buckets.name(machine)
    known = [each for each in journal.read(Step.ERASURE_BEGAN, ErasureBegan) if each.bucket == name]
    if known:
        return known[-1]
    began = identify_bucket(home.tenant, home.storage, home.buckets, machine)
    if began is not None:
        journal.note(Step.ERASURE_BEGAN, began, machine)
    return began


def _erase_bucket(
    departure: Departure, home: OpenTenant, began: ErasureBegan, refuse: Callable[[], None], *, resumes: bool
) -> None:
    """Erase the machine's bucket on one platform of the tenant."""
    erased = erase_bucket(
        home.tenant,
        home.storage,
        home.buckets,
        home.memory,
        began,
        departure.manner.on_progress,
        resumes=resumes,
        refuse=refuse,
    )
    note_erased(departure.journal, erased)
    departure.say(describe_erased(erased))


def _enter(departure: Departure, stage: Stage) -> None:
    departure.journal.enter(stage)
    departure.say(f"{departure.journal.machine}: {stage.value}")
