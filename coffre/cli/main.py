"""The command group, the global options, and the one place where errors become text and exit codes."""

import gc
import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

import coffre
from coffre.cli import inventory, lab, operations, output, platform, provisioning, rotate, secrets, tenants, trust
from coffre.cli.context import Globals
from coffre.errors import ExpectedError, UsageError

INTERRUPTED = 130
"""What a shell expects of a command that Ctrl-C ended: 128 + SIGINT."""

GARBAGE_THRESHOLD = 50_000
"""Objects between two collections of the youngest garbage; Python's own 700 is for programs that live longer."""

app = typer.Typer(
    name="coffre",
    help="A managed backup contract, carried out as code: one YAML file a customer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for room in (tenants, provisioning, rotate, operations, trust, secrets, inventory, platform, lab):
    room.register(app)


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
            help="Folder that holds platform.yaml and tenants/ (default: this one or the nearest above).",
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
    context.obj = Globals(root, verbose)


def main() -> None:
    """Run the command line and end the process with its exit code (README, "Exit codes")."""
    # Importing allocates much and frees nothing: looking for garbage all the while costs 0.1 s of each command.
    gc.set_threshold(GARBAGE_THRESHOLD)
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            output.error("interrupted: what was done stays done; run the same command again to finish.")
        raise
    except ExpectedError as problem:
        output.expected_error(problem)
        sys.exit(problem.exit_code)
    except Exception as problem:  # noqa: BLE001 - the one place where the unexpected ends
        sys.exit(_unexpected(problem))


def _unexpected(problem: Exception) -> int:
    """Save the traceback, which holds no local values, and say where; the message of the error is not shown."""
    text = "".join(traceback.format_exception(problem))
    if "--verbose" in sys.argv:
        output.error(text)
    try:
        folder = Globals(None, verbose=False).find_root() / ".coffre" / "errors"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.txt"
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
        where = f"the traceback is in {path}"
    except (OSError, UsageError):
        where = "run it again with --verbose for the traceback"
    output.error(
        f"error: this should not happen ({type(problem).__name__}); {where}\n  Please report it with that file."
    )
    return 1


if __name__ == "__main__":
    main()
