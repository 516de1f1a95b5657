"""certificate: check that a certificate of erasure is intact, and show who signed it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coffre.cli import output
from coffre.cli.context import get_globals
from coffre.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from coffre.offboarding.certificate.verify import CertificateVerdict

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
            help="The provider's own certificate, or with --signer its issuer's. Without it, the command compares only "
            "where the signing key for certificates is stored.",
            show_default=False,
        ),
    ] = None,
    signer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="With an issuer's certificate: the required name of the signer.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The verdict with all facts, for programs.")] = False,
) -> None:
    """Show whether a certificate of erasure is intact, who signed it and what it states. Works offline.

    One changed byte makes it fail. Ends with 1 unless the file is intact and signed by a trusted key.
    """
    from coffre.offboarding.certificate.verify import verify_file

    verdict = verify_file(file, certificate or _find_own_certificate(context), signer)
    if as_json:
        vouched_by = None if verdict.vouched_by is None else str(verdict.vouched_by)
        shown = {"is_valid": verdict.is_valid, **vars(verdict), "file": str(verdict.file), "vouched_by": vouched_by}
        output.result_json(shown)
    else:
        _show(verdict)
    if not verdict.is_valid:
        raise typer.Exit(FAILED)


def _find_own_certificate(context: typer.Context) -> Path | None:
    """Return the provider's own certificate when the command runs there; a customer names a file instead.

    A folder that happens to be a repository proves nothing: see `find_own_certificate`.
    """
    from coffre.signing.seals.keys import find_own_certificate
    from coffre.spec.loader import load_checkout

    try:
        root = get_globals(context).find_root()
    except UsageError:
        return None
    # Reads platform.yaml alone: an invalid tenant file does not matter here.
    return find_own_certificate(load_checkout(root, []).settings, root)


def _show(verdict: "CertificateVerdict") -> None:
    if verdict.facts is not None:
        _show_facts(verdict)
    for problem in verdict.problems:
        output.error(f"error: {problem}")
    if verdict.is_intact and verdict.is_trusted is None:
        output.error("error: the signer was not checked: name the provider's certificate with --certificate")


def _show_facts(verdict: "CertificateVerdict") -> None:
    facts = verdict.facts
    assert facts is not None  # noqa: S101 - asked for a whole file only
    what = "statement" if verdict.number is None else f"certificate {verdict.number} of {facts['issued_on']}"
    output.result(f"{what}: the file is intact")
    output.result(f"  signed by      {verdict.signer} ({_say_who_vouches(verdict)})")
    output.result(f"  its key        SHA-256 {verdict.key_sha256}")
    if verdict.number is None:
        output.result_json(facts)
    else:
        _show_certificate(facts)


def _say_who_vouches(verdict: "CertificateVerdict") -> str:
    if verdict.is_trial:
        compared = f", the one of {verdict.vouched_by}" if verdict.vouched_by is not None else ""
        return f"the test key of an embedded platform{compared}: it proves nothing"
    if verdict.is_trusted is None:
        return "not compared"
    return f"vouched for by {verdict.vouched_by}" if verdict.is_trusted else "NOT vouched for"


def _show_certificate(facts: "Mapping[str, Any]") -> None:
    output.result(f"  customer       {facts['controller']['name']}, contract {facts['controller']['contract']}")
    output.result(f"  provider       {facts['processor']['name']}, SIREN {facts['processor']['siren']}")
    for machine in facts["machines"]:
        erased = machine["erased"]
        state = "not established" if erased is None else "gone" if erased["fact"]["is_gone"] else "NOT gone"
        output.result(f"  {machine['machine']:<14} bucket {state}")
    for name, role, how in _list_people(facts):
        output.result(f"  {role:<14} by {name} ({how})")
    _show_verification(facts)
    _show_records(facts)
    for each in facts["specimen"]:
        output.result(f"  SPECIMEN       {each}")
    for each in facts["reservations"]:
        output.result(f"  reservation    {each}")


def _list_people(facts: "Mapping[str, Any]") -> "list[tuple[str, str, str]]":
    """Return who did what and how that is known; older certificates have no signatures of people."""
    found = []
    for each in facts.get("people", []):
        key = f", key {each['key']}" if each["key"] else ""
        found.append((each["name"], each["role"], f"proved by signature{key}" if each["is_proved"] else "declared"))
    approved = facts["basis"]["approved"]
    if "people" not in facts and approved is not None:
        found.append((approved["fact"]["approved_by"], "approved", "declared"))
    return found


def _show_verification(facts: "Mapping[str, Any]") -> None:
    verification = facts["verification"]
    if verification is None:
        output.result("  verification   not established")
    elif "people" in facts and verification["is_by_another"]:
        output.result("  verification   by another person than the eraser, proved by signatures")
    elif verification["is_by_another"] or verification.get("is_other_name"):
        name = verification["seen"]["by"]
        output.result(f"  verification   by {name}: declared; no proof that the eraser is a different person")
    else:
        output.result(f"  verification   by {verification['seen']['by']}, the same person as the eraser")


def _show_records(facts: "Mapping[str, Any]") -> None:
    """Show the head of the provider's records; older certificates have none."""
    from coffre.records.chain.heads import is_genuine, read_heads

    heads = read_heads(json.dumps({"certificate": dict(facts)}))
    if not heads:
        output.result("  records        no head")
        return
    head = heads[0]
    fits = "its signature is valid" if is_genuine(head) else "its signature is NOT valid"
    output.result(f"  records        head {head.position} of {head.signed_at:%Y-%m-%d %H:%M} UTC, {fits}")
    output.result(f"                 SHA-256 {head.hash}, key {head.public_key}")
