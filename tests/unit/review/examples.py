"""A pair of tenant files for each kind of change and of guard, for the tests of the rules and those of their words."""

from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from coffre.review.changes import ChangeKind, compare
from coffre.review.consequences import Consequence, ConsequenceKind, foresee, foresee_hours
from coffre.review.guards import (
    Authorship,
    Guard,
    LiveUse,
    PartUse,
    judge_file,
    judge_moves,
    judge_platform,
    judge_terms,
    judge_use,
)
from coffre.spec.platform import Offboarding, WorkingHours
from coffre.spec.tenant import Tenant
from tests.builders import PLATFORM, machine_with, tenant_with
from tests.vendor_tenants import PARTS, mixed_tenant

CONTRACT: dict[str, Any] = {
    "reference": "BC-2026-0412",
    "signed_on": "2026-11-02",
    "in_service_on": "2026-12-01",
    "siren": "552100554",
}
CONTACT = {"name": "Claire Martin", "email": "claire@martin.example", "phone": "+33 4 76 00 00 00"}
STORAGE: dict[str, Any] = {"platform": "lab", "quota": "10 GiB"}
PLAN: dict[str, Any] = {
    "paths": ["/home", "/etc"],
    "exclude": ["*.iso"],
    "schedule": ["Mon..Fri 12:30"],
    "keep": {"daily": 30, "weekly": 12},
}
HOLD = {"reference": "ORD-7", "since": "2026-11-10", "kind": "preserve"}
LEAVING: dict[str, Any] = {
    "notice_on": "2026-11-02",
    "ends_on": "2027-01-02",
    "requested_by": "Claire Martin, gérante",
    "approved_by": "boris@smileo.example",
    "choice": "erase",
}
RETIRED = {"on": "2026-12-31", "keep_until": "2027-03-31"}
SIGNED = {"reference": "AV-2027-01", "signed_on": "2027-02-01"}
PULL = {"via": "pull"}
VENDOR = {"order": "CMD-88231", "terms_accepted_on": "2026-11-03"}


def ssh(host: str, **changes: Any) -> dict[str, Any]:
    """Return a connection to a host."""
    return {"via": "ssh", "host": host, "user": "root", **changes}


def tenant(**changes: Any) -> Tenant:
    """Return a tenant with two machines at different addresses and a plan with every part; fields are replaced."""
    machines = {name: machine_with(connection=ssh(f"{name}.martin.example")) for name in ("compta-01", "caisse-01")}
    return tenant_with(**{"plans": {"office": deepcopy(PLAN)}, "machines": machines, **changes})


def contract(**changes: Any) -> Tenant:
    return tenant(contract={**CONTRACT, **changes})


def storage(**changes: Any) -> Tenant:
    return tenant(storage={**STORAGE, **changes})


def parts(lab: str = "6 GiB", licences: int = 1) -> Tenant:
    """Return a tenant with a part of its space at a vendor's, with the licences ordered there."""
    vendors = {"quota": "4 GiB", "licences": {"workstation": licences}}
    return mixed_tenant(storage={**STORAGE, "parts": {"lab": {"quota": lab}, "editor": vendors}})


def plan(**changes: Any) -> Tenant:
    return tenant(plans={"office": {**deepcopy(PLAN), **changes}})


def machine(**changes: Any) -> Tenant:
    """Return a tenant whose one machine has these fields."""
    return tenant(
        machines={"compta-01": machine_with(connection=ssh("compta-01.martin.example")) | changes},
        plans={"office": PLAN, "other": PLAN},
    )


@dataclass(frozen=True)
class Example:
    """Two versions whose difference has this one kind."""

    kind: ChangeKind
    before: Tenant | None
    after: Tenant | None
    is_weaker: bool = False
    subject: str | None = None


def _both(kind: ChangeKind, one: Tenant, other: Tenant, subject: str | None = None, weaker: str = "") -> list[Example]:
    """Return a change and its reverse; ``weaker`` names the weaker ones: ``there``, ``back`` or both."""
    return [
        Example(kind, one, other, "there" in weaker, subject),
        Example(kind, other, one, "back" in weaker, subject),
    ]


_BASE = tenant()
_PLANS = {"office": PLAN, "other": PLAN}
EXAMPLES: tuple[Example, ...] = (
    Example(ChangeKind.TENANT_ADDED, None, _BASE),
    Example(ChangeKind.TENANT_GONE, _BASE, None, is_weaker=True),
    *_both(ChangeKind.ID, _BASE, tenant(id="z7f3q9wz2m")),
    *_both(ChangeKind.NAME, _BASE, tenant(name="Martin et fils")),
    *_both(ChangeKind.CONTRACT, _BASE, contract(reference="BC-2026-0500"), "reference"),
    *_both(ChangeKind.CONTRACT, _BASE, contract(signed_on="2026-11-03"), "signed_on"),
    *_both(ChangeKind.CONTRACT, _BASE, contract(in_service_on="2026-12-02"), "in_service_on"),
    *_both(ChangeKind.CONTRACT, _BASE, contract(ends_on="2029-12-02"), "ends_on"),
    *_both(ChangeKind.CONTRACT, _BASE, contract(siren="732829320"), "siren"),
    *_both(ChangeKind.CONTRACT, _BASE, contract(registration="CHE-1"), "registration"),
    *_both(ChangeKind.CONTRACT, _BASE, contract(distributor="Revendeur SA"), "distributor"),
    *_both(ChangeKind.AMENDMENT, _BASE, contract(amendments=[SIGNED])),
    *_both(
        ChangeKind.AMENDMENT,
        contract(amendments=[SIGNED]),
        contract(amendments=[{**SIGNED, "signed_on": "2027-01-01"}]),
    ),
    *_both(ChangeKind.CONTACT, _BASE, tenant(contact={**CONTACT, "name": "Luc Martin"}), "name"),
    *_both(ChangeKind.CONTACT, _BASE, tenant(contact={**CONTACT, "email": "luc@martin.example"}), "email"),
    *_both(ChangeKind.CONTACT, _BASE, tenant(contact={**CONTACT, "phone": "+33 4 76 00 00 01"}), "phone"),
    *_both(ChangeKind.TIMEZONE, _BASE, tenant(timezone="Indian/Reunion")),
    *_both(ChangeKind.STATUS, _BASE, tenant(status="suspended")),
    *_both(ChangeKind.HOLD, _BASE, tenant(hold=HOLD), weaker="back"),
    *_both(ChangeKind.HOLD, tenant(hold=HOLD), tenant(hold={**HOLD, "kind": "block_access"})),
    *_both(ChangeKind.HOLD, tenant(hold=HOLD), tenant(hold={**HOLD, "since": "2026-11-11"})),
    *_both(ChangeKind.LEAVING, _BASE, tenant(leaving=LEAVING)),
    *_both(ChangeKind.LEAVING, tenant(leaving=LEAVING), tenant(leaving={**LEAVING, "ends_on": "2027-02-02"})),
    *_both(ChangeKind.LEAVING, tenant(leaving=LEAVING), tenant(leaving={**LEAVING, "approved_by": "a@b.example"})),
    *_both(ChangeKind.PLATFORM, _BASE, storage(platform="other")),
    *_both(ChangeKind.QUOTA, _BASE, storage(quota="11 GiB")),
    *_both(ChangeKind.CONTRACT, contract(vendor=VENDOR), contract(vendor={**VENDOR, "order": "CMD-9"}), "vendor.order"),
    *_both(
        ChangeKind.CONTRACT,
        contract(vendor=VENDOR),
        contract(vendor={**VENDOR, "terms_accepted_on": "2026-11-04"}),
        "vendor.terms_accepted_on",
    ),
    *_both(ChangeKind.PART, parts(), parts(lab="5 GiB"), "lab"),
    *_both(ChangeKind.PART_LICENCES, parts(), parts(licences=2), "editor: workstation"),
    *_both(ChangeKind.UNDELETE_DAYS, _BASE, storage(undelete_days=13), weaker="there"),
    *_both(ChangeKind.SECOND_COPY, _BASE, storage(copy={"platform": "far"}), weaker="back"),
    *_both(ChangeKind.SECOND_COPY, storage(copy={"platform": "far"}), storage(copy={"platform": "near"})),
    *_both(
        ChangeKind.COPY_BANDWIDTH,
        storage(copy={"platform": "far"}),
        storage(copy={"platform": "far", "bandwidth_per_second": "1 MiB"}),
    ),
    *_both(ChangeKind.LINE, _BASE, tenant(line={"upload": "20 Mbit/s"})),
    *_both(ChangeKind.LINE, tenant(line={"upload": "20 Mbit/s"}), tenant(line={"upload": "40 Mbit/s"})),
    *_both(ChangeKind.LINE, machine(), machine(line={"upload": "20 Mbit/s"}), "compta-01"),
    *_both(ChangeKind.MACHINE_VOLUME, machine(), machine(volume="200 GiB"), "compta-01"),
    *_both(ChangeKind.LICENCES, _BASE, tenant(licences={"workstation": 3}), "workstation"),
    *_both(ChangeKind.LICENCES, _BASE, tenant(licences={"workstation": 2, "server": 1}), "server"),
    *_both(ChangeKind.OPTION, _BASE, tenant(options=["restore_tests"]), weaker="back"),
    *_both(
        ChangeKind.DRILLS,
        tenant(options=["restore_tests"]),
        tenant(options=["restore_tests"], drills={"interval_days": 7}),
        weaker="back",
    ),
    *_both(
        ChangeKind.DRILLS,
        tenant(options=["restore_tests"], drills={"interval_days": 7}),
        tenant(options=["restore_tests"], drills={"interval_days": 14}),
        weaker="there",
    ),
    Example(ChangeKind.MACHINE_ADDED, tenant(machines={}, plans=_PLANS), machine(), subject="compta-01"),
    Example(ChangeKind.MACHINE_GONE, machine(), tenant(machines={}, plans=_PLANS), True, "compta-01"),
    *(
        Example(
            ChangeKind.MACHINE_RENAMED,
            tenant(machines={"compta-01": machine_with(connection=ssh("h.example"))}),
            tenant(machines={"compta-02": machine_with(connection=ssh(host))}),
            True,
            "compta-02",
        )
        for host in ("h.example", "H.Example")
    ),
    Example(ChangeKind.MACHINE_RETIRED, machine(), machine(retired=RETIRED), subject="compta-01"),
    Example(ChangeKind.MACHINE_BACK, machine(retired=RETIRED), machine(), subject="compta-01"),
    *_both(
        ChangeKind.MACHINE_RETIRED,
        machine(retired=RETIRED),
        machine(retired={**RETIRED, "keep_until": "2027-03-30"}),
        "compta-01",
        weaker="there",
    ),
    *_both(
        ChangeKind.MACHINE_RETIRED,
        machine(retired=RETIRED),
        machine(retired={**RETIRED, "on": "2026-12-30"}),
        "compta-01",
    ),
    *_both(ChangeKind.MACHINE_KIND, machine(), machine(kind="server"), "compta-01"),
    *_both(ChangeKind.MACHINE_SYSTEM, machine(), machine(os="macos"), "compta-01"),
    *_both(ChangeKind.MACHINE_AGENT, machine(), machine(agent="acronis"), "compta-01"),
    *_both(
        ChangeKind.MACHINE_MOVED,
        machine(),
        machine(moved_from={"agent": "acronis", "keep_until": "2027-03-31"}),
        "compta-01",
        weaker="back",
    ),
    *_both(ChangeKind.MACHINE_PLAN, machine(), machine(plan="other"), "compta-01"),
    *_both(ChangeKind.MACHINE_CONNECTION, machine(), machine(connection=ssh("other.example")), "compta-01"),
    *_both(ChangeKind.MACHINE_CONNECTION, machine(), machine(connection=PULL), "compta-01"),
    *_both(
        ChangeKind.MACHINE_CONNECTION,
        machine(connection=ssh("h.example")),
        machine(connection=ssh("h.example", become=True, port=2222, user="admin", credential="spare")),
        "compta-01",
    ),
    *_both(
        ChangeKind.MACHINE_CONNECTION,
        machine(connection=ssh("h.example")),
        machine(connection={"via": "winrm", "host": "h.example", "user": "root", "credential": "spare"}),
        "compta-01",
    ),
    Example(ChangeKind.PLAN_ADDED, _BASE, tenant(plans=_PLANS), subject="other"),
    Example(ChangeKind.PLAN_GONE, tenant(plans=_PLANS), _BASE, subject="other"),
    *_both(ChangeKind.PATHS, plan(), plan(paths=["/home"]), "office", weaker="there"),
    *_both(ChangeKind.PATHS, plan(), plan(paths=["/home", "/srv"]), "office", weaker="there back"),
    *_both(ChangeKind.PATHS, plan(), plan(paths={"linux": ["/home", "/etc"]}), "office", weaker="there back"),
    *_both(ChangeKind.EXCLUDES, plan(), plan(exclude=["*.iso", "*.mkv"]), "office", weaker="there"),
    *_both(ChangeKind.EXCLUDES, plan(), plan(exclude=["*.iso", "!kept.iso"]), "office", weaker="back"),
    *_both(ChangeKind.SCHEDULE, plan(), plan(schedule=["Mon 12:30"]), "office", weaker="there"),
    *_both(ChangeKind.SCHEDULE, plan(), plan(schedule=["Mon..Fri 12:31"]), "office"),
    *_both(ChangeKind.SCHEDULE, plan(), plan(schedule=["Mon..Fri 12:30", "Sun 01:00"]), "office", weaker="back"),
    *_both(ChangeKind.KEEP, plan(), plan(keep={"daily": 29, "weekly": 12}), "office", weaker="there"),
    *_both(ChangeKind.KEEP, plan(), plan(keep={"daily": 30}), "office", weaker="there"),
    *_both(ChangeKind.BAITS, plan(), plan(baits=False), "office", weaker="there"),
    *_both(ChangeKind.KEEP, plan(), plan(keep={"daily": 29, "weekly": 13}), "office", weaker="there back"),
)
"""Every kind at least once, with and without weaker protection where it can have both."""


def _judge(before: Tenant | None, after: Tenant | None) -> list[Guard]:
    return judge_file(before, after, compare(before, after), Authorship(("boris@smileo.example",)))


def _judge_use(after: Tenant) -> list[Guard]:
    return judge_use(after, compare(_BASE, after), LiveUse(10 << 30, 1 << 30, ("compta-01", "caisse-01")))


def _judge_part(parts: dict[str, Any]) -> list[Guard]:
    after = mixed_tenant(storage={"platform": "lab", "quota": "10 GiB", "parts": parts})
    use = LiveUse(5 << 30, 1 << 30, (), {"lab": PartUse(5 << 30, 1 << 30), "editor": PartUse(0, 0)})
    return judge_use(after, compare(mixed_tenant(), after), use)


GUARDS: tuple[Guard, ...] = (
    *(guard for example in EXAMPLES for guard in _judge(example.before, example.after)),
    *_judge_use(storage(quota="9 GiB")),
    *_judge_use(tenant(licences={"workstation": 1})),
    *_judge_part({**PARTS, "lab": {"quota": "4 GiB"}, "editor": {**PARTS["editor"], "quota": "6 GiB"}}),
    *judge_platform("lab", 1 << 30, [], [_BASE]),
    *judge_terms(mixed_tenant(), date(2026, 11, 2)),
    *judge_moves({"acme": _BASE}, {"twin": _BASE}, "twin", ("acme",)),
    *judge_moves({"acme": _BASE}, {"twin": _BASE}, "twin", ()),
)
"""Guards as the rules make them, every kind at least once."""

CONSEQUENCES: tuple[Consequence, ...] = (
    *(
        consequence
        for example in EXAMPLES
        if example.after is not None
        for consequence in foresee(example.after, compare(example.before, example.after), Offboarding())
    ),
    *foresee_hours(WorkingHours.model_validate(PLATFORM["working_hours"]), None, datetime(2026, 11, 29, 9, tzinfo=UTC)),
    Consequence(ConsequenceKind.BASE_INVALID),
)
"""Consequences as the rules make them, every kind at least once."""
