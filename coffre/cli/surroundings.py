"""Sets up the process of a command: its three streams, their encodings, and the permissions of new files.

This happens once, before anything else, so that every command behaves and prints the same everywhere: in a terminal
of any language, in a pipe, under cron, in a pipeline.
"""

import codecs
import errno
import io
import locale
import os
import select
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TextIO

from coffre.errors import UsageError

UTF_8 = "utf-8"
ROUGHLY = "coffre-roughly"
"""The name of the Python error handler that replaces a character that a terminal's encoding lacks."""
NO_TEXT = "coffre-no-text"
"""The name of the Python error handler that refuses input in another encoding."""
_STREAMS = (0, 1, 2)
_LIKE = str.maketrans(
    {"→": "->", "≥": ">=", "≤": "<=", "×": "x", "·": "-", "–": "-", "—": "-", "‑": "-", "’": "'", "‘": "'"}
    | {"“": '"', "”": '"', "«": '"', "»": '"', "…": "...", "œ": "oe", "Œ": "OE", "æ": "ae", "Æ": "AE", "€": "EUR"}
)


class _Outlet(io.FileIO):
    """Writes a stream's bytes as long as they have a reader.

    The command continues when the reader is gone: `coffre apply | head` must not stop halfway.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self.failure: OSError | None = None

    def write(self, data: Any, /) -> int:
        """Write what can be written and report everything as written; ``failure`` holds the error."""
        view, done = memoryview(data).cast("B"), 0
        while done < len(view) and self.failure is None:
            try:
                written = super().write(view[done:])
                if written is None:  # another process made the shared terminal non-blocking
                    select.select([], [self], [])
                done += written or 0
            except OSError as error:
                self.failure = error
        return len(view)


@dataclass(frozen=True)
class Surroundings:
    """The streams of a command."""

    result: _Outlet
    other: _Outlet

    def find_lost(self) -> OSError | None:
        """Return why the command's result is incomplete; None when it is complete or its reader stopped reading."""
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        failure = self.result.failure
        return None if failure is None or failure.errno == errno.EPIPE else failure


def settle() -> Surroundings:
    """Open closed streams, set every text to UTF-8, and make sure that the owner can use new files.

    When Python reads file names in another encoding than UTF-8, start it again with UTF-8.
    """
    _open_closed()
    _use_utf_8()
    os.umask(settled_umask(os.umask(0)))
    codecs.register_error(ROUGHLY, _roughly)
    codecs.register_error(NO_TEXT, _refuse_input)
    outlets = _Outlet(1), _Outlet(2)
    sys.stdin = open(0, encoding=_encoding(0), errors=NO_TEXT, closefd=False)  # noqa: SIM115
    sys.stdout, sys.stderr = (_text_stream(outlet) for outlet in outlets)
    return Surroundings(*outlets)


def settled_umask(umask: int) -> int:
    """Return the umask to use: the owner can always use new files, and others never write to them. Pure.

    A group that shares a folder (umask 002) keeps doing so; umask 000 counts as not set.
    """
    return (umask & 0o077 or 0o022) | 0o002


def _open_closed() -> None:
    """Keep the descriptors of the three streams reserved: otherwise output could go into a database file."""
    for descriptor in _STREAMS:
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number: this one


def _use_utf_8() -> None:
    if codecs.lookup(sys.getfilesystemencoding()).name == UTF_8:
        return
    encoding = locale.getencoding()
    arguments = [in_utf_8(os.fsencode(each), encoding) for each in sys.orig_argv[1:]]
    os.execv(sys.executable, [os.fsencode(sys.executable), b"-X", b"utf8", *arguments])  # noqa: S606 - ourselves


def in_utf_8(argument: bytes, encoding: str) -> bytes:
    """Return text typed in a terminal of another encoding; text that is already UTF-8, like completed names, stays.

    Pure.
    """
    try:
        argument.decode(UTF_8)
    except UnicodeDecodeError:
        return argument.decode(encoding, "surrogateescape").encode(UTF_8, "surrogateescape")
    return argument


def _encoding(descriptor: int) -> str:
    """Return a stream's encoding: a terminal's own, and UTF-8 for everything else."""
    if not os.isatty(descriptor):
        return UTF_8
    named = codecs.lookup(locale.getencoding()).name
    # Without a locale, every terminal is reported as ASCII.
    return UTF_8 if named == "ascii" else named


def _text_stream(outlet: _Outlet) -> TextIO:
    encoding = _encoding(outlet.fileno())
    errors = "backslashreplace" if encoding == UTF_8 else ROUGHLY
    is_terminal = os.isatty(outlet.fileno())
    return io.TextIOWrapper(
        io.BufferedWriter(outlet), encoding=encoding, errors=errors, line_buffering=is_terminal or outlet.fileno() == 2
    )


def _roughly(error: UnicodeError) -> tuple[str, int]:
    """Replace a character that a terminal's encoding lacks: with a similar character, else with the code point."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    shown = [roughly(each, error.encoding) for each in error.object[error.start : error.end]]
    return "".join(shown), error.end


def _refuse_input(error: UnicodeError) -> NoReturn:
    encoding = error.encoding.upper() if isinstance(error, UnicodeDecodeError) else "text"
    raise UsageError(f"standard input is not {encoding}", "Give it as UTF-8.") from None


def refuse_arguments(arguments: Sequence[str]) -> None:
    """Raise UsageError for an argument that is not UTF-8; the path of a file may be any bytes. Pure."""
    for argument in arguments:
        value = argument.partition("=")[2] if argument.startswith("--") else argument
        is_path = value.startswith(("/", "./", "../", "~/"))
        if not is_path and any(0xDC80 <= ord(each) <= 0xDCFF for each in argument):
            raise UsageError(f"an argument is not UTF-8: {argument}", "Type it in a terminal that is set to UTF-8.")


def roughly(character: str, encoding: str) -> str:
    """Return the best replacement of a character in an encoding that lacks it. Pure."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", character) if not unicodedata.combining(each))
    for like in (character.translate(_LIKE), plain):
        try:
            like.encode(encoding)
        except UnicodeEncodeError:
            continue
        if like:
            return like
    return character.encode("ascii", "backslashreplace").decode("ascii")
