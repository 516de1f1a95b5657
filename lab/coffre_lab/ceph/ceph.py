"""The lab's own Ceph, on one node or several: created once, started and ended daemon by daemon."""

import json
import secrets
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import urllib3

from coffre.errors import RemoteError
from coffre_lab import processes
from coffre_lab.ceph.config import (
    MANAGER,
    MONITOR,
    CephSettings,
    render_balancer,
    render_config,
    render_keyring,
)
from coffre_lab.ceph.nodes import Node
from coffre_lab.ceph.releases import TREE, ReleaseTree
from coffre_lab.processes import Daemon
from coffre_lab.state import write_file

ADMIN_UID = "coffre-admin"
ADMIN_CAPABILITIES = "users=*;buckets=*;metadata=read;usage=*;zone=read"
START_SECONDS = 120.0
BALANCER = "haproxy"


@dataclass(frozen=True)
class Ceph:
    """The lab's cluster; all its files are in ``settings.directory``."""

    settings: CephSettings
    nodes: tuple[Node, ...]
    osd_uuid: str
    tree: ReleaseTree

    @property
    def config_file(self) -> Path:
        """The cluster's ``ceph.conf``, which also identifies its processes."""
        return self.settings.directory / "ceph.conf"

    @property
    def url(self) -> str:
        """The object storage's address for clients."""
        return f"https://{self.settings.address}:{self.settings.rgw_port}"

    @cached_property
    def daemons(self) -> dict[str, Daemon]:
        """The daemons in the order of their start: the monitor, the manager, the OSDs, the gateways, the balancer."""
        first, gateways = self.nodes[0], self.settings.gateways.items()
        daemons = [
            self._daemon("mon", "ceph-mon", MONITOR, first),
            self._daemon("mgr", "ceph-mgr", MANAGER, first),
            *(
                self._daemon(name, "ceph-osd", identity, node)
                for (name, identity), node in zip(self.settings.osds.items(), self.nodes, strict=True)
            ),
            *(
                self._daemon(name, "radosgw", identity, node)
                for (name, identity), node in zip(gateways, self.nodes, strict=False)
            ),
        ]
        if self.settings.has_nodes:
            argv = self.enter(("haproxy", "-db", "-f", str(self._balancer_file)))
            log = self.settings.directory / f"{BALANCER}.log"
            daemons.append(Daemon(BALANCER, "haproxy", argv, (str(self._balancer_file),), log))
        return {daemon.name: daemon for daemon in daemons}

    @property
    def _balancer_file(self) -> Path:
        return self.settings.directory / "haproxy.cfg"

    def _daemon(self, name: str, program: str, identity: str, node: Node) -> Daemon:
        words = (program, "--foreground", "--conf", str(self.config_file), "--name", identity)
        argv = (*node.enter(), *self.enter(words))
        return Daemon(name, program, argv, (str(self.config_file), identity), self.settings.directory / f"{name}.log")

    def enter(self, argv: Sequence[str]) -> tuple[str, ...]:
        """Return the command that becomes one of Ceph's programs, of this cluster's release."""
        return self.tree.enter(self.settings.directory, self.settings.directory.parent, argv)

    def command(self, program: str, *arguments: str) -> tuple[str, ...]:
        """Return the command that runs one of Ceph's tools on this cluster."""
        # --conf=FILE in one word: a tool must not be taken for the daemon of the same program.
        return self.enter((program, f"--conf={self.config_file}", *arguments))

    def tool(self, program: str, *arguments: str, timeout: float = 60) -> str:
        """Run one of Ceph's tools on this cluster and return what it printed."""
        return processes.run(self.command(program, *arguments), timeout=timeout, what=" ".join((program, *arguments)))

    def ceph(self, arguments: Sequence[str], *, timeout: float = 60) -> str:
        """Run the ``ceph`` tool as the cluster's administrator."""
        return self.tool("ceph", "--connect-timeout", str(int(timeout)), *arguments, timeout=timeout + 5)

    def radosgw_admin(self, arguments: Sequence[str], *, timeout: float = 60) -> str:
        """Run ``radosgw-admin`` as the cluster's administrator."""
        return self.tool("radosgw-admin", *arguments, timeout=timeout)

    def is_running(self) -> bool:
        """Tell whether every daemon runs."""
        return all(processes.is_running(daemon) for daemon in self.daemons.values())

    def start(self, on_progress: Callable[[str], None]) -> None:
        """Start the stopped daemons, create the cluster if there is none, and return once the gateway answers."""
        self.tree.ensure(on_progress)
        self._make_files()
        began = time.monotonic()
        self._start("mon")
        for number, name in enumerate(self.settings.osds):
            self._ensure_osd(number, name, on_progress)
        for name in ("mgr", *self.settings.osds):
            self._start(name)
        # One after the other: the first one makes the pools and the zone that the others find.
        for name, url in zip(self.settings.gateways, self.settings.gateway_urls, strict=True):
            self._start(name)
            self._wait_for(name, url, on_progress)
        if self.settings.has_nodes:
            self._start(BALANCER)
            self._wait_for(BALANCER, self.url, on_progress)
        self._require_release()
        on_progress(f"Ceph {self.tree.release.number}: {self.url} answers after {time.monotonic() - began:.1f} s")

    def _wait_for(self, name: str, url: str, on_progress: Callable[[str], None]) -> None:
        on_progress(f"Ceph: waiting for {name}")
        processes.wait_until(
            lambda: self._answers(url), f"{name} does not answer", seconds=START_SECONDS, daemon=self.daemons[name]
        )

    def stop(self, on_progress: Callable[[str], None]) -> None:
        """End the daemons, the gateways first and gently, so that they take their watches with them."""
        for daemon in reversed(self.daemons.values()):
            if processes.is_running(daemon):
                on_progress(f"Ceph: ending {daemon.name}")
                processes.end(daemon)

    def _make_files(self) -> None:
        directory = self.settings.directory
        for name in ("mon", "mgr", *self.settings.osds, *self.settings.gateways, "run", "crash", TREE):
            (directory / name).mkdir(parents=True, exist_ok=True)
        directory.chmod(0o700)
        if not (directory / "keyring").exists():
            # By the release's own tool: from 20 on a new cluster takes no key of the kind that 16 has.
            generate = self.enter(("ceph-authtool", "--gen-print-key"))
            keys = {name: processes.run(generate, timeout=30).strip() for name in self.settings.identities}
            write_file(directory / "keyring", render_keyring(keys), 0o600)
        self._write_config()
        if not (directory / "mon" / "done").exists():
            self._make_monitor()

    def _write_config(self) -> None:
        """Write the settings; a gateway or balancer that runs with others is ended, to start again with these."""
        if self.settings.has_nodes:
            self._write(self._balancer_file, render_balancer(self.settings), (BALANCER,))
        self._write(self.config_file, render_config(self.settings), self.settings.gateways)

    def _write(self, file: Path, wanted: str, readers: Iterable[str]) -> None:
        if file.exists() and file.read_text(encoding="utf-8") != wanted:
            for name in readers:
                processes.end(self.daemons[name])
        write_file(file, wanted)

    def _make_monitor(self) -> None:
        """Make the monitor's store with the keys of every identity; an incomplete store is made again."""
        directory, settings = self.settings.directory, self.settings
        processes.end(self.daemons["mon"])
        shutil.rmtree(directory / "mon")
        (directory / "mon").mkdir()
        monitor_map = directory / "monmap"
        address = f"[v2:{settings.nodes[0]}:{settings.mon_port}]"
        making = ("monmaptool", "--create", "--clobber", "--fsid", settings.fsid, "--addv", "a", address)
        processes.run(self.enter((*making, str(monitor_map))), timeout=30)
        keyring = str(directory / "keyring")
        self.tool("ceph-mon", "--mkfs", "--id", "a", "--monmap", str(monitor_map), "--keyring", keyring)
        (directory / "mon" / "done").touch()

    def _ensure_osd(self, number: int, name: str, on_progress: Callable[[str], None]) -> None:
        """Make the store of an OSD, with the key that the monitor already knows."""
        directory = self.settings.directory / name
        if (directory / "ready").exists():
            return
        on_progress(f"Ceph: making the object store of {name}")
        shutil.rmtree(directory)
        directory.mkdir()
        own = self.osd_uuid if number == 0 else str(uuid.uuid5(uuid.UUID(self.osd_uuid), name))
        # Registered first: the store's file "ready", which mkfs writes last, then says that both are done.
        self.ceph(["osd", "new", own, str(number)])
        self.tool("ceph-osd", "--mkfs", "--id", str(number), "--osd-uuid", own)

    def _require_release(self) -> None:
        """Make the cluster refuse OSDs of older releases, as an upgrade requires once all run; may run twice."""
        name = self.tree.release.name
        if json.loads(self.ceph(["osd", "dump", "--format", "json"]))["require_osd_release"] != name:
            self.ceph(["osd", "require-osd-release", name, "--yes-i-really-mean-it"])

    def _start(self, name: str) -> None:
        daemon = self.daemons[name]
        if not processes.is_running(daemon):
            processes.start(daemon)

    def _answers(self, url: str) -> bool:
        with urllib3.PoolManager(
            ca_certs=str(self.settings.ca_file), retries=False, timeout=urllib3.Timeout(5)
        ) as pool:
            try:
                return pool.request("GET", url).status == 200
            except urllib3.exceptions.HTTPError:
                return False

    def read_zone_id(self) -> str:
        """Return the id of the gateway's zone, from its own answer."""
        return str(json.loads(self.radosgw_admin(["zone", "get"]))["id"])

    def ensure_admin(self, file: Path) -> None:
        """Make the administrator of the gateway with a key of our choice, written to ``file`` before it is used."""
        if not file.exists():
            key = {"access_key_id": secrets.token_hex(10).upper(), "secret_access_key": secrets.token_urlsafe(30)}
            write_file(file, json.dumps(key) + "\n", 0o600)
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
