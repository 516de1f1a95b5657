"""Puts access control before the servers that the Automation API creates for one run.

It creates them itself, on ports open to every user of this computer: the inline program's server, which gives every
key of the stack to a client that claims to be the engine, and the server for the engine's events. No setting changes
this, so the two names with which it creates them are replaced by ours.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import grpc  # type: ignore[import-untyped]
from pulumi.automation import _stack
from pulumi.automation._server import LanguageServer

from coffre.provisioning.engine.loopback import Loopback

_ASKED = "127.0.0.1:0"
_loopback: ContextVar[Loopback | None] = ContextVar("loopback", default=None)


@contextmanager
def served_over(loopback: Loopback) -> Iterator[None]:
    """Put the servers that the Automation API creates in this block behind doors of a loopback."""
    token = _loopback.set(loopback)
    try:
        yield
    finally:
        _loopback.reset(token)


class _Server:
    """A gRPC server that listens on a Unix socket, and gives the port of its door."""

    def __init__(self, server: Any, loopback: Loopback) -> None:
        self._server = server
        self._loopback = loopback

    def __getattr__(self, name: str) -> Any:
        return getattr(self._server, name)

    def add_insecure_port(self, address: str) -> int:
        assert address == _ASKED  # noqa: S101 - else another Pulumi than the pinned one listens elsewhere
        path = self._loopback.new_address()
        self._server.add_insecure_port(f"unix:{path}")
        return self._loopback.open_door(path)


class _Grpc:
    """The module grpc, except its servers."""

    def __getattr__(self, name: str) -> Any:
        return getattr(grpc, name)

    def server(self, *arguments: Any, **options: Any) -> Any:
        loopback, server = _loopback.get(), grpc.server(*arguments, **options)
        return server if loopback is None else _Server(server, loopback)


class _Program(LanguageServer):
    """The inline program's server, which connects to the engine in its network."""

    def __init__(self, program: Any) -> None:
        super().__init__(program)
        self._loopback = _loopback.get()

    def Run(self, request: Any, context: Any) -> Any:  # noqa: N802 -- the protocol's name
        if self._loopback is not None:
            request.monitor_address = self._loopback.reach(request.monitor_address)
            request.args[:] = [self._loopback.reach(request.args[0]), *request.args[1:]]
        return super().Run(request, context)  # type: ignore[no-untyped-call]


_stack.grpc = _Grpc()  # type: ignore[attr-defined]
_stack.LanguageServer = _Program  # type: ignore[attr-defined]
