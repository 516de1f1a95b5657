"""notify: tries a channel of platform.yaml."""

from typing import Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout
from coffre.errors import RemoteError, UsageError

commands = typer.Typer(no_args_is_help=True, help="The channels through which SMILÉO itself is told.")


def register(app: typer.Typer) -> None:
    app.add_typer(commands, name="notify")


@commands.command("test")
def test(
    context: typer.Context,
    channel: Annotated[str, typer.Argument(metavar="CHANNEL", help="A channel, by its name in platform.yaml.")],
) -> None:
    """Send a test message to a channel, once."""
    from coffre.cli.words.supervision.messages import TEST
    from coffre.correspondence.channels import ChannelError, post
    from coffre.spec.values.references import read_reference

    checkout = open_checkout(context)
    found = checkout.settings.notify.channels.get(channel)
    if found is None:
        known = ", ".join(checkout.settings.notify.channels) or "none"
        raise UsageError(f"platform.yaml has no channel {channel}", f"`notify.channels` has: {known}.")
    try:
        post(read_reference(found.url, checkout.root), TEST)
    except ChannelError as problem:
        raise RemoteError(f"the channel {channel}: {problem.message}", problem.hint) from None
    output.result(f"the channel {channel} took the test message")
