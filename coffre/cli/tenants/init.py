"""coffre init: a new repository for tenants."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.errors import UsageError
from coffre.spec.intake.hosts import GitHost

if TYPE_CHECKING:
    from coffre.spec.intake.repository import RepositoryAnswers

_QUESTIONS = {
    "provider": "Legal name of the provider",
    "siren": "Its SIREN, 9 digits",
    "address": "Its registered address, on one line",
    "email": "The address to which customers write",
    "phone": "The number that customers call",
    "platform": "A name for the storage platform, like grenoble",
    "endpoint": "Its S3 endpoint, like https://s3.smileo.example",
    "site": "Its place: data centre, town",
    "escrow": "The folder of the escrow, on another medium, like /mnt/escrow/coffre",
    "owners": "Who approves changes, as CODEOWNERS names them, like @smileo/backups",
}


def register(app: typer.Typer) -> None:
    app.command("init")(init)


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="A folder that is new or has none of the files.")
    ] = Path(),
    provider: Annotated[str | None, typer.Option(help="Legal name of the company that sells the service.")] = None,
    siren: Annotated[str | None, typer.Option(help="Its SIREN, 9 digits.")] = None,
    address: Annotated[str | None, typer.Option(help="Its registered address.")] = None,
    email: Annotated[str | None, typer.Option(help="The address to which customers write.")] = None,
    phone: Annotated[str | None, typer.Option(help="The number that customers call.")] = None,
    platform: Annotated[str | None, typer.Option(help="A name for the storage platform, a Ceph cluster.")] = None,
    endpoint: Annotated[str | None, typer.Option(metavar="URL", help="Its S3 endpoint.")] = None,
    site: Annotated[str | None, typer.Option(help="Its place: data centre, town.")] = None,
    escrow: Annotated[str | None, typer.Option(metavar="DIR", help="The escrow, on another medium.")] = None,
    owners: Annotated[
        str | None, typer.Option(help="Who approves changes: @user or @team, several with spaces.")
    ] = None,
    host: Annotated[GitHost, typer.Option(help="The git host: where CODEOWNERS is.")] = GitHost.GITEA,
) -> None:
    """Write a new repository for tenants: platform.yaml and what git, editors and people need.

    What no option answers is asked. No file is overwritten.
    """
    from coffre.spec.intake.repository import render_repository
    from coffre.spec.intake.settling import settle_repository

    given = {
        "provider": provider,
        "siren": siren,
        "address": address,
        "email": email,
        "phone": phone,
        "platform": platform,
        "endpoint": endpoint,
        "site": site,
        "escrow": escrow,
        "owners": owners,
    }
    files = render_repository(_answers(given, host))
    for path in settle_repository(folder, files):
        output.result(f"wrote {folder / path}")
    output.result(f"next: read {folder / 'README.md'}; it says what to do before the first customer")


def _answers(given: dict[str, str | None], host: GitHost) -> "RepositoryAnswers":
    from coffre.spec.intake.repository import ProviderAnswers, RepositoryAnswers

    missing = [name for name, value in given.items() if value is None]
    if missing and not sys.stdin.isatty():
        raise UsageError(
            "the questions need a terminal, and standard input is not one",
            f"Answer by options: {' '.join(f'--{name}' for name in missing)}.",
        )
    answered = {name: value if value is not None else _ask(_QUESTIONS[name]) for name, value in given.items()}
    fields = {name: answered.pop(name) for name in ("siren", "address", "email", "phone")}
    company = ProviderAnswers(name=answered.pop("provider"), **fields)
    return RepositoryAnswers(company, host=host, **answered)


def _ask(question: str) -> str:
    return str(typer.prompt(question, err=True)).strip()
