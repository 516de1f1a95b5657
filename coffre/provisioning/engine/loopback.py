"""The loopback between one Pulumi and this process: a network of its own where the system permits one.

Pulumi opens ports of its own, the resource monitor's among them, without authentication: every process that reaches
one can read the stack's state. In a private network only our two processes can. Where none can be created, our own
ports still accept only that Pulumi, and Pulumi's ports stay open to the users of this computer.
"""

import ctypes
import fcntl
import itertools
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from coffre.outside.door import Door, PeerSocket, holds_socket, is_of_same_user, join, socket_folder

_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS = 0x8913, 0x8914
_IFF_UP = 0x1
_INTERFACE_REQUEST = "16sH22x"
_HOST = "127.0.0.1"
_NUMBERS = itertools.count(1)


class Loopback:
    """Starts a Pulumi, serves it on ports that only it may use, and connects to its ports.

    One thread does everything that must happen in its network, and lives as long as this object: a socket and a process
    stay in the network where they were created.
    """

    def __init__(self) -> None:
        self._closing = ExitStack()
        self._inside = self._closing.enter_context(ThreadPoolExecutor(1, thread_name_prefix="loopback"))
        self.is_private = self._inside.submit(_enter_own_network).result()
        """Whether it is a network of its own; without the right to create one it is this computer's loopback."""
        self._tables = Path(f"/proc/{os.getpid()}/task/{self._inside.submit(threading.get_native_id).result()}/net")
        self._folder = self._closing.enter_context(socket_folder())
        self._pid: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def start(self, command: list[str], **options: Any) -> "subprocess.Popen[bytes]":
        """Start Pulumi in this network; from now on only this process may connect."""
        starting = self._inside.submit(lambda: subprocess.Popen(command, **options))
        process: subprocess.Popen[bytes] = starting.result()
        self._pid = process.pid
        return process

    def new_address(self) -> Path:
        """Return a path for a Unix socket, in a folder that is private to this user.

        No two of this process have the same name, also in another loopback's folder of the same descriptor: gRPC shares
        what it knows of a connection by its address, and after a failed Pulumi it waits before it tries that again.
        """
        return self._folder / str(next(_NUMBERS))

    def open_door(self, behind: Path, *, to_plugins: bool = False) -> int:
        """Return a port of this network that forwards to the Unix socket; only this network's Pulumi may use it.

        With ``to_plugins`` also the processes that Pulumi starts may: every one of this user in this network.
        """
        listener = self._inside.submit(socket.create_server, (_HOST, 0)).result()
        may_enter = is_of_same_user if to_plugins else self._is_our_pulumi
        door = Door(listener, str(behind), may_enter, self._tables)
        self._closing.callback(door.close)
        return door.port

    def reach(self, address: str) -> str:
        """Return the address with which gRPC connects from here to a Pulumi port of this network."""
        if not self.is_private:
            return address
        port = int(address.removeprefix(f"{_HOST}:"))
        path = self.new_address()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        self._closing.callback(_stop_listening, listener)

        def connect() -> socket.socket:
            return self._inside.submit(socket.create_connection, (_HOST, port)).result()

        threading.Thread(target=_forward, args=(listener, connect), name="loopback-reach", daemon=True).start()
        return f"unix:{path}"

    def _is_our_pulumi(self, peer: PeerSocket) -> bool | None:
        if self._pid is None:
            return None
        return peer.uid == os.geteuid() and holds_socket(self._pid, peer.inode)


def _enter_own_network() -> bool:
    """Move this thread to a new network that has only a loopback; False where this is not permitted."""
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) != 0:
        return False
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, struct.pack(_INTERFACE_REQUEST, b"lo", 0))
        _, flags = struct.unpack(_INTERFACE_REQUEST, asked)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack(_INTERFACE_REQUEST, b"lo", flags | _IFF_UP))
    return True


def _forward(listener: socket.socket, connect: Callable[[], socket.socket]) -> None:
    while True:
        try:
            near, _ = listener.accept()
        except OSError:
            return
        try:
            far = connect()
        except (OSError, RuntimeError):  # Pulumi has ended, or this is being closed
            near.close()
        else:
            join(near, far)


def _stop_listening(listener: socket.socket) -> None:
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
