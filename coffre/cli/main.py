"""The command group and the global options; turns errors into text and exit codes."""

import atexit
import faulthandler
import gc
import os
import sys
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer

import coffre
from coffre.cli import output, surroundings
from coffre.cli.availability import maintenance, probe, sla
from coffre.cli.backups import acknowledge, backup, copy, drill, prune, restore, snapshot, undelete, verify
from coffre.cli.completion import attach_completions
from coffre.cli.context import Globals
from coffre.cli.departure import certificate, disclose, offboard
from coffre.cli.house import acronis, platform, records, secrets, signers, team, unit
from coffre.cli.service import brake, drift, gate, hold, status, welcome
from coffre.cli.supervision import exporter, findings, forecast, pause, quota, site, supervise, usage, why
from coffre.cli.telling import advise, messages, notify
from coffre.cli.tenants import enrol, files, importing, init, inventory, provisioning, review, rotate, trust
from coffre.cli.unexpected import explain_os_error, remember_root, tell_unexpected
from coffre.errors import ExpectedError

INTERRUPTED = 130
"""The exit code that a shell expects after Ctrl-C: 128 + SIGINT."""

GARBAGE_THRESHOLD = 500_000
"""Objects between two collections of the youngest generation; Python's default, 700, suits longer processes."""

app = typer.Typer(
    name="coffre",
    help="Managed backups as code: one YAML file per customer describes the contract, and Coffre carries it out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for room in (
    init,
    files,
    importing,
    provisioning,
    review,
    rotate,
    enrol,
    backup,
    restore,
    undelete,
    drill,
    copy,
    status,
    welcome,
    drift,
    supervise,
    findings,
    forecast,
    messages,
    notify,
    why,
    quota,
    usage,
    pause,
    site,
    advise,
    exporter,
    probe,
    maintenance,
    sla,
    acknowledge,
    snapshot,
    verify,
    prune,
    gate,
    offboard,
    certificate,
    hold,
    brake,
    disclose,
    trust,
    signers,
    secrets,
    records,
    team,
    inventory,
    platform,
    acronis,
    unit,
):
    room.register(app)
for plugin in entry_points(group="coffre.commands"):  # of other distributions, for example the lab
    plugin.load().register(app)
attach_completions(app)


def _show_version(asked: bool) -> None:
    if asked:
        output.result(f"coffre {coffre.__version__}")
        raise typer.Exit


@app.callback()
def _take_global_options(
    context: typer.Context,
    root: Annotated[
        Path | None,
        typer.Option(
            help="Folder that holds platform.yaml and tenants/ (default: the current one or the nearest above).",
            show_default=False,
        ),
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Show the traceback of an unexpected error.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="Print without colours, also on a terminal.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback ends the command
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    output.configure(no_color=no_color or "NO_COLOR" in os.environ)
    remember_root(root)
    context.obj = Globals(root, verbose)


def main() -> None:
    """Run the command line and end the process with its exit code (docs/command-line.md)."""
    settled = surroundings.settle()
    faulthandler.enable(file=2)  # otherwise a library that crashes ends the process without a message
    output.configure(no_color="NO_COLOR" in os.environ)
    code = _run()
    lost = settled.find_lost()
    if lost is not None:
        reason = (lost.strerror or "it cannot be written").lower()
        output.error(f"error: the output of this command is incomplete: {reason}\n  Completed steps stay done.")
        code = code or 1
    sys.exit(code)


def _run() -> int:
    # Importing allocates much and frees nothing: garbage collection then costs 0.1 s per command.
    gc.set_threshold(GARBAGE_THRESHOLD)
    # At exit, Python collects garbage for another 0.1 s; the kernel frees the memory anyway.
    atexit.register(gc.freeze)
    try:
        surroundings.refuse_arguments(sys.argv[1:])
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            output.error("interrupted: completed steps stay done; run the same command again to finish.")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except ExpectedError as problem:
        output.expected_error(problem)
        return problem.exit_code
    except OSError as problem:
        explained = explain_os_error(problem)
        if explained is None:
            return tell_unexpected(problem)
        output.expected_error(explained)
        return explained.exit_code
    except Exception as problem:  # noqa: BLE001 - the one place where the unexpected ends
        return tell_unexpected(problem)
    return 0


if __name__ == "__main__":
    main()
