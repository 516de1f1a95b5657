"""acronis: look at a partner's real account at Acronis before anything is sold or changed there."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import SecretStr

from coffre.cli import output
from coffre.errors import UsageError

if TYPE_CHECKING:
    from coffre.acronis.access import Access
    from coffre.acronis.doctor.findings import DoctorFinding, Point

FAILED = 1

group = typer.Typer(help="The partner's account at Acronis.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="acronis")


@group.callback()
def _group() -> None:
    """The partner's account at Acronis."""


@group.command("doctor")
def doctor(
    url: Annotated[str, typer.Option("--url", help="The data center, https://HOST, as the portal shows it.")],
    client_id: Annotated[str, typer.Option("--client", help="The id of the API client.")],
    secret: Annotated[
        str, typer.Option("--secret", help="Its secret: env:NAME or file:PATH, never the secret itself.")
    ],
    customer: Annotated[
        str | None, typer.Option("--customer", help="The UUID of the customer to look into (default: the first).")
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option("--ca-file", help="CA certificates, if not the system's.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="An object of findings and points.")] = False,
) -> None:
    """Check what a partner's account at Acronis allows: the first command to run on a real one, or on the sandbox.

    It reads only. It checks address, credentials, tenant, service, editions, licences, storages and what can be read of
    a customer. Then it goes through all that Coffre assumes of the vendor's service and nobody has verified, one by
    one. It ends with 1 when there is a problem, or when an assumption fails.
    """
    from coffre.acronis.client import open_acronis
    from coffre.acronis.doctor.findings import Standing, Verdict
    from coffre.acronis.doctor.judging import judge
    from coffre.acronis.doctor.looking import look
    from coffre.acronis.doctor.points import judge_points
    from coffre.acronis.identifiers import InvalidIdentifierError, TenantUuid

    access = _open(url, client_id, secret, ca_file)
    try:
        chosen = None if customer is None else TenantUuid(customer)
    except InvalidIdentifierError:
        raise UsageError(
            "--customer is not the UUID of a tenant", "The portal shows it in the customer's address."
        ) from None
    with open_acronis(access) as client:
        output.progress(f"reading the account at {access.data_center.url}")
        seen = look(client, access.data_center.url, chosen)
    findings, points = judge(seen), judge_points(seen)
    has_problem = any(each.verdict is Verdict.PROBLEM for each in findings)
    if as_json:
        output.result_json({"findings": findings, "points": [_in_json(each) for each in points]})
    else:
        _show_findings(findings)
        if seen.own is not None:  # else nothing was read that could show anything
            _show_points(points)
    if has_problem or any(each.standing is Standing.FAILS for each in points):
        raise typer.Exit(FAILED)


def _open(url: str, client_id: str, secret: str, ca_file: Path | None) -> "Access":
    from coffre.acronis.access import Access
    from coffre.acronis.data_center import read_data_center
    from coffre.acronis.identifiers import ClientId, InvalidIdentifierError
    from coffre.spec.values.references import read_reference

    if not secret.startswith(("env:", "file:")):
        raise UsageError(
            "--secret is no reference", "Write env:NAME or file:PATH; the secret itself is in no command line."
        )
    try:
        client = ClientId(client_id)
    except InvalidIdentifierError:
        raise UsageError("--client is not the id of an API client", "The portal shows it beside the client.") from None
    return Access(read_data_center(url), client, SecretStr(read_reference(secret, Path.cwd())), ca_file)


def _show_findings(findings: "list[DoctorFinding]") -> None:
    width = max(len(each.name) for each in findings)
    for finding in findings:
        output.result(f"{finding.verdict.value.upper():<8} {finding.name:<{width}}  {finding.sentence}")
        if finding.advice:
            output.result(f"{'':<{width + 11}}{finding.advice}")


def _show_points(points: "list[Point]") -> None:
    output.result()
    output.result("What Coffre assumes of the service, and nobody has verified:")
    for point in points:
        output.result(f"{point.standing.value.upper():<8} {point.assumption.assumed}")
        for line in _explain(point):
            output.result(f"{'':<9}{line}")


def _explain(point: "Point") -> list[str]:
    from coffre.acronis.doctor.findings import Standing
    from coffre.acronis.unverified.assumption import ShownBy

    how = {
        ShownBy.READING: "This account shows nothing of it yet.",
        ShownBy.PORTAL: "A look into the vendor's portal shows it.",
        ShownBy.CHANGING: "Only a change in the vendor's sandbox shows it.",
        ShownBy.INSTALLING: "Only an installation on a machine shows it.",
        ShownBy.ASKING: "Only the vendor or the distributor can say it.",
    }
    lines = [f"Seen: {point.evidence}"] if point.evidence and point.standing is not Standing.HOLDS else []
    if point.standing in (Standing.NOT_SEEN, Standing.OPEN):
        lines.append(how[point.assumption.shown_by])
    if point.standing is not Standing.HOLDS:
        lines.append(f"If it is wrong: {point.assumption.if_wrong}")
    return lines


def _in_json(point: "Point") -> dict[str, str]:
    return {
        "name": point.assumption.name,
        "standing": point.standing.value,
        "evidence": point.evidence,
        "assumed": point.assumption.assumed,
        "if_wrong": point.assumption.if_wrong,
        "shown_by": point.assumption.shown_by.value,
    }
