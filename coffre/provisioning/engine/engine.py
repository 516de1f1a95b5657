"""Runs Pulumi through the Automation API: previews and updates a tenant's stack. Only this module runs it."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import yaml
from pulumi import automation
from pulumi.automation import errors as automation_errors
from pulumi.automation._stack import StackInitMode

from coffre import toolchain
from coffre.errors import BusyError, RemoteError
from coffre.provisioning.changes import ResourceChange
from coffre.provisioning.engine.loopback import Loopback
from coffre.provisioning.engine.pulumi_process import PulumiProcess
from coffre.provisioning.engine.pulumi_servers import served_over
from coffre.provisioning.engine.recorder import OnProgress, Recorder, last_line
from coffre.provisioning.engine.state import StateFolder, has_owner
from coffre.provisioning.engine.tunnel import tunnel
from coffre.spec import naming
from coffre.storage.platform import Declaration
from coffre.workspace import fence
from coffre.workspace.paths import PULUMI_HOME

PARALLEL_RESOURCES = 32
"""Resources in parallel; Pulumi's own default is 4 per core."""

PROGRAM_END_SECONDS = 5.0
"""How long the program of a failed run may take to stop."""

MAX_REASONS = 3
"""The maximum number of reasons for a failed run: a platform that goes away gives one per resource."""

TORN_LOCK_SECONDS = 10.0
"""The age from which an incomplete lock is abandoned: it is some hundred bytes, written at once."""

LOCK_PATIENCE_SECONDS = 15.0
"""How long the Pulumi of a killed command may take to end by itself; 2 to 3 s were measured."""

_NO_ROOM = "no space left on device"
PulumiProgram = Callable[[], None]


class _LeanStack(automation.Stack):
    """A stack that starts the CLI only for its updates: each start costs 0.2 s, and making a stack 0.45 s.

    It neither makes nor selects itself, since its state exists and every call names its stack, and it reads neither
    outputs nor history.
    """

    def __init__(self, name: str, workspace: automation.LocalWorkspace) -> None:
        self.name = name
        self.workspace = workspace
        self._mode = StackInitMode.SELECT

    def outputs(self) -> automation.OutputMap:
        return {}

    def info(self, show_secrets: bool = False) -> automation.UpdateSummary:  # noqa: ARG002
        return automation.UpdateSummary(
            kind="update", start_time=datetime.now(UTC), message="", environment={}, config={}, result="succeeded"
        )


class StackEngine:
    """Runs one tenant's stack.

    ``state`` is Pulumi's backend, ``work_dir`` the stack's own folder, created here with Pulumi.yaml; ``declared`` is
    the wanted state, with a provider in this process if the kind of platform has one.
    """

    def __init__(
        self,
        slug: str,
        *,
        state: StateFolder,
        work_dir: Path,
        passphrase: str,
        declared: Declaration,
    ) -> None:
        self._slug = slug
        self._state = state
        self._work_dir = work_dir
        self._declared = declared
        work_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_project(work_dir)
        state.make()
        pulumi = toolchain.find_tool("pulumi")
        self._command = PulumiProcess(pulumi)
        self._plugin = declared.plugin_terms(os.environ)
        self._environment: dict[str, str] = {
            "PULUMI_BACKEND_URL": state.backend,
            "PULUMI_CONFIG_PASSPHRASE": passphrase,
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            # A crash then loses only the update's own record: our own provider adopts equal resources.
            "PULUMI_SKIP_CHECKPOINTS": "true" if self._plugin is None else "false",
            # The salt of the stack's secrets is in Pulumi.STACK.yaml of the work folder, which another computer lacks.
            "PULUMI_FALLBACK_TO_STATE_SECRETS_MANAGER": "true",
            # Pulumi still calls update plans experimental.
            "PULUMI_EXPERIMENTAL": "true",
            **(self._plugin.environment if self._plugin is not None else {}),
        }
        self._workspace = automation.LocalWorkspace(
            work_dir=str(work_dir),
            pulumi_home=str(work_dir.parent / PULUMI_HOME.name),
            env_vars=self._environment,
            pulumi_command=self._command,
        )
        declared.prepare()

    def preview(
        self, *, refresh: bool, takes_unequal: bool = False, plan_file: Path | None = None
    ) -> list[ResourceChange]:
        """Return what `up` would change; changes neither platform nor state.

        With ``refresh`` Pulumi reads the platform first. It writes its own plan to ``plan_file``, secrets encrypted.
        """
        recorder = Recorder()
        with self._running(recorder, takes_unequal=takes_unequal) as inline:
            self._open().preview(
                program=inline,
                refresh=refresh,
                plan=str(plan_file) if plan_file is not None else None,
                parallel=PARALLEL_RESOURCES,
                on_event=recorder,
                color="never",
            )
        return recorder.changes()

    def up(
        self,
        on_progress: OnProgress,
        *,
        refresh: bool,
        clear_pending: bool,
        targets: Sequence[str] | None = None,
        takes_unequal: bool = False,
        plan_file: Path | None = None,
    ) -> list[ResourceChange]:
        """Change the platform as declared, or only some resources by URN; returns the changes made.

        The lock of a killed run is removed first. Ctrl-C lets running operations end, then stops. A resource that
        exists but is missing in the state is adopted when it is equal, with ``takes_unequal`` also when it differs.
        With ``plan_file`` only the changes of that plan of Pulumi are made.
        """
        self.free_stale_lock(on_progress)
        changes = self._up(on_progress, refresh, clear_pending, targets, takes_unequal, plan_file)
        if self._plugin is None or not any(change.operation == "adopt" for change in changes):
            return changes
        # A plugin imports a resource as it is; the next run makes it as it should be.
        return [*changes, *self._up(on_progress, False, False, None, takes_unequal, None)]

    def _up(
        self,
        on_progress: OnProgress,
        refresh: bool,
        clear_pending: bool,
        targets: Sequence[str] | None,
        takes_unequal: bool,
        plan_file: Path | None,
    ) -> list[ResourceChange]:
        fence.check()
        recorder = Recorder(on_progress)
        stack = self._open()
        with (
            self._mended(),
            recorder.telling_what_takes_long(),
            self._running(recorder, takes_unequal=takes_unequal) as inline,
        ):
            if clear_pending:
                stack.refresh(clear_pending_creates=True, color="never")
            stack.up(
                program=inline,
                refresh=refresh,
                target=list(targets) if targets is not None else None,
                plan=str(plan_file) if plan_file is not None else None,
                parallel=PARALLEL_RESOURCES,
                on_event=recorder,
                color="never",
                show_secrets=False,
            )
        return recorder.changes()

    def _open(self) -> _LeanStack:
        self._state.remove_torn_attributes(self._slug)
        self._state.begin(self._slug)
        return _LeanStack(self._slug, self._workspace)

    def free_stale_lock(self, on_progress: OnProgress) -> None:
        """Remove the lock of a killed run, after checking that its process is gone.

        Pulumi outlives a killed command by a few seconds, so its end is awaited.
        """
        self._clear_torn_locks()
        locks = self._state.list_locks(self._slug)
        if not locks:
            return
        end = time.monotonic() + LOCK_PATIENCE_SECONDS
        while (held := [lock for lock in locks if has_owner(lock)]) and time.monotonic() < end:
            time.sleep(0.1)
        if held:
            raise BusyError(
                f"the stack of {self._slug} is locked by {held[0]}",
                "Wait for it to end and run the same command again. If that computer no longer exists, run: "
                f"PULUMI_BACKEND_URL={self._state.backend} pulumi cancel --stack {self._slug}",
            )
        if self._state.list_locks(self._slug):
            on_progress(f"removing the stack's lock, which a killed run left behind ({locks[0]})")
            self._open().cancel()

    @contextmanager
    def _mended(self) -> Iterator[None]:
        """Make sure that a failed run leaves a readable state: it was readable when the run began."""
        try:
            yield
        except BaseException:
            self._state.mend(self._slug)
            raise

    def _clear_torn_locks(self) -> None:
        for path in self._state.list_torn_locks(self._slug):
            with contextlib.suppress(FileNotFoundError):
                while time.time() - path.stat().st_mtime < TORN_LOCK_SECONDS:
                    time.sleep(0.1)
                path.unlink()

    @contextmanager
    def _running(self, recorder: Recorder, *, takes_unequal: bool = False) -> Iterator[PulumiProgram]:
        """Serve the provider and give the program during one run; explain a failure."""
        state = self._state.read(self._slug)
        declared = self._declared.beside(state.resources if state is not None else ())
        with (
            _translated(self._slug, recorder, self._command),
            _ended(declared.program) as inline,
            Loopback() as loopback,
            self._way_out(loopback),
            declared.served(address := loopback.new_address(), takes_unequal=takes_unequal) as provider,
            self._command.started_in(loopback),
            served_over(loopback),
        ):
            if provider is not None:
                recorder.adopted = provider.adopted
                door = loopback.open_door(address)
                self._environment["PULUMI_DEBUG_PROVIDERS"] = f"{provider.package}:{door}"
            yield inline

    @contextmanager
    def _way_out(self, loopback: Loopback) -> Iterator[None]:
        """Let the provider's plugin reach its platform from Pulumi's network during the block, and nothing else."""
        if self._plugin is None:
            yield
            return
        with tunnel(address := loopback.new_address(), self._plugin.hosts):
            self._environment["HTTPS_PROXY"] = f"http://127.0.0.1:{loopback.open_door(address, to_plugins=True)}"
            yield


@contextmanager
def _translated(stack: str, recorder: Recorder, command: PulumiProcess) -> Iterator[None]:
    """Turn the Automation API's exceptions into errors that an operator can act on."""
    try:
        yield
        command.raise_interrupt()
    except automation_errors.ConcurrentUpdateError as error:
        raise BusyError(
            f"the stack of {stack} is locked by another run",
            "Wait for it to end and run the same command again; if no other run exists, `pulumi cancel` unlocks it.",
        ) from error
    except automation_errors.CommandError as error:
        command.raise_interrupt()
        raise _explain_failure(stack, recorder.errors, str(error)) from error


def _explain_failure(stack: str, errors: Sequence[str], text: str) -> RemoteError:
    """Say why a run failed: by its resources' own errors, else by Pulumi's last message. Pure."""
    slug = naming.slug_of_stack(stack)
    what = f"storage of {slug}" if stack == slug else f"second copy of {slug}"
    again = f"run `coffre apply {slug}` again"
    if not errors and _NO_ROOM in text:
        place = next((word for word in text.split() if word.startswith("/")), "its folder").rstrip(":")
        return RemoteError(
            f"{what}: no room is left for Pulumi's state on this computer's disk ({place})",
            f"Make room and {again}: it finds what this run created on the platform, with the same keys.",
        )
    reasons = _without_repeated_advice(errors[:MAX_REASONS]) or [
        last_line(text).removeprefix("stderr: ").removeprefix("error: ")
    ]
    if len(errors) > MAX_REASONS:
        reasons.append(f"and {len(errors) - MAX_REASONS} more errors")
    return RemoteError(f"{what}: {'; '.join(reasons)}", f"The changes made so far stay. Correct the cause and {again}.")


def _without_repeated_advice(errors: Sequence[str]) -> list[str]:
    """Return errors, each "what happened; what to do", without repeated advice. Pure."""
    given: set[str] = set()
    shown = []
    for text in errors:
        what, _, advice = text.partition("; ")
        shown.append(what if advice in given else text)
        given.add(advice)
    return shown


@contextmanager
def _ended(program: PulumiProgram) -> Iterator[PulumiProgram]:
    """Give the program to run, and make sure that a failed run ends it.

    After a failed run the Automation API leaves the program waiting for outputs that never come, in a thread that would
    block the exit of the interpreter.
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


def _write_project(work_dir: Path) -> None:
    """Write a work folder's Pulumi.yaml: the project's own, without the program's folder, since it is inline here."""
    settings = yaml.safe_load(toolchain.bundled("Pulumi.yaml").read_text(encoding="utf-8"))
    settings.pop("main", None)
    (work_dir / "Pulumi.yaml").write_text(yaml.safe_dump(settings, allow_unicode=True), encoding="utf-8")
