"""rotate: a tenant's keys replaced, and the old ones cut."""

from functools import partial
from typing import Annotated

import typer

from coffre.cli import asking, output
from coffre.cli.context import open_repository
from coffre.cli.words.rotation import describe_choice, describe_rotation


def register(app: typer.Typer) -> None:
    app.command("rotate")(rotate)


def rotate(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")],
    machine: Annotated[
        str | None, typer.Option(metavar="NAME", help="This machine's S3 key only.", show_default=False)
    ] = None,
    owner: Annotated[bool, typer.Option("--owner", help="The owner's S3 key, with which SMILÉO works.")] = False,
    signing: Annotated[bool, typer.Option("--signing", help="The key that signs the machines' orders.")] = False,
    now: Annotated[
        bool,
        typer.Option(
            "--now", help="A key was stolen: cut the old one first; a machine without the new one cannot back up."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result, key by key.")] = False,
) -> None:
    """Replace a tenant's keys: all of them, or those that are named.

    The new key is put beside the old, agents are moved, and the old one is cut once its machines have reported with
    the new one. A machine that does not answer keeps the old one and is named (exit code 1): run it again, or apply.

    Repository passwords stay. Whoever stole a machine knows its password, but can read its backups only with a key
    that the platform accepts: cut that with --machine NAME --now.
    """
    from coffre.provisioning.rotation.rotate import Choice, rotate_tenant

    repository = open_repository(context)
    choice = Choice(machine, owner, signing)
    if not yes:
        question = f"Replace {describe_choice(choice)} of {tenant}" + (", the old ones cut at once?" if now else "?")
        asking.confirm(question)
    outcome = rotate_tenant(repository, tenant, choice, now=now, on_progress=partial(output.progress_of, tenant))
    if as_json:
        output.result_json(outcome)
    else:
        if outcome.continued:
            output.result(f"{tenant}: the rotation that was under way was continued; nothing was begun beside it")
        for key in outcome.keys:
            output.result(f"{tenant}: {describe_rotation(key)}")
    for text in outcome.warnings:
        output.warning(text)
    if not outcome.is_complete:
        output.error(f"run `coffre rotate {tenant}` or `coffre apply {tenant}` again when they answer")
        raise typer.Exit(1)
