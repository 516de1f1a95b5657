"""secrets: the keys that open the tenants' bundles, and the bundles themselves."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from coffre.cli import output
from coffre.cli.context import open_checkout

group = typer.Typer(help="The keys that open the tenants' secret bundles.", no_args_is_help=True)
recipients_group = typer.Typer(help="List and change who can open the bundles.", no_args_is_help=True)

UNSOUND = 1
_READ_CHARACTERS = 1 << 16

Key = Annotated[str, typer.Argument(metavar="KEY", help="An age public key: age1….")]
TenantArgument = Annotated[str, typer.Argument(metavar="TENANT", help="The tenant, by file name.")]


def register(app: typer.Typer) -> None:
    group.add_typer(recipients_group, name="recipients")
    app.add_typer(group, name="secrets")


@group.callback()
def _group() -> None:
    """The keys that open the tenants' secret bundles."""


@group.command("init")
def init(context: typer.Context) -> None:
    """Create the identity, recovery key, recipients, secrets folder and escrow that are missing. May run again."""
    from coffre.secrets.holders.setup import init as set_up
    from coffre.tenant.opening import open_bundle_places

    checkout = open_checkout(context)
    done = set_up(*open_bundle_places(checkout), checkout.root)
    for place in done.created:
        output.result(f"made {place}")
    if not done.created:
        output.result("nothing to create: the identity, recipients, secrets folder and escrow exist")
    output.result(
        f"bundles are encrypted for {len(done.recipients)} recipients; the identity in {done.identity} opens them"
    )
    if done.recovery_identity is not None:
        output.warning(
            f"the recovery key is still in {done.recovery_identity}: move it to a safe place off this machine. "
            "It opens every bundle if the identity is lost."
        )


@group.command("identity")
def identity(context: typer.Context) -> None:
    """Create your own identity if it is missing, and print its public key; a colleague adds it."""
    from coffre.secrets.holders.setup import make_identity
    from coffre.tenant.opening import open_bundle_places

    checkout = open_checkout(context)
    path, public, is_new = make_identity(*open_bundle_places(checkout), checkout.root)
    output.result(public)
    if is_new:
        output.progress(f"made {path}: it never leaves this machine")
    output.progress(f'a colleague runs: coffre secrets recipients add {public} --note "WHO"')


@recipients_group.callback()
def _recipients_group() -> None:
    """List and change who can open the bundles."""


@recipients_group.command("list")
def list_recipients(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="An object with the keys and their notes.")] = False,
) -> None:
    """Show the keys for which every bundle is encrypted."""
    from coffre.operations.secrets import open_vault
    from coffre.secrets.holders import recipients

    found = recipients.list_recipients(open_vault(open_checkout(context)))
    if as_json:
        output.result_json(found)
    else:
        for each in found.recipients:
            marks = [each.note, "your identity" if each.is_own else ""]
            output.result(f"{each.key}  {', '.join(filter(None, marks))}".rstrip())
    if found.is_pending:
        output.warning("some bundles are still encrypted for an earlier list: run the interrupted add or remove again")


@recipients_group.command("add")
def add_recipient(
    context: typer.Context,
    key: Key,
    note: Annotated[str, typer.Option(metavar="TEXT", help="The owner of the key: a comment in the list.")] = "",
) -> None:
    """Encrypt every bundle for one more key. May run again, also after an interruption."""
    from coffre.operations.secrets import add_recipient as add

    count = add(open_checkout(context), key, note, output.progress)
    output.result(f"{count} files are encrypted for the new list")


@recipients_group.command("remove")
def remove_recipient(context: typer.Context, key: Key) -> None:
    """Encrypt every bundle for the other keys only. May run again, also after an interruption."""
    from coffre.operations.secrets import remove_recipient as remove

    count = remove(open_checkout(context), key, output.progress)
    output.result(f"{count} files are encrypted for the new list")
    output.warning(
        "the removed key could read every secret until now, and can still read copies of the old files: "
        "replace the keys (`coffre rotate TENANT`); repository passwords do not change"
    )


@group.command("verify")
def verify(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="An object with the findings.")] = False,
) -> None:
    """Open every bundle and compare both copies; end with 1 when something is wrong. Writes and shows no secret."""
    from coffre.operations.secrets import verify_secrets

    done = verify_secrets(open_checkout(context), output.warning)
    if as_json:
        output.result_json({"is_sound": done.is_sound, **vars(done)})
    else:
        for finding in done.findings:
            (output.warning if finding.is_warning else output.error)(f"{finding.place}: {finding.message}")
            if finding.hint:
                output.error(f"  {finding.hint}")
        verdict = "all sound" if done.is_sound else "NOT sound"
        output.result(f"{done.bundles} bundles in two places, {done.recipients} recipients: {verdict}")
    if not done.is_sound:
        raise typer.Exit(UNSOUND)


@group.command("export")
def export(
    context: typer.Context,
    tenant: TenantArgument,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The encrypted file to make.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="The reason; recorded for each machine (article 12).")],
    recipient: Annotated[
        list[str], typer.Option(metavar="KEY", help="An age public key that may open it; may be repeated.")
    ],
) -> None:
    """Export a tenant's secrets to one file, encrypted for the given keys; recorded before it is written."""
    from coffre.operations.secrets import export_secrets
    from coffre.tenant.runs import open_recorded

    with open_recorded(open_checkout(context), tenant, "secrets export", output.warning) as opened:
        machines = export_secrets(opened.secrets, opened.log, to, reason, recipient)
    output.result(f"{to}: the secrets of {tenant} ({', '.join(machines)}), encrypted for {len(recipient)} keys")
    output.warning(f"it opens with `age -d -i IDENTITY {to}`; remove it when it is no longer needed")


@group.command("set")
def set_secret(
    context: typer.Context,
    tenant: TenantArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name that `credential:` of the tenant file uses.")],
) -> None:
    """Store a password or key that a tenant file names; read it without echo or from standard input."""
    from coffre.tenant.estate.credentials import check_name, set_credential, users_of
    from coffre.tenant.lookup import find_tenant
    from coffre.tenant.runs import lock_recorded

    checkout = open_checkout(context)
    found = find_tenant(checkout, tenant)
    check_name(name)
    value = _read_secret(f"{name} of {tenant}")
    with lock_recorded(checkout, tenant, "secrets set", output.warning) as opened:
        is_new = set_credential(opened.secrets, name, value)
    output.result(f"{name} is stored in both places" if is_new else f"{name} is already stored: nothing was written")
    if not users_of(found, name):
        output.warning(f"nothing in tenants/{tenant}.yaml names it yet: write credential: {name} where it is used")


def _read_secret(question: str) -> SecretStr:
    """Read a secret without echo; from standard input when it is no terminal, without its last line end."""
    if sys.stdin.isatty():
        return SecretStr(typer.prompt(question, hide_input=True, confirmation_prompt=True, err=True))
    text = sys.stdin.read(_READ_CHARACTERS)
    return SecretStr(text.removesuffix("\n").removesuffix("\r"))
