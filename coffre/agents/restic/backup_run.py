"""Starts a backup on a machine over SSH and follows it to its end: by the unit's invocation id, without guesses."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from coffre.agents.driver import RunClock
from coffre.agents.reach.ssh import CompletedRun
from coffre.agents.reach.ssh_errors import MachineUnreachableError
from coffre.agents.report import InvalidReportError, Report, parse_report
from coffre.errors import ExpectedError

UNIT = "coffre-backup.service"
LAST_REPORT = "/var/lib/coffre/last-report.json"
COMMAND_SECONDS = 30.0
STARTING_SECONDS = 30.0
"""How long systemd may take to start a unit after it accepted the request."""
LOST_SECONDS = 120.0
"""How long the connection to a machine may be broken while its backup goes on."""

_RUNNING = ("active", "activating", "deactivating", "reloading")
_PROPERTIES = ("LoadState", "ActiveState", "Result", "ExecMainStatus", "InvocationID")


class BackupRunError(ExpectedError):
    """The run could not be started, or ended without a report."""


class RunsCommands(Protocol):
    """What a run's follower needs from a machine; SshMachine implements it."""

    @property
    def name(self) -> str: ...

    def run(self, argv: list[str], timeout_seconds: float) -> CompletedRun: ...


@dataclass(frozen=True)
class UnitState:
    """systemd's state of the unit; ``invocation_id`` is empty when the unit never ran, or systemd has forgotten it."""

    is_loaded: bool
    is_running: bool
    invocation_id: str
    result: str
    exit_code: str


def read_unit_state(text: str) -> UnitState:
    """Read the output of `systemctl show`. Pure."""
    fields = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return UnitState(
        is_loaded=fields.get("LoadState") == "loaded",
        is_running=fields.get("ActiveState") in _RUNNING,
        invocation_id=fields.get("InvocationID", ""),
        result=fields.get("Result", ""),
        exit_code=fields.get("ExecMainStatus", ""),
    )


def start_and_wait(
    machine: RunsCommands, deadline_seconds: float, on_progress: Callable[[str], None], clock: RunClock | None = None
) -> Report:
    """Start the machine's backup, or join a running one, and return its report.

    Raises the errors of `ssh_errors` when the machine cannot be reached, BackupRunError when the agent is not
    installed, the run ended without a report, or the deadline passed: the run then goes on, on the machine.
    """
    return _Follower(machine, on_progress, clock or RunClock()).follow(deadline_seconds)


class _Follower:
    """One run, from its start to its report."""

    def __init__(self, machine: RunsCommands, on_progress: Callable[[str], None], clock: RunClock) -> None:
        self._machine = machine
        self._on_progress = on_progress
        self._clock = clock
        self._began = clock.now()

    def follow(self, deadline_seconds: float) -> Report:
        before = self._unit_state()
        if not before.is_loaded:
            raise BackupRunError(
                f"{self._machine.name} has no {UNIT}: the agent is not installed there, or has no orders yet",
                "Run `coffre apply` for its tenant.",
            )
        earlier = self._find_report()
        if before.is_running:
            self._on_progress("a backup is running already: waiting for its end")
            ended = self._wait(before.invocation_id, None, deadline_seconds)
        else:
            self._start()
            self._on_progress("backup started")
            ended = self._wait(None, before.invocation_id, deadline_seconds)
        return self._report_of(ended, earlier.run_id if earlier else "")

    def _start(self) -> None:
        done = self._machine.run(["systemctl", "start", "--no-block", UNIT], COMMAND_SECONDS)
        if done.exit_code != 0:
            raise BackupRunError(f"{self._machine.name}: {UNIT} could not be started: {done.stderr.strip()}")

    def _wait(self, joined: str | None, before: str | None, deadline_seconds: float) -> UnitState:
        """Wait until the run has ended; the returned state has the invocation that was followed."""
        target, lost_at = joined, None
        while True:
            elapsed = self._clock.now() - self._began
            if elapsed > deadline_seconds:
                raise BackupRunError(
                    f"{self._machine.name}: the backup is still running after {deadline_seconds:.0f} seconds",
                    "It writes its report to the bucket when it ends; `coffre status` shows it then.",
                )
            try:
                state = self._unit_state()
                lost_at = None
            except MachineUnreachableError:
                lost_at = lost_at if lost_at is not None else self._clock.now()
                if self._clock.now() - lost_at > LOST_SECONDS:
                    raise
                self._on_progress("the machine does not answer; trying again")
                self._clock.sleep(5.0)
                continue
            if target is None and state.invocation_id not in ("", before):
                target = state.invocation_id
            followed = target or ""
            if target is not None and state.invocation_id not in ("", target):
                return UnitState(state.is_loaded, True, followed, state.result, state.exit_code)
            if not state.is_running and (target is not None or elapsed > STARTING_SECONDS):
                return UnitState(state.is_loaded, False, followed, state.result, state.exit_code)
            self._clock.sleep(_pause_seconds(elapsed))

    def _report_of(self, ended: UnitState, earlier_run_id: str) -> Report:
        report = self._find_report()
        if report is not None and report.run_id == ended.invocation_id:
            return report
        # systemd forgot the invocation (the unit was unloaded): a new report is the run's.
        if report is not None and not ended.invocation_id and report.run_id != earlier_run_id:
            return report
        raise BackupRunError(
            f"{self._machine.name}: the backup ended without a report ({self._last_words(ended)})",
            f"On the machine, `journalctl -u {UNIT}` shows its full log.",
        )

    def _last_words(self, ended: UnitState) -> str:
        ending = f"systemd: {ended.result or 'unknown'}, exit code {ended.exit_code or '?'}"
        if not ended.invocation_id:
            return ending
        match = f"_SYSTEMD_INVOCATION_ID={ended.invocation_id}"
        done = self._machine.run(["journalctl", match, "--output=cat", "--lines=3", "--no-pager"], COMMAND_SECONDS)
        words = " / ".join(line.strip() for line in done.stdout.splitlines() if line.strip())
        return f"{ending}: {words}" if words else ending

    def _unit_state(self) -> UnitState:
        done = self._machine.run(["systemctl", "show", UNIT, f"--property={','.join(_PROPERTIES)}"], COMMAND_SECONDS)
        if done.exit_code != 0:
            raise BackupRunError(
                f"{self._machine.name}: systemctl failed: {done.stderr.strip()}", "Check that the machine runs systemd."
            )
        return read_unit_state(done.stdout)

    def _find_report(self) -> Report | None:
        done = self._machine.run(["cat", LAST_REPORT], COMMAND_SECONDS)
        if done.exit_code != 0:
            return None
        try:
            return parse_report(done.stdout.encode(), datetime.now(UTC))
        except InvalidReportError:
            return None


def _pause_seconds(elapsed_seconds: float) -> float:
    """Poll a short run often and a long one rarely."""
    return min(10.0, max(0.5, elapsed_seconds / 20))
