"""`coffre-bounded`: the OpenSSH client as Ansible starts it, left as soon as a machine prints more than any task needs.

Ansible keeps whatever a machine prints. Called by the name of a link, `ssh`, `sftp` or `scp`, this runs the program of
that name with its own arguments and input, and hands on at most `OUTPUT_BYTES` of what it prints. It reads on while
Ansible does not: that one first sends all it has, to a machine that may print instead of listening.

Ansible starts it for every task on every machine, so that it reads none but the smallest libraries.
"""

import os
import select
import signal
import stat
import sys

OUTPUT_BYTES = 128 * 1024
"""The most that one task may print in all: the longest honest one shows a file's first 64 KiB."""
CHUNK_BYTES = 64 * 1024
PAUSE_SECONDS = 1.0
"""An Ansible that has something to send makes no longer pause."""
NAMES = ("ssh", "sftp", "scp")
SSH_FAILED = 255
ENDLESS = f"coffre: it printed more than {OUTPUT_BYTES // 1024} KiB and was left"
"""What stands at the end of the complaints then."""
_IN, _OUT, _ERR = 0, 1, 2


def main() -> None:
    """Run the program that this is called as, and end as it does; as an ssh that failed when it printed too much."""
    name = os.path.basename(sys.argv[0])  # noqa: PTH119 - reading pathlib takes longer than all else here
    if name not in NAMES:
        sys.exit("coffre-bounded is started by Ansible, as ssh, sftp or scp")
    relay = _Relay([name, *sys.argv[1:]])
    # Ansible ends us when it waits no longer, and may close its pipes at any time.
    signal.signal(signal.SIGTERM, lambda _number, _frame: relay.kill())
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    relay.follow()
    relay.finish()
    sys.exit(SSH_FAILED if relay.is_endless or relay.exit_code < 0 else relay.exit_code)


class _Relay:
    """One program and what it prints, on its way to Ansible."""

    def __init__(self, command: list[str]) -> None:
        self._targets: dict[int, int] = {}
        actions: list[tuple[int, int, int]] = []
        for target in (_OUT, _ERR):
            source, printed = os.pipe()
            self._targets[source] = target
            actions += [(os.POSIX_SPAWN_DUP2, printed, target)]
        # What Python ignores for itself is as usual for the program.
        self._pid = os.posix_spawnp(
            command[0], command, os.environ, file_actions=actions, setsigdef=[signal.SIGPIPE, signal.SIGXFSZ]
        )
        for _, printed, _ in actions:
            os.close(printed)
        self._ended = os.pidfd_open(self._pid)
        self._unsent = {_OUT: b"", _ERR: b""}
        self._count_bytes = 0
        self.exit_code = 0
        """Known once all was followed; below zero it is the signal that ended the program."""
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
        """Hand on what the program prints until it has ended, or is ended since it prints too much."""
        sources = {*self._targets, self._ended}
        while self._ended in sources and not self.is_endless:
            for source in self._wait(sources):
                if source == self._ended or self._take(source) == b"":
                    sources.discard(source)
        if self.is_endless and self._ended in sources:
            self.kill()
        self.exit_code = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        # A connection that others share goes on in the background and keeps the pipes: their end never comes.
        for source in self._targets:
            while not self.is_endless and self._take(source):
                pass

    def finish(self) -> None:
        """Hand on the rest, or the reason."""
        if self.is_endless:
            self._unsent = {_OUT: b"", _ERR: f"\n{ENDLESS}\n".encode()}
        waiting = [target for target in self._unsent if not self._send(target)]
        if waiting or self.is_endless:
            # An Ansible that still sends reads nothing, and a pipe that breaks meanwhile is all it would tell of.
            _throw_away_input()
            os.close(_IN)
        for target, unsent in self._unsent.items():
            os.set_blocking(target, True)
            while unsent:
                unsent = unsent[os.write(target, unsent) :]

    def _wait(self, sources: set[int]) -> list[int]:
        """Send what Ansible takes, and wait for more: for something to read, or for room."""
        waiting = [target for target in self._unsent if not self._send(target)]
        readable, _, _ = select.select(sources, waiting, [])
        return readable

    def _take(self, source: int) -> bytes | None:
        """Read what is there; None when that is nothing yet, and empty when nothing more comes."""
        try:
            chunk = os.read(source, CHUNK_BYTES)
        except BlockingIOError:
            return None
        self._count_bytes += len(chunk)
        self._unsent[self._targets[source]] += chunk
        return chunk

    def _send(self, target: int) -> bool:
        """Write as much as there is room for; whether that was all."""
        try:
            while self._unsent[target]:
                self._unsent[target] = self._unsent[target][os.write(target, self._unsent[target]) :]
        except BlockingIOError:
            return False
        return True


def _throw_away_input() -> None:
    """Take what Ansible sends until it has sent all; what is no pipe, a terminal, brings nothing."""
    if not stat.S_ISFIFO(os.fstat(_IN).st_mode):
        return
    while select.select([_IN], [], [], PAUSE_SECONDS)[0] and os.read(_IN, CHUNK_BYTES):
        pass


if __name__ == "__main__":
    main()
