"""A TCP port with access control: it closes a stranger's connection before it reads a byte.

TCP does not show the owner of the other end. The kernel's tables do: the row of the peer's socket has its owner and
inode, and the inode is among the open files of its process. The real server is behind it, on a Unix socket in a
private folder, so that no other port reaches it.
"""

import contextlib
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coffre.outside.environment import temporary_folder

_ESTABLISHED = "01"
_TABLES = ("tcp", "tcp6")
_V4_MAPPED = "0000000000000000FFFF0000"
_CHUNK_BYTES = 1 << 16
_LOOKS = 5
_SECONDS_BETWEEN_LOOKS = 0.01


OWN_TABLES = Path("/proc/thread-self/net")


@dataclass(frozen=True)
class PeerSocket:
    """The socket at the other end of a connection of this computer: its owner's uid, and its inode."""

    uid: int
    inode: int


MayEnter = Callable[[PeerSocket], bool | None]


def find_peer(connection: socket.socket, tables: Path) -> PeerSocket | None:
    """Return the other end of an IPv4 connection from the kernel's tables in a folder; None when it is missing.

    Only an established socket is valid. A closed one has no inode there and root as owner, for every user; while a
    socket is established, no other one can have its two addresses.
    """
    near, far = _hex_address(connection.getsockname()), _hex_address(connection.getpeername())
    for name in _TABLES:
        with contextlib.suppress(FileNotFoundError), (tables / name).open(encoding="ascii") as rows:
            for row in rows:
                peer = _read_row(row.split(), local=far, remote=near)
                if peer is not None:
                    return peer
    return None


def _read_row(row: list[str], *, local: str, remote: str) -> PeerSocket | None:
    if len(row) < 10 or [each.removeprefix(_V4_MAPPED) for each in row[1:3]] != [local, remote]:
        return None
    if row[3] != _ESTABLISHED or row[9] == "0":
        return None
    return PeerSocket(int(row[7]), int(row[9]))


def _hex_address(address: tuple[str, int]) -> str:
    """Return an IPv4 address and port in the form of the tables: the address in this computer's byte order."""
    host = int.from_bytes(socket.inet_aton(address[0]), "little" if _is_little_endian() else "big")
    return f"{host:08X}:{address[1]:04X}"


def _is_little_endian() -> bool:
    return socket.htons(1) != 1


def is_of_same_user(peer: PeerSocket) -> bool:
    """Tell whether a socket belongs to a process that can read this one's memory anyway: of the same user or root."""
    return peer.uid in (os.geteuid(), 0)


def holds_socket(pid: int, inode: int) -> bool:
    """Tell whether a process has a socket among its open files; False when it is gone or access is denied."""
    folder = f"/proc/{pid}/fd"
    try:
        descriptors = os.listdir(folder)  # noqa: PTH208 - a thousand of them
    except OSError:
        return False
    for descriptor in descriptors:
        with contextlib.suppress(OSError):  # closed since it was listed
            if os.readlink(f"{folder}/{descriptor}") == f"socket:[{inode}]":  # noqa: PTH115
                return True
    return False


@contextmanager
def socket_folder() -> Iterator[Path]:
    """Give a folder of this process for Unix sockets, private to this user, with a path short enough for them."""
    with tempfile.TemporaryDirectory(prefix="coffre-ports-", dir=temporary_folder()) as folder:
        descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield Path(f"/proc/self/fd/{descriptor}")
        finally:
            os.close(descriptor)


class Door:
    """Accepts connections on a listening socket, and connects those of the right peer to a Unix socket.

    ``may_enter`` tells whether a peer is allowed, None while this is unknown. ``tables`` is the folder of the kernel's
    tables for the network in which the socket listens.
    """

    def __init__(self, listener: socket.socket, behind: str, may_enter: MayEnter, tables: Path = OWN_TABLES) -> None:
        self._listener = listener
        self._behind = behind
        self._may_enter = may_enter
        self._tables = tables
        self.port: int = listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name=f"door-{self.port}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Accept no more connections; open ones continue until one of their ends closes."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except ConnectionAbortedError:
                continue
            except OSError:
                return
            self._admit(connection)

    def _admit(self, connection: socket.socket) -> None:
        """Connect a peer with the server, or close the connection unread."""
        with contextlib.ExitStack() as closing:
            closing.enter_context(connection)
            try:
                if not self._is_welcome(connection):
                    return
                inner = closing.enter_context(socket.socket(socket.AF_UNIX))
                inner.connect(self._behind)
            except OSError:
                return
            closing.pop_all()
        join(connection, inner)

    def _is_welcome(self, connection: socket.socket) -> bool:
        for _ in range(_LOOKS):
            peer = find_peer(connection, self._tables)
            answer = None if peer is None else self._may_enter(peer)
            if answer is not None:
                return answer
            # The tables are read in pieces, and a row can be missed between them.
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        return False


def join(one: socket.socket, other: socket.socket) -> None:
    """Pass bytes both ways, each in a thread, until both directions ended; closes both."""
    left = threading.Semaphore(1)

    def run(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for data in _received(source):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)
        if not left.acquire(blocking=False):  # the second to end closes
            one.close()
            other.close()

    for each in (one, other):
        if each.family != socket.AF_UNIX:
            # Otherwise each short message would wait 40 ms for the other side's acknowledgement.
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for pair in ((one, other), (other, one)):
        threading.Thread(target=run, args=pair, name="door-join", daemon=True).start()


def _received(source: socket.socket) -> Iterator[bytes]:
    while data := source.recv(_CHUNK_BYTES):
        yield data
