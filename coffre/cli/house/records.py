"""records: show what was recorded, verify that it is unchanged, and anchor its proof elsewhere."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout, open_records
from coffre.cli.words.records import say_contradiction, say_details, say_fault, say_weakness
from coffre.errors import ExpectedError, UsageError
from coffre.outside.text import one_line

if TYPE_CHECKING:
    from coffre.anchors.check import AnchorCheck
    from coffre.records.chain.heads import Head

UNSOUND = 1
_DETAILS_CHARACTERS = 100
_HEAD_BYTES = 16 << 20

group = typer.Typer(help="Show the records, and verify that they are unchanged.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(group, name="records")


@group.callback()
def _group() -> None:
    """Show the records, and verify that they are unchanged."""


@group.command("list")
def list_events(
    context: typer.Context,
    tenant: Annotated[
        str | None, typer.Option(metavar="TENANT", help="One tenant only, by file name or id.", show_default=False)
    ] = None,
    last: Annotated[int, typer.Option(min=1, max=100_000, metavar="COUNT", help="How many events to show.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="A list of events, with all their details.")] = False,
) -> None:
    """Show the newest events, in the order of their dates."""
    from coffre.tenant.past import open_existing_records

    checkout = open_checkout(context)
    known = checkout.tenants.get(tenant or "")
    with open_existing_records(checkout, output.warning) as records:
        tenant_id = tenant if known is None else known.id
        found = [] if records is None else records.list_newest(tenant_id, last)
    if as_json:
        output.result_json(found)
        return
    rows = [
        (
            str(event.id),
            f"{event.at:%Y-%m-%d %H:%M:%S}",
            event.slug,
            event.machine or "",
            event.kind.value,
            event.actor,
            one_line(say_details(event), _DETAILS_CHARACTERS),
        )
        for event in found
    ]
    if rows:
        output.table(("id", "at (UTC)", "tenant", "machine", "event", "by", "details"), rows, right=("id",))


@group.command("verify")
def verify(
    context: typer.Context,
    heads: Annotated[
        list[str] | None,
        typer.Option(
            "--head",
            metavar="FILE",
            help="A head that is kept elsewhere: the file of a mail, a certificate's JSON, or the line itself. "
            "May be given several times.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="An object with all findings.")] = False,
) -> None:
    """Compare every record with the chain, and the chain with every signed head (local, anchored, or given by --head).

    The command shows the first place where the records were altered, and ends with 1. It changes nothing.
    """
    from coffre.anchors.check import check_records
    from coffre.offboarding.lifecycle.keeping_after import trimmable_kinds
    from coffre.tenant.opening import open_secrets
    from coffre.tenant.past import open_existing_records
    from coffre.workspace.clock import utc_now

    checkout = open_checkout(context)
    given = [head for text in heads or [] for head in _read_given(text)]
    with open_existing_records(checkout, output.error) as records:
        if records is None:
            raise ExpectedError("there are no records to verify", "If there were records, restore them from a backup.")
        check = check_records(
            checkout,
            records,
            open_secrets(checkout, output.warning),
            given=given,
            trimmable=trimmable_kinds(),
            now=utc_now(),
        )
    if as_json:
        output.result_json({"is_sound": check.is_sound, **vars(check), "report": _plain_report(check)})
    else:
        _show(check, str(checkout.settings.anchor.file))
    if not check.is_sound:
        raise typer.Exit(UNSOUND)


@group.command("anchor")
def anchor(context: typer.Context) -> None:
    """Sign the head of the chain and store it in the anchor that platform.yaml names (anchor:). For a daily timer.

    Commands that write records do the same when they end; there a failure is only a warning, here the command ends
    with 1.
    """
    from coffre.anchors.anchoring import anchor_records
    from coffre.anchors.lost import refuse_lost_records
    from coffre.tenant.opening import open_secrets
    from coffre.workspace.clock import utc_now

    checkout = open_checkout(context)
    secrets = open_secrets(checkout, output.warning)
    with open_records(checkout) as records:
        refuse_lost_records(records, secrets)
        done = anchor_records(checkout, records, secrets, utc_now())
    for each in done:
        output.result(f"{each.place}: head {each.head.position} of {each.head.signed_at:%Y-%m-%d %H:%M} UTC")
    if not done:
        output.result("nothing to anchor: the anchor already has the newest head")


@group.command("begin")
def begin(
    context: typer.Context,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="How the records were lost; recorded.")],
    delivered: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TENANT=DAY",
            help="Since when a tenant is served, like acme=2026-11-23 or acme=never; for each tenant with storage.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Begin new records after a loss without any backup (docs/recovery.md). Until then every change is refused.

    Each tenant's records begin with this fact, and with the day of its delivery, from which it is billed.
    """
    from coffre.operations.new_records import begin_records

    checkout = open_checkout(context)
    begun = begin_records(checkout, reason, dict(map(_read_delivered, delivered or ())), output.warning)
    output.result(f"the records begin anew, for {len(begun)} tenant{'' if len(begun) == 1 else 's'}")
    output.warning("holds that are not in git, departures and accepted losses are forgotten: see docs/recovery.md")


def _read_delivered(text: str) -> "tuple[str, date | None]":
    slug, _, day = text.partition("=")
    try:
        return slug, None if day == "never" else date.fromisoformat(day)
    except ValueError as error:
        raise UsageError(f"--delivered {text} has no day", "Write TENANT=YYYY-MM-DD, or TENANT=never.") from error


def _read_given(text: str) -> "list[Head]":
    from coffre.outside.files import read_plain
    from coffre.records.chain.heads import read_heads

    if not text.lstrip().startswith("{"):
        try:
            text = read_plain(Path(text), _HEAD_BYTES).decode("utf-8", "replace")
        except OSError as error:
            raise UsageError(
                f"cannot read the head {text}: {error}", "Name a file, or give the line itself."
            ) from error
    found = read_heads(text)
    if not found:
        raise UsageError("--head names no head", 'A head is a line that starts with {"form": 1, "database_id"')
    return found


def _plain_report(check: "AnchorCheck") -> dict[str, object]:
    return {name: value for name, value in vars(check.report).items() if name != "hashes"}


def _show(check: "AnchorCheck", anchor_file: str) -> None:
    report = check.report
    for fault in report.faults[:1]:
        output.error(f"error: {say_fault(fault)}")
    if report.fault_count > 1:
        output.error(f"  and {report.fault_count - 1} more places after it (--json lists them)")
    for contradiction in check.head_faults[:1]:
        output.error(f"error: {say_contradiction(contradiction)}")
    if len(check.head_faults) > 1:
        output.error(f"  and {len(check.head_faults) - 1} more heads that do not match (--json lists them)")
    if not check.is_sound and check.holds_to is not None:
        head = check.holds_to.head
        output.error(
            f"  The newest matching head covers {head.position} records ({head.signed_at:%Y-%m-%d %H:%M} UTC)."
        )
    for weakness in check.weaknesses:
        output.warning(say_weakness(weakness, anchor_file))
    trimmed = f", {report.trimmed} of departed customers deleted" if report.trimmed else ""
    verdict = "all as recorded" if check.is_sound else "NOT as recorded"
    output.result(f"{report.tip.position} links, {report.events} events{trimmed}: {verdict}")
    if check.anchor is None:
        output.result("newest anchor: none")
    else:
        head = check.anchor.head
        output.result(
            f"newest anchor: {check.anchor.place}, head {head.position} of {head.signed_at:%Y-%m-%d %H:%M} UTC; "
            f"{report.tip.position - head.position} links are newer"
        )
    output.result(f"{check.heads} signed heads, key {check.public_key or 'unknown here'}")
