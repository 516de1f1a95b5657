"""The expected errors, one class for each thing an operator does next; the CLI alone turns them into text."""


class ExpectedError(Exception):
    """Something went wrong that an operator can act on: what happened, then what to do.

    ``exit_code`` is what the command ends with (docs/command-line.md).
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ExpectedError):
    """The command line itself is wrong: an unknown tenant, a machine that does not exist."""

    exit_code = 2


class InvalidFileError(ExpectedError):
    """A file of the repository says something that it may not say."""

    exit_code = 3


class RefusedError(ExpectedError):
    """A safety rule said no; nothing was touched."""

    exit_code = 4


class BusyError(ExpectedError):
    """Somebody else is at it; the same command may succeed later."""

    exit_code = 5


class RemoteError(ExpectedError):
    """Something outside failed: the platform, a machine, Pulumi, a database."""
