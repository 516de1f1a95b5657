"""inventory: list every machine, for people, for programs, and for Ansible."""

from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import choose_tenants, open_checkout
from coffre.cli.words.enrolment import describe_known_enrolment
from coffre.errors import UsageError

if TYPE_CHECKING:
    from coffre.provisioning.inventory import KnownMachine

_COLUMNS = ("tenant", "machine", "kind", "os", "agent", "version", "plan", "reached", "generation", "since", "state")


def register(app: typer.Typer) -> None:
    app.command("inventory")(inventory)


def inventory(
    context: typer.Context,
    tenants: Annotated[list[str] | None, typer.Argument(metavar="TENANT", help="Tenants, by file name.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Every tenant of tenants/ (the default).")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A list of machines with all that is known.")] = False,
    as_ansible: Annotated[
        bool, typer.Option("--ansible", help="An Ansible inventory (JSON), without secrets: save it as FILE.json.")
    ] = False,
) -> None:
    """List every machine, from the tenant files and the records. Works offline."""
    from coffre.provisioning.inventory import build_ansible_inventory, list_machines

    if as_json and as_ansible:
        raise UsageError("--json and --ansible are both given", "Leave out one of the two.")
    checkout = open_checkout(context)
    names = choose_tenants(tenants, every or not tenants, checkout.tenants)
    if as_ansible:
        output.result_json(build_ansible_inventory(checkout, names))
        return
    machines = list_machines(checkout, names, output.warning)
    if as_json:
        output.result_json(machines)
    else:
        output.table(_COLUMNS, [_row(machine) for machine in machines], right=("generation",))


def _row(machine: "KnownMachine") -> tuple[str, ...]:
    connection = machine.connection
    reached = f"{connection['via']} {connection.get('host', '')}".strip()
    generation = "-" if machine.generation is None else str(machine.generation)
    since = "never" if machine.installed_at is None else f"{machine.installed_at:%Y-%m-%d %H:%M} UTC"
    state = describe_known_enrolment(machine)
    if machine.retired_on is not None:
        state = f"retired on {machine.retired_on}, kept until {machine.keep_until}"
    elif machine.commissioned_at is not None:
        state += f", in service since {machine.commissioned_at:%Y-%m-%d}"
    agent = (machine.agent, machine.agent_version or "-")
    columns = (machine.tenant, machine.machine, machine.kind, machine.os, *agent, machine.plan)
    return (*columns, reached, generation, since, state)
