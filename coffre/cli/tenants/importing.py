"""coffre import: the file and the stack of a tenant that its platform has already."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coffre.cli import output
from coffre.cli.asking import confirm
from coffre.cli.context import open_checkout
from coffre.cli.tenants.files import answer_questions
from coffre.errors import ExpectedError, RefusedError, UsageError
from coffre.spec.values.sizes import format_bytes, format_sold

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from coffre.provisioning.importing.adopt import Adoption
    from coffre.provisioning.importing.foreign import ForeignOwner
    from coffre.provisioning.importing.found import FoundTenant
    from coffre.spec.intake.new import Question
    from coffre.spec.loader import Checkout


def register(app: typer.Typer) -> None:
    app.command("import")(import_tenant)


def import_tenant(
    context: typer.Context,
    tenant: Annotated[str, typer.Argument(metavar="TENANT", help="The tenant's name, as its storage has it.")],
    platform: Annotated[
        str | None, typer.Option(metavar="NAME", help="The platform that has it (default: the only one).")
    ] = None,
    tenant_id: Annotated[str | None, typer.Option("--id", help="Its id, where several have this name.")] = None,
    owner: Annotated[
        str | None, typer.Option(metavar="USER", help="Show a user that Coffre did not make, and what to do with it.")
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="What the platform cannot tell, as keys of a tenant file; asks nothing."),
    ] = None,
    not_held: Annotated[
        bool, typer.Option("--not-held", help="There certainly is no hold, although nothing expires there.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before writing.")] = False,
) -> None:
    """Write the file and the stack of a tenant that exists on its platform, and whose file is lost.

    Nothing on the platform is made anew, and no key is replaced. Its secrets have to be here or in the escrow.
    """
    from coffre.provisioning.importing.adopt import adopt_tenant
    from coffre.provisioning.importing.draft import draft_tenant, refuse_lost_hold, refuse_lost_retirement
    from coffre.provisioning.importing.foreign import look_at_foreign
    from coffre.provisioning.importing.found import find_on_platform
    from coffre.spec.intake.new import render_checked
    from coffre.spec.intake.placing import place_tenant, tenant_path

    checkout = open_checkout(context)
    tenant_path(checkout.root, tenant)
    where = _choose_platform(checkout, platform)
    if owner is not None:
        raise _show_foreign(tenant, where, look_at_foreign(checkout, where, owner))
    found = find_on_platform(checkout, tenant, where, tenant_id, output.warning)
    _show_found(found)
    data = _complete(checkout, tenant, draft_tenant(found), answers)
    refuse_lost_retirement(found, data)
    if not not_held:
        refuse_lost_hold(found, data)
    text = render_checked(tenant, data, list(checkout.settings.platforms))
    output.result(f"\n{text}")
    if not yes:
        confirm(f"write tenants/{tenant}.yaml, and take over the storage?")
    path = place_tenant(checkout.root, tenant, text)
    output.result(f"wrote {path.relative_to(checkout.root)}")
    try:
        adopted = adopt_tenant(open_checkout(context), tenant, output.progress)
    except ExpectedError:
        output.error(
            f"{tenant}: its file is written, and its stack is not complete yet. Correct what differs, here or "
            f"there; then `coffre plan {tenant}` and `coffre apply {tenant}` go on."
        )
        raise
    _show_adoption(tenant, adopted)


def _choose_platform(checkout: "Checkout", named: str | None) -> str:
    known = list(checkout.settings.platforms)
    if named is None and len(known) == 1:
        return known[0]
    if named not in known:
        what = "no platform is named" if named is None else f"there is no platform {named!r}"
        raise UsageError(what, f"Name one with --platform: {', '.join(known)}.")
    return named


def _complete(checkout: "Checkout", slug: str, draft: dict[str, Any], answers: Path | None) -> dict[str, Any]:
    """Return the whole data of the file: the draft, with the answers of a file or of the person at the terminal."""
    from coffre.spec.files import display_name, read_bytes
    from coffre.spec.intake.new import Sheet, complete_draft
    from coffre.spec.intake.questions import interview_rest
    from coffre.spec.parts import agents_of_vendors
    from coffre.spec.problems.problems import InvalidRepositoryError, Problem

    platforms = list(checkout.settings.platforms)
    if answers is not None:
        name = display_name(answers, checkout.root)
        content = read_bytes(answers, name)
        if isinstance(content, Problem):
            raise InvalidRepositoryError([content])
        return complete_draft(draft, content, name, slug, platforms)
    if not sys.stdin.isatty():
        raise UsageError(
            "the questions need a terminal, and standard input is not one",
            "Give what is missing in a file: coffre import TENANT --answers FILE (a tenant file's keys, without id).",
        )
    sheet = Sheet(slug, str(draft["id"]), platforms, agents_of_vendors(checkout.settings.platforms))
    sheet.data = draft
    answer_questions(sheet, _with_names(interview_rest(sheet)))
    return sheet.data


def _with_names(questions: "Iterable[Question]") -> "Iterator[Question]":
    """Say before its first question which machine or plan they are about: nobody has typed its name."""
    named = ""
    for question in questions:
        if question.loc[0] in ("machines", "plans") and len(question.loc) > 2 and question.loc[1] != named:
            named = str(question.loc[1])
            output.progress(f"{named}:")
        yield question


def _show_found(found: "FoundTenant") -> None:
    owner = found.owner
    output.result(f"{owner.uid} on {found.platform}: {format_bytes(owner.used_bytes)}, all versions counted")
    if found.quota_bytes is not None:
        output.result(f"  quota sold: {format_sold(found.quota_bytes)}")
    if found.copy_platform is not None:
        output.result(f"  a second copy is on {found.copy_platform}")
    for machine in found.machines:
        orders = "its orders tell its plan" if machine.orders is not None else "no orders that tell its plan"
        user = orders if machine.has_user else "no user: it is retired"
        if machine.deployed is not None:
            output.result(f"  {machine.name}: no bucket; the records know its agent ({machine.deployed.agent})")
            continue
        output.result(f"  {machine.name}: bucket {machine.bucket}; {user}")
    if owner.suspended:
        output.warning(f"the user {owner.uid} is suspended on the platform")
    if not found.past.is_commissioned:
        output.warning(
            "the records know no delivery of this service: the next apply with all machines installed records one, and "
            "billing starts on that day (contract, article 1c). If they are lost, put a backup of them back first."
        )


def _show_adoption(slug: str, adopted: "Adoption") -> None:
    if adopted.lacking:
        names = ", ".join(adopted.lacking)
        output.warning(f"no key or password is there yet for {names}: `coffre apply {slug}` makes them and adopts")
    made = [
        f"{change.operation} {change.kind} {change.name}" for change in adopted.storage if change.operation != "adopt"
    ]
    count = len(adopted.storage) - len(made)
    rest = f", {len(made)} written as the file wants" if made else ""
    output.result(f"{slug}: {count} resources adopted as they are{rest}")
    for change in made:
        output.result(f"  {change}")
    output.result(f"next: coffre plan {slug} shows what an apply would still change")


def _show_foreign(slug: str, platform: str, foreign: "ForeignOwner") -> RefusedError:
    """Show a foreign user and return the refusal that says what to do."""
    owner = foreign.owner
    quota = "no quota" if owner.wall_bytes is None else f"quota {format_bytes(owner.wall_bytes)}"
    keys = f"{foreign.key_count} access key{'' if foreign.key_count == 1 else 's'}"
    output.result(f"{owner.uid} on {platform}: {format_bytes(owner.used_bytes)}, {quota}, {keys}")
    for bucket in foreign.buckets:
        output.result(f"  bucket {bucket.name}: {format_bytes(bucket.stored_bytes)}")
    return RefusedError(
        f"{owner.uid} cannot be adopted: a tenant's users and buckets have names of its own, and none can be renamed",
        f"Nothing was changed. Make the tenant beside it (`coffre new {slug}`, `coffre apply {slug}`): its machines "
        "back up from the beginning. Keep the old buckets, with keys that only read, until their retention is over; "
        "then delete them with the tool that made them. docs/import.md has the steps.",
    )
