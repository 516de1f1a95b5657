"""rotate: replace a tenant's keys, and revoke the old ones."""

from functools import partial
from typing import Annotated

import typer

from coffre.cli import asking, output
from coffre.cli.context import open_checkout
from coffre.cli.words.rotation import describe_choice, describe_cut_off, describe_rotation


def register(app: typer.Typer) -> None:
    app.command("rotate")(rotate)


def rotate(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")],
    machine: Annotated[
        str | None, typer.Option(metavar="NAME", help="This machine's S3 key only.", show_default=False)
    ] = None,
    owner: Annotated[bool, typer.Option("--owner", help="The owner's S3 key, which SMILÉO uses.")] = False,
    signing: Annotated[bool, typer.Option("--signing", help="The key that signs the machines' orders.")] = False,
    now: Annotated[
        bool,
        typer.Option(
            "--now", help="For a stolen key: revoke the old key first; a machine without the new one cannot back up."
        ),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The result of each key.")] = False,
) -> None:
    """Replace a tenant's keys: all of them, or the chosen ones.

    The command adds the new key beside the old one, gives it to the agents, and revokes the old key once its machines
    have reported with the new one. A machine that does not answer keeps the old key; the command names it and ends
    with 1. Then run `rotate` or `apply` again.

    Repository passwords do not change. The thief of a machine knows its password, but needs an accepted key to read its
    backups: revoke that key with --machine NAME --now.
    """
    from coffre.provisioning.rotation.rotate import KeyChoice, list_cut_off, rotate_tenant
    from coffre.tenant.lookup import find_tenant

    checkout = open_checkout(context)
    choice = KeyChoice(machine, owner, signing)
    if now:
        cut_off = list_cut_off(find_tenant(checkout, tenant), choice)
        if cut_off:
            output.warning(describe_cut_off(tenant, cut_off))
    if not yes:
        at_once = " and revoke the old ones at once" if now else ""
        question = f"Replace {describe_choice(choice)} of {tenant}{at_once}?"
        asking.confirm(question)
    outcome = rotate_tenant(checkout, tenant, choice, now=now, on_progress=partial(output.progress_of, tenant))
    if as_json:
        output.result_json(outcome)
    else:
        if outcome.continued:
            output.result(f"{tenant}: the rotation in progress was continued; no other rotation was started")
        for key in outcome.keys:
            output.result(f"{tenant}: {describe_rotation(key)}")
    for text in outcome.warnings:
        output.warning(text)
    if not outcome.is_complete:
        output.error(f"run `coffre rotate {tenant}` or `coffre apply {tenant}` again when these machines answer")
        raise typer.Exit(1)
