"""Judges the contents of platform.yaml and of tenants' files, wherever they were read: a checkout or a commit. Pure."""

import itertools
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from coffre.spec import naming
from coffre.spec.files import TENANTS_FOLDER
from coffre.spec.parsing.documents import Document, read_document
from coffre.spec.platform import PlatformFile
from coffre.spec.problems.messages import explain
from coffre.spec.problems.problems import FileProblem, Problem
from coffre.spec.problems.quoting import on_one_line
from coffre.spec.problems.reporting import LIMIT, report, report_findings
from coffre.spec.problems.suggest import did_you_mean
from coffre.spec.rules.across_fields import (
    check_platform,
    check_tenant,
    check_tenant_platform,
    find_taken_ids,
    find_taken_places,
    list_places,
)
from coffre.spec.rules.homes import check_homes
from coffre.spec.storage_platform import Platform
from coffre.spec.tenant import Tenant
from coffre.spec.values.fields import NAME_RULE, name_problem
from coffre.spec.values.hosts import HostPort

PROBLEMS_LIMIT = 2000
"""The maximum of problems before a repository counts as unreadable: a hostile one could have millions."""

_MORE = Problem(TENANTS_FOLDER, 1, 1, "", "there are more problems than are listed", "correct these first")
_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class SourceFile:
    """One file: its path as problems show it, its own name as it is, and its bytes, or the problem that it has none."""

    shown: str
    name: str
    content: bytes | Problem


@dataclass(frozen=True)
class JudgedPlatform:
    """The result of judging platform.yaml.

    ``names`` are those of its platforms as far as they are readable when it is invalid.
    """

    settings: PlatformFile | None
    names: tuple[str, ...] | None
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class JudgedTenant:
    """The result of judging one tenant's file by itself; the id and the places are the file's, valid or not."""

    source: SourceFile
    tenant: Tenant | None
    tenant_id: Any
    places: tuple[tuple[HostPort, str], ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Judged:
    """The result of judging all files: every problem in order, and the tenants whose files have none, by slug."""

    settings: PlatformFile | None
    tenants: dict[str, Tenant]
    problems: tuple[Problem, ...]


def judge_platform(source: SourceFile) -> JudgedPlatform:
    """Judge platform.yaml."""
    problems: list[Problem] = []
    document = _read(source, problems)
    if document is None:
        return JudgedPlatform(None, None, tuple(problems))
    model, findings = _validate(PlatformFile, document.data)
    problems += report(document, source.shown, findings + check_platform(document.data))
    platforms = document.data.get("platforms")
    return JudgedPlatform(model, tuple(platforms) if isinstance(platforms, dict) else None, tuple(problems))


def judge_tenant_file(source: SourceFile, platforms: Sequence[str] | None) -> JudgedTenant:
    """Judge one tenant's file with every rule that needs no other tenant's file."""
    problems: list[Problem] = []
    slug = _slug(source, problems)
    document = _read(source, problems)
    if document is None:
        return JudgedTenant(source, None, None, (), tuple(problems))
    tenant, findings = judge_tenant(document.data, slug, platforms)
    if findings or document.problems:
        problems += report(document, source.shown, findings)
    places = tuple(list_places(document.data))
    return JudgedTenant(source, tenant, document.data.get("id"), places, tuple(problems))


def judge_tenant_files(
    sources: Iterable[SourceFile], judge: Callable[[SourceFile], JudgedTenant]
) -> tuple[list[JudgedTenant], list[Problem]]:
    """Judge tenants' files, each by ``judge``; beyond PROBLEMS_LIMIT the rest is not judged, which is a problem too."""
    judged: list[JudgedTenant] = []
    count = 0
    for source in sources:
        if count > PROBLEMS_LIMIT:
            return judged, [_MORE]
        judged.append(judge(source))
        count += len(judged[-1].problems)
    return judged, []


def judge_together(platform: JudgedPlatform, tenants: Sequence[JudgedTenant], others: Iterable[Problem] = ()) -> Judged:
    """Judge all files of a repository together: an id and a machine belong to one tenant.

    ``others`` are problems that were found before.
    """
    problems = [*others, *platform.problems]
    for each in tenants:
        problems += each.problems
    if platform.settings is not None:
        problems += _limit(_find_unknown_sites(tenants, platform.settings.sites))
        problems += _limit(_find_wrong_homes(tenants, platform.settings.platforms))
    problems += _limit(_find_shared_ids(tenants))
    problems += _limit(_find_shared_places(tenants))
    refused = {problem.file for problem in problems}
    sound = {each.tenant.slug: each.tenant for each in tenants if each.tenant and each.source.shown not in refused}
    settings = platform.settings if not platform.problems else None
    return Judged(settings, dict(sorted(sound.items())), tuple(sorted({*problems})))


def judge_tenant(
    data: dict[str, Any], slug: str, platforms: Sequence[str] | None
) -> tuple[Tenant | None, list[FileProblem]]:
    """Check the plain data of one tenant file with every rule that needs no other tenant's file."""
    findings = check_tenant(data)
    if platforms is not None:
        findings += check_tenant_platform(data, platforms)
    if "slug" in data:
        findings.append(FileProblem(("slug",), "is the name of the file", "remove it", at_key=True))
    tenant, more = _validate(Tenant, {**data, "slug": slug})
    return tenant, findings + more


def is_slug(name: str) -> bool:
    """Tell whether a text is a valid name of a tenant."""
    return re.fullmatch(naming.NAME_PATTERN, name) is not None


def _slug(source: SourceFile, problems: list[Problem]) -> str:
    """Return the slug of a file's name; for an invalid name a placeholder, so that the rest of the file is checked."""
    slug = source.name.removesuffix(".yaml")
    if slug == source.name or not slug:
        hint = "a tenant's file is called SLUG.yaml"
        problems.append(Problem(source.shown, 1, 1, "", "this is not a tenant file", hint))
    elif not is_slug(slug):
        message = f"invalid name of a tenant: {on_one_line(name_problem(slug), 400)}"
        problems.append(Problem(source.shown, 1, 1, "", message, f"rename the file: {NAME_RULE}"))
    else:
        return slug
    return "unusable"


def _read(source: SourceFile, problems: list[Problem]) -> Document | None:
    if isinstance(source.content, Problem):
        problems.append(source.content)
        return None
    document = read_document(source.content, source.shown)
    if isinstance(document, Document):
        return document
    problems += document
    return None


def _validate(model: type[_Model], data: dict[str, Any]) -> tuple[_Model | None, list[FileProblem]]:
    try:
        # The context tells the fields that they read a file: a size then needs a unit, and a key has only its own name.
        return model.model_validate(data, context={"file": True}, by_alias=True, by_name=False), []
    except ValidationError as error:
        details = error.errors(include_url=False)
        return None, [explain(detail, model) for detail in details[: 2 * LIMIT]]


def _limit(problems: Iterator[Problem]) -> list[Problem]:
    told = list(itertools.islice(problems, PROBLEMS_LIMIT + 1))
    return told if len(told) <= PROBLEMS_LIMIT else [*told[:-1], _MORE]


def _find_shared_ids(tenants: Sequence[JudgedTenant]) -> Iterator[Problem]:
    taken = find_taken_ids([(each.source.shown, each.tenant_id) for each in tenants])
    hint = "an id belongs to one tenant for ever; `coffre new` generates another one"
    for each in tenants:
        # Two odd names may be shown alike.
        if each.source.shown in taken and isinstance(each.tenant_id, str):
            message = f'"{on_one_line(each.tenant_id)}" is the id of {taken[each.source.shown]} too'
            yield Problem(each.source.shown, *_document(each).position(("id",)), "id", message, hint)


def _find_unknown_sites(tenants: Sequence[JudgedTenant], sites: Collection[str]) -> Iterator[Problem]:
    for each in tenants:
        machines = each.tenant.active_machines() if each.tenant is not None else {}
        named = {name: getattr(machine.connection, "site", None) for name, machine in machines.items()}
        unknown = [
            FileProblem(
                ("machines", name, "connection", "site"),
                "{value} is not among the sites of platform.yaml",
                did_you_mean(site, sites) or "add it there under sites",
            )
            for name, site in named.items()
            if site is not None and site not in sites
        ]
        if unknown:
            yield from report_findings(_document(each), each.source.shown, unknown)


def _find_wrong_homes(tenants: Sequence[JudgedTenant], platforms: Mapping[str, Platform]) -> Iterator[Problem]:
    for each in tenants:
        found = [] if each.tenant is None else list(check_homes(each.tenant, platforms))
        if found:
            yield from report_findings(_document(each), each.source.shown, found)


def _find_shared_places(tenants: Sequence[JudgedTenant]) -> Iterator[Problem]:
    by_file = {each.source.shown: each for each in tenants if each.places}
    taken: dict[str, list[FileProblem]] = {}
    for each in find_taken_places([(entry.source.shown, entry.places) for entry in tenants]):
        taken.setdefault(each.file, []).append(each.finding)
    for file, findings in taken.items():
        yield from report_findings(_document(by_file[file]), file, findings)


def _document(judged: JudgedTenant) -> Document:
    """Read again a file that was readable: ten thousand documents would take more memory than all else."""
    content = judged.source.content
    document = [] if isinstance(content, Problem) else read_document(content, judged.source.shown)
    assert isinstance(document, Document)  # noqa: S101 - it has an id or places
    return document
