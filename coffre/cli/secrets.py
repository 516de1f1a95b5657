"""secrets: the keys that open the tenants' bundles."""

import typer

from coffre.cli import output
from coffre.cli.context import open_repository

group = typer.Typer(help="The keys that open the tenants' secret bundles.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="secrets")


@group.callback()
def _group() -> None:
    """The keys that open the tenants' secret bundles."""


@group.command("init")
def init(context: typer.Context) -> None:
    """Make what is missing of identity, recovery key, recipients, secrets folder and escrow. May run again."""
    from coffre.secrets.setup import init as set_up

    repository = open_repository(context)
    settings = repository.settings
    done = set_up(repository.root / settings.secrets, repository.root / settings.escrow, repository.root)
    for path in done.created:
        output.result(f"made {path.relative_to(repository.root) if path.is_relative_to(repository.root) else path}")
    if not done.created:
        output.result("nothing to make: identity, recipients, secrets folder and escrow are all there")
    output.result(
        f"bundles are encrypted for {len(done.recipients)} recipients; the identity in {done.identity} opens them"
    )
    if done.recovery_identity is not None:
        output.warning(
            f"the recovery key still lies in {done.recovery_identity}: move it to a safe, off this machine. "
            "It opens every bundle when the identity is lost."
        )
