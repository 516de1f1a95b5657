"""The command group, the global options, and the one place where errors become text and exit codes."""

import atexit
import errno
import gc
import os
import sys
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

import coffre
from coffre.cli import (
    certificate,
    disclose,
    hold,
    inventory,
    lab,
    offboard,
    operations,
    output,
    platform,
    provisioning,
    records,
    rotate,
    secrets,
    signers,
    snapshot,
    tenants,
    trust,
)
from coffre.cli.context import Globals
from coffre.errors import ExpectedError, UsageError

INTERRUPTED = 130
"""What a shell expects of a command that Ctrl-C ended: 128 + SIGINT."""

GARBAGE_THRESHOLD = 500_000
"""Objects between two collections of the youngest garbage; Python's own 700 is for programs that live longer."""

_REFUSALS = {
    errno.ENOSPC: ("no room is left on its disk", "Make room"),
    errno.EDQUOT: ("no room is left in this user's share of its disk", "Make room"),
    errno.EROFS: ("its file system is mounted read-only", "Mount it writable"),
    errno.EACCES: ("this user may not use it", "Give it to the user who runs Coffre"),
    errno.EPERM: ("this user may not use it", "Give it to the user who runs Coffre"),
    errno.EIO: ("its disk cannot read or write it", "See to the disk"),
}

app = typer.Typer(
    name="coffre",
    help="A managed backup contract, carried out as code: one YAML file a customer.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for room in (
    tenants,
    provisioning,
    rotate,
    operations,
    snapshot,
    offboard,
    certificate,
    hold,
    disclose,
    trust,
    signers,
    secrets,
    records,
    inventory,
    platform,
    lab,
):
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
    # At its end Python looks through all that is left for garbage, for another 0.1 s, and the kernel takes it anyway.
    atexit.register(gc.freeze)
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            output.error("interrupted: what was done stays done; run the same command again to finish.")
        raise
    except ExpectedError as problem:
        output.expected_error(problem)
        sys.exit(problem.exit_code)
    except OSError as problem:
        explained = explain_os_error(problem)
        if explained is None:
            sys.exit(_unexpected(problem))
        output.expected_error(explained)
        sys.exit(explained.exit_code)
    except Exception as problem:  # noqa: BLE001 - the one place where the unexpected ends
        sys.exit(_unexpected(problem))


def explain_os_error(error: OSError) -> ExpectedError | None:
    """Say in one sentence what this computer's file system refuses, wherever that was; None for anything else. Pure."""
    if error.errno not in _REFUSALS:
        return None
    reason, hint = _REFUSALS[error.errno]
    # A write into an open file has no name; what commands write of their own is in one folder.
    where = (
        error.filename if isinstance(error.filename, str) else "a file under .coffre/ or of the system's temporary ones"
    )
    return ExpectedError(f"{where}: {reason}", f"{hint}, then run the same command again; what was done stays done.")


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
