"""exporter: shows what supervision keeps as metrics of Prometheus, from the records alone."""

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated

import typer

from coffre.cli import output
from coffre.cli.context import open_checkout
from coffre.cli.stopping import stopping
from coffre.cli.unexpected import note_unexpected
from coffre.errors import ExpectedError, UsageError

DEFAULT = "127.0.0.1:9844"


def register(app: typer.Typer) -> None:
    app.command("exporter")(exporter)


def exporter(
    context: typer.Context,
    listen: Annotated[
        str, typer.Option("--listen", metavar="ADDRESS:PORT", help="Where to answer; port 0 takes a free one.")
    ] = DEFAULT,
) -> None:
    """Answer Prometheus over HTTP with what supervision keeps; SIGTERM or Ctrl-C ends it.

    It reads the records only, at each scrape: no platform and no machine is asked. The page has no password: without
    --listen, only this computer reaches it.
    """
    from prometheus_client import CollectorRegistry, make_wsgi_app

    from coffre.supervision.metrics.exposition import RecordsCollector
    from coffre.supervision.metrics.serving import serving
    from coffre.workspace.clock import utc_now

    address, port = read_address(listen)
    checkout = open_checkout(context)
    registry = CollectorRegistry()
    collector = RecordsCollector(
        checkout.root, checkout.settings.records, utc_now, _tell, lambda: output.progress("the records are read")
    )
    registry.register(collector)
    with stopping() as stop, serving(make_wsgi_app(registry), str(address), port, address.version) as taken:
        shown = f"[{address}]" if address.version == 6 else str(address)
        if not address.is_loopback:
            output.warning(f"{shown} is reached by other computers, and they read every tenant's figures")
        output.progress(f"listening on http://{shown}:{taken}/metrics")
        stop.wait()
    output.progress("stopped")


def read_address(text: str) -> tuple[IPv4Address | IPv6Address, int]:
    """Return the address and port of --listen. Pure."""
    host, _, number = text.rpartition(":")
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
        port = int(number) if number.isascii() and number.isdigit() else -1
    except ValueError:
        port = -1
    if not 0 <= port <= 65535:
        raise UsageError(
            f"--listen {text} is no address with a port",
            f"Write an IP address and a port, like {DEFAULT} or [::1]:9844.",
        )
    return address, port


def _tell(problem: Exception) -> None:
    if isinstance(problem, ExpectedError):
        output.expected_error(problem)
    else:
        output.error(note_unexpected(problem))
