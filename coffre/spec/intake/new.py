"""The collection sheet of a new tenant: what is answered of it; the rules of the files check each answer at once.

Pure: other modules have the questions, ask them, and write the file.
"""

import re
import secrets
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from coffre.errors import ExpectedError
from coffre.spec.intake.rendering import render_tenant
from coffre.spec.judging import judge_tenant
from coffre.spec.machine import AgentKind
from coffre.spec.parsing.documents import Document, read_document
from coffre.spec.problems.problems import FileProblem, InvalidRepositoryError, Loc, Problem
from coffre.spec.problems.quoting import on_one_line
from coffre.spec.problems.reporting import report
from coffre.spec.values.fields import VALUE

_ID_ATTEMPTS = 20
SIGN = ";"
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
    ``among`` are the only answers that are taken, where it is not empty.
    """

    loc: Loc
    text: str
    hint: str = ""
    default: str = ""
    is_optional: bool = False
    kind: AnswerKind = AnswerKind.TEXT
    also: tuple[Loc, ...] = ()
    among: tuple[str, ...] = ()


class Sheet:
    """The sheet while it is filled in: the data of the new file, as far as they are answered.

    ``vendors`` are the platforms of vendors, with the one agent that backs up to each.
    """

    def __init__(
        self, slug: str, tenant_id: str, platforms: Sequence[str], vendors: Mapping[str, AgentKind] | None = None
    ) -> None:
        self.slug = slug
        self.platforms = list(platforms)
        self.vendors = dict(vendors or {})
        self.data: dict[str, Any] = {"version": 1, "id": tenant_id}

    def answer(self, question: Question, text: str) -> Refusal | None:
        """Store an answer, or return why it is refused; a refused answer changes nothing."""
        text = text.strip() or question.default
        if not text:
            return None if question.is_optional else ("an answer is needed here", question.hint)
        if question.among and text not in question.among:
            return f'"{on_one_line(text)}" is not possible here', f"write {' or '.join(question.among)}"
        value = _read_answer(question.kind, text)
        loc = (*question.loc, text) if question.kind is AnswerKind.NAME else question.loc
        before = find_at(self.data, loc)
        if question.kind is AnswerKind.NAME:
            if before is not None:
                return f'"{on_one_line(text)}" is listed already', "give it another name"
            value = {}
        put(self.data, loc, value)
        finding = self._find(loc, question.also)
        if finding is None:
            return None
        refusal = _words(self.data, finding)
        put(self.data, loc, before)
        return refusal

    def names(self, key: str) -> list[str]:
        """Return the names of the entries that a block has so far."""
        return self.names_at((key,))

    def names_at(self, loc: Loc) -> list[str]:
        """Return the names of the entries of the block at a place."""
        return list(find_at(self.data, loc) or {})

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


def find_at(data: Any, loc: Loc) -> Any:
    """Return the value at a place of plain data, None when there is none."""
    for part in loc:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def put(data: dict[str, Any], loc: Loc, value: Any) -> None:
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
        return [entry for part in text.split(SIGN) if (entry := part.strip())]
    if kind is AnswerKind.FLAG:
        return {"y": True, "yes": True, "n": False, "no": False}.get(text.lower(), text)
    return text


def _inside(loc: Loc) -> tuple[Loc, ...]:
    """Return the place of which inner findings count too: a list's entries, but not the fields of a new named block."""
    return () if loc[:-1] in (("machines",), ("plans",), ("storage", "parts")) else (loc,)


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
