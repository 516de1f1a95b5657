"""certificate: is a certificate of erasure whole, and whose is it?"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coffre.cli import output
from coffre.cli.context import get_globals
from coffre.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coffre.offboarding.certificate.verify import Verdict

FAILED = 1

group = typer.Typer(help="Certificates of erasure.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="certificate")


@group.callback()
def _group() -> None:
    """Certificates of erasure."""


@group.command("verify")
def verify(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The certificate, its PDF or its JSON.")],
    certificate: Annotated[
        Path | None,
        typer.Option(
            metavar="PEM",
            help="The provider's certificate, or its issuer's (default: the one that this repository signs with).",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The verdict with all facts, for programs.")] = False,
) -> None:
    """Say whether a certificate of erasure is whole, whose key signed it, and what it states. Works offline.

    One changed byte makes it fail. Ends with 1 unless the file is whole and signed by a key that is vouched for.
    """
    from coffre.offboarding.certificate.verify import verify_file

    verdict = verify_file(file, certificate or _find_own_certificate(context))
    if as_json:
        output.result_json({"is_valid": verdict.is_valid, **vars(verdict), "file": str(verdict.file)})
    else:
        _show(verdict)
    if not verdict.is_valid:
        raise typer.Exit(FAILED)


def _find_own_certificate(context: typer.Context) -> Path | None:
    """Return the certificate of the repository that the command runs in; a customer has none and names a file."""
    from coffre.offboarding.certificate.keys import find_own_certificate
    from coffre.spec.loader import load_repository

    try:
        root = get_globals(context).find_root()
    except UsageError:
        return None
    # Platform.yaml alone: a tenant file with a fault has no say in this.
    return find_own_certificate(load_repository(root, []).settings.offboarding.signing, root)


def _show(verdict: "Verdict") -> None:
    if verdict.facts is not None:
        _show_facts(verdict)
    for problem in verdict.problems:
        output.error(f"error: {problem}")
    if verdict.is_intact and verdict.is_trusted is None:
        output.error("error: whose key signed it was not looked at: name the provider's certificate with --certificate")


def _show_facts(verdict: "Verdict") -> None:
    facts = verdict.facts
    assert facts is not None  # noqa: S101 - asked for a whole file only
    what = "statement" if verdict.number is None else f"certificate {verdict.number} of {facts['issued_on']}"
    output.result(f"{what}: the file is whole")
    vouched = {True: "vouched for by the certificate given", False: "NOT vouched for", None: "not compared"}
    output.result(f"  signed by      {verdict.signer} ({vouched[verdict.is_trusted]})")
    output.result(f"  its key        SHA-256 {verdict.key_sha256}")
    if verdict.number is None:
        output.result_json(facts)
    else:
        _show_certificate(facts)


def _show_certificate(facts: "Mapping[str, Any]") -> None:
    output.result(f"  customer       {facts['controller']['name']}, contract {facts['controller']['contract']}")
    output.result(f"  provider       {facts['processor']['name']}, SIREN {facts['processor']['siren']}")
    for machine in facts["machines"]:
        erased = machine["erased"]
        state = "not established" if erased is None else "gone" if erased["fact"]["is_gone"] else "NOT gone"
        output.result(f"  {machine['machine']:<14} bucket {state}")
    verification = facts["verification"]
    if verification is None:
        output.result("  verified       not established")
    else:
        other = "another person" if verification["is_by_another"] else "the same person"
        output.result(f"  verified       by {verification['seen']['by']}, {other} than erased")
    for each in facts["specimen"]:
        output.result(f"  SPECIMEN       {each}")
    for each in facts["reservations"]:
        output.result(f"  reservation    {each}")
