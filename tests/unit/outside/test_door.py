"""The door: whose the other end of a connection is, and that a stranger's bytes reach nobody."""

import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from coffre.outside.door import Door, PeerSocket, find_peer, holds_socket, is_of_same_user, socket_folder

TABLES = Path("/proc/thread-self/net")
NOBODY = 65534
BEHIND = b"behind the door"

CONNECT = """
import encodings.idna, os, socket, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
answer = b""
try:
    with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
        connection.sendall(b"let me in")
        if sys.argv[2] == "wait":
            answer = connection.recv(100)
except (ConnectionResetError, BrokenPipeError):
    pass
print(answer)
"""


def connected(*, mapped: bool = False) -> tuple[socket.socket, socket.socket]:
    """Return both ends of a connection; ``mapped``: the other end is an IPv6 socket with an IPv4-mapped address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        far = socket.socket(socket.AF_INET6) if mapped else socket.socket()
        far.connect(("::ffff:127.0.0.1" if mapped else "127.0.0.1", port))
        near, _ = listener.accept()
    return near, far


@pytest.mark.parametrize("mapped", [False, True])
def test_the_peers_socket_is_found_in_both_tables(mapped: bool) -> None:
    near, far = connected(mapped=mapped)
    with near, far:
        peer = find_peer(near, TABLES)
        assert peer == PeerSocket(os.geteuid(), os.fstat(far.fileno()).st_ino)
        assert holds_socket(os.getpid(), peer.inode)
        assert not holds_socket(1 if os.getpid() != 1 else 2, peer.inode)


def test_a_socket_closed_after_sending_is_nobodys() -> None:
    """The kernel then shows it as root's, whoever it was: a request sent and left alone would come in as root's."""
    near, far = connected()
    with near:
        far.sendall(b"a request")
        far.close()
        assert find_peer(near, TABLES) is None


ROW = "   1: {local} {remote} {state} 00000000:00000000 00:00000000 00000000 {uid:5d}        0 {inode} 1 0"
NEAR, FAR = "0100007F:1F90", "0100007F:D431"


@pytest.mark.parametrize(
    "row",
    [
        ROW.format(local=FAR, remote=NEAR, state="06", uid=0, inode=0),
        ROW.format(local=FAR, remote=NEAR, state="04", uid=0, inode=5),
        ROW.format(local=FAR, remote=NEAR, state="01", uid=0, inode=0),
        ROW.format(local=NEAR, remote=FAR, state="01", uid=0, inode=5),
        ROW.format(local=FAR, remote="0200007F:1F90", state="01", uid=0, inode=5),
        "junk",
        "",
    ],
    ids=["time-wait", "closing", "orphan", "our own end", "another address", "junk", "empty"],
)
def test_other_rows_are_not_the_peers(row: str, tmp_path: Path) -> None:
    class Ends:
        def getsockname(self) -> tuple[str, int]:
            return "127.0.0.1", 0x1F90

        def getpeername(self) -> tuple[str, int]:
            return "127.0.0.1", 0xD431

    (tmp_path / "tcp").write_text(f"header\n{row}\n")
    assert find_peer(Ends(), tmp_path) is None
    (tmp_path / "tcp6").write_text(ROW.format(local=FAR, remote=NEAR, state="01", uid=7, inode=5))
    assert find_peer(Ends(), tmp_path) == PeerSocket(7, 5)


class Behind:
    """What answers behind a door, and what it was told."""

    def __init__(self, folder: Path) -> None:
        self.address = folder / "behind"
        self.heard: list[bytes] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.address))
        self._listener.listen()
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                self.heard.append(connection.recv(100))
                connection.sendall(BEHIND)


@pytest.fixture
def behind():
    with socket_folder() as folder:
        yield Behind(folder)


def test_who_may_enter_talks_to_what_is_behind(behind: Behind) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        door = Door(listener, str(behind.address), lambda peer: holds_socket(os.getpid(), peer.inode))
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", door.port), timeout=10) as connection:
                connection.sendall(b"hello")
                assert connection.recv(100) == BEHIND
        door.close()
    assert behind.heard == [b"hello"] * 20


@pytest.mark.parametrize("end", ["wait", "close"])
def test_a_stranger_is_hung_up_on_and_nothing_of_his_is_read(behind: Behind, end: str) -> None:
    assert os.geteuid() == 0, "only root can act as somebody else: run the tests as root, as README says"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        door = Door(listener, str(behind.address), is_of_same_user)
        told = subprocess.run(
            [sys.executable, "-c", CONNECT, str(door.port), end], capture_output=True, text=True, timeout=30, check=True
        )
        assert told.stdout == "b''\n"
        with socket.create_connection(("127.0.0.1", door.port), timeout=10) as connection:
            connection.sendall(b"hello")
            assert connection.recv(100) == BEHIND
        door.close()
    assert behind.heard == [b"hello"]


def test_the_folder_of_sockets_is_closed_to_others_and_goes() -> None:
    with socket_folder() as folder:
        real = folder.resolve()
        assert real.stat().st_mode & 0o777 == 0o700
        assert len(str(folder)) < 60
    assert not real.exists()
