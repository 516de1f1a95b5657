"""Questions that a command asks before it acts. The person who started the command answers them."""

import typer

from coffre.cli import output
from coffre.errors import ExpectedError


def confirm(question: str) -> None:
    """Ask; typer.Abort when the answer is no. ExpectedError when standard input has ended, as in a pipeline."""
    try:
        typer.confirm(question, abort=True, err=True)
    except typer.Abort as end:
        if isinstance(end.__context__, EOFError):
            output.error("")  # ends the line of the question
            raise ExpectedError(
                f"no answer to “{question}”: standard input has ended",
                "Nothing was done. In a pipeline or under cron, give --yes.",
            ) from None
        raise
