"""Real Pulumi stacks for the provider's tests: inline program, file backend, nothing outside one folder."""

import asyncio
import functools
import os
import secrets
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pulumi.automation as auto
from pulumi.automation._stack import StackInitMode

from coffre.toolchain import find_tool


@dataclass(frozen=True)
class Step:
    """What Pulumi did to one resource, and the paths of the properties that differed."""

    op: str
    diff: list[str]


class LeanStack(auto.Stack):
    """A stack that asks the CLI for neither outputs nor history after each run: nobody here reads them."""

    def outputs(self) -> auto.OutputMap:
        return {}

    def info(self, show_secrets: bool = False) -> auto.UpdateSummary:
        return auto.UpdateSummary("update", datetime.now(UTC), "", {}, {}, "succeeded")


class PackageStack:
    """One stack of a provider's resources, whose every run tells what was done to each, by the resource's name."""

    def __init__(self, folder: Path, name: str, package: str, environment: Mapping[str, str]) -> None:
        folder = folder / name
        (folder / "state").mkdir(parents=True)
        (folder / "home").mkdir()
        (folder / "work").mkdir()
        self.folder = folder
        self._name = name
        self._package = package
        self._workspace = auto.LocalWorkspace(
            work_dir=str(folder / "work"),
            pulumi_home=str(folder / "home"),
            pulumi_command=_command(),
            project_settings=auto.ProjectSettings(
                "provider-test", "python", backend=auto.ProjectBackend(f"file://{folder / 'state'}")
            ),
            env_vars={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "PULUMI_CONFIG_PASSPHRASE": secrets.token_hex(16),
                "PULUMI_SKIP_UPDATE_CHECK": "true",
                "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
                "PULUMI_SKIP_CHECKPOINTS": "true",
                **environment,
            },
        )
        self._stack = None

    def configure(self, values: Mapping[str, str], secret_values: Mapping[str, str]) -> None:
        """Set settings of the stack; one without a namespace is the project's."""
        plain = {name: auto.ConfigValue(value) for name, value in values.items() if value}
        secret = {name: auto.ConfigValue(value, secret=True) for name, value in secret_values.items()}
        self._created().set_all_config({**plain, **secret})

    def up(self, program, **options) -> dict[str, Step]:
        return self._run("up", program, **options)

    def preview(self, program) -> dict[str, Step]:
        return self._run("preview", program)

    def refresh(self) -> dict[str, Step]:
        return self._run("refresh", None)

    def destroy(self, **options) -> dict[str, Step]:
        return self._run("destroy", None, **options)

    def state(self) -> str:
        """Return the state as it stands on disk."""
        return next((self.folder / "state" / ".pulumi" / "stacks").rglob(f"{self._name}.json")).read_text()

    def _run(self, verb: str, program, **options) -> dict[str, Step]:
        stack = self._created()
        loops: list[asyncio.AbstractEventLoop] = []
        if program is not None:

            def recorded() -> None:
                loops.append(asyncio.get_running_loop())
                program()

            options["program"] = recorded
        steps: dict[str, Step] = {}

        def note(event) -> None:
            # A refresh knows its outcome only afterwards, all others are known before they begin.
            told = event.res_outputs_event if verb == "refresh" else event.resource_pre_event
            if told is not None and told.metadata.type.startswith(f"{self._package}:"):
                name = told.metadata.urn.rsplit("::", 1)[-1]
                steps[name] = Step(told.metadata.op.value, sorted(told.metadata.detailed_diff or {}))

        parallel = {} if verb == "preview" else {"parallel": 32}
        try:
            getattr(stack, verb)(on_event=note, **parallel, **options)
        except auto.CommandError:
            _end_program(loops)
            raise
        return steps

    def _created(self) -> LeanStack:
        if self._stack is None:
            self._stack = LeanStack(self._name, self._workspace, StackInitMode.CREATE)
        return self._stack


def _end_program(loops: list[asyncio.AbstractEventLoop]) -> None:
    """End the program of a failed run.

    The Automation API leaves it waiting for outputs that never come, until a garbage collection happens to stop its
    event loop; at worst never, and then the interpreter cannot exit. Nor does it close the loop.
    """
    for loop in loops:
        end = time.monotonic() + 5
        while loop.is_running() and time.monotonic() < end:
            loop.call_soon_threadsafe(loop.stop)
            time.sleep(0.05)
        loop.close()


@functools.cache
def _command() -> auto.PulumiCommand:
    return auto.PulumiCommand(str(find_tool("pulumi").parent.parent))
