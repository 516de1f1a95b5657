"""A new repository: its files as text, from a few answers; checked before one of them is written.

Pure but for the templates, which come with Coffre.
"""

import json
import re
from dataclasses import dataclass

import jinja2

from coffre import toolchain
from coffre.errors import UsageError
from coffre.spec.files import PLATFORM_FILE, TENANTS_FOLDER
from coffre.spec.intake.hosts import GitHost
from coffre.spec.judging import SourceFile, judge_platform
from coffre.spec.naming import NAME_PATTERN
from coffre.spec.problems.problems import InvalidRepositoryError
from coffre.spec.schema import SCHEMA_FILES, render_schema
from coffre.spec.values.fields import NAME_RULE


@dataclass(frozen=True)
class ProviderAnswers:
    """The company that sells the service, as letters and certificates name it."""

    name: str
    siren: str
    address: str
    email: str
    phone: str


@dataclass(frozen=True)
class RepositoryAnswers:
    """The answers for a new repository.

    ``endpoint`` is the S3 URL of the platform, ``site`` its place; ``owners`` are the users or teams of the git host
    who approve changes, as CODEOWNERS names them.
    """

    provider: ProviderAnswers
    platform: str
    endpoint: str
    site: str
    escrow: str
    owners: str
    host: GitHost


_ENDPOINT = re.compile(r"https://[A-Za-z0-9.\-]+(:[0-9]{1,5})?/?|https://\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?/?")
_OWNERS = re.compile(r"@[\w./-]+( @[\w./-]+)*")


def render_repository(answers: RepositoryAnswers) -> dict[str, str]:
    """Return the text of each file by its path in the new repository.

    UsageError for an answer that cannot stand in a file, InvalidRepositoryError when platform.yaml would be invalid.
    """
    _refuse_answers(answers)
    files = {path: _render(template, answers) for path, template in _list_templates(answers).items()}
    files |= {path: render_schema(about) for about, path in SCHEMA_FILES.items()}
    files |= _read_pipelines(answers.host)
    judged = judge_platform(SourceFile(PLATFORM_FILE, PLATFORM_FILE, files[PLATFORM_FILE].encode()))
    if judged.problems:
        raise InvalidRepositoryError(judged.problems)
    return files


def _list_templates(answers: RepositoryAnswers) -> dict[str, str]:
    return {
        PLATFORM_FILE: "platform.yaml.j2",
        f"endpoints/{answers.platform}.json": "endpoints.json.j2",
        f"{TENANTS_FOLDER}/README.md": "tenants-README.md.j2",
        "README.md": "README.md.j2",
        ".gitignore": "gitignore.j2",
        f".{answers.host}/CODEOWNERS": "CODEOWNERS.j2",
        ".pre-commit-config.yaml": "pre-commit-config.yaml.j2",
        ".vscode/settings.json": "vscode-settings.json.j2",
    }


def _read_pipelines(host: GitHost) -> dict[str, str]:
    """Return the pipelines of a git host by their paths, as docs/pipelines.md describes them."""
    templates = toolchain.bundled("templates") / "pipelines"
    if host is GitHost.GITLAB:
        return {".gitlab-ci.yml": (templates / "gitlab" / ".gitlab-ci.yml").read_text(encoding="utf-8")}
    files = sorted((templates / "actions").glob("*.yml"))
    return {f".{host}/workflows/{each.name}": each.read_text(encoding="utf-8") for each in files}


def _render(template: str, answers: RepositoryAnswers) -> str:
    environment = jinja2.Environment(
        autoescape=False,  # noqa: S701 - plain text; `quoted` is for what YAML and JSON read
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
    )
    environment.filters["quoted"] = lambda text: json.dumps(text, ensure_ascii=False)
    text = (toolchain.bundled("templates") / "repository" / template).read_text(encoding="utf-8")
    fields = {name: getattr(answers, name) for name in RepositoryAnswers.__dataclass_fields__}
    return environment.from_string(text).render(fields)


def _refuse_answers(answers: RepositoryAnswers) -> None:
    """Refuse the answers that no rule of platform.yaml sees."""
    if not re.fullmatch(NAME_PATTERN, answers.platform):
        raise UsageError(f"invalid name of a platform: {answers.platform!r}", f"Choose another: {NAME_RULE}.")
    if not _ENDPOINT.fullmatch(answers.endpoint):
        raise UsageError(
            f"{answers.endpoint!r} is not the URL of an S3 endpoint", "Write it like https://s3.smileo.example."
        )
    if not _OWNERS.fullmatch(answers.owners):
        raise UsageError(
            f"{answers.owners!r} names no owners", "Write them as CODEOWNERS does: @team, or @company/team @person."
        )
