"""Pulumi's own mocks, for tests of what a program declares: no engine, and an event loop that stays."""

import asyncio
from collections.abc import Callable
from typing import Any

import pulumi

Resource = pulumi.runtime.MockResourceArgs

LOOPS: list[asyncio.AbstractEventLoop] = []
"""The event loops that programs ran in. Pulumi's threads live as long as their loop, and a loop that nothing holds when
a later asyncio.run unsets it is a ResourceWarning in another test: none is closed or unset.
"""


class Recorder(pulumi.runtime.Mocks):
    """Takes every resource as created as declared."""

    def __init__(self) -> None:
        self.resources: list[Resource] = []

    def new_resource(self, args: Resource) -> tuple[str | None, dict[Any, Any]]:
        self.resources.append(args)
        return args.name, args.inputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[Any, Any]:
        raise AssertionError(f"the program called {args.token}")


def run_program(
    mocks: pulumi.runtime.Mocks, program: Callable[[], object], *, stack: str = "martin", preview: bool = False
) -> None:
    """Run a Pulumi program under mocks until every resource is registered. Raises what the program raises."""
    hold_event_loop()
    pulumi.runtime.set_mocks(mocks, project="coffre", stack=stack, preview=preview)
    pulumi.runtime.test(program)()


def hold_event_loop() -> None:
    """Take the thread's event loop, or make one, and hold it: after an asyncio.run a thread has none."""
    try:
        loop = asyncio.get_event_loop()
    except (DeprecationWarning, RuntimeError):
        # From Python 3.12 on, a thread without a loop gets the warning first, and warnings are errors in tests.
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
    if loop not in LOOPS:
        LOOPS.append(loop)
