"""platform: check that a storage platform is fit for tenants."""

from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout
from coffre.errors import UsageError

if TYPE_CHECKING:
    from coffre.provisioning.platforms import PlatformReport

FAILED = 1

group = typer.Typer(help="The storage platforms of platform.yaml.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="platform")


@group.callback()
def _group() -> None:
    """The storage platforms of platform.yaml."""


@group.command("check")
def check(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Platforms (default: all).", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A list of {platform,findings}.")] = False,
) -> None:
    """Check that a platform is fit for tenants: the first command to run on a real cluster.

    The command checks the endpoint, TLS, clock, administrator and free space. It tests policies, gate, versions,
    lifecycle and quota on test users and a test bucket, and removes them. It changes no tenant. It ends with 1 when
    there is a problem.
    """
    from coffre.provisioning import platforms

    checkout = open_checkout(context)
    known = checkout.settings.platforms
    for name in names or []:
        if name not in known:
            raise UsageError(f"there is no platform {name!r}", f"platform.yaml has: {', '.join(known)}.")
    reports = [
        platforms.check(checkout, name, datetime.now(UTC), partial(output.progress_of, name))
        for name in dict.fromkeys(names or known)
    ]
    if as_json:
        output.result_json(reports)
    for report in [] if as_json else reports:
        _show(report)
    if any(report.has_problem for report in reports):
        raise typer.Exit(FAILED)


def _show(report: "PlatformReport") -> None:
    output.result(f"{report.platform}:")
    width = max(len(finding.name) for finding in report.findings)
    for finding in report.findings:
        output.result(f"  {finding.verdict.value.upper():<8} {finding.name:<{width}}  {finding.sentence}")
        if finding.advice:
            output.result(f"{'':<{width + 13}}{finding.advice}")
