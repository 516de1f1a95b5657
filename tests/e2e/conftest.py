"""A repository of its own on the test lab, and the installed command run in it as an engineer would."""

import contextlib
import json
import os
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.machines import renew_machines
from tests.prepared_command import COMMAND_SECONDS, Run, prepared_command

REPOSITORY = Path(__file__).resolve().parents[2]
COFFRE = Path(sys.executable).with_name("coffre")
LARGEST_READ_BYTES = 50_000_000
RESTIC = "^([^ ]*/)?restic .*{} "
"""The command line of one at work; who starts it has another at the beginning of theirs."""


@dataclass
class Desk:
    """An engineer's checkout: platform.yaml on the test lab, the example tenants, and an identity outside of it."""

    root: Path
    ssh_config: Path
    home: Path
    """The engineer's home, which is also where temporary files go."""
    environment: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    """Everything any command printed, for the search for secrets."""

    def coffre(
        self, *arguments: str, expect: int = 0, seconds: float = COMMAND_SECONDS, answer: str | None = None
    ) -> Run:
        """Run the command to its end and hold it to its exit code; ``answer`` is typed in for what it asks."""
        run = prepared_command().run(
            arguments, cwd=self.root, environment=self.environment, answer=answer, seconds=seconds
        )
        self.said.append(run.output)
        assert run.code == expect, f"coffre {' '.join(arguments)} ended with {run.code}, not {expect}:\n{run.output}"
        return run

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start the installed command; the caller ends it."""
        return subprocess.Popen(
            [COFFRE, *arguments], cwd=self.root, env=self.environment, stderr=subprocess.PIPE, text=True
        )

    def json(self, *arguments: str, expect: int = 0) -> Any:
        return json.loads(self.coffre(*arguments, expect=expect).stdout)

    def on_machine(self, host: str, script: str) -> str:
        """Run a shell script on a machine, beside Coffre, and return what it printed."""
        done = subprocess.run(
            ["ssh", "-F", self.ssh_config, host, script], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"on {host}: {done.stderr}"
        return done.stdout

    def hold_next_restic(self, host: str, verb: str, *, after_bytes: int = 0) -> None:
        """Have the next restic of a verb, `backup` or `restore`, stand still on a machine once it wrote so much.

        Who watches it is on the machine and goes before restic, however busy the machine is.
        """
        wrote = f"[ $(awk '/^wchar/ {{print $2}}' /proc/$pid/io) -ge {after_bytes} ]"
        find = f"pid=$(pgrep -o -f '{RESTIC.format(verb)}')"
        seize = f"until {find} && {wrote} && kill -STOP $pid; do sleep 0.01; done 2>/dev/null"
        unit = "systemd-run --collect --unit=hold-restic --property=CPUWeight=10000 --nice=-20"
        self.on_machine(host, f"{unit} sh -c {shlex.quote(seize)}")

    def wait_for_held_restic(self, host: str) -> None:
        self.on_machine(host, "while systemctl is-active --quiet hold-restic; do sleep 0.05; done")

    def let_restic_go(self, host: str, verb: str) -> None:
        self.on_machine(host, f"pkill -CONT -f '{RESTIC.format(verb)}'")

    def is_restic_there(self, host: str, verb: str) -> bool:
        return self.on_machine(host, f"pgrep -f '{RESTIC.format(verb)}' || true") != ""

    @contextmanager
    def out_of_reach(self, host: str) -> Iterator[None]:
        """Let nobody here reach a machine that runs and reaches the storage: a laptop in another network."""
        settings, own = self.root / "platform.yaml", self.home / "ssh_config"
        kept = settings.read_text(encoding="utf-8")
        assert str(self.ssh_config) in kept
        own.write_text(f"Host {host}\n  Port 1\n\n{self.ssh_config.read_text(encoding='utf-8')}", encoding="utf-8")
        settings.write_text(kept.replace(str(self.ssh_config), str(own)), encoding="utf-8")
        try:
            yield
        finally:
            settings.write_text(kept, encoding="utf-8")

    def tenant_file(self, slug: str) -> Path:
        return self.root / "tenants" / f"{slug}.yaml"

    @contextmanager
    def other_settings(self, old: str, new: str) -> Iterator[None]:
        """Have another text in platform.yaml for the time of the block."""
        settings = self.root / "platform.yaml"
        kept = settings.read_text(encoding="utf-8")
        assert old in kept
        settings.write_text(kept.replace(old, new), encoding="utf-8")
        try:
            yield
        finally:
            settings.write_text(kept, encoding="utf-8")

    def share(self, *, is_shared: bool) -> None:
        """Say whether the platform is shared: other tests have tenants on this one, which supervision would name."""
        path, line = self.root / "platform.yaml", "    shared: true\n"
        text = path.read_text(encoding="utf-8").replace(line, "")
        path.write_text(text.replace("    lab: true", f"{line if is_shared else ''}    lab: true", 1), encoding="utf-8")

    def edit(self, slug: str, old: str, new: str) -> None:
        """Change a tenant file as an engineer would, text for text."""
        path = self.tenant_file(slug)
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")


def read_files(*places: Path) -> dict[Path, bytes]:
    """Return every file below these folders; what other runs have in shared memory may go meanwhile.

    The object store is left out: a sparse file of gigabytes, which holds what the machines' users stored themselves.
    """
    contents = {}
    for place in places:
        for folder, _, names in os.walk(place):
            for path in (Path(folder, name) for name in names):
                with contextlib.suppress(FileNotFoundError):
                    if stat.S_ISREG(path.lstat().st_mode) and path.stat().st_size < LARGEST_READ_BYTES:
                        contents[path] = path.read_bytes()
    return contents


def forget_tenants(lab: Any, slugs: tuple[str, ...]) -> None:
    """Take off the test lab what an earlier module left of these tenants: their bundles went with its desk."""
    users = json.loads(lab.radosgw_admin(["user", "list"]))
    for uid in sorted((uid for uid in users if uid.startswith(tuple(f"{slug}-" for slug in slugs))), reverse=True):
        lab.radosgw_admin(["user", "rm", f"--uid={uid}", "--purge-data"])


@pytest.fixture(scope="module")
def make_desk(lab: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Desk]:
    """Return a function that makes a desk with the example tenants named, before machines that nobody has touched."""
    renew_machines(lab, [machine.host for machine in lab.status().machines])

    def make(*slugs: str) -> Desk:
        root = tmp_path_factory.mktemp("desk")
        settings = (REPOSITORY / "platform.yaml").read_text(encoding="utf-8")
        (root / "platform.yaml").write_text(settings.replace(".coffre/lab/", f"{lab.directory}/"), encoding="utf-8")
        (root / "tenants").mkdir()
        for slug in slugs:
            shutil.copy(REPOSITORY / "tenants" / f"{slug}.yaml", root / "tenants")
        forget_tenants(lab, slugs)
        home = tmp_path_factory.mktemp("home")
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        environment = {
            **kept,
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "COFFRE_ACTOR": "test@smileo.example",
            "TMPDIR": str(home / "tmp"),
        }
        (home / "tmp").mkdir()
        desk = Desk(root, lab.ssh_config, home, environment)
        desk.coffre("secrets", "init")
        return desk

    return make
