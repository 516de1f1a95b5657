"""`coffre-bounded`: the OpenSSH client for Ansible, ended when a machine prints more than any task needs.

Ansible keeps all output of a machine. Called by the name of a link, `ssh`, `sftp` or `scp`, this runs the program of
that name with its own arguments and input, and forwards at most `OUTPUT_BYTES` of its output. It reads the output even
while Ansible does not: Ansible first sends all its input, to a machine that may print instead of reading.

Ansible starts it for every task on every machine, so it imports only the smallest libraries.
"""

import os
import select
import signal
import stat
import sys

OUTPUT_BYTES = 128 * 1024
"""The maximum output of one task: the longest normal one shows a file's first 64 KiB."""
CHUNK_BYTES = 64 * 1024
PAUSE_SECONDS = 1.0
"""An Ansible with input to send never pauses longer."""
NAMES = ("ssh", "sftp", "scp")
SSH_FAILED = 255
ENDLESS = f"coffre: it printed more than {OUTPUT_BYTES // 1024} KiB and was stopped"
"""The last line of the error output in that case."""
_IN, _OUT, _ERR = 0, 1, 2


def main() -> None:
    """Run the program of this name and end with its exit code; like a failed ssh when it printed too much."""
    name = os.path.basename(sys.argv[0])  # noqa: PTH119 - importing pathlib takes longer than everything else here
    if name not in NAMES:
        sys.exit("Ansible starts coffre-bounded under the name ssh, sftp or scp")
    relay = _Relay([name, *sys.argv[1:]])
    # Ansible ends this process after its own timeout, and may close its pipes at any time.
    signal.signal(signal.SIGTERM, lambda _number, _frame: relay.kill())
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    relay.follow()
    relay.finish()
    sys.exit(SSH_FAILED if relay.is_endless or relay.exit_code < 0 else relay.exit_code)


class _Relay:
    """One program, and its output on the way to Ansible."""

    def __init__(self, command: list[str]) -> None:
        self._targets: dict[int, int] = {}
        actions: list[tuple[int, int, int]] = []
        for target in (_OUT, _ERR):
            source, printed = os.pipe()
            self._targets[source] = target
            actions += [(os.POSIX_SPAWN_DUP2, printed, target)]
        # Signals that Python ignores for itself have their default action in the program.
        self._pid = os.posix_spawnp(
            command[0], command, os.environ, file_actions=actions, setsigdef=[signal.SIGPIPE, signal.SIGXFSZ]
        )
        for _, printed, _ in actions:
            os.close(printed)
        self._ended = os.pidfd_open(self._pid)
        self._unsent = {_OUT: b"", _ERR: b""}
        self._count_bytes = 0
        self.exit_code = 0
        """Known after the end of the program; below zero it is the signal that ended it."""
        for each in (*self._targets, *self._unsent):
            os.set_blocking(each, False)

    @property
    def is_endless(self) -> bool:
        return self._count_bytes > OUTPUT_BYTES

    def kill(self) -> None:
        try:
            signal.pidfd_send_signal(self._ended, signal.SIGKILL)
        except ProcessLookupError:
            return  # it had ended

    def follow(self) -> None:
        """Forward the program's output until it has ended, or is ended because it prints too much."""
        sources = {*self._targets, self._ended}
        while self._ended in sources and not self.is_endless:
            for source in self._wait(sources):
                if source == self._ended or self._take(source) == b"":
                    sources.discard(source)
        if self.is_endless and self._ended in sources:
            self.kill()
        self.exit_code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        # A shared connection goes on in the background and keeps the pipes open: they never reach their end.
        for source in self._targets:
            while not self.is_endless and self._take(source):
                pass

    def finish(self) -> None:
        """Forward the rest, or the reason."""
        if self.is_endless:
            self._unsent = {_OUT: b"", _ERR: f"\n{ENDLESS}\n".encode()}
        waiting = [target for target in self._unsent if not self._send(target)]
        if waiting or self.is_endless:
            # An Ansible that still sends does not read, and would only report a broken pipe.
            _throw_away_input()
            os.close(_IN)
        for target, unsent in self._unsent.items():
            os.set_blocking(target, True)
            while unsent:
                unsent = unsent[os.write(target, unsent) :]

    def _wait(self, sources: set[int]) -> list[int]:
        """Send what Ansible reads, and wait for more output to read, or for room to write."""
        waiting = [target for target in self._unsent if not self._send(target)]
        readable, _, _ = select.select(sources, waiting, [])
        return readable

    def _take(self, source: int) -> bytes | None:
        """Read the available output; None when there is none yet, and empty at its end."""
        try:
            chunk = os.read(source, CHUNK_BYTES)
        except BlockingIOError:
            return None
        self._count_bytes += len(chunk)
        self._unsent[self._targets[source]] += chunk
        return chunk

    def _send(self, target: int) -> bool:
        """Write as much as there is room for; returns whether that was all."""
        try:
            while self._unsent[target]:
                self._unsent[target] = self._unsent[target][os.write(target, self._unsent[target]) :]
        except BlockingIOError:
            return False
        return True


def _throw_away_input() -> None:
    """Read Ansible's input until it has sent all; only from a pipe, since a terminal sends nothing."""
    if not stat.S_ISFIFO(os.fstat(_IN).st_mode):
        return
    while select.select([_IN], [], [], PAUSE_SECONDS)[0] and os.read(_IN, CHUNK_BYTES):
        pass


if __name__ == "__main__":
    main()
