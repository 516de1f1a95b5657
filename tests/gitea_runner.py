"""Gitea's runner as a user of its own, with Coffre from a wheel: what a job may do is what that user may do."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.gitea import RUNNER_USER, Gitea, as_user, own
from tests.wheels import build_wheel, make_environment

ROOT = Path(__file__).resolve().parents[1]
TOOLS = ("pulumi", "restic", "coffre-agent")
CONFIG = """\
log: {{level: warn}}
runner:
  file: .runner
  capacity: 1
  fetch_interval: 1s
  fetch_interval_max: 1s
  fetch_timeout: 5s
  log_report_interval: 1s
  log_report_max_latency: 500ms
  state_report_interval: 1s
  timeout: 10m
  labels: ["coffre:host", "coffre-check:host"]
  envs: {{PATH: "{path}", HOME: "{home}", LANG: C.UTF-8}}
cache: {{enabled: false}}
host: {{workdir_parent: "{home}/work"}}
"""


@dataclass
class RunnerDesk:
    """The folder of the runner's user, and the installed command there."""

    folder: Path
    prefix: list[str]
    environment: dict[str, str]

    def command(self, *words: str) -> list[str]:
        """Return a command as the runner's user gives it."""
        return [*self.prefix, *as_user(RUNNER_USER, *words)]

    def run(self, *command: str, cwd: Path | None = None, more: Mapping[str, str] | None = None) -> str:
        """Run a command as the runner's user, without a job; returns what it printed."""
        done = subprocess.run(
            self.command(*command),
            cwd=cwd or self.folder,
            env={**self.environment, **(more or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout


def make_desk(parent: Path) -> RunnerDesk:
    """Install Coffre for the runner's user as its administrator would: a wheel, and the programs on PATH."""
    programs = make_environment(build_wheel(ROOT, parent / "wheel"), parent / "coffre")
    for name in TOOLS:
        shutil.copy(ROOT / ".venv" / "bin" / name, programs / name)
    folder = own(parent / "runner", RUNNER_USER)
    path = f"{programs}:/usr/bin:/bin:/usr/sbin:/sbin"
    prefix = show_privately([Path(sys.base_prefix), ROOT / ".venv"], parent / "mounts")
    return RunnerDesk(folder, prefix, {"PATH": path, "HOME": str(folder), "LANG": "C.UTF-8"})


def show_privately(paths: Iterable[Path], stage: Path) -> list[str]:
    """Return the beginning of a command that sees these folders although they lie in somebody's private one.

    Python and the checkout of whoever runs the tests may be in a home that other users cannot enter. The command has a
    mount namespace of its own, in which an empty folder covers that home, with these folders alone in it.
    """
    covered = {path: home for path in paths if (home := _find_private(path)) is not None}
    lines = ["set -e"]
    for number, path in enumerate(covered):
        lines += [f"mkdir -p {stage}/{number}", f"mount --bind {path} {stage}/{number}"]
    lines += [f"mount -t tmpfs -o mode=0755 tmpfs {home}" for home in sorted(set(covered.values()))]
    for number, path in enumerate(covered):
        lines += [f"mkdir -p {path}", f"mount --bind {stage}/{number} {path}"]
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", "\n".join([*lines, 'exec "$@"']), "sh"]


def _find_private(path: Path) -> Path | None:
    """Return the highest folder on the way to a path that other users cannot enter."""
    ways = [*reversed(path.resolve().parents), path.resolve()]
    return next((each for each in ways if not each.stat().st_mode & 0o001), None)


@contextmanager
def run_jobs(host: Gitea, desk: RunnerDesk, binary: Path) -> Iterator[None]:
    """Have the runner take the host's jobs, one at a time, until the end of the block."""
    config = desk.folder / "config.yaml"
    config.write_text(CONFIG.format(path=desk.environment["PATH"], home=desk.folder))
    facts = pwd.getpwnam(RUNNER_USER)
    os.chown(config, facts.pw_uid, facts.pw_gid)
    token = host.run("actions", "generate-runner-token").splitlines()[-1]
    program = [str(binary), "--config", str(config)]
    desk.run(*program, "register", "--no-interactive", "--instance", host.url, "--token", token, "--name", "tests")
    with (desk.folder.parent / "runner.log").open("wb") as log:
        command = desk.command(*program, "daemon")
        process = subprocess.Popen(
            command, cwd=desk.folder, env=desk.environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
