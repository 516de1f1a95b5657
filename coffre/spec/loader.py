"""Reads a repository, platform.yaml and tenants/*.yaml, and reports all its problems at once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from coffre.errors import RefusedError
from coffre.spec.files import PLATFORM_FILE, TENANTS_FOLDER, display_name, list_tenant_files, read_bytes
from coffre.spec.judging import SourceFile, judge_platform, judge_tenant_file, judge_tenant_files, judge_together
from coffre.spec.platform import PlatformFile
from coffre.spec.problems.problems import InvalidRepositoryError, Problem
from coffre.spec.tenant import Tenant

__all__ = ["Checkout", "InvalidRepositoryError", "Problem", "load_checkout", "reload_tenant"]


@dataclass(frozen=True)
class Checkout:
    """A checked repository: the provider's settings and its tenants by slug, in their order.

    ``contents`` are the bytes that were read, by the names of the files: `platform.yaml` and `tenants/SLUG.yaml`.
    """

    root: Path
    settings: PlatformFile
    tenants: dict[str, Tenant]
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)


def load_checkout(root: Path, files: Sequence[Path] | None = None) -> Checkout:
    """Read platform.yaml and every tenant file below ``root``, or only ``files`` instead of all.

    InvalidRepositoryError holds every problem of every file read. Whether ids are unique is judged among those files.
    """
    problems: list[Problem] = []
    settings_file = _read(root / PLATFORM_FILE, root)
    platform = judge_platform(settings_file)
    paths = list_tenant_files(root, problems) if files is None else _without_platform(files, root)
    sources = (_read(path, root) for path in paths)
    tenants, more = judge_tenant_files(sources, lambda source: judge_tenant_file(source, platform.names))
    judged = judge_together(platform, tenants, [*problems, *more])
    if judged.problems or judged.settings is None:
        raise InvalidRepositoryError(judged.problems)
    read = {f"{TENANTS_FOLDER}/{each.source.name}": each.source.content for each in tenants}
    read[PLATFORM_FILE] = settings_file.content
    contents = {name: content for name, content in read.items() if isinstance(content, bytes)}
    return Checkout(root, judged.settings, judged.tenants, contents)


def _read(path: Path, root: Path) -> SourceFile:
    name = display_name(path, root)
    return SourceFile(name, path.name, read_bytes(path, name, root))


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
    tenants, contents = {**checkout.tenants, **now.tenants}, {**checkout.contents, **now.contents}
    return Checkout(checkout.root, now.settings, tenants, contents)


def _without_platform(files: Iterable[Path], root: Path) -> list[Path]:
    """Return each file once; platform.yaml is always read, named or not."""
    by_place = {path.resolve(): path for path in files}
    by_place.pop((root / PLATFORM_FILE).resolve(), None)
    return list(by_place.values())
