"""The questions of the collection sheet of a new tenant; each depends on the answers before it. Pure."""

from collections.abc import Iterator
from typing import Any

from coffre.spec.intake.new import SIGN, AnswerKind, Question, Sheet, find_at, put
from coffre.spec.machine import AgentKind, MachineKind
from coffre.spec.plan import OperatingSystem
from coffre.spec.problems.problems import Loc
from coffre.spec.tenant import Option
from coffre.spec.values.sizes import SizeError, parse_size, write_size

_NAME = AnswerKind.NAME


def interview(sheet: Sheet) -> Iterator[Question]:
    """Yield the sheet's questions; the next question depends on the stored answers."""
    yield from _ask_contract(sheet)
    yield from _ask_storage(sheet)
    yield Question(("plans",), "Name of the backup plan", "more plans can be added in the file", "office", kind=_NAME)
    plan = sheet.names("plans")[-1]
    yield from _ask_machines(sheet, plan)
    yield from _ask_plan(sheet, plan)


def interview_rest(sheet: Sheet) -> Iterator[Question]:
    """Yield the questions that the sheet's data does not answer yet: of its contract, machines and plans."""
    sold = sheet.data.get("licences")
    yield from _unanswered(sheet, _ask_contract(sheet))
    # Licences that are known are known for every kind: of a kind that is not named none were sold.
    yield from (each for each in _unanswered(sheet, _ask_storage(sheet)) if not (sold and each.loc[0] == "licences"))
    if not sheet.names("plans"):
        yield Question(("plans",), "Name of the backup plan", "for the machines that have none", "office", kind=_NAME)
    for name in sheet.names("machines"):
        yield from _unanswered(sheet, _ask_machine(sheet, ("machines", name), sheet.names("plans")[0]))
    for plan in sheet.names("plans"):
        yield from _unanswered(sheet, _ask_plan(sheet, plan))


def _unanswered(sheet: Sheet, questions: Iterator[Question]) -> Iterator[Question]:
    return (each for each in questions if not _is_answered(sheet.data, each.loc))


def _is_answered(data: Any, loc: Loc) -> bool:
    """Tell whether there is a value at a place, or one in the way to it: paths for all systems answer those of each."""
    for part in loc:
        if not isinstance(data, dict):
            return True
        data = data.get(part)
        if data is None:
            return False
    return True


def _ask_contract(sheet: Sheet) -> Iterator[Question]:
    yield Question(("name",), "Legal name of the customer", "as on the order form")
    yield Question(("contract", "siren"), "SIREN, 9 digits", "empty for a customer outside France", is_optional=True)
    if find_at(sheet.data, ("contract", "siren")) is None:
        yield Question(("contract", "registration"), "Registration outside France", "country and number")
    yield Question(("contract", "reference"), "Number of the order form", "like BC-2026-0412")
    yield Question(("contract", "signed_on"), "Signed on", "YYYY-MM-DD, the day on which both had signed")
    yield Question(("contract", "in_service_on"), "Planned first day of service", "YYYY-MM-DD")
    yield Question(("contract", "ends_on"), "Last day of the contract", "empty when it has none", is_optional=True)
    yield Question(("contract", "distributor"), "Distributor", "empty when SMILÉO sold it", is_optional=True)
    yield Question(("contact", "name"), "Named contact (article 6)", "the one person who speaks for the customer")
    yield Question(("contact", "email"), "Their e-mail address")
    yield Question(("contact", "phone"), "Their phone number", "like +33 4 76 00 00 00")


def _ask_storage(sheet: Sheet) -> Iterator[Question]:
    yield Question(("timezone",), "Time zone of the schedules", default="Europe/Paris")
    only = sheet.platforms[0] if len(sheet.platforms) == 1 else ""
    yield Question(("storage", "platform"), "Storage platform", f"one of {', '.join(sheet.platforms)}", only)
    yield Question(("storage", "quota"), "Storage sold", "like 200 GiB (binary) or 200 Go (decimal)")
    number, own_agent = AnswerKind.NUMBER, sheet.vendors.get(str(find_at(sheet.data, ("storage", "platform"))))
    if own_agent is None:
        text = "Days for which deletions can be undone"
        yield Question(("storage", "undelete_days"), text, "7 to 90", "14", kind=number)
    sheet.data.setdefault("licences", {})
    for kind in MachineKind:
        yield Question(("licences", kind.value), f"Licences sold: {kind.value}s", default="0", kind=number)
    if own_agent is None and sheet.vendors:
        yield from _ask_parts(sheet)
    if own_agent is not None or find_at(sheet.data, ("storage", "parts")) is not None:
        yield from _ask_vendor()
    yield Question(
        ("line", "upload"),
        "Upload rate of the customer's line",
        "as its provider sells it, like 20 Mbit/s; empty when unknown",
        is_optional=True,
    )
    yield Question(
        ("options",),
        f"Options (article 16), with {SIGN} between them",
        f"of {', '.join(option.value for option in Option)}; empty for none",
        is_optional=True,
        kind=AnswerKind.LIST,
    )


def _ask_vendor() -> Iterator[Question]:
    order: Loc = ("contract", "vendor", "order")
    yield Question(order, "Number of the distributor's order of the licences", "articles 1a and 13 of the contract")
    terms: Loc = ("contract", "vendor", "terms_accepted_on")
    yield Question(terms, "The customer accepted the editor's terms on", "YYYY-MM-DD")


def _ask_parts(sheet: Sheet) -> Iterator[Question]:
    """Ask for the part of the space that is at a vendor's, when some machines have its agent."""
    parts: Loc = ("storage", "parts")
    names = tuple(sheet.vendors)
    hint = f"of {', '.join(names)}; empty when no machine has its agent"
    yield Question(parts, "Vendor's platform for some machines", hint, is_optional=True, kind=_NAME, among=names)
    vendors = next((name for name in sheet.names_at(parts) if name in names), None)
    if vendors is None:
        if not sheet.names_at(parts):
            put(sheet.data, parts, None)
        return
    yield Question((*parts, vendors, "quota"), "  Its part of the storage sold", "like 100 Go, the rest is the other's")
    own = str(find_at(sheet.data, ("storage", "platform")))
    rest = _subtract(find_at(sheet.data, ("storage", "quota")), find_at(sheet.data, (*parts, vendors, "quota")))
    yield Question((*parts, own, "quota"), f"  The part of {own}", "both add up to the whole", rest, also=(parts,))
    for kind in MachineKind:
        if sheet.data["licences"].get(kind.value, 0):
            text = f"  Licences ordered for it: {kind.value}s"
            yield Question(
                (*parts, vendors, "licences", kind.value), text, default="0", kind=AnswerKind.NUMBER, also=(parts,)
            )


def _subtract(whole: Any, part: Any) -> str:
    """Return what is left of a size, as a size; empty when nothing is."""
    try:
        left = parse_size(str(whole)) - parse_size(str(part))
    except SizeError:
        return ""
    return write_size(left) if left > 0 else ""


def _ask_machines(sheet: Sheet, plan: str) -> Iterator[Question]:
    sheet.data.setdefault("machines", {})
    while _free_licences(sheet):
        known = sheet.names("machines")
        yield Question(
            ("machines",), "Name of a machine", "like compta-01; empty when all are named", is_optional=True, kind=_NAME
        )
        added = [name for name in sheet.names("machines") if name not in known]
        if not added:
            return
        yield from _ask_machine(sheet, ("machines", added[0]), plan)


def _ask_machine(sheet: Sheet, loc: Loc, plan: str) -> Iterator[Question]:
    kinds = ", ".join(kind.value for kind in MachineKind)
    free = (*_free_licences(sheet), "")[0]
    yield Question((*loc, "kind"), "  Its licence", f"one of {kinds}", free, also=(("licences",),))
    yield Question((*loc, "os"), "  Its system", f"one of {', '.join(OperatingSystem)}", "linux")
    yield from _ask_agent(sheet, loc)
    own = sheet.vendors.get(str(find_at(sheet.data, ("storage", "platform"))), AgentKind.RESTIC)
    for key, value in (("agent", own.value), ("plan", plan)):
        if find_at(sheet.data, (*loc, key)) is None:
            put(sheet.data, (*loc, key), value)
    yield Question(
        (*loc, "volume"), "  Volume to back up", "like 200 GiB or 200 Go; empty when unknown", is_optional=True
    )
    yield Question((*loc, "connection", "via"), "  Reached by", "ssh, winrm, or pull", "ssh")
    via = find_at(sheet.data, (*loc, "connection", "via"))
    if via == "pull":
        return
    yield Question((*loc, "connection", "host"), "  Its host name or address", "like compta-01.martin.example")
    yield Question((*loc, "connection", "user"), "  Log in as", default="root" if via == "ssh" else "Administrateur")
    if via == "winrm":
        yield Question(
            (*loc, "connection", "credential"),
            "  Name of its password in the tenant's secrets",
            "`coffre secrets set` stores the password itself",
        )
    elif find_at(sheet.data, (*loc, "connection", "user")) != "root":
        yield Question(
            (*loc, "connection", "become"), "  Becomes root by sudo", "yes or no", "yes", kind=AnswerKind.FLAG
        )


def _ask_agent(sheet: Sheet, loc: Loc) -> Iterator[Question]:
    """Ask for the agent of a machine where the space is in parts, and the vendor's part has a licence left for it."""
    parts = find_at(sheet.data, ("storage", "parts"))
    vendors = next((name for name in parts or {} if name in sheet.vendors), None)
    if vendors is None:
        return
    agent, kind = sheet.vendors[vendors].value, find_at(sheet.data, (*loc, "kind"))
    ordered = find_at(sheet.data, ("storage", "parts", vendors, "licences", str(kind))) or 0
    used = [each for each in sheet.data["machines"].values() if each.get("agent") == agent and each.get("kind") == kind]
    if len(used) < ordered:
        choice = (AgentKind.RESTIC.value, agent)
        yield Question((*loc, "agent"), "  Its agent", f"one of {', '.join(choice)}", choice[0], among=choice)


def _free_licences(sheet: Sheet) -> list[str]:
    """Return the kinds of machine for which a licence is left."""
    used = [machine.get("kind") for machine in sheet.data["machines"].values()]
    return [kind for kind, granted in sheet.data["licences"].items() if used.count(kind) < granted]


def _ask_plan(sheet: Sheet, plan: str) -> Iterator[Question]:
    systems = sorted({str(machine.get("os")) for machine in sheet.data["machines"].values()}) or ["linux"]
    examples = {"linux": "/home; /etc", "macos": "/Users", "windows": r"C:\Users"}
    loc: Loc = ("plans", plan)
    for system in systems:
        place = (*loc, "paths") if len(systems) == 1 else (*loc, "paths", system)
        yield Question(
            place,
            f"Paths to back up on {system}, with {SIGN} between them",
            "",
            examples[system],
            kind=AnswerKind.LIST,
        )
    yield Question((*loc, "exclude"), "Patterns left out", "like *.iso; *.tmp", is_optional=True, kind=AnswerKind.LIST)
    yield Question(
        (*loc, "schedule"),
        f"Schedule, with {SIGN} between its times",
        "DAYS HH:MM, like Mon..Fri 12:30; daily 19:00",
        "daily 19:00",
        kind=AnswerKind.LIST,
    )
    keeps = {"daily": ("days", "30"), "weekly": ("weeks", "12"), "monthly": ("months", "12"), "yearly": ("years", "0")}
    for key, (unit, default) in keeps.items():
        text = f"Keep one {key} backup for how many {unit}"
        yield Question((*loc, "keep", key), text, default=default, kind=AnswerKind.NUMBER)
