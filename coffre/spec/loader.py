"""Reads a repository, platform.yaml and tenants/*.yaml, and reports all its problems at once."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from coffre.errors import RefusedError
from coffre.spec import naming
from coffre.spec.files import PLATFORM_FILE, TENANTS_FOLDER, display_name, list_tenant_files, read_bytes
from coffre.spec.parsing.documents import Document, read_document
from coffre.spec.platform import PlatformFile
from coffre.spec.problems.messages import explain
from coffre.spec.problems.problems import FileProblem, InvalidRepositoryError, Problem
from coffre.spec.problems.reporting import LIMIT, report, report_findings
from coffre.spec.rules.across_fields import (
    check_platform,
    check_tenant,
    check_tenant_platform,
    find_taken_ids,
    find_taken_places,
    list_places,
)
from coffre.spec.tenant import Tenant
from coffre.spec.values.fields import NAME_RULE, name_problem
from coffre.spec.values.hosts import HostPort

__all__ = ["Checkout", "InvalidRepositoryError", "Problem", "judge_tenant", "load_checkout", "reload_tenant"]

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class Checkout:
    """A checked repository: the provider's settings and its tenants by slug, in their order."""

    root: Path
    settings: PlatformFile
    tenants: dict[str, Tenant]


@dataclass(frozen=True)
class _Checked:
    """The result of checking a tenant file; the id and the places are the file's, valid or not."""

    file: str
    document: Document
    tenant: Tenant | None
    places: list[tuple[HostPort, str]]

    @property
    def tenant_id(self) -> Any:
        return self.document.data.get("id")


def load_checkout(root: Path, files: Sequence[Path] | None = None) -> Checkout:
    """Read platform.yaml and every tenant file below ``root``, or only ``files`` instead of all.

    InvalidRepositoryError holds every problem of every file read. Whether ids are unique is judged among those files.
    """
    problems: list[Problem] = []
    settings, platforms = _load_platform(root, problems)
    paths = list_tenant_files(root, problems) if files is None else _without_platform(files, root)
    checked = [entry for path in paths if (entry := _load_tenant(path, root, platforms, problems))]
    problems += _find_shared_ids(checked)
    problems += _find_shared_places(checked)
    if problems or settings is None:
        raise InvalidRepositoryError(problems)
    tenants = {entry.tenant.slug: entry.tenant for entry in checked if entry.tenant is not None}
    return Checkout(root, settings, dict(sorted(tenants.items())))


def reload_tenant(checkout: Checkout, slug: str) -> Checkout:
    """Return a repository with the current platform.yaml and one tenant's current file; the other files are not read.

    RefusedError when the file is gone or belongs to another tenant now, InvalidRepositoryError when one is invalid.
    """
    path = checkout.root / TENANTS_FOLDER / f"{slug}.yaml"
    now = load_checkout(checkout.root, [path]) if path.exists() else None
    if now is None or now.tenants[slug].id != checkout.tenants[slug].id:
        raise RefusedError(
            f"tenants/{slug}.yaml was removed, or got another tenant's id, while this command runs",
            "Put it back as it was, then run the same command again; completed steps stay done.",
        )
    return Checkout(checkout.root, now.settings, {**checkout.tenants, **now.tenants})


def _without_platform(files: Iterable[Path], root: Path) -> list[Path]:
    """Return each file once; platform.yaml is always read, named or not."""
    by_place = {path.resolve(): path for path in files}
    by_place.pop((root / PLATFORM_FILE).resolve(), None)
    return list(by_place.values())


def _load_platform(root: Path, problems: list[Problem]) -> tuple[PlatformFile | None, list[str] | None]:
    """Return platform.yaml, and the names of its platforms as far as they are readable when it is invalid."""
    document = _read(root / PLATFORM_FILE, PLATFORM_FILE, root, problems)
    if document is None:
        return None, None
    model, findings = _validate(PlatformFile, document.data)
    problems += report(document, PLATFORM_FILE, findings + check_platform(document.data))
    platforms = document.data.get("platforms")
    return model, list(platforms) if isinstance(platforms, dict) else None


def _load_tenant(path: Path, root: Path, platforms: list[str] | None, problems: list[Problem]) -> _Checked | None:
    name = display_name(path, root)
    slug = _slug(path, name, problems)
    document = _read(path, name, root, problems)
    if document is None:
        return None
    tenant, findings = judge_tenant(document.data, slug, platforms)
    if findings or document.problems:
        problems += report(document, name, findings)
    return _Checked(name, document, tenant, list_places(document.data))


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


def _slug(path: Path, name: str, problems: list[Problem]) -> str:
    """Return the slug of a file's name; for an invalid name a placeholder, so that the rest of the file is checked."""
    slug = path.name.removesuffix(".yaml")
    if path.suffix != ".yaml":
        problems.append(Problem(name, 1, 1, "", "this is not a tenant file", "a tenant's file is called SLUG.yaml"))
    elif not re.fullmatch(naming.NAME_PATTERN, slug):
        message = f"invalid name of a tenant: {name_problem(slug)}"
        problems.append(Problem(name, 1, 1, "", message, f"rename the file: {NAME_RULE}"))
    else:
        return slug
    return "unusable"


def _read(path: Path, name: str, root: Path, problems: list[Problem]) -> Document | None:
    content = read_bytes(path, name, root)
    if isinstance(content, Problem):
        problems.append(content)
        return None
    document = read_document(content, name)
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


def _find_shared_ids(checked: Sequence[_Checked]) -> list[Problem]:
    taken = find_taken_ids([(entry.file, entry.tenant_id) for entry in checked])
    hint = "an id belongs to one tenant for ever; `coffre new` generates another one"
    return [
        Problem(
            entry.file,
            *entry.document.position(("id",)),
            "id",
            f'"{entry.tenant_id}" is the id of {taken[entry.file]} too',
            hint,
        )
        for entry in checked
        if entry.file in taken
    ]


def _find_shared_places(checked: Sequence[_Checked]) -> list[Problem]:
    documents = {entry.file: entry.document for entry in checked}
    taken: dict[str, list[FileProblem]] = {}
    for each in find_taken_places([(entry.file, entry.places) for entry in checked]):
        taken.setdefault(each.file, []).append(each.finding)
    return [problem for file, findings in taken.items() for problem in report_findings(documents[file], file, findings)]
