"""messages: what supervision told whom, what waits, and why."""

from typing import TYPE_CHECKING, Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout, open_records
from coffre.errors import UsageError

if TYPE_CHECKING:
    from coffre.records.messages import Message

NEWEST = 200

commands = typer.Typer(no_args_is_help=True, help="What supervision told SMILÉO and its customers, and what waits.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="messages")


@commands.command("list")
def list_messages(
    context: typer.Context,
    tenants: Annotated[list[str] | None, typer.Argument(metavar="TENANT", help="Tenants (default: all).")] = None,
    unsent: Annotated[bool, typer.Option("--unsent", help="Only what waits, and why.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A list of messages, the oldest first.")] = False,
) -> None:
    """List the newest messages, to whom they went, and what became of them; at most 200.

    A channel is shown by its name in platform.yaml. A mail to a customer shows its Message-ID, its proof.
    """
    with open_records(open_checkout(context)) as records:
        found = records.messages.list_waiting() if unsent else records.messages.list_newest(NEWEST)
    shown = [each for each in found if not tenants or each.slug in tenants]
    if as_json:
        output.result_json([_as_json(each) for each in shown])
        return
    for each in shown:
        output.result(_line(each))
    if not shown:
        output.result("no message waits" if unsent else "no message yet")


@commands.command("show")
def show(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="NUMBER", help="The number that `messages list` shows.")],
    raw: Annotated[
        bool, typer.Option("--raw", help="Byte for byte as it left (RFC 5322), for its SHA-256 in the records.")
    ] = False,
) -> None:
    """Print a mail to a customer that left."""
    from coffre.correspondence.reading import read_mail

    with open_records(open_checkout(context)) as records:
        found = records.messages.find(number)
    if found is None or found.document is None:
        raise UsageError(
            f"message {number} is no mail that left", "`coffre messages list` shows the numbers of those that did."
        )
    if raw:
        output.result_bytes(found.document.encode())
        return
    mail = read_mail(found.document)
    for name, value in mail.headers.items():
        output.result(f"{name}: {value}")
    output.result()
    output.result(mail.text.rstrip("\n"))


def _line(message: "Message") -> str:
    from coffre.cli.words.supervision.messages import OUTCOMES, describe_message
    from coffre.records.messages import Audience

    is_channel = message.audience is Audience.CHANNEL
    to = f"channel {message.recipient}" if is_channel else f"customer {message.slug}"
    if message.outcome is not None and message.outcome_at is not None:
        state = f"{OUTCOMES[message.outcome]} {message.outcome_at:%Y-%m-%d %H:%M}"
    else:
        why = "" if message.error is None else f" ({message.error}; {message.attempts} attempts)"
        state = f"waits until {message.not_before:%Y-%m-%d %H:%M}{why}"
    proof = "" if message.proof is None else f", {message.proof.to}, {message.proof.message_id}"
    return f"{message.id:>5}  {message.created_at:%Y-%m-%d %H:%M}  {to}: {describe_message(message)} [{state}{proof}]"


def _as_json(message: "Message") -> object:
    hidden = ("document", "token", "about", "occurrence")
    return {name: value for name, value in vars(message).items() if name not in hidden}
