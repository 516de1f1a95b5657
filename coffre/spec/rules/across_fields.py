"""Rules over several fields. They read plain data that may be invalid elsewhere: all problems are shown at once."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from coffre.spec.machine import MachineKind
from coffre.spec.parsing.lookup import Data, block, blocks, find_day, find_repeated, is_retired, plural
from coffre.spec.problems.problems import FileProblem, Loc
from coffre.spec.problems.suggest import did_you_mean
from coffre.spec.rules.homes import check_parts, check_vendor, is_all_vendors
from coffre.spec.rules.hours import check_hours
from coffre.spec.rules.maintenance import check_maintenance
from coffre.spec.rules.moves import check_moves
from coffre.spec.rules.paths import check_paths
from coffre.spec.rules.prices import check_prices
from coffre.spec.rules.stores import check_stores
from coffre.spec.tenant import Option
from coffre.spec.values.hosts import HostPort, find_host_port, is_this_computer

_ONE_ENTRY = "one machine has one entry; retire the one that is gone"


@dataclass(frozen=True)
class TakenPlace:
    """A finding of one file that exists only because of another file."""

    file: str
    finding: FileProblem


def check_tenant(data: Data) -> list[FileProblem]:
    """Return the findings over several fields of one tenant file."""
    findings = list(find_repeated(("options",), data.get("options"))) + check_paths(data)
    rules = (
        _check_licences,
        _check_copy,
        _check_drills,
        _check_plans_exist,
        _check_plans,
        check_hours,
        _check_contract,
        _check_hold,
        _check_leaving,
        _check_retirements,
        _check_connections,
        check_parts,
        check_vendor,
        check_moves,
    )
    return findings + [finding for rule in rules for finding in rule(data)]


def check_tenant_platform(data: Data, platforms: Iterable[str]) -> list[FileProblem]:
    """Return the findings that a tenant's platform, or that of its copy, is not in platform.yaml."""
    known = list(platforms)
    storage = block(data, "storage")
    named: list[tuple[Loc, Any]] = [
        (("storage", "platform"), storage.get("platform")),
        (("storage", "copy", "platform"), block(storage, "copy").get("platform")),
    ]
    return [
        FileProblem(loc, "{value} is not in platform.yaml", did_you_mean(name, known))
        for loc, name in named
        if isinstance(name, str) and name not in known
    ]


def find_taken_ids(ids: Sequence[tuple[str, Any]]) -> dict[str, str]:
    """Return, for each file whose id an earlier file (name, id) has, that earlier file."""
    first: dict[str, str] = {}
    taken = {}
    for file, tenant_id in ids:
        if isinstance(tenant_id, str) and first.setdefault(tenant_id, file) != file:
            taken[file] = first[tenant_id]
    return taken


def _check_licences(data: Data) -> Iterator[FileProblem]:
    licences = data.get("licences")
    if not isinstance(licences, Mapping):
        return
    machines = blocks(data, "machines")
    for kind in MachineKind:
        names = [name for name, machine in machines.items() if machine.get("kind") == kind and not is_retired(machine)]
        granted = licences.get(kind, 0)
        if not isinstance(granted, int) or len(names) <= granted or granted < 0:
            continue
        shown = ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
        hint = "retire a machine, or raise it with the amendment that sells more"
        if kind in licences:
            message = f"{plural(granted, 'licence')} for {plural(len(names), 'machine')} ({shown})"
            yield FileProblem(("licences", kind.value), message, hint)
        else:
            yield FileProblem(
                ("licences",), f"no {kind} licence for {plural(len(names), 'machine')} ({shown})", hint, at_key=True
            )


def _check_copy(data: Data) -> Iterator[FileProblem]:
    storage = block(data, "storage")
    copied_to = block(storage, "copy").get("platform")
    if isinstance(copied_to, str) and copied_to == storage.get("platform"):
        message = "{value} is also the platform of the storage: a copy there is lost together with it"
        yield FileProblem(("storage", "copy", "platform"), message, "name another platform of platform.yaml")


def _check_drills(data: Data) -> Iterator[FileProblem]:
    options = data.get("options", [])
    if data.get("drills") is not None and isinstance(options, list) and Option.RESTORE_TESTS not in options:
        hint = "add restore_tests to options, with the amendment that sells it, or remove the block"
        yield FileProblem(("drills",), "is given without the option restore_tests", hint, at_key=True)


def _check_plans_exist(data: Data) -> Iterator[FileProblem]:
    plans = data.get("plans")
    if not isinstance(plans, Mapping):
        return
    for name, machine in blocks(data, "machines").items():
        plan = machine.get("plan")
        if isinstance(plan, str) and plan not in plans:
            hint = did_you_mean(plan, plans) or "add it under plans"
            yield FileProblem(("machines", name, "plan"), "there is no plan {value}", hint)


def _check_plans(data: Data) -> Iterator[FileProblem]:
    for name, plan in blocks(data, "plans").items():
        loc: Loc = ("plans", name)
        keep = plan.get("keep")
        if isinstance(keep, Mapping) and not any(keep.values()):
            hint = "write for example {daily: 30, weekly: 12, monthly: 12}"
            yield FileProblem((*loc, "keep"), "no backup would be kept", hint)
        for key in ("schedule", "exclude"):
            yield from find_repeated((*loc, key), plan.get(key))


def _check_contract(data: Data) -> Iterator[FileProblem]:
    contract = data.get("contract")
    if not isinstance(contract, Mapping):
        return
    siren, registration = contract.get("siren"), contract.get("registration")
    if siren is None and registration is None:
        hint = 'add siren: "9 digits", or registration for a customer outside France'
        yield FileProblem(("contract", "siren"), "is missing", hint, at_key=True)
    elif siren is not None and registration is not None:
        yield FileProblem(
            ("contract", "registration"), "is given together with siren", "keep one of the two", at_key=True
        )
    order = ("signed_on", "in_service_on", "ends_on")
    yield from _check_order(contract, ("contract",), order)
    yield from _check_amendments(contract)


def _check_amendments(contract: Data) -> Iterator[FileProblem]:
    amendments = contract.get("amendments")
    seen: set[str] = set()
    latest = find_day(contract, "signed_on")
    for place, entry in enumerate(amendments if isinstance(amendments, list) else []):
        if not isinstance(entry, Mapping):
            continue
        loc: Loc = ("contract", "amendments", place)
        reference = entry.get("reference")
        if isinstance(reference, str) and reference in seen:
            yield FileProblem((*loc, "reference"), "{value} is listed twice", "each amendment has a number of its own")
        seen.add(str(reference))
        day = find_day(entry, "signed_on")
        if day and latest and day < latest:
            hint = "list amendments oldest first, and check the dates"
            yield FileProblem(
                (*loc, "signed_on"), f"{{value}} is before the signature that precedes it ({latest})", hint
            )
        latest = day or latest


def _check_order(data: Data, loc: Loc, keys: Sequence[str]) -> Iterator[FileProblem]:
    known = [(key, day) for key in keys if (day := find_day(data, key))]
    for (earlier_key, earlier), (later_key, later) in itertools.pairwise(known):
        if later < earlier:
            yield FileProblem((*loc, later_key), f"{{value}} is before {earlier_key} ({earlier})", "check both dates")


def _check_hold(data: Data) -> Iterator[FileProblem]:
    since, signed_on = find_day(block(data, "hold"), "since"), find_day(block(data, "contract"), "signed_on")
    if since and signed_on and since < signed_on:
        hint = "the contract did not exist yet: check both dates"
        yield FileProblem(("hold", "since"), f"{{value}} is before contract.signed_on ({signed_on})", hint)


def _check_leaving(data: Data) -> Iterator[FileProblem]:
    status, leaving = data.get("status"), data.get("leaving")
    if status in ("leaving", "closed") and leaving is None:
        hint = "add leaving: with notice_on, ends_on, requested_by, approved_by and choice"
        yield FileProblem(("status",), "{value} needs a `leaving:` block", hint)
    if leaving is not None and isinstance(status, str | None) and status not in ("leaving", "closed"):
        hint = "write status: leaving; or remove the block to renounce the departure"
        yield FileProblem(("leaving",), "is given, but status is not leaving", hint, at_key=True)
    if not isinstance(leaving, Mapping):
        return
    yield from _check_order(leaving, ("leaving",), ("notice_on", "ends_on", "extended_to"))
    signed_on, notice_on = find_day(block(data, "contract"), "signed_on"), find_day(leaving, "notice_on")
    if signed_on and notice_on and notice_on < signed_on:
        hint = "there was nothing to end yet: check both dates"
        yield FileProblem(("leaving", "notice_on"), f"{{value}} is before contract.signed_on ({signed_on})", hint)
    if leaving.get("choice") == "return" and leaving.get("return") is None and not is_all_vendors(data):
        hint = "add return: {format: files, to: {via: directory, path: /mnt/…}}"
        yield FileProblem(("leaving", "choice"), "{value} needs a `return:` block", hint)
    if leaving.get("return") is not None and is_all_vendors(data):
        hint = "remove the block: the customer restores in the portal of its agents' vendor"
        yield FileProblem(
            ("leaving", "return"), "has no meaning: Coffre reads none of these backups", hint, at_key=True
        )
    if leaving.get("choice") == "erase" and leaving.get("return") is not None:
        hint = "remove the block, or write choice: return"
        yield FileProblem(("leaving", "return"), "is given together with choice: erase", hint, at_key=True)
    returned = block(leaving, "return")
    if returned.get("format") == "repository" and "snapshots" in returned:
        hint = "remove it: a repository is returned with all its snapshots"
        yield FileProblem(("leaving", "return", "snapshots"), "has no meaning for a repository", hint, at_key=True)


def _check_retirements(data: Data) -> Iterator[FileProblem]:
    for name, machine in blocks(data, "machines").items():
        yield from _check_order(block(machine, "retired"), ("machines", name, "retired"), ("on", "keep_until"))


def _check_connections(data: Data) -> Iterator[FileProblem]:
    seen: dict[HostPort, str] = {}
    for name, machine in blocks(data, "machines").items():
        connection = block(machine, "connection")
        loc = ("machines", name, "connection")
        if connection.get("via") == "winrm" and machine.get("os") in ("linux", "macos"):
            yield FileProblem((*loc, "via"), "winrm reaches windows machines only", "write ssh, or correct os")
        place = find_host_port(connection)
        if place is None or is_retired(machine):
            continue
        if is_this_computer(place[0]):
            hint = "write the name by which SMILÉO reaches the customer's machine"
            yield FileProblem((*loc, "host"), "{value} is the computer that runs Coffre itself", hint)
        elif place in seen:
            yield FileProblem((*loc, "host"), f"{{value}} is the host of {seen[place]} too", _ONE_ENTRY)
        seen.setdefault(place, name)


def list_places(data: Data) -> list[tuple[HostPort, str]]:
    """Return where a tenant file's machines in service are, with their names; none when the tenant has left."""
    machines = {} if data.get("status") == "closed" else blocks(data, "machines")
    return [
        (place, name)
        for name, machine in machines.items()
        if not is_retired(machine) and (place := find_host_port(block(machine, "connection"))) is not None
    ]


def find_taken_places(places: Sequence[tuple[str, Sequence[tuple[HostPort, str]]]]) -> list[TakenPlace]:
    """Return, for each file's (name, places), the machines whose place an earlier file's machine has."""
    first: dict[HostPort, tuple[str, str]] = {}
    taken = []
    for file, machines in places:
        for place, name in machines:
            earlier_file, earlier = first.setdefault(place, (file, name))
            if earlier_file != file:
                loc = ("machines", name, "connection", "host")
                taken.append(
                    TakenPlace(
                        file, FileProblem(loc, f"{{value}} is the host of {earlier} in {earlier_file} too", _ONE_ENTRY)
                    )
                )
    return taken


def check_platform(data: Data) -> list[FileProblem]:
    """Return the findings over several fields of platform.yaml."""
    findings = list(find_repeated(("working_hours", "holidays"), block(data, "working_hours").get("holidays")))
    hours = block(data, "working_hours")
    opens, closes = hours.get("opens"), hours.get("closes")
    if isinstance(opens, str) and isinstance(closes, str) and len(opens) == len(closes) == 5 and closes <= opens:
        findings.append(
            FileProblem(("working_hours", "closes"), f"{{value}} is not after opens ({opens})", "check both times")
        )
    mail = block(data, "mail")
    if mail.get("security") == "none" and isinstance(mail.get("host"), str) and not is_this_computer(mail["host"]):
        hint = "write starttls or tls, or name the server on this computer, localhost"
        findings.append(FileProblem(("mail", "security"), "{value} sends letters and a password unencrypted", hint))
    secrets, escrow = data.get("secrets"), data.get("escrow")
    if isinstance(secrets, str) and isinstance(escrow, str) and _overlap(secrets, escrow):
        hint = "name a place that cannot be lost together with it or with the platform"
        findings.append(FileProblem(("escrow",), "the second copy is in the same place as the first one", hint))
    anchor = block(data, "anchor")
    if isinstance(anchor.get("mail"), str) and not isinstance(data.get("mail"), Mapping):
        findings.append(
            FileProblem(("anchor", "mail"), "no mail server is named", "add mail: with its host and sender")
        )
    return [*findings, *check_stores(data), *check_prices(data), *check_maintenance(data)]


def _overlap(one: str, other: str) -> bool:
    first, second = PurePosixPath(one), PurePosixPath(other)
    return first.is_relative_to(second) or second.is_relative_to(first)
