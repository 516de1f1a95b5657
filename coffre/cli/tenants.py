"""Commands about tenant files alone: nothing outside the repository is asked."""

from pathlib import Path
from typing import Annotated

import typer

from coffre.cli import output
from coffre.cli.context import get_globals


def register(app: typer.Typer) -> None:
    app.command("check")(check)
    app.command("schema")(schema)


def check(
    context: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Files whose problems are shown (default: all).", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list of {file,line,column,path,message,hint}.")] = False,
) -> None:
    """Say every problem of platform.yaml and the tenant files, offline."""
    from coffre.spec.loader import InvalidRepositoryError, load_repository

    try:
        repository = load_repository(get_globals(context).find_root(), files or None)
    except InvalidRepositoryError as invalid:
        if as_json:
            output.result_json(invalid.problems)
        else:
            for problem in invalid.problems:
                output.result(str(problem))
        raise typer.Exit(invalid.exit_code) from None
    if as_json:
        output.result_json([])
    else:
        machines = sum(len(tenant.machines) for tenant in repository.tenants.values())
        output.result(f"{len(repository.tenants)} tenants with {machines} machines: no problem found")


def schema(
    about: Annotated[str, typer.Argument(metavar="tenant|platform", help="Which file.")] = "tenant",
) -> None:
    """Print the JSON Schema of a tenant file or of platform.yaml, for editors."""
    from coffre.errors import UsageError
    from coffre.spec.schema import platform_schema, tenant_schema

    schemas = {"tenant": tenant_schema, "platform": platform_schema}
    if about not in schemas:
        raise UsageError(f"there is no schema of {about!r}", "Ask for tenant or platform.")
    output.result_json(schemas[about]())
