"""The frame around a command on a customer's machine, for any login shell and any other output there. Pure.

Every login shell understands the text that ssh sends in the same way, and it only starts /bin/sh. Marks with a random
word separate the command's output from that of start-up files, sudo or a background job; positions are never used.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SURROUNDINGS = f"LC_ALL=C; PATH={PATH}${{PATH:+:$PATH}}; export LC_ALL PATH; umask 022"
"""A command's environment on every machine, as text without quotes; start-up files and sudo cannot change it."""

# Both outputs get the mark line by line: other output between, before or after stays separate, and so do the two
# outputs when a start-up file has joined them.
_MARKING = """
marked() { while IFS= read -r line; do printf '%s%s:%s\\n' "$mark" "$1" "$line"; done; }
say() { printf '\\n%s %s\\n' "$mark" "$1"; }
say begin; say begin >&2
"""
_FRAMED = f"""{SURROUNDINGS}
mark=$1; shift{_MARKING}exec 3>&1
{{
  {{ "$@" 2>&4 3>&- 4>&-; code=$?; say "end $code"; say "end $code" >&4; }} | marked 1 >&3 4>&-
}} 4>&1 | marked 2 >&2
"""
_TAIL_BYTES = 16 * 1024
_EXIT_CODE = re.compile(r"[0-9]{1,3}")
_PLAIN = re.compile(r"[A-Za-z0-9 /.,:=_@+-]")


class CommandStage(Enum):
    """How far a framed command came."""

    NOTHING = "nothing"
    """The login shell has not run our command."""
    SHELL = "shell"
    """/bin/sh has run; sudo, where it is used, has not started the command."""
    COMMAND = "command"


@dataclass(frozen=True)
class Said:
    """The result of a framed command; ``exit_code`` is None when its end did not arrive."""

    stdout: str
    stderr: str
    exit_code: int | None


@dataclass(frozen=True)
class Frame:
    """One frame; ``mark`` is a random word. With ``terminal`` the command gets a terminal, and keeps its pipes."""

    mark: str
    terminal: bool = False

    def run(self, argv: Sequence[str], *, become: bool) -> str:
        """Return the text that runs a command, as root by sudo with ``become``; `read` finds its output."""
        sudo = ["sudo", "-n", "--"] if become else []
        command = shlex.join([*sudo, "/bin/sh", "-c", _FRAMED, "coffre", self.mark, *argv])
        over = f"printf '\\n%s\\n' '{self.over}'"
        return self._send(f"printf '\\n%s shell\\n' {self.mark} >&2\n{command}\n{over}; {over} >&2")

    def enclose(self, text: str) -> str:
        """Return the text that runs another, written for sh: `read` finds its output, `cut` its error output.

        Error output is not marked: sudo's password prompt is part of it, and has no end of line.
        """
        return self._send(
            f'mark={self.mark}{_MARKING}{{ (\n{text}\n); code=$?; say "end $code"; }} | marked 1; say end >&2'
        )

    @property
    def begin(self) -> str:
        """The line before a command's output, on both its outputs."""
        return f"{self.mark} begin"

    @property
    def over(self) -> str:
        """The line after all our output, whether the command began or not."""
        return f"{self.mark} over"

    def reached(self, said: str) -> CommandStage:
        """Tell how far a command came, by its two outputs together."""
        if self.begin in said:
            return CommandStage.COMMAND
        return CommandStage.SHELL if f"{self.mark} shell" in said else CommandStage.NOTHING

    def read(self, *parts: str) -> Said:
        """Extract a command's output from its two streams; an incomplete line is ignored."""
        outputs: dict[str, list[str]] = {"1": [], "2": []}
        for line in (line for part in parts for line in part.split("\n")[:-1]):
            which, text = self.own(line)
            if which:
                outputs[which].append(text)
        (stdout, code), (stderr, _) = (self._end("\n".join(lines)) for lines in outputs.values())
        # Without the end mark of the first output, it may be incomplete.
        return Said(stdout, stderr, code)

    def own(self, line: str) -> tuple[str, str]:
        """Return the output, 1 or 2, and the text of a command's line; empty for a line that is not the command's."""
        found = re.search(rf"{re.escape(self.mark)}([12]):(.*)", line, re.DOTALL)
        return (found[1], found[2]) if found else ("", "")

    def _end(self, text: str) -> tuple[str, int | None]:
        body, found, code = f"\n{text}".rpartition(f"\n{self.mark} end ")
        return (body[1:], int(code)) if found and _EXIT_CODE.fullmatch(code) else (text, None)

    def is_over(self, *outputs: bytes | bytearray) -> bool:
        """Tell whether two outputs have ended: a process left by a start-up file may keep them open."""
        # Called for every piece that arrives: reading all of it each time would cost seconds.
        return sum(output[-_TAIL_BYTES:].count(f"{self.over}\n".encode()) for output in outputs) > 1

    def cut(self, text: str) -> str:
        """Return the error output of what was enclosed; empty when it never began."""
        _, found, rest = text.partition(f"{self.begin}\n")
        return rest.partition(f"\n{self.mark} end")[0] if found else ""

    def before(self, *outputs: str) -> str:
        """Return the text on the outputs before the command began, without the marks."""
        heads = [output.partition(self.begin)[0].partition(self.over)[0] for output in outputs]
        return "\n".join(line for line in "\n".join(heads).split("\n") if self.mark not in line)

    def _send(self, text: str) -> str:
        return for_any_shell(f"{SURROUNDINGS}\n{_with_terminal(text) if self.terminal else text}")


def for_any_shell(text: str) -> str:
    """Return one line that runs a text in /bin/sh: sh, bash, zsh, ksh, fish, csh and tcsh all read it the same way.

    Quotes, `!`, line ends and backslashes, which these shells read differently, are sent as octal numbers.
    """
    encoded = "".join(
        chr(byte) if _PLAIN.match(chr(byte)) else f"\\0{byte:03o}" for byte in text.encode("utf-8", "surrogateescape")
    )
    return f"""exec /bin/sh -c 'eval "$(printf %b "{encoded}")"'"""


def _with_terminal(text: str) -> str:
    """Return a text that runs another with a controlling terminal, which sudo needs with `requiretty`.

    Its standard input and outputs stay pipes: on a terminal they would be mixed and changed.
    """
    inside = shlex.quote(f"exec <&3 >&4 2>&5 3<&- 4>&- 5>&-\n{text}")
    return (
        "command -v script >/dev/null || {\n"
        "echo 'sudo must have a tty, and the program script, which gives it one, is not installed' >&2; exit 1; }\n"
        "SHELL=/bin/sh; export SHELL; exec 3<&0 4>&1 5>&2\n"
        f"exec script -qec {inside} /dev/null </dev/null >/dev/null 2>&1"
    )
