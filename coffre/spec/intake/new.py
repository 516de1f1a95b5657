"""The collection sheet of a new tenant: its questions; the rules of the files check each answer at once.

Pure: other modules ask the questions and write the file.
"""

import re
import secrets
import string
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from coffre.errors import ExpectedError
from coffre.spec.intake.rendering import render_tenant
from coffre.spec.judging import judge_tenant
from coffre.spec.machine import MachineKind
from coffre.spec.parsing.documents import Document, read_document
from coffre.spec.plan import OperatingSystem
from coffre.spec.problems.problems import FileProblem, InvalidRepositoryError, Loc, Problem
from coffre.spec.problems.quoting import on_one_line
from coffre.spec.problems.reporting import report
from coffre.spec.tenant import Option
from coffre.spec.values.fields import VALUE

_ID_ATTEMPTS = 20
_SIGN = ";"
"""The separator of a list's entries: schedules contain commas, and paths may contain them."""

Refusal = tuple[str, str]
"""The reason for a refused answer, and what to answer instead."""


class AnswerKind(Enum):
    """The type of an answer in the file."""

    TEXT = "text"
    NUMBER = "number"
    LIST = "list"
    FLAG = "flag"
    NAME = "name"
    """The name of a new entry of a block: a plan, a machine."""


@dataclass(frozen=True)
class Question:
    """One question of the sheet, and the place in the file for its answer.

    ``also`` names other places that the answer can make wrong: one machine too many is a problem of the licences.
    """

    loc: Loc
    text: str
    hint: str = ""
    default: str = ""
    is_optional: bool = False
    kind: AnswerKind = AnswerKind.TEXT
    also: tuple[Loc, ...] = ()


class Sheet:
    """The sheet while it is filled in: the data of the new file, as far as they are answered."""

    def __init__(self, slug: str, tenant_id: str, platforms: Sequence[str]) -> None:
        self.slug = slug
        self.platforms = list(platforms)
        self.data: dict[str, Any] = {"version": 1, "id": tenant_id}

    def answer(self, question: Question, text: str) -> Refusal | None:
        """Store an answer, or return why it is refused; a refused answer changes nothing."""
        text = text.strip() or question.default
        if not text:
            return None if question.is_optional else ("an answer is needed here", question.hint)
        value = _read_answer(question.kind, text)
        loc = (*question.loc, text) if question.kind is AnswerKind.NAME else question.loc
        before = find_at(self.data, loc)
        if question.kind is AnswerKind.NAME:
            if before is not None:
                return f'"{on_one_line(text)}" is listed already', "give it another name"
            value = {}
        _put(self.data, loc, value)
        finding = self._find(loc, question.also)
        if finding is None:
            return None
        refusal = _words(self.data, finding)
        _put(self.data, loc, before)
        return refusal

    def names(self, key: str) -> list[str]:
        """Return the names of the entries that a block has so far."""
        return list(self.data.get(key, {}))

    def text(self) -> str:
        """Return the file; InvalidRepositoryError when the answers together break a rule."""
        return render_checked(self.slug, self.data, self.platforms)

    def _find(self, loc: Loc, also: Sequence[Loc]) -> FileProblem | None:
        """Return the first finding about one of these places; places without a question so far are left out."""
        for finding in judge_tenant(self.data, self.slug, self.platforms)[1]:
            place = _resolve(self.data, finding.loc)
            if place == loc or any(place[: len(around)] == around for around in (*also, *_inside(loc))):
                return finding
        return None


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


def read_answers(content: bytes, file: str, slug: str, tenant_id: str, platforms: Sequence[str]) -> str:
    """Return the tenant file for a file of answers: the same keys as a tenant file, YAML or JSON, without id.

    InvalidRepositoryError has every problem of the answers with its place in that file.
    """
    document = read_document(content, file)
    if not isinstance(document, Document):
        raise InvalidRepositoryError(document)
    data = {"version": 1, **document.data}
    findings = (
        [] if "id" not in data else [FileProblem(("id",), "is generated by `coffre new`", "remove it", at_key=True)]
    )
    data["id"] = tenant_id
    findings += judge_tenant(data, slug, platforms)[1]
    if findings or document.problems:
        raise InvalidRepositoryError(report(document, file, findings))
    return render_checked(slug, data, platforms)


def complete_draft(
    draft: Mapping[str, Any], content: bytes, file: str, slug: str, platforms: Sequence[str]
) -> dict[str, Any]:
    """Return the data of a tenant file: a draft, and the answers of a file, which count where both say something.

    InvalidRepositoryError has every problem of the whole, with its place in the file of answers.
    """
    document = read_document(content, file)
    if not isinstance(document, Document):
        raise InvalidRepositoryError(document)
    taken = FileProblem(("id",), "is found on the platform", "remove it", at_key=True)
    data = _merge(draft, document.data)
    findings = [*([taken] if "id" in document.data else []), *judge_tenant(data, slug, platforms)[1]]
    if findings or document.problems:
        raise InvalidRepositoryError(report(document, file, findings))
    return data


def _merge(draft: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    """Return both together: blocks are merged, lists are not."""
    whole = dict(draft)
    for key, value in answers.items():
        before = whole.get(key)
        whole[key] = _merge(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return whole


def render_checked(slug: str, data: dict[str, Any], platforms: Sequence[str]) -> str:
    """Return the text of a tenant file; it was read back, is valid and matches the answers."""
    text = render_tenant(slug, data)
    file = f"{slug}.yaml"
    document = read_document(text.encode(), file)
    if not isinstance(document, Document):
        raise InvalidRepositoryError(document)
    problems: list[Problem] = report(document, file, judge_tenant(document.data, slug, platforms)[1])
    if problems:
        raise InvalidRepositoryError(problems)
    if document.data != data:
        raise ExpectedError(f"the file for {slug} does not match the answers", "This is a fault of Coffre: report it.")
    return text


def mint_id(is_taken: Callable[[str], bool]) -> str:
    """Generate an id that ``is_taken`` does not know."""
    for _ in range(_ID_ATTEMPTS):
        first = secrets.choice("ghijklmnopqrstuvwxyz")
        rest = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(9))
        if not is_taken(first + rest):
            return first + rest
    raise ExpectedError("no unused id was found", "This is a fault of Coffre: report it.")


_NAME = AnswerKind.NAME


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
    number = AnswerKind.NUMBER
    yield Question(("storage", "undelete_days"), "Days for which deletions can be undone", "7 to 90", "14", kind=number)
    sheet.data.setdefault("licences", {})
    for kind in MachineKind:
        yield Question(("licences", kind.value), f"Licences sold: {kind.value}s", default="0", kind=number)
    yield Question(
        ("line", "upload"),
        "Upload rate of the customer's line",
        "as its provider sells it, like 20 Mbit/s; empty when unknown",
        is_optional=True,
    )
    yield Question(
        ("options",),
        f"Options (article 16), with {_SIGN} between them",
        f"of {', '.join(option.value for option in Option)}; empty for none",
        is_optional=True,
        kind=AnswerKind.LIST,
    )


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
    for key, value in (("agent", "restic"), ("plan", plan)):
        if find_at(sheet.data, (*loc, key)) is None:
            _put(sheet.data, (*loc, key), value)
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
            f"Paths to back up on {system}, with {_SIGN} between them",
            "",
            examples[system],
            kind=AnswerKind.LIST,
        )
    yield Question((*loc, "exclude"), "Patterns left out", "like *.iso; *.tmp", is_optional=True, kind=AnswerKind.LIST)
    yield Question(
        (*loc, "schedule"),
        f"Schedule, with {_SIGN} between its times",
        "DAYS HH:MM, like Mon..Fri 12:30; daily 19:00",
        "daily 19:00",
        kind=AnswerKind.LIST,
    )
    keeps = {"daily": ("days", "30"), "weekly": ("weeks", "12"), "monthly": ("months", "12"), "yearly": ("years", "0")}
    for key, (unit, default) in keeps.items():
        text = f"Keep one {key} backup for how many {unit}"
        yield Question((*loc, "keep", key), text, default=default, kind=AnswerKind.NUMBER)


def find_at(data: Any, loc: Loc) -> Any:
    """Return the value at a place of plain data, None when there is none."""
    for part in loc:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _put(data: dict[str, Any], loc: Loc, value: Any) -> None:
    """Set a place, with the blocks around it; None removes it again."""
    for part in loc[:-1]:
        data = data.setdefault(str(part), {})
    if value is None:
        data.pop(str(loc[-1]), None)
    else:
        data[str(loc[-1])] = value


def _read_answer(kind: AnswerKind, text: str) -> Any:
    if kind is AnswerKind.NUMBER and re.fullmatch(r"0|[1-9][0-9]{0,8}", text):
        return int(text)
    if kind is AnswerKind.LIST:
        return [entry for part in text.split(_SIGN) if (entry := part.strip())]
    if kind is AnswerKind.FLAG:
        return {"y": True, "yes": True, "n": False, "no": False}.get(text.lower(), text)
    return text


def _inside(loc: Loc) -> tuple[Loc, ...]:
    """Return the place of which inner findings count too: a list's entries, but not the fields of a new named block."""
    return () if len(loc) == 2 and loc[0] in ("machines", "plans") else (loc,)


def _resolve(data: dict[str, Any], loc: Loc) -> Loc:
    """Return a finding's place without pydantic's own parts; a missing key is named too."""
    followed: list[str | int] = []
    for place, part in enumerate(loc):
        if find_at(data, (*followed, part)) is not None or place == len(loc) - 1:
            followed.append(part)
    return tuple(followed)


def _words(data: dict[str, Any], finding: FileProblem) -> Refusal:
    value = find_at(data, _resolve(data, finding.loc))
    quoted = f'"{on_one_line(str(value))}"'
    # The rules are for a file, where some texts need quotes; an answer needs none.
    hint = finding.hint.replace(" in quotes", "")
    return finding.message.replace(VALUE, quoted), hint.replace(VALUE, quoted)
