"""`coffre-bounded`: the OpenSSH client as Ansible starts it, left as soon as a machine prints more than any task needs.

Ansible keeps whatever a machine prints. Called by the name of a link, `ssh`, `sftp` or `scp`, this runs the program of
that name with its own arguments and input, and hands on at most `OUTPUT_BYTES` of what it prints. It reads on while
Ansible does not: that one first sends all it has, to a machine that may print instead of listening.
"""

import os
import select
import selectors
import signal
import stat
import subprocess
import sys
from pathlib import Path

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
    name = Path(sys.argv[0]).name
    if name not in NAMES:
        sys.exit("coffre-bounded is started by Ansible, as ssh, sftp or scp")
    process = subprocess.Popen([name, *sys.argv[1:]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    # Ansible ends us when it waits no longer, and may close its pipes at any time.
    signal.signal(signal.SIGTERM, lambda _number, _frame: process.kill())
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    relay = _Relay(process)
    relay.follow()
    relay.finish()
    sys.exit(SSH_FAILED if relay.is_endless or process.returncode < 0 else process.returncode)


class _Relay:
    """What one program prints, on its way to Ansible."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None  # noqa: S101 - pipes were asked for
        assert process.stderr is not None  # noqa: S101
        self._process = process
        self._targets = {process.stdout.fileno(): _OUT, process.stderr.fileno(): _ERR}
        self._unsent = {_OUT: b"", _ERR: b""}
        self._count_bytes = 0
        for each in (*self._targets, *self._unsent):
            os.set_blocking(each, False)

    @property
    def is_endless(self) -> bool:
        return self._count_bytes > OUTPUT_BYTES

    def follow(self) -> None:
        """Hand on what the program prints until it has ended, or is ended since it prints too much."""
        ended = os.pidfd_open(self._process.pid)
        with selectors.DefaultSelector() as selector:
            for source in (*self._targets, ended):
                selector.register(source, selectors.EVENT_READ)
            while self._process.poll() is None and not self.is_endless:
                for source in self._wait(selector):
                    if source in self._targets and self._take(source) == b"":
                        selector.unregister(source)
        if self.is_endless:
            self._process.kill()
            self._process.wait()
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

    def _wait(self, selector: selectors.BaseSelector) -> list[int]:
        """Send what Ansible takes, and wait for more: for something to read, or for room."""
        waiting = [target for target in self._unsent if not self._send(target)]
        for target in waiting:
            selector.register(target, selectors.EVENT_WRITE)
        ready = [key.fd for key, _ in selector.select()]
        for target in waiting:
            selector.unregister(target)
        return ready

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
