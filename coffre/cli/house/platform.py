"""platform: check that a storage platform is fit for tenants; print the rights that Coffre needs on it."""

from collections.abc import Collection, Iterable
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
    """Check that a platform is fit for tenants: the first command to run on a real one.

    The command checks the endpoint, TLS, clock, administrator and free space; on AWS the account, region, rights and
    limits. It tests policies, gate, versions, lifecycle and quota on test users and a test bucket, and removes them. It
    changes no tenant. It ends with 1 when there is a problem.
    """
    from coffre.provisioning import platforms

    checkout = open_checkout(context)
    known = checkout.settings.platforms
    _refuse_unknown(names or [], known)
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


@group.command("policy")
def policy(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The platform, as platform.yaml names it.")],
) -> None:
    """Print the least rights that Coffre itself needs on a platform.

    On AWS this is an IAM policy as JSON, for the user or role of `credential:` and `role:`; on Ceph the capabilities of
    the administrator's user, one a line. Offline.
    """
    from coffre.storage.kinds import driver_of

    checkout = open_checkout(context)
    _refuse_unknown([name], checkout.settings.platforms)
    platform = checkout.settings.platforms[name]
    rights = driver_of(platform).own_rights(platform)
    if rights.policy is not None:
        output.result_json(rights.policy)
    for capability in rights.capabilities:
        output.result(capability)


def _refuse_unknown(names: Iterable[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            raise UsageError(f"there is no platform {name!r}", f"platform.yaml has: {', '.join(known)}.")


def _show(report: "PlatformReport") -> None:
    output.result(f"{report.platform}:")
    width = max(len(finding.name) for finding in report.findings)
    for finding in report.findings:
        output.result(f"  {finding.verdict.value.upper():<8} {finding.name:<{width}}  {finding.sentence}")
        if finding.advice:
            output.result(f"{'':<{width + 13}}{finding.advice}")
