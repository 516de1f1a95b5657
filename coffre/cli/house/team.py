"""team: move what one checkout keeps to where several engineers and pipelines reach it."""

from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout

if TYPE_CHECKING:
    from coffre.provisioning.moving import TeamMove

_VERIFIED = {
    "state": "stacks read back and compared",
    "secrets": "bundles read back and opened",
    "escrow": "bundles read back and opened",
}

group = typer.Typer(help="Share state, bundles and records between several computers.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="team")


@group.callback()
def _group() -> None:
    """Share state, bundles and records between several computers."""


@group.command("move")
def move(
    context: typer.Context,
    state: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Pulumi's state: s3://BUCKET/PREFIX.", show_default=False)
    ] = None,
    records: Annotated[
        str | None,
        typer.Option(metavar="REFERENCE", help="The records: env:NAME with a PostgreSQL URL.", show_default=False),
    ] = None,
    secrets: Annotated[
        str | None,
        typer.Option(metavar="PLACE", help="The bundles: a folder, or s3://BUCKET/PREFIX.", show_default=False),
    ] = None,
    escrow: Annotated[
        str | None,
        typer.Option(metavar="PLACE", help="Their second copy: a folder, or s3://BUCKET/PREFIX.", show_default=False),
    ] = None,
) -> None:
    """Copy state, bundles and records to new places, verify each there, and say what to change in platform.yaml.

    The buckets must be in stores: of platform.yaml. What was here stays, marked as moved: no command goes on with it.
    May be interrupted and run again.
    """
    import os

    from coffre.offboarding.lifecycle.keeping_after import trimmable_kinds
    from coffre.provisioning.moving import Destination, move_to_team
    from coffre.secrets.holders.keys import identity_path
    from coffre.workspace.clock import utc_now

    done = move_to_team(
        open_checkout(context),
        Destination(state, records, secrets, escrow),
        trimmable_kinds(),
        utc_now(),
        output.progress,
        identity_path(os.environ),
    )
    _show(done)


def _show(done: "TeamMove") -> None:
    changes = done.changes
    for key, count in done.counts.items():
        verified = "moved by an earlier run" if count is None else f"{count} {_VERIFIED[key]}"
        output.result(f"{key}: at {changes[key]}, {verified}")
    if done.records is not None:
        again = " (copied by an earlier run)" if done.records.was_copied else ""
        output.result(f"records: in {done.records.place}, {done.records.links} links, the chain is whole{again}")
    output.result("Now change these lines of platform.yaml, commit it, and have every checkout pull it:")
    for key, value in changes.items():
        output.result(f"  {key}: {value}")
