"""A one-node Ceph of its own: made once, started and ended daemon by daemon."""

import json
import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import urllib3

from coffre.errors import RemoteError
from coffre.lab import processes
from coffre.lab.ceph_config import CAPABILITIES, CephSettings, format_key, render_config, render_keyring
from coffre.lab.processes import Daemon
from coffre.lab.state import write_atomically

ADMIN_UID = "coffre-admin"
ADMIN_CAPABILITIES = "users=*;buckets=*;metadata=read;usage=*;zone=read"
START_SECONDS = 120.0


@dataclass(frozen=True)
class Ceph:
    """The lab's cluster, everything of which lies in ``settings.directory``."""

    settings: CephSettings
    osd_uuid: str
    ca_file: Path

    @property
    def config_file(self) -> Path:
        """The cluster's ``ceph.conf``, which also tells its processes from everybody else's."""
        return self.settings.directory / "ceph.conf"

    @property
    def url(self) -> str:
        """The gateway's address for clients."""
        return f"https://{self.settings.address}:{self.settings.rgw_port}"

    @cached_property
    def daemons(self) -> dict[str, Daemon]:
        """The four daemons, in the order of their start."""
        programs = {"mon": ("ceph-mon", "mon.a"), "mgr": ("ceph-mgr", "mgr.x"), "osd": ("ceph-osd", "osd.0")}
        programs["rgw"] = ("radosgw", "client.rgw")
        return {name: self._daemon(name, program, identity) for name, (program, identity) in programs.items()}

    def _daemon(self, name: str, program: str, identity: str) -> Daemon:
        argv = (program, "--foreground", "--conf", str(self.config_file), "--name", identity)
        return Daemon(name, program, argv, str(self.config_file), self.settings.directory / f"{name}.log")

    def tool(self, program: str, *arguments: str, timeout: float = 60) -> str:
        """Run one of Ceph's tools on this cluster and return what it printed."""
        # --conf=FILE in one word: a tool must not be taken for the daemon of the same program.
        return processes.run([program, f"--conf={self.config_file}", *arguments], timeout=timeout)

    def ceph(self, arguments: Sequence[str], *, timeout: float = 60) -> str:
        """Run the ``ceph`` tool as the cluster's administrator."""
        return self.tool("ceph", "--connect-timeout", str(int(timeout)), *arguments, timeout=timeout + 5)

    def radosgw_admin(self, arguments: Sequence[str], *, timeout: float = 60) -> str:
        """Run ``radosgw-admin`` as the cluster's administrator."""
        return self.tool("radosgw-admin", *arguments, timeout=timeout)

    def is_running(self) -> bool:
        """Tell whether all four daemons run."""
        return all(processes.is_running(daemon) for daemon in self.daemons.values())

    def start(self, on_progress: Callable[[str], None]) -> None:
        """Start what does not run, making the cluster when there is none, and return once the gateway answers."""
        self._make_files()
        began = time.monotonic()
        self._start("mon")
        self._ensure_osd(on_progress)
        for name in ("mgr", "osd", "rgw"):
            self._start(name)
        on_progress("Ceph: waiting for the gateway")
        processes.wait_until(
            self._answers, "the object gateway does not answer", seconds=START_SECONDS, daemon=self.daemons["rgw"]
        )
        on_progress(f"Ceph: {self.url} answers after {time.monotonic() - began:.1f} s")

    def stop(self, on_progress: Callable[[str], None]) -> None:
        """End the daemons, the gateway first and gently, so that it takes its watches with it."""
        for daemon in reversed(self.daemons.values()):
            if processes.is_running(daemon):
                on_progress(f"Ceph: ending {daemon.name}")
                processes.end(daemon)

    def _make_files(self) -> None:
        directory = self.settings.directory
        for name in ("mon", "mgr", "osd", "rgw", "run", "crash"):
            (directory / name).mkdir(parents=True, exist_ok=True)
        directory.chmod(0o700)
        if not (directory / "keyring").exists():
            keys = {name: format_key(secrets.token_bytes(16), int(time.time())) for name in CAPABILITIES}
            write_atomically(directory / "keyring", render_keyring(keys), 0o600)
        self._write_config()
        if not (directory / "mon" / "done").exists():
            self._make_monitor()

    def _write_config(self) -> None:
        """Write ``ceph.conf``; a gateway that runs with other settings is ended, to start again with these."""
        wanted = render_config(self.settings)
        if self.config_file.exists() and self.config_file.read_text(encoding="utf-8") != wanted:
            processes.end(self.daemons["rgw"])
        write_atomically(self.config_file, wanted)

    def _make_monitor(self) -> None:
        """Make the monitor's store with the keys of every identity in it; anything half made is made again."""
        directory, settings = self.settings.directory, self.settings
        processes.end(self.daemons["mon"])
        shutil.rmtree(directory / "mon")
        (directory / "mon").mkdir()
        monitor_map = directory / "monmap"
        address = f"[v2:{settings.address}:{settings.mon_port}]"
        processes.run(
            ["monmaptool", "--create", "--clobber", "--fsid", settings.fsid, "--addv", "a", address, str(monitor_map)],
            timeout=30,
        )
        keyring = str(directory / "keyring")
        self.tool("ceph-mon", "--mkfs", "--id", "a", "--monmap", str(monitor_map), "--keyring", keyring)
        (directory / "mon" / "done").touch()

    def _ensure_osd(self, on_progress: Callable[[str], None]) -> None:
        """Make the store of the only OSD, with the key that the monitor already knows."""
        directory = self.settings.directory
        if (directory / "osd" / "ready").exists():
            return
        on_progress("Ceph: making the object store")
        shutil.rmtree(directory / "osd")
        (directory / "osd").mkdir()
        # Registered first: the store's file "ready", which mkfs writes last, then says that both are done.
        self.ceph(["osd", "new", self.osd_uuid, "0"])
        self.tool("ceph-osd", "--mkfs", "--id", "0", "--osd-uuid", self.osd_uuid)

    def _start(self, name: str) -> None:
        daemon = self.daemons[name]
        if not processes.is_running(daemon):
            processes.start(daemon)

    def _answers(self) -> bool:
        with urllib3.PoolManager(ca_certs=str(self.ca_file), retries=False, timeout=urllib3.Timeout(5)) as pool:
            try:
                return pool.request("GET", self.url).status == 200
            except urllib3.exceptions.HTTPError:
                return False

    def read_zone_id(self) -> str:
        """Return the id of the gateway's zone: what it answers when it is asked which one it is."""
        return str(json.loads(self.radosgw_admin(["zone", "get"]))["id"])

    def ensure_admin(self, file: Path) -> None:
        """Make the administrator of the gateway with a key of our choice, written to ``file`` before it is used."""
        if not file.exists():
            key = {"access_key_id": secrets.token_hex(10).upper(), "secret_access_key": secrets.token_urlsafe(30)}
            write_atomically(file, json.dumps(key) + "\n", 0o600)
        key = json.loads(file.read_text(encoding="utf-8"))
        try:
            user = json.loads(self.radosgw_admin(["user", "info", f"--uid={ADMIN_UID}"]))
        except RemoteError:
            user = {"keys": []}
        if key["access_key_id"] in [known["access_key"] for known in user["keys"]]:
            # A lab of an older Coffre: its gateway was not asked which one it is.
            if not any(each["type"] == "zone" for each in user["caps"]):
                self.radosgw_admin(["caps", "add", f"--uid={ADMIN_UID}", "--caps=zone=read"])
            return
        verb = "modify" if user["keys"] else "create"
        self.radosgw_admin(
            [
                *("user", verb, f"--uid={ADMIN_UID}", "--display-name=Coffre administrator"),
                *(f"--access-key={key['access_key_id']}", f"--secret-key={key['secret_access_key']}"),
                f"--caps={ADMIN_CAPABILITIES}",
            ]
        )
