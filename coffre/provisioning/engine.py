"""The one module that runs Pulumi: a tenant's stack previewed and brought up through the Automation API."""

import asyncio
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml
from pulumi import automation
from pulumi.automation import errors as automation_errors
from pulumi.automation import events
from pulumi.automation._stack import StackInitMode

from coffre import toolchain
from coffre.errors import BusyError, RemoteError

PROJECT = "coffre"
PARALLEL_RESOURCES = 32
"""Resources at a time; Pulumi's own default is 4 a core."""

PROGRAM_END_SECONDS = 5.0
"""How long the program of a failed run may take to stop."""

_COLOUR_TAG = re.compile(r"<\{%.*?%\}>")
_CHANGES = {
    events.OpType.CREATE: "create",
    events.OpType.UPDATE: "update",
    events.OpType.REPLACE: "replace",
    events.OpType.DELETE: "delete",
}

Program = Callable[[], None]
OnProgress = Callable[[str], None]


@dataclass(frozen=True, order=True)
class PropertyChange:
    """One property of a resource, before and after; both None where a value is a document, too long to compare by eye.

    Secrets arrive here as `[secret]`: the engine masks them.
    """

    path: str
    old: str | None = None
    new: str | None = None


@dataclass(frozen=True, order=True)
class ResourceChange:
    """One change of one resource: ``operation`` is create, update, replace or delete; ``properties`` what differs."""

    operation: str
    kind: str
    name: str
    properties: tuple[PropertyChange, ...] = ()


class _LeanStack(automation.Stack):
    """A stack that does not ask the CLI again, after each update, for outputs and history nobody reads (1.2 s)."""

    def outputs(self) -> automation.OutputMap:
        return {}

    def info(self, show_secrets: bool = False) -> automation.UpdateSummary:  # noqa: ARG002
        return automation.UpdateSummary(
            kind="update", start_time=datetime.now(UTC), message="", environment={}, config={}, result="succeeded"
        )


class StackEngine:
    """Runs one tenant's stack.

    ``backend`` is where Pulumi keeps state (`file://…`), ``work_dir`` the stack's own folder, made here from
    Pulumi.yaml; ``environment`` reaches the provider and holds the platform's admin credential.
    """

    def __init__(
        self, slug: str, *, backend: str, work_dir: Path, passphrase: str, environment: Mapping[str, str]
    ) -> None:
        self._slug = slug
        work_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_project(work_dir)
        Path(backend.removeprefix("file://")).mkdir(parents=True, exist_ok=True, mode=0o700)
        pulumi = toolchain.find_tool("pulumi")
        provider_folder = toolchain.find_tool("pulumi-resource-rgw").parent
        self._environment = {
            **environment,
            "PATH": f"{provider_folder}{os.pathsep}{os.environ.get('PATH', '')}",
            "PULUMI_BACKEND_URL": backend,
            "PULUMI_CONFIG_PASSPHRASE": passphrase,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            # A crash then loses the update's own record and nothing else: the provider adopts what it finds equal.
            "PULUMI_SKIP_CHECKPOINTS": "true",
        }
        self._workspace = automation.LocalWorkspace(
            work_dir=str(work_dir),
            pulumi_home=str(work_dir.parent / ".home"),
            env_vars=self._environment,
            pulumi_command=automation.PulumiCommand(str(pulumi.parent.parent), skip_version_check=True),
        )
        self._stack: automation.Stack | None = None

    def preview(self, program: Program) -> list[ResourceChange]:
        """Return what `up` would change, live facts looked at; touches neither platform nor state."""
        recorder = _Recorder()
        with _translated(self._slug, recorder), _ended(program) as inline:
            self._open().preview(
                program=inline, refresh=True, parallel=PARALLEL_RESOURCES, on_event=recorder, color="never"
            )
        return recorder.changes()

    def up(self, program: Program, on_progress: OnProgress) -> list[ResourceChange]:
        """Bring the platform to what the program says, live facts looked at first; returns what was changed."""
        recorder = _Recorder(on_progress)
        with _translated(self._slug, recorder), _ended(program) as inline:
            self._open().up(
                program=inline,
                refresh=True,
                parallel=PARALLEL_RESOURCES,
                on_event=recorder,
                color="never",
                show_secrets=False,
            )
        return recorder.changes()

    def _open(self) -> automation.Stack:
        if self._stack is None:
            self._stack = _LeanStack(self._slug, self._workspace, StackInitMode.CREATE_OR_SELECT)
        return self._stack


@contextmanager
def _translated(slug: str, recorder: "_Recorder") -> Iterator[None]:
    """Turn what the Automation API raises into what an operator can act on."""
    try:
        yield
    except automation_errors.ConcurrentUpdateError as error:
        raise BusyError(
            f"the stack of {slug} is locked by another run",
            "Wait for it to end and run the same command again; if nothing runs any more, `pulumi cancel` frees it.",
        ) from error
    except automation_errors.CommandError as error:
        raise RemoteError(
            f"storage of {slug}: {'; '.join(recorder.errors) or _last_line(str(error))}",
            f"What was done stays done; put that right and run `coffre apply {slug}` again.",
        ) from error


@contextmanager
def _ended(program: Program) -> Iterator[Program]:
    """Give the program to run, and see to it that a failed run ends it.

    The Automation API leaves the program of a failed run waiting for outputs that never come, in a thread for which the
    interpreter would wait at its exit.
    """
    loops: list[asyncio.AbstractEventLoop] = []

    def inline() -> None:
        loops.append(asyncio.get_running_loop())
        program()

    try:
        yield inline
    except automation_errors.CommandError:
        for loop in loops:
            end = time.monotonic() + PROGRAM_END_SECONDS
            while loop.is_running() and time.monotonic() < end:
                loop.call_soon_threadsafe(loop.stop)
                time.sleep(0.05)
            if not loop.is_running():
                loop.close()
        raise


class _Recorder:
    """Gathers the engine's events of one run: each change once, each error once."""

    def __init__(self, on_progress: OnProgress | None = None) -> None:
        self._on_progress = on_progress
        self._changes: dict[str, ResourceChange] = {}
        self.errors: list[str] = []

    def __call__(self, event: events.EngineEvent) -> None:
        if event.resource_pre_event is not None:
            self._note_step(event.resource_pre_event.metadata)
        if event.diagnostic_event is not None and event.diagnostic_event.severity == "error":
            self._note_error(event.diagnostic_event)

    def changes(self) -> list[ResourceChange]:
        return sorted(self._changes.values())

    def _note_step(self, step: events.StepEventMetadata) -> None:
        operation = _CHANGES.get(step.op)
        if operation is None or not step.type.startswith("rgw:"):
            return
        properties = _property_changes(step) if operation in ("update", "replace") else ()
        change = ResourceChange(operation, step.type.rsplit(":", 1)[-1], step.urn.rsplit("::", 1)[-1], properties)
        self._changes[step.urn] = change
        if self._on_progress is not None:
            self._on_progress(f"{change.operation} {change.kind} {change.name}")

    def _note_error(self, event: events.DiagnosticEvent) -> None:
        text = _last_line(_COLOUR_TAG.sub("", event.message)).removeprefix("error: ")
        # The engine's own closing lines say only that something above them failed.
        if text in ("update failed", "preview failed", "refresh failed") or text in self.errors:
            return
        name = event.urn.rsplit("::", 1)[-1] if event.urn else ""
        self.errors.append(f"{name}: {text}" if name and name not in text else text)


def _write_project(work_dir: Path) -> None:
    """Write a work folder's Pulumi.yaml: the project's own, without the folder of the program, which is inline here."""
    settings = yaml.safe_load(toolchain.bundled("Pulumi.yaml").read_text(encoding="utf-8"))
    settings.pop("main", None)
    (work_dir / "Pulumi.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")


def list_stacks(backend: str) -> list[str]:
    """Return the names of all stacks in a `file://` backend, by its documented layout."""
    folder = Path(backend.removeprefix("file://")) / ".pulumi" / "stacks" / PROJECT
    if not folder.is_dir():
        return []
    return sorted({path.name.split(".")[0] for path in folder.iterdir() if path.name.endswith((".json", ".json.gz"))})


def _property_changes(step: events.StepEventMetadata) -> tuple[PropertyChange, ...]:
    old, new = ((state.inputs if state is not None else None) or {} for state in (step.old, step.new))
    changes = []
    for path in sorted(step.detailed_diff or ()):
        values = old.get(path), new.get(path)
        is_shown = all(isinstance(value, str | int | float | bool) for value in values)
        changes.append(PropertyChange(path, *(_shown(value) for value in values)) if is_shown else PropertyChange(path))
    return tuple(changes)


def _shown(value: object) -> str:
    # The protocol sends every number as a float.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "Pulumi gave no reason"
