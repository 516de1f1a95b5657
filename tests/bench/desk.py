"""A repository with tenants for measurements, and the installed command run in it."""

import os
import random
import shutil
import string
import sys
from collections.abc import Sequence
from pathlib import Path

from coffre_lab.lab import Lab

from coffre import toolchain
from tests.bench.measure import Child, run_child

ROOT = Path(__file__).resolve().parents[2]
COFFRE = Path(sys.executable).with_name("coffre")
SLUG = "boulangerie-martin"


class Desk:
    """A repository with bench tenants on the bench's lab, and the installed command run in it."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.root, home = folder / "desk", folder / "home"
        (self.root / "tenants").mkdir(parents=True)
        (home / "tmp").mkdir(parents=True)
        settings = (ROOT / "platform.yaml").read_text(encoding="utf-8")
        (self.root / "platform.yaml").write_text(settings.replace(".coffre/lab/", f"{lab.directory}/"), "utf-8")
        self.environment = {
            "PATH": os.environ["PATH"],
            "LANG": os.environ.get("LANG", "C.UTF-8"),
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_CACHE_HOME": str(toolchain.cache_directory().parent),
            "COFFRE_ACTOR": "bench@smileo.example",
            "TMPDIR": str(home / "tmp"),
        }
        self._lab, self._folder = lab, folder
        self.copy_example()

    def apart(self, name: str) -> "Desk":
        """Return another repository on the same lab, without tenants, with secrets of its own."""
        folder = self._folder / name
        folder.mkdir()
        desk = Desk(self._lab, folder)
        (desk.root / "tenants" / f"{SLUG}.yaml").unlink()
        desk.coffre("secrets", "init")
        return desk

    def coffre(self, *arguments: str) -> Child:
        return run_child([COFFRE, *arguments], self.root, self.environment)

    def copy_example(self) -> None:
        """Have the example tenant there, whose machines the lab has."""
        shutil.copy(ROOT / "tenants" / f"{SLUG}.yaml", self.root / "tenants")

    def add(self, slug: str, machines: int | Sequence[str]) -> None:
        """Write a tenant like the baker, with so many machines, or these, that nobody reaches."""
        names = [f"poste-{number:02d}" for number in range(machines)] if isinstance(machines, int) else machines
        chooser = random.Random(slug)
        tenant_id = "n" + "".join(chooser.choice(string.ascii_lowercase + string.digits) for _ in range(9))
        text = (ROOT / "tenants" / f"{SLUG}.yaml").read_text(encoding="utf-8")
        head = text[: text.index("machines:\n")].replace("k7f3q9wz2m", tenant_id)
        head = head.replace("licences: {workstation: 2}", f"licences: {{workstation: {len(names)}}}")
        body = "".join(
            f"  {name}:\n    kind: workstation\n    os: linux\n    agent: restic\n    plan: office\n"
            f"    connection: {{via: ssh, host: {name}.{slug}.example, user: root}}\n"
            for name in names
        )
        (self.root / "tenants" / f"{slug}.yaml").write_text(f"{head}machines:\n{body}", encoding="utf-8")

    def set_quota(self, slug: str, gib: int) -> None:
        path = self.root / "tenants" / f"{slug}.yaml"
        lines = path.read_text(encoding="utf-8").splitlines()
        path.write_text("\n".join(f"  quota: {gib} GiB" if "  quota:" in line else line for line in lines) + "\n")
