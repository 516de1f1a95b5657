"""The differences between two versions of a tenant file, as typed values. Pure.

A difference is *weaker* when the customer's data is less protected after it: fewer backups, kept for a shorter time,
of less.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import Final

from coffre.spec.leaving import Leaving
from coffre.spec.machine import Connection, InternetLine, Machine, MachineKind, MovedFrom, PullConnection
from coffre.spec.plan import Keep, Plan
from coffre.spec.tenant import Contract, Hold, StoragePart, Tenant, VendorTerms
from coffre.spec.values.rates import format_rate
from coffre.spec.values.sizes import write_size


class ChangeKind(StrEnum):
    """The subject of a difference."""

    TENANT_ADDED = "tenant_added"
    TENANT_GONE = "tenant_gone"
    ID = "id"
    NAME = "name"
    CONTRACT = "contract"
    """A field of the order form; the subject is its key, like `siren` or `vendor.order`."""
    AMENDMENT = "amendment"
    """A signed change that the file names now."""
    CONTACT = "contact"
    TIMEZONE = "timezone"
    STATUS = "status"
    HOLD = "hold"
    LEAVING = "leaving"
    """Before and after are the fields that only one of the versions has."""
    PLATFORM = "platform"
    QUOTA = "quota"
    PART = "part"
    """The part of the quota that is on a platform, the subject, in bytes."""
    PART_LICENCES = "part_licences"
    """The licences ordered from a vendor; the subject is the platform and the kind of machine."""
    UNDELETE_DAYS = "undelete_days"
    SECOND_COPY = "second_copy"
    COPY_BANDWIDTH = "copy_bandwidth"
    """The most that a run of the second copy reads per second, in bytes."""
    LINE = "line"
    """The rate of a line: the tenant's, or that of the machine which is the subject."""
    LICENCES = "licences"
    """The subject is the kind of machine."""
    OPTION = "option"
    DRILLS = "drills"
    """The days between two restore tests; none: the house's."""
    MACHINE_ADDED = "machine_added"
    MACHINE_GONE = "machine_gone"
    MACHINE_RENAMED = "machine_renamed"
    """One machine is gone, and another one answers at the same address: the subject is the new name."""
    MACHINE_RETIRED = "machine_retired"
    MACHINE_BACK = "machine_back"
    MACHINE_KIND = "machine_kind"
    MACHINE_SYSTEM = "machine_system"
    MACHINE_AGENT = "machine_agent"
    MACHINE_MOVED = "machine_moved"
    """`moved_from:`: the agent before goes after the first good backup, and its backups stay until a day."""
    MACHINE_PLAN = "machine_plan"
    MACHINE_CONNECTION = "machine_connection"
    MACHINE_VOLUME = "machine_volume"
    PLAN_ADDED = "plan_added"
    PLAN_GONE = "plan_gone"
    PATHS = "paths"
    """The subject is the plan, and before and after are the paths that only one of the versions has."""
    EXCLUDES = "excludes"
    SCHEDULE = "schedule"
    KEEP = "keep"
    BAITS = "baits"
    """Whether the agent keeps bait files."""


Value = str | int | tuple[str, ...] | None


@dataclass(frozen=True)
class FileChange:
    """One difference; ``subject`` is a machine, a plan, a key or a kind of licence.

    ``before`` and ``after`` are in the unit of the kind: bytes, days, numbers, or texts of the file, which are hostile.
    """

    kind: ChangeKind
    subject: str | None = None
    before: Value = None
    after: Value = None
    is_weaker: bool = False


_KEPT: Final = ("daily", "weekly", "monthly", "yearly")


def compare(before: Tenant | None, after: Tenant | None) -> tuple[FileChange, ...]:
    """Return the differences between two versions of a tenant's file; None: the version has no such file."""
    if before is None or after is None:
        return tuple(_compare_presence(before, after))
    return (
        *_compare_tenant(before, after),
        *_compare_contract(before.contract, after.contract),
        *_compare_storage(before, after),
        *_compare_sold(before, after),
        *_compare_machines(before, after),
        *_compare_plans(before.plans, after.plans),
    )


def _compare_presence(before: Tenant | None, after: Tenant | None) -> Iterator[FileChange]:
    if after is not None:
        yield FileChange(ChangeKind.TENANT_ADDED, None, None, after.name)
        yield FileChange(ChangeKind.QUOTA, None, None, after.storage.quota_bytes)
        for kind, count in after.licences.items():
            yield FileChange(ChangeKind.LICENCES, kind.value, None, count)
        yield from _compare_parts({}, after.storage.parts)
        yield from (FileChange(ChangeKind.OPTION, None, None, option.value) for option in after.options)
        for name, machine in after.machines.items():
            yield FileChange(ChangeKind.MACHINE_ADDED, name, None, machine.plan)
    elif before is not None:
        yield FileChange(ChangeKind.TENANT_GONE, None, before.name, None, is_weaker=True)


def _compare_tenant(before: Tenant, after: Tenant) -> Iterator[FileChange]:
    yield from _differ(ChangeKind.ID, None, before.id, after.id)
    yield from _differ(ChangeKind.NAME, None, before.name, after.name)
    for key in ("name", "email", "phone"):
        yield from _differ(ChangeKind.CONTACT, key, getattr(before.contact, key), getattr(after.contact, key))
    yield from _differ(ChangeKind.TIMEZONE, None, before.timezone, after.timezone)
    yield from _differ(ChangeKind.LINE, None, _rate_text(before.line), _rate_text(after.line))
    yield from _differ(ChangeKind.STATUS, None, before.status.value, after.status.value)
    held = _hold_text(before.hold), _hold_text(after.hold)
    yield from _differ(ChangeKind.HOLD, None, *held, is_weaker=before.hold is not None and after.hold is None)
    if before.leaving != after.leaving:
        was, now = _apart(_leaving_texts(before.leaving), _leaving_texts(after.leaving))
        yield FileChange(ChangeKind.LEAVING, None, was or None, now or None)


def _rate_text(line: InternetLine | None) -> str | None:
    return None if line is None else format_rate(line.upload_bits_per_second)


def _leaving_texts(leaving: Leaving | None) -> list[str]:
    fields = {} if leaving is None else leaving.model_dump(mode="json", by_alias=True, exclude_none=True)
    return [f"{key}: {value}" for key, value in fields.items()]


def _hold_text(hold: Hold | None) -> str | None:
    return None if hold is None else f"{hold.reference} ({hold.kind.value}, {hold.since})"


def _compare_contract(before: Contract, after: Contract) -> Iterator[FileChange]:
    for key in ("reference", "signed_on", "in_service_on", "ends_on", "siren", "registration", "distributor"):
        yield from _differ(ChangeKind.CONTRACT, key, _text(getattr(before, key)), _text(getattr(after, key)))
    for key in VendorTerms.model_fields:
        terms = [None if each.vendor is None else _text(getattr(each.vendor, key)) for each in (before, after)]
        yield from _differ(ChangeKind.CONTRACT, f"vendor.{key}", *terms)
    # With their days: a day of signature that changes is shown as one taken out and one added.
    was, now = ([f"{each.reference} ({each.signed_on})" for each in version.amendments] for version in (before, after))
    yield from (FileChange(ChangeKind.AMENDMENT, None, None, each) for each in now if each not in was)
    yield from (FileChange(ChangeKind.AMENDMENT, None, each, None) for each in was if each not in now)


def _compare_storage(before: Tenant, after: Tenant) -> Iterator[FileChange]:
    was, now = before.storage, after.storage
    yield from _differ(ChangeKind.PLATFORM, None, was.platform, now.platform)
    yield from _differ(ChangeKind.QUOTA, None, was.quota_bytes, now.quota_bytes)
    yield from _compare_parts(was.parts, now.parts)
    days = was.undelete_days, now.undelete_days
    yield from _differ(ChangeKind.UNDELETE_DAYS, None, *days, is_weaker=now.undelete_days < was.undelete_days)
    copies = [None if each.second_copy is None else each.second_copy.platform for each in (was, now)]
    yield from _differ(ChangeKind.SECOND_COPY, None, *copies, is_weaker=copies[1] is None)
    if was.second_copy is not None and now.second_copy is not None:
        speeds = was.second_copy.bandwidth_bytes, now.second_copy.bandwidth_bytes
        yield from _differ(ChangeKind.COPY_BANDWIDTH, None, *speeds)


def _compare_parts(before: Mapping[str, StoragePart], after: Mapping[str, StoragePart]) -> Iterator[FileChange]:
    for name in dict.fromkeys([*before, *after]):
        was, now = before.get(name), after.get(name)
        sizes = [None if each is None else each.quota_bytes for each in (was, now)]
        yield from _differ(ChangeKind.PART, name, *sizes)
        for kind in MachineKind:
            counts = [0 if each is None else (each.licences or {}).get(kind, 0) for each in (was, now)]
            yield from _differ(ChangeKind.PART_LICENCES, f"{name}: {kind.value}", *counts)


def _compare_sold(before: Tenant, after: Tenant) -> Iterator[FileChange]:
    for kind in dict.fromkeys([*before.licences, *after.licences]):
        counts = before.licences.get(kind, 0), after.licences.get(kind, 0)
        yield from _differ(ChangeKind.LICENCES, kind.value, *counts)
    for option in before.options:
        if option not in after.options:
            yield FileChange(ChangeKind.OPTION, None, option.value, None, is_weaker=True)
    for option in after.options:
        if option not in before.options:
            yield FileChange(ChangeKind.OPTION, None, None, option.value)
    was, now = (None if each.drills is None else each.drills.interval_days for each in (before, after))
    # A rhythm of one's own that ends may become shorter or longer: the house's is not in this file.
    is_rarer = was is not None and (now is None or now > was)
    yield from _differ(ChangeKind.DRILLS, None, was, now, is_weaker=is_rarer)


def _compare_machines(older: Tenant, newer: Tenant) -> Iterator[FileChange]:
    before, after = older.machines, newer.machines
    gone = [name for name in before if name not in after]
    added = [name for name in after if name not in before]
    renamed = {new: old for old, new in product(gone, added) if _is_one_place(before[old], after[new])}
    for name in added:
        if name in renamed:
            yield FileChange(ChangeKind.MACHINE_RENAMED, name, renamed[name], name, is_weaker=True)
        else:
            yield FileChange(ChangeKind.MACHINE_ADDED, name, None, after[name].plan)
    for name in gone:
        if name not in renamed.values():
            yield FileChange(ChangeKind.MACHINE_GONE, name, before[name].plan, None, is_weaker=True)
    for name in after:
        if name in before:
            yield from _compare_machine(name, before[name], after[name])
            plans = older.plans.get(before[name].plan), newer.plans.get(after[name].plan)
            yield from _differ(
                ChangeKind.MACHINE_PLAN, name, before[name].plan, after[name].plan, is_weaker=_is_weaker_plan(*plans)
            )


def _is_one_place(one: Machine, other: Machine) -> bool:
    return address_of(one.connection) is not None and address_of(one.connection) == address_of(other.connection)


def address_of(connection: Connection) -> str | None:
    """Return where SMILÉO reaches a machine; None for one that only fetches its orders."""
    return None if isinstance(connection, PullConnection) else connection.host.lower()


def _compare_machine(name: str, before: Machine, after: Machine) -> Iterator[FileChange]:
    if before.retired != after.retired:
        was, now = (None if each.retired is None else f"{each.retired.keep_until}" for each in (before, after))
        kind = ChangeKind.MACHINE_BACK if after.retired is None else ChangeKind.MACHINE_RETIRED
        yield FileChange(kind, name, was, now, is_weaker=was is not None and now is not None and now < was)
    yield from _differ(ChangeKind.MACHINE_KIND, name, before.kind.value, after.kind.value)
    yield from _differ(ChangeKind.MACHINE_SYSTEM, name, before.os.value, after.os.value)
    yield from _differ(ChangeKind.MACHINE_AGENT, name, before.agent.value, after.agent.value)
    yield from _compare_moves(name, before.moved_from, after.moved_from)
    volumes = [None if each.volume_bytes is None else write_size(each.volume_bytes) for each in (before, after)]
    yield from _differ(ChangeKind.MACHINE_VOLUME, name, *volumes)
    yield from _differ(ChangeKind.LINE, name, _rate_text(before.line), _rate_text(after.line))
    if before.connection != after.connection:
        connections = _connection_text(before.connection), _connection_text(after.connection)
        yield FileChange(ChangeKind.MACHINE_CONNECTION, name, *connections)


def _compare_moves(name: str, before: MovedFrom | None, after: MovedFrom | None) -> Iterator[FileChange]:
    was, now = (
        None if each is None else f"{each.agent.value}, kept until {each.keep_until}" for each in (before, after)
    )
    is_shorter = before is not None and (after is None or after.keep_until < before.keep_until)
    if was != now:
        yield FileChange(ChangeKind.MACHINE_MOVED, name, was, now, is_weaker=is_shorter)


def _connection_text(connection: Connection) -> str:
    fields = connection.model_dump(exclude_defaults=True)
    return " ".join([connection.via, *(f"{key}={value}" for key, value in fields.items() if key != "via")])


def _compare_plans(before: Mapping[str, Plan], after: Mapping[str, Plan]) -> Iterator[FileChange]:
    for name in after:
        if name not in before:
            yield FileChange(ChangeKind.PLAN_ADDED, name)
        else:
            yield from _compare_plan(name, before[name], after[name])
    yield from (FileChange(ChangeKind.PLAN_GONE, name) for name in before if name not in after)


def _is_weaker_plan(before: Plan | None, after: Plan | None) -> bool:
    """Tell whether a machine that goes from one plan to another one is less protected."""
    if before is None or after is None:
        return False
    return any(change.is_weaker for change in _compare_plan("", before, after))


def _compare_plan(name: str, before: Plan, after: Plan) -> Iterator[FileChange]:
    paths = _apart(_list_paths(before), _list_paths(after))
    yield from _differ(ChangeKind.PATHS, name, *paths, is_weaker=bool(paths[0]))
    excludes = _apart(before.exclude, after.exclude)
    # A pattern with `!` takes back what another one leaves out.
    more = any(not each.startswith("!") for each in excludes[1]) or any(each.startswith("!") for each in excludes[0])
    yield from _differ(ChangeKind.EXCLUDES, name, *excludes, is_weaker=more)
    schedules = [tuple(map(str, each.schedule)) for each in (before, after)]
    fewer = count_weekly_runs(after) < count_weekly_runs(before)
    yield from _differ(ChangeKind.SCHEDULE, name, *schedules, is_weaker=fewer)
    kept = _keep_text(before.keep), _keep_text(after.keep)
    yield from _differ(ChangeKind.KEEP, name, *kept, is_weaker=is_shorter(before.keep, after.keep))
    baits = ("yes" if before.baits else "no"), ("yes" if after.baits else "no")
    yield from _differ(ChangeKind.BAITS, name, *baits, is_weaker=before.baits and not after.baits)


def count_weekly_runs(plan: Plan) -> int:
    """Return how often a plan runs in a week."""
    return sum(len(schedule.days) for schedule in plan.schedule)


def is_shorter(before: Keep, after: Keep) -> bool:
    """Tell whether some backups that the retention before keeps are no longer kept."""
    return any(getattr(after, each) < getattr(before, each) for each in _KEPT)


def _keep_text(keep: Keep) -> tuple[str, ...]:
    return tuple(f"{each}: {getattr(keep, each)}" for each in _KEPT if getattr(keep, each))


def _list_paths(plan: Plan) -> list[str]:
    if not isinstance(plan.paths, dict):
        return list(plan.paths)
    return [f"{system.value}: {path}" for system, paths in plan.paths.items() for path in paths]


def _apart(before: Iterable[str], after: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what only the first has, and what only the second has."""
    was, now = list(before), list(after)
    return tuple(each for each in was if each not in now), tuple(each for each in now if each not in was)


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _differ(
    kind: ChangeKind, subject: str | None, before: Value, after: Value, *, is_weaker: bool = False
) -> Iterator[FileChange]:
    if before != after:
        yield FileChange(kind, subject, before, after, is_weaker)
