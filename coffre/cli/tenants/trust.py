"""trust: record the SSH host key of a machine, or of a site's node, after a person has checked it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import asking, output
from coffre.cli.context import open_checkout
from coffre.errors import UsageError

if TYPE_CHECKING:
    from coffre.agents.reach.trust import HostKey, ScannedHost
    from coffre.spec.loader import Checkout


def register(app: typer.Typer) -> None:
    app.command("trust")(trust)


def trust(
    context: typer.Context,
    tenant: Annotated[str | None, typer.Argument(metavar="[TENANT]", help="The tenant, by file name.")] = None,
    machine: Annotated[
        str | None, typer.Argument(metavar="[MACHINE]", help="The machine, as its tenant file names it.")
    ] = None,
    site: Annotated[
        str | None, typer.Option("--site", metavar="SITE", help="Instead: the node of this site of platform.yaml.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask: the fingerprint was compared before.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="For new hardware: replace the key that is recorded.")
    ] = False,
) -> None:
    """Show the SSH host key of a machine, or of a site's node, and record it in known_hosts/."""
    checkout = open_checkout(context)
    if site is not None and tenant is None:
        _trust_node(checkout, site, _Answers(yes, replace))
    elif tenant is not None and machine is not None and site is None:
        _trust_machine(checkout, tenant, machine, _Answers(yes, replace))
    else:
        raise UsageError("trust takes a tenant and a machine, or --site", "Run `coffre trust --help`.")


@dataclass(frozen=True)
class _Answers:
    yes: bool
    replace: bool


def _trust_machine(checkout: "Checkout", tenant: str, machine: str, answers: _Answers) -> None:
    from coffre.agents.reach import trust as host_keys
    from coffre.tenant.machines import find_ssh, known_hosts_file, open_node

    connection, ssh_config = find_ssh(checkout, tenant, machine)
    if connection.site is None:
        scanned = host_keys.scan(connection, ssh_config)
    else:
        with open_node(checkout, connection.site) as node:
            scanned = host_keys.scan_at_site(node, connection)
    path = known_hosts_file(checkout.root, tenant)
    recorded = _show(path, scanned)
    if not answers.replace:
        host_keys.refuse_changed(recorded, scanned, tenant, machine)
    _record(checkout, path, scanned, machine, answers)


def _trust_node(checkout: "Checkout", site: str, answers: _Answers) -> None:
    from coffre.agents.reach import trust as host_keys
    from coffre.tenant.machines import find_ssh_node

    node, connection = find_ssh_node(checkout, site)
    scanned = host_keys.scan(connection, node.ssh_config)
    recorded = _show(node.known_hosts, scanned)
    if not answers.replace:
        host_keys.refuse_changed_node(recorded, scanned, site)
    _record(checkout, node.known_hosts, scanned, connection.host, answers)


def _show(path: Path, scanned: "ScannedHost") -> "tuple[HostKey, ...]":
    """Print the keys that are shown, and those that were recorded and are not; returns the recorded ones."""
    from coffre.agents.reach import trust as host_keys

    recorded = host_keys.find_recorded(path, scanned.name)
    for key in scanned.keys:
        output.result(f"{scanned.name} {key.algorithm} {key.fingerprint}")
    for key in recorded:
        if key not in scanned.keys:
            output.result(f"{scanned.name} {key.algorithm} {key.fingerprint} (recorded, no longer shown)")
    return recorded


def _record(checkout: "Checkout", path: Path, scanned: "ScannedHost", shown: str, answers: _Answers) -> None:
    from coffre.agents.reach import trust as host_keys

    if not answers.yes and set(host_keys.find_recorded(path, scanned.name)) != set(scanned.keys):
        question = f"Does the administrator of {shown} read the same keys on it (`ssh-keygen -lf`)?"
        asking.confirm(question)
    if host_keys.record(path, scanned, replace=answers.replace):
        output.result(f"recorded in {path.relative_to(checkout.root)}: commit it")
    else:
        output.result("these keys are already recorded")
