"""The provider's server: the console script `pulumi-resource-rgw`, which Pulumi starts and ends, or a thread of ours.

The thread saves the half second in which a process of its own would import the same modules again, and goes with us.
"""

import asyncio
import ctypes
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import grpc.aio  # type: ignore[import-untyped]
from google.protobuf import empty_pb2  # type: ignore[import-untyped]
from pulumi.provider.experimental.server import ProviderServicer
from pulumi.runtime._grpc_settings import _GRPC_CHANNEL_OPTIONS
from pulumi.runtime.proto import provider_pb2_grpc

from coffre.errors import ExpectedError
from coffre.outside.door import Door, is_of_same_user, private_folder
from coffre.storage.ceph.provider.shell import RgwProvider

_PR_SET_PDEATHSIG = 1


class OneLineServicer(ProviderServicer):
    """Pulumi's servicer, but an error reaches the user as one line, and the process knows when it may go."""

    def __init__(self, engine_address: str, provider: RgwProvider) -> None:
        super().__init__([], version("coffre"), provider, engine_address)
        self._running = 0
        self._is_cancelled = False
        self._is_leaving = False
        self.may_exit = asyncio.Event()

    def interrupt(self) -> None:
        """Take a SIGINT: Pulumi's own, which ends the provider, comes after its Cancel.

        One before that is the user's Ctrl-C, which reaches the whole process group: Pulumi then finishes what is under
        way, so the provider has to stay for it.
        """
        self._is_leaving = self._is_cancelled
        self._leave_when_idle()

    async def Attach(self, request: Any, context: Any) -> Any:  # noqa: N802, ARG002
        """Take the engine's address from a Pulumi that did not start us."""
        self._engine_address = request.address
        return empty_pb2.Empty()

    async def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802 -- names of the protocol
        self._is_cancelled = True
        return await super().Cancel(request, context)  # type: ignore[no-untyped-call]

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._answer(super().Check, request, context)

    async def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._answer(super().Diff, request, context)

    async def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._answer(super().Create, request, context)

    async def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._answer(super().Read, request, context)

    async def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._answer(super().Update, request, context)

    async def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        return await self._answer(super().Delete, request, context)

    async def _answer(self, call: Callable[[Any, Any], Awaitable[Any]], request: Any, context: Any) -> Any:
        self._running += 1
        try:
            return await _one_line(call, request, context)
        finally:
            self._running -= 1
            self._leave_when_idle()

    def _leave_when_idle(self) -> None:
        if self._is_leaving and not self._running:
            self.may_exit.set()


async def _one_line(call: Callable[[Any, Any], Awaitable[Any]], request: Any, context: Any) -> Any:
    try:
        return await call(request, context)
    except ExpectedError as error:
        text = f"{error.message}; {error.hint}" if error.hint else error.message
    except Exception as error:  # noqa: BLE001 -- the last place: anything else would be shown with the values in hand
        text = _describe(error)
    await context.abort(grpc.StatusCode.UNKNOWN, " ".join(text.split()))
    return None


def _describe(error: Exception) -> str:
    """Name an unexpected error and the line of ours it came from, without its text, which may quote a secret."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    where = f" at {os.path.basename(frame.tb_frame.f_code.co_filename)}:{frame.tb_lineno}" if frame else ""  # noqa: PTH119
    return f"the RGW provider failed on its own: {type(error).__name__}{where}; this is a defect of Coffre"


def main() -> None:
    """Serve until Pulumi ends the provider; when Pulumi is killed, the kernel does."""
    if len(sys.argv) < 2:
        sys.exit("pulumi-resource-rgw is started by Pulumi; to see the change preview run `coffre plan`")
    _die_with_parent()
    # Until the servicer listens for it: a Ctrl-C while Pulumi starts is Pulumi's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asyncio.run(_serve(engine_address=sys.argv[1]))
    except SystemExit:
        os._exit(1)  # Pulumi has gone: what is under way is not waited for, the next run finds it


def _die_with_parent() -> None:
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died in between, and the kernel no longer reports it
        sys.exit(1)


async def _serve(engine_address: str) -> None:
    """Serve only processes of this user, like Pulumi: all users of this computer can reach the port."""
    servicer = OneLineServicer(engine_address, RgwProvider())
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, servicer.interrupt)
    loop.add_signal_handler(signal.SIGTERM, sys.exit, 1)
    with private_folder() as folder:
        address = folder / "provider"

        def open_door() -> None:
            listener = socket.create_server(("127.0.0.1", 0))
            print(Door(listener, str(address), is_of_same_user).port, flush=True)

        await _serve_until_exit(servicer, address, open_door)


async def _serve_until_exit(servicer: OneLineServicer, address: Path, on_ready: Callable[[], None]) -> None:
    server = grpc.aio.server(options=_GRPC_CHANNEL_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    server.add_insecure_port(f"unix:{address}")
    await server.start()
    on_ready()
    await servicer.may_exit.wait()
    await server.stop(grace=None)


@contextmanager
def served(provider: RgwProvider, address: Path) -> Iterator[Path]:
    """Serve a provider from a thread for the time of the block, on a Unix socket at this path, which is given back.

    Access to the path gives all rights of the provider: keep it in a private folder.
    """
    loop = asyncio.new_event_loop()
    servicer = OneLineServicer("", provider)
    is_ready = threading.Event()
    failures: list[BaseException] = []

    def serve() -> None:
        try:
            loop.run_until_complete(_serve_until_exit(servicer, address, is_ready.set))
        except BaseException as error:  # noqa: BLE001 -- raised by who waits for it
            failures.append(error)
        finally:
            is_ready.set()
            loop.close()

    thread = threading.Thread(target=serve, name="rgw-provider")
    thread.start()
    try:
        is_ready.wait()
        if failures:
            raise failures[0]
        yield address
    finally:
        if not loop.is_closed():
            loop.call_soon_threadsafe(servicer.may_exit.set)
        thread.join()
