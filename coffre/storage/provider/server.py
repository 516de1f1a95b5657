"""The process of a provider, `pulumi-resource-NAME`, which Pulumi starts and ends."""

import asyncio
import ctypes
import os
import signal
import socket
import sys
from collections.abc import Callable
from typing import Any

from coffre.outside.door import Door, is_of_same_user, socket_folder
from coffre.storage.provider.shell import ProviderShell
from coffre.storage.serving import OneLineServicer, serve_until_exit

_PR_SET_PDEATHSIG = 1


def run(make: Callable[[], ProviderShell[Any, Any]]) -> None:
    """Serve a provider until Pulumi ends it; when Pulumi is killed, the kernel does."""
    if len(sys.argv) < 2:
        program = os.path.basename(sys.argv[0])  # noqa: PTH119
        sys.exit(f"{program} is started by Pulumi; to see the change preview run `coffre plan`")
    _die_with_parent()
    # Until the servicer listens for it: a Ctrl-C while Pulumi starts is Pulumi's to handle.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asyncio.run(_serve(make(), engine_address=sys.argv[1]))
    except SystemExit:
        os._exit(1)  # Pulumi has gone: what is under way is not waited for, the next run finds it


def _die_with_parent() -> None:
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died in between, and the kernel no longer reports it
        sys.exit(1)


async def _serve(provider: ProviderShell[Any, Any], engine_address: str) -> None:
    """Serve only processes of this user, like Pulumi: all users of this computer can reach the port."""
    servicer = OneLineServicer(engine_address, provider)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, servicer.interrupt)
    loop.add_signal_handler(signal.SIGTERM, sys.exit, 1)
    with socket_folder() as folder:
        address = folder / "provider"

        def open_door() -> None:
            listener = socket.create_server(("127.0.0.1", 0))
            print(Door(listener, str(address), is_of_same_user).port, flush=True)

        await serve_until_exit(servicer, address, open_door)
