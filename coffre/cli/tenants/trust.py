"""trust: record a machine's SSH host key after a person has checked it."""

from typing import Annotated

import typer

from coffre.cli import asking, output
from coffre.cli.context import open_checkout


def register(app: typer.Typer) -> None:
    app.command("trust")(trust)


def trust(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")],
    machine: Annotated[str, typer.Argument(metavar="MACHINE", help="The machine, as its tenant file names it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: the fingerprint was compared before.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="For new hardware: replace the key that is recorded.")
    ] = False,
) -> None:
    """Show a machine's SSH host key and record it in known_hosts/TENANT."""
    from coffre.agents.reach import trust as host_keys
    from coffre.tenant.machines import find_connection, known_hosts_file

    checkout = open_checkout(context)
    connection, ssh_config = find_connection(checkout, tenant, machine)
    scanned = host_keys.scan(connection, ssh_config)
    path = known_hosts_file(checkout.root, tenant)
    recorded = host_keys.find_recorded(path, scanned.name)
    for key in scanned.keys:
        output.result(f"{scanned.name} {key.algorithm} {key.fingerprint}")
    for key in recorded:
        if key not in scanned.keys:
            output.result(f"{scanned.name} {key.algorithm} {key.fingerprint} (recorded, no longer shown)")
    if not replace:
        host_keys.refuse_changed(recorded, scanned, tenant, machine)
    if not yes and set(recorded) != set(scanned.keys):
        question = f"Does the administrator of {machine} read the same keys on it (`ssh-keygen -lf`)?"
        asking.confirm(question)
    if host_keys.record(path, scanned, replace=replace):
        output.result(f"recorded in {path.relative_to(checkout.root)}: commit it")
    else:
        output.result("these keys are already recorded")
