"""The expected errors: one class per reaction of the operator. Only the CLI turns them into text."""


class ExpectedError(Exception):
    """An error that an operator can act on: the message gives the cause, the hint what to do.

    ``exit_code`` is the exit code of the command (docs/command-line.md).
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ExpectedError):
    """The command line is wrong, for example an unknown tenant or machine."""

    exit_code = 2


class InvalidFileError(ExpectedError):
    """A file of the repository is invalid."""

    exit_code = 3


class RefusedError(ExpectedError):
    """A safety rule refuses the command; nothing was changed."""

    exit_code = 4


class BusyError(ExpectedError):
    """Another command is running; the same command may succeed later."""

    exit_code = 5


class RemoteError(ExpectedError):
    """Something outside Coffre failed: the platform, a machine, Pulumi, a database."""
