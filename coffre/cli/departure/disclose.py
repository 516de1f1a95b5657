"""disclose: hand a tenant's data to an authority, sealed and recorded."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout


def register(app: typer.Typer) -> None:
    app.command("disclose")(disclose)


def disclose(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")],
    reference: Annotated[str, typer.Option(metavar="TEXT", help="The authority's own reference, like PV 2026/1432.")],
    to: Annotated[
        Path, typer.Option(metavar="DIR", help="The destination, for example a disk; the command makes a folder in it.")
    ],
    repository: Annotated[
        bool, typer.Option("--repository", help="The repositories with their passwords, instead of the latest files.")
    ] = False,
    all_snapshots: Annotated[
        bool, typer.Option("--all-snapshots", help="The files of every snapshot, instead of the latest.")
    ] = False,
) -> None:
    """Hand a tenant's data to an authority, with a signed statement of its content. The customer is not informed.

    The command records the disclosure before it reads any data. Under a hold that blocks access, it accepts only the
    reference of that hold.
    """
    from coffre.offboarding.certificate.sealed import read_tenant_key, seal_statement
    from coffre.offboarding.handover import disclose as hand_over
    from coffre.offboarding.handover.tenant import describe_returned
    from coffre.spec.leaving import DirectoryTarget, Return, ReturnedSnapshots, ReturnFormat
    from coffre.tenant.runs import lock_recorded
    from coffre.workspace.clock import utc_now

    wanted = Return(
        format=ReturnFormat.REPOSITORY if repository else ReturnFormat.FILES,
        snapshots=ReturnedSnapshots.ALL if all_snapshots else ReturnedSnapshots.LATEST,
        to=DirectoryTarget(path=str(to.resolve())),
    )
    with lock_recorded(open_checkout(context), tenant, "disclose", output.warning) as opened:
        seal = partial(seal_statement, key=read_tenant_key(opened.tenant, opened.checkout, opened.embedded, utc_now()))
        done = hand_over(opened, reference, wanted, seal, partial(output.progress_of, tenant))
    for each in done.returned:
        output.result(describe_returned(each))
    output.result(f"sealed statement: {done.sealed_in} (SHA-256 {done.statement_sha256})")
