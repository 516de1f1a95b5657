"""Judges what a partner's account shows: whether Coffre can work with it. Pure."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import TypeVar

from coffre.acronis.doctor.findings import DoctorFinding, Verdict
from coffre.acronis.doctor.looking import InCustomer, Seen
from coffre.acronis.errors import AcronisError
from coffre.acronis.unverified.account import ITEM_NAMES
from coffre.acronis.values.offering import OfferingItem
from coffre.acronis.values.tenants import Application, ApplicationType, Infra, Tenant, TenantKind

_Value = TypeVar("_Value")

PER_WORKLOAD = "pck_per_workload"
_SOLD = ("workstations", "servers", "storage")
_ALL_ELSE = DoctorFinding(
    "everything else", Verdict.UNKNOWN, "it was not checked", "Correct what is named above, then check again."
)
_WRITES = DoctorFinding(
    "rights to change",
    Verdict.UNKNOWN,
    "whether the API client may create and change customers was not tried: this command reads only",
    "Try it in the vendor's sandbox, or with the first customer.",
)


def judge(seen: Seen) -> list[DoctorFinding]:
    """Return the findings in the order in which one fails because of another."""
    if seen.address is not None:
        return [_failed("address", seen.address), _ALL_ELSE]
    address = _ok("address", f"{seen.url} is a data center")
    if seen.client is None or isinstance(seen.client, AcronisError):
        return [address, *([] if seen.client is None else [_failed("credentials", seen.client)]), _ALL_ELSE]
    findings = [address, _ok("credentials", "the API client is accepted")]
    findings += _of("tenant", seen.own, _judge_own)
    findings += _of("customers", seen.below, _judge_below)
    findings += _of("service", seen.services, _judge_services)
    findings += _of("editions", seen.offers, _judge_editions)
    findings += _of("licences", seen.offers, _judge_licences)
    findings += _of("storages", seen.offers, lambda offers: _judge_storages(offers, seen.storages))
    findings += _of("installer", seen.installer, lambda found: _ok("installer", f"for Linux it is {found.name}"))
    return [*findings, *_judge_reading(seen.within), _WRITES]


def _of(name: str, value: _Value | AcronisError | None, rule: Callable[[_Value], DoctorFinding]) -> list[DoctorFinding]:
    if value is None:
        return []
    return [_failed(name, value) if isinstance(value, AcronisError) else rule(value)]


def _judge_own(own: Tenant) -> DoctorFinding:
    where = f"the API client acts in {own.name} ({own.kind.value}) and below"
    if own.kind not in (TenantKind.PARTNER, TenantKind.FOLDER):
        advice = "Make an API client in the partner's own tenant: customers are created below it."
        return DoctorFinding("tenant", Verdict.PROBLEM, where, advice)
    if not own.enabled:
        return DoctorFinding("tenant", Verdict.PROBLEM, f"{where}, and it is disabled", "Ask the distributor why.")
    return _ok("tenant", where)


def _judge_below(below: list[Tenant]) -> DoctorFinding:
    customers = [each for each in below if each.kind is TenantKind.CUSTOMER and each.is_live]
    named = Counter(each.customer_id for each in customers if each.customer_id)
    twice = sorted(name for name, times in named.items() if times > 1)
    if twice:
        advice = "Decide in the vendor's portal which one is meant, and take the external id from the other."
        sentence = f"several customers have the external id {', '.join(twice[:5])}"
        return DoctorFinding("customers", Verdict.WARNING, sentence, advice)
    return _ok("customers", f"directly below it: {len(customers)}")


def _judge_services(services: list[Application]) -> DoctorFinding:
    found = [each for each in services if each.type is ApplicationType.BACKUP]
    if len(found) == 1:
        return _ok("service", f"{found[0].name} is the service for backups")
    advice = "Ask the distributor for Cyber Protection."
    return DoctorFinding("service", Verdict.PROBLEM, f"there are {len(found)} services for backups", advice)


def _judge_editions(offers: list[OfferingItem]) -> DoctorFinding:
    editions = sorted({each.edition for each in offers if each.edition})
    if not editions:
        return DoctorFinding("editions", Verdict.PROBLEM, "the partner can give no edition", _ASK_FOR_ITEMS)
    sentence = f"the partner can give {', '.join(editions)}"
    if PER_WORKLOAD not in editions:
        return DoctorFinding("editions", Verdict.WARNING, f"{sentence}: no licences per workload", _ASK_FOR_ITEMS)
    return _ok("editions", sentence)


def _judge_licences(offers: list[OfferingItem]) -> DoctorFinding:
    wanted = [ITEM_NAMES.value[each] for each in _SOLD]
    missing = [each for each in wanted if each not in {offer.name for offer in offers}]
    locked = sorted({each.name for each in offers if each.locked and each.name in wanted})
    if missing:
        return DoctorFinding("licences", Verdict.PROBLEM, f"{', '.join(missing)} cannot be given", _ASK_FOR_ITEMS)
    if locked:
        advice = "Whoever locked them in the vendor's portal has to unlock them."
        return DoctorFinding("licences", Verdict.WARNING, f"{', '.join(locked)} are locked", advice)
    return _ok("licences", f"{', '.join(wanted)} can be given")


def _judge_storages(offers: Sequence[OfferingItem], storages: list[Infra] | AcronisError | None) -> DoctorFinding:
    ids = {each.infra_id for each in offers if each.name == ITEM_NAMES.value["storage"] and each.infra_id is not None}
    known = storages if isinstance(storages, list) else []
    names = sorted({each.name or str(each.id) for each in known if each.id in ids})
    if not ids:
        return DoctorFinding("storages", Verdict.PROBLEM, "there is no storage for backups", _ASK_FOR_ITEMS)
    if len(names) < len(ids):
        advice = "Name the storage by its UUID."
        return DoctorFinding("storages", Verdict.WARNING, f"{len(ids) - len(names)} storages have no name", advice)
    return _ok("storages", f"backups can lie in {', '.join(names)}")


def _judge_reading(within: InCustomer | AcronisError | None) -> list[DoctorFinding]:
    """Judge what could be read of one customer."""
    if within is None:
        sentence = "there is no customer yet: users, agents, plans, alerts and use were not read"
        return [DoctorFinding("reading", Verdict.UNKNOWN, sentence, "Check again once there is one.")]
    if isinstance(within, AcronisError):
        return [_failed("reading", within)]
    read = {
        "users": within.users,
        "registration tokens": within.tokens,
        "figures of use": within.usages,
        "agents": within.agents,
        "machines": within.machines,
        "states": within.states,
        "plans": within.plans,
        "alerts": within.alerts,
        "activities": within.activities,
    }
    failed = [_failed(f"reading {name}", value) for name, value in read.items() if isinstance(value, AcronisError)]
    counts = ", ".join(f"{len(value)} {name}" for name, value in read.items() if isinstance(value, list))
    return [*([_ok("reading", f"of {within.customer.name}: {counts}")] if counts else []), *failed]


_ASK_FOR_ITEMS = "Ask the distributor to give the partner these offering items."


def _ok(name: str, sentence: str) -> DoctorFinding:
    return DoctorFinding(name, Verdict.OK, sentence)


def _failed(name: str, error: AcronisError) -> DoctorFinding:
    return DoctorFinding(name, Verdict.PROBLEM, error.message, error.hint)
