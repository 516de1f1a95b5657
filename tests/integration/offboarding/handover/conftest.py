"""A tenant on the real platform with backups of a tree of every kind of file, made by restic itself."""

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from coffre_lab.lab import Lab

from coffre import toolchain
from coffre.offboarding.handover import return_machine
from coffre.offboarding.handover.targets.staging import staging_folder
from coffre.offboarding.lifecycle.evidence import Returned
from coffre.spec.leaving import Return
from coffre.spec.loader import load_checkout
from coffre.tenant.opening import OpenTenant, open_tenant
from coffre.workspace.paths import RUN_FOLDER
from tests.e2e.conftest import REPOSITORY, forget_tenants
from tests.integration.storage.fault_proxy import FaultProxy
from tests.passwords import read_password
from tests.prepared_command import prepared_command

SLUG, COMPTA, CAISSE = "boulangerie-martin", "compta-01", "caisse-01"


@dataclass
class Desk:
    """A checkout with a tenant whose storage is there; its machines are folders here."""

    root: Path
    environment: dict[str, str]
    progress: list[str] = field(default_factory=list)

    @contextmanager
    def opened(self) -> Iterator[OpenTenant]:
        with open_tenant(load_checkout(self.root), SLUG, self.progress.append) as opened:
            yield opened

    def restic(self, machine: str, *arguments: str | Path, cwd: Path | None = None) -> str:
        """Run restic beside Coffre, with the owner's key."""
        with self.opened() as opened:
            data = opened.secrets.data()
            key, endpoint = opened.buckets.owner_key(), opened.storage.endpoint
            bucket = opened.buckets.name(machine)
        secrets = {
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
            "RESTIC_PASSWORD": read_password(data, machine),
            "RESTIC_REPOSITORY": f"s3:{endpoint.url}/{bucket}/restic",
            "RESTIC_CACERT": str(endpoint.ca_file),
        }
        command = [toolchain.find_tool("restic"), "--no-cache", "-o", f"s3.region={endpoint.region}", *arguments]
        done = subprocess.run(
            command, cwd=cwd, env={**self.environment, **secrets}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def back_up(self, machine: str, folder: Path, *settings: str) -> None:
        """Back a folder up as if it were the machine's root."""
        self.restic(machine, "backup", "--quiet", "--pack-size", "4", "--host", machine, *settings, ".", cwd=folder)


@pytest.fixture(scope="module")
def make_desk(
    lab: Lab, tmp_path_factory: pytest.TempPathFactory, module_environment: pytest.MonkeyPatch
) -> Callable[[], Desk]:
    def make() -> Desk:
        root, home = tmp_path_factory.mktemp("desk"), tmp_path_factory.mktemp("home")
        settings = (REPOSITORY / "platform.yaml").read_text(encoding="utf-8")
        (root / "platform.yaml").write_text(settings.replace(".coffre/lab/", f"{lab.directory}/"), encoding="utf-8")
        (root / "tenants").mkdir()
        shutil.copy(REPOSITORY / "tenants" / f"{SLUG}.yaml", root / "tenants")
        forget_tenants(lab, (SLUG,))
        own = {"HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config"), "COFFRE_ACTOR": "test@smileo.example"}
        for name, value in own.items():
            module_environment.setenv(name, value)
        module_environment.delenv("COFFRE_IDENTITY", raising=False)
        desk = Desk(root, {"PATH": os.environ["PATH"], **own})
        for arguments in (["secrets", "init"], ["apply", SLUG, "--yes", "--storage-only"]):
            run = prepared_command().run(arguments, cwd=root, environment=desk.environment)
            assert run.code == 0, run.output
        return desk

    return make


RETURN_IN_A_PROCESS = """
import os, signal, sys
from pathlib import Path
from coffre.offboarding.handover import return_machine
from coffre.tenant.opening import open_tenant
from coffre.spec.leaving import Return
from coffre.spec.loader import load_checkout
root, slug, machine, wanted, stops_at = sys.argv[1:]
def say(text):
    if stops_at and stops_at in text:
        os.kill(os.getpid(), signal.SIGSTOP)
with open_tenant(load_checkout(Path(root)), slug, say) as opened:
    return_machine(opened, machine, Return.model_validate_json(wanted), say)
"""


@dataclass
class Killable:
    """A return in a process of its own, with restic below it."""

    process: "subprocess.Popen[str]"

    def reaches(self) -> bool:
        """Wait until it has stopped at its point; False when it ended before."""
        state = os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        return state is not None and state.si_code == os.CLD_STOPPED

    def kill(self) -> None:
        """End it as a crash would, and wait for what it had started."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.process.kill()
        self.process.communicate()
        deadline = time.monotonic() + 20
        while any(Path(f"/proc/{pid}").exists() for pid in children):
            assert time.monotonic() < deadline, "restic lives on without Coffre"
            time.sleep(0.05)


def start_return(desk: Desk, machine: str, wanted: Return, stops_at: str = "") -> Killable:
    """Start a return that stops itself, all threads of it, where it says ``stops_at`` (empty: nowhere)."""
    arguments = [str(desk.root), SLUG, machine, wanted.model_dump_json(by_alias=True), stops_at]
    return Killable(
        subprocess.Popen(
            [sys.executable, "-c", RETURN_IN_A_PROCESS, *arguments],
            cwd=REPOSITORY, env=desk.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
    )  # fmt: skip


def do_return(
    desk: Desk, wanted: Return, on_progress: Callable[[str], None] | None = None, *, machine: str = COMPTA
) -> Returned:
    with desk.opened() as opened:
        return return_machine(opened, machine, wanted, on_progress or desk.progress.append)


def staged(desk: Desk) -> list[Path]:
    """Return the files that a return has left here, or restic in its cache."""
    return [path for path in (desk.root / RUN_FOLDER).rglob("*") if path.is_file()]


def leave_staged(desk: Desk, wanted: Return) -> None:
    """Leave here what a return leaves that is killed once it is complete at its target."""
    folder = staging_folder(desk.root, SLUG, COMPTA, wanted, None)
    folder.mkdir(parents=True)
    (folder / "devis.odt").write_text("in plain")
    assert staged(desk)


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Give a file system of its own; mounting it takes root, as the lab does."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


@contextmanager
def windows_disk(folder: Path, kind: str, mib: int = 300) -> Iterator[Path]:
    """Give a disk as customers buy them, formatted for Windows: exfat or ntfs."""
    image = folder.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(mib << 20)
    make, mounted = {
        "exfat": (["mkfs.exfat", "--cluster-size=128K", image], "exfat-fuse"),
        "ntfs": (["mkfs.ntfs", "--force", "--quick", "--quiet", image], "ntfs-3g"),
    }[kind]
    subprocess.run(make, check=True, capture_output=True)
    folder.mkdir()
    subprocess.run(["mount", "-t", mounted, "-o", "loop", image, folder], check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
        image.unlink()


@pytest.fixture
def proxy(desk: Desk, lab: Lab, tmp_path: Path) -> Iterator[FaultProxy]:
    """A proxy between Coffre and the platform, that tells what was asked for."""
    settings = desk.root / "platform.yaml"
    before = settings.read_text(encoding="utf-8")
    values = json.loads(lab.endpoints_file.read_text(encoding="utf-8"))
    with FaultProxy(values["endpoint"], Path(values["ca_file"]), tmp_path) as running:
        own = tmp_path / "endpoints.json"
        own.write_text(json.dumps({**values, "endpoint": running.url, "ca_file": str(running.ca_file)}))
        settings.write_text(before.replace(str(lab.endpoints_file), str(own)), encoding="utf-8")
        assert str(own) in settings.read_text(encoding="utf-8")
        yield running
    settings.write_text(before, encoding="utf-8")


def packs_asked_for(proxy: FaultProxy) -> set[str]:
    return {path for method, path in proxy.seen if method == "GET" and "/restic/data/" in path}


def list_packs(desk: Desk, machine: str) -> list[str]:
    with desk.opened() as opened:
        listed = opened.buckets.open(machine).list_objects("restic/data/")
    return [each.key for each in listed]


@pytest.fixture(scope="module")
def desk(make_desk: Callable[[], Desk]) -> Desk:
    return make_desk()


def wanted_files(target: Path, snapshots: str = "latest") -> Return:
    return Return.model_validate(
        {"format": "files", "snapshots": snapshots, "to": {"via": "directory", "path": str(target)}}
    )


def wanted_repository(target: Path) -> Return:
    return Return.model_validate({"format": "repository", "to": {"via": "directory", "path": str(target)}})


def public_tool(*arguments: str | Path, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """Run a tool that a customer has, with nothing of ours in its environment but where tools are."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
    return subprocess.run(arguments, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


def assert_verifies(bag: Path) -> None:
    """Verify a bag as its readme says."""
    bagit = public_tool(sys.executable, "-m", "bagit", "--validate", bag, cwd=bag)
    assert (bagit.returncode, "is valid" in bagit.stderr) == (0, True), bagit.stderr
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        sums = public_tool("sha256sum", "--check", "--strict", "--quiet", manifest, cwd=bag)
        assert (sums.returncode, sums.stdout, sums.stderr) == (0, "", "")


def make_tree(root: Path) -> None:
    """Make one entry of every kind that a file system knows, with names that only bytes can hold."""
    base = os.fsencode(root)
    (root / "vide" / "vide aussi").mkdir(parents=True)
    for name in ODD_NAMES:
        Path(os.fsdecode(base + b"/" + name)).write_bytes(name * 100)
    odd = os.fsdecode(base + b"/dossier\xe9\n")
    os.makedirs(odd + "/dessous")
    Path(odd, "dessous", "comptes.txt").write_text("comptes")
    Path(odd, "dessous", "ligne\n2").write_text("deux")
    with (root / "troue.img").open("wb") as file:
        file.truncate(64 << 20)
        file.seek(40 << 20)
        file.write(b"au milieu")
    (root / "photos.tar").write_bytes(os.urandom(3_000_000))
    os.link(root / "photos.tar", root / "vide" / "photos-2.tar")
    (root / "lien").symlink_to("photos.tar")
    os.symlink(b"/nulle/part/caf\xe9", base + b"/lien mort")
    (root / "hors").symlink_to("/etc/shadow")
    (root / "boucle").symlink_to(".")
    os.mkfifo(root / "tube")
    (root / "vide.txt").touch()
    os.chown(root / "vide.txt", 1234, 4321)
    (root / "vide.txt").chmod(0o4755)
    (root / "secret").write_text("0")
    (root / "secret").chmod(0)
    (root / "vide").chmod(0o1777)
    os.chown(root / "lien", 1234, 4321, follow_symlinks=False)
    os.setxattr(root / "photos.tar", "user.coffre", b"\x00\xff valeur")
    os.utime(root / "vide.txt", ns=(10**18 + 1, 10**18 + 123456789))
    os.utime(root / "lien", ns=(10**18, 10**18 + 1), follow_symlinks=False)
    os.utime(root / "vide", ns=(-1, -(10**9)))
    os.utime(odd, ns=(10**18, 10**18 + 7))
    os.utime(root, ns=(10**18, 10**18 + 5))


ODD_NAMES = (
    b"caf\xe9.txt",
    b"caf\xe8.txt",
    "e\u0301t\u00e9 \U0001f950.csv".encode(),
    "d\u00e9j\u00e0".encode(),
    "de\u0301ja\u0300".encode(),
    b"ligne 1\nligne 2",
    b"retour\r",
    b" espaces ",
    "ligne\u2028suite".encode(),
    b"TVA 20%.xls",
    b"pour%0Acent",
    b"-rf",
    b"a'b\"c$d`e",
    b"contre\\oblique",
    b"[x]*?",
    b"*etoile",
    b"# diese",
    b"\x01\x7f",
    b"n" * 255,
    b"\xff" * 255,
)


def describe_tree(root: Path) -> dict[str, Any]:
    """Return all that a file system tells of a tree, by path in hexadecimal."""
    base = os.fsencode(root)
    found: dict[str, Any] = {}
    linked: dict[int, list[str]] = {}
    for here, folders, files in os.walk(base):
        for name in [b".", *folders, *files] if here == base else [*folders, *files]:
            path = os.path.join(here, name)
            facts = os.lstat(path)
            entry: list[Any] = [oct(facts.st_mode), facts.st_uid, facts.st_gid, facts.st_mtime_ns]
            if stat.S_ISREG(facts.st_mode):
                entry += [facts.st_nlink, hashlib.sha256(Path(os.fsdecode(path)).read_bytes()).hexdigest()]
                linked.setdefault(facts.st_ino, []).append(os.path.relpath(path, base).hex())
            elif stat.S_ISLNK(facts.st_mode):
                entry.append(os.readlink(path).hex())
            names = os.listxattr(path, follow_symlinks=False)
            entry.append({each: os.getxattr(path, each, follow_symlinks=False).hex() for each in names})
            found[os.path.relpath(path, base).hex()] = entry
    found["hard links"] = sorted(sorted(names) for names in linked.values() if len(names) > 1)
    return found
