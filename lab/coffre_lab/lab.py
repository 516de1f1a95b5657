"""The embedded platform: a real Ceph and machines to deploy to, all of it under one directory."""

import contextlib
import datetime
import json
import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from coffre import toolchain
from coffre.errors import ExpectedError, RefusedError, RemoteError, UsageError
from coffre.workspace.files import temporary_name
from coffre_lab import network, processes, state
from coffre_lab.ceph import nodes
from coffre_lab.ceph.ceph import Ceph
from coffre_lab.ceph.certificates import Certificates
from coffre_lab.ceph.config import CephSettings
from coffre_lab.ceph.nodes import Node
from coffre_lab.ceph.releases import DEFAULT_RELEASE, Release, ReleaseTree, find_release, list_releases
from coffre_lab.machines import machines, ssh_files
from coffre_lab.machines.base import Base, open_base
from coffre_lab.machines.machines import Machine
from coffre_lab.network import Bridge
from coffre_lab.state import LabState
from coffre_lab.status import DaemonStatus, LabStatus, MachineStatus

REGION = "default"
NODES = (1, 3)
"""The possible numbers of nodes: three is the minimum that continues without one of them."""
MON_PORT = 3300
RGW_PORT = 7443


def ignore_progress(_message: str) -> None:
    """Ignore progress messages."""


@contextlib.contextmanager
def _usual_umask() -> Iterator[None]:
    """Make files like a system's installation: other users of a machine must be able to read them."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


class Lab:
    """A lab in its directory. Nothing is kept in this object: any process may end what another one started."""

    def __init__(
        self,
        directory: Path,
        *,
        on_progress: Callable[[str], None] = ignore_progress,
        release: int | None = None,
        may_upgrade: bool = False,
        nodes: int | None = None,
        lifecycle_day_seconds: int | None = None,
    ) -> None:
        """Name the lab of a directory; ``lifecycle_day_seconds`` shortens the days of lifecycle rules, for tests.

        ``release`` is the number of the Ceph that `up` is to start: None for the lab's own, or the default for a new
        one. With ``may_upgrade`` a lab of an older release becomes one of this; nothing makes it older again. ``nodes``
        is how many its cluster has, 1 or 3: None for the lab's own, or one for a new one.

        ``on_progress`` gets one line at a time, from several threads but never two at once.
        """
        self.directory = directory.resolve()
        self._on_progress = on_progress
        self._release = None if release is None else find_release(release)
        self._may_upgrade = may_upgrade
        if nodes not in (None, *NODES):
            raise UsageError(f"the lab has no cluster of {nodes} nodes", "1 or 3")
        self._nodes = nodes
        self._lifecycle_day_seconds = lifecycle_day_seconds
        self._cache = toolchain.cache_directory()
        self._progress_lock = threading.Lock()

    @property
    def endpoints_file(self) -> Path:
        """Where the gateway is: endpoint, region, ca_file, fsid."""
        return self.directory / "endpoints.json"

    @property
    def admin_file(self) -> Path:
        """The gateway administrator's key (mode 0600)."""
        return self.directory / "admin.json"

    @property
    def ssh_config(self) -> Path:
        """How ssh reaches the machines by their names."""
        return self.directory / "ssh_config"

    @property
    def known_hosts(self) -> Path:
        """The machines' host keys, written by the lab that made them."""
        return self.directory / "known_hosts"

    def up(self, hosts: Sequence[str] = ()) -> LabStatus:
        """Start what is missing of the platform and of these machines, and return when all of it answers.

        May run twice and after any crash. Machines started earlier stay as they are.
        """
        with self._locked(), _usual_umask():
            found = state.find_state(self._state_file)
            known = (found or self._choose()).with_hosts(hosts)
            releases = list_releases(self.directory, known.release, self._release, may_upgrade=self._may_upgrade)
            if self._nodes not in (None, known.nodes):
                raise RefusedError(
                    f"the lab in {self.directory} was made with --nodes {known.nodes} and keeps that",
                    "Start it without --nodes, or erase it: `coffre lab down --erase`.",
                )
            if found is None:
                # The directory was removed under a running lab: its processes would be taken for the new one's.
                self._stop_everything(known)
                self._bridge.remove()
            state.save_state(self._state_file, known)
            self._bridge.ensure(known.address, known.network)
            for node in self._cluster_nodes(known):
                node.ensure(self._bridge.name, known.prefix_length)
            with ThreadPoolExecutor(2) as pool:
                platform = pool.submit(self._start_ceph, known, releases)
                others = pool.submit(self._start_machines, known, hosts)
                platform.result()
                others.result()
            return self._status(self._require_state())

    def fetch(self) -> None:
        """Have the Ceph that `up` is to start in the tools cache; NotOfferedError when Debian has moved it on."""
        with _usual_umask():
            ReleaseTree(self._cache, self._release or find_release(DEFAULT_RELEASE)).ensure(self._say)

    def down(self, *, erase: bool = False) -> None:
        """End everything of the lab, running or incomplete; with ``erase`` also remove all its data."""
        if not self.directory.exists():
            return
        with self._locked():
            known = state.find_state(self._state_file)
            if known is not None:
                self._stop_everything(known)
            self._bridge.remove()
            if known is not None:
                self._require_nothing_left(known)
            if erase:
                self._erase()

    def _stop_everything(self, known: LabState) -> None:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self._stop_machine, self._machines(known)))
        machines.clear_stale_locks(self._base.directory)
        self._ceph(known).stop(self._say)
        for node in self._cluster_nodes(known):
            node.remove()

    def status(self) -> LabStatus:
        """Return the running parts."""
        known = state.find_state(self._state_file)
        if known is None:
            return LabStatus(self.directory, None, None, (), ())
        return self._status(known)

    def start_machine(self, host: str) -> None:
        """Start one machine of the lab again."""
        self._machine(host).start(self._say)

    def stop_machine(self, host: str) -> None:
        """End one machine like a power cut; its written data is lost."""
        self._stop_machine(self._machine(host))

    def set_cable(self, node: int, *, plugged: bool) -> None:
        """Pull the cable of a node of the cluster, counted from 0, or plug it in again."""
        known = self._require_state()
        if known.nodes == 1:
            raise UsageError("the lab's only node has no cable", "`coffre lab up --nodes 3` makes one of several nodes")
        self._cluster_nodes(known)[node].set_cable(plugged=plugged)

    def leader_pid(self, host: str) -> int:
        """Return the process id, here, of a machine's first process: nsenter's target."""
        return self._machine(host).leader_pid()

    def machine_root(self, host: str) -> Path:
        """Return a machine's file system as seen from here."""
        return self._machine(host).root()

    def ceph(self, arguments: Sequence[str], *, timeout: float = 60) -> str:
        """Run ``ceph`` on the lab's cluster and return what it printed."""
        return self._ceph(self._require_state()).ceph(arguments, timeout=timeout)

    def ceph_command(self, program: str, *arguments: str) -> tuple[str, ...]:
        """Return the command that runs one of Ceph's tools on the lab's cluster, for a caller that runs it itself."""
        return self._ceph(self._require_state()).command(program, *arguments)

    def radosgw_admin(self, arguments: Sequence[str], *, timeout: float = 60) -> str:
        """Run ``radosgw-admin`` on the lab's cluster and return what it printed."""
        return self._ceph(self._require_state()).radosgw_admin(arguments, timeout=timeout)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lab's lock in a directory that is the lab's, as root."""
        if os.geteuid() != 0:
            raise ExpectedError("the lab makes network interfaces and containers: it needs root", "run it with sudo")
        with state.hold_lock(self._lock_file, f"the lab in {self.directory}"):
            ours = {self._lock_file.name, temporary_name(self._state_file).name}
            others = {entry.name for entry in self.directory.iterdir()} - ours
            if others and not self._state_file.exists():
                raise RefusedError(
                    f"{self.directory} is not empty and not a lab",
                    "name an empty directory, or one that does not exist",
                )
            yield

    @property
    def _lock_file(self) -> Path:
        return self.directory / "lock"

    @property
    def _state_file(self) -> Path:
        return self.directory / "state.json"

    @property
    def _bridge(self) -> Bridge:
        return Bridge(network.bridge_name(network.lab_token(self.directory)))

    @property
    def _base(self) -> Base:
        return open_base(self._cache)

    def _say(self, message: str) -> None:
        with self._progress_lock:
            self._on_progress(message)

    def _choose(self) -> LabState:
        """Make the choices of a new lab; the ports are tried on its own address."""
        self._bridge.remove()
        taken = [used for networks in network.read_networks().values() for used in networks]
        chosen = network.choose_network(network.lab_token(self.directory), taken)
        address = str(chosen[1])
        self._bridge.ensure(address, str(chosen))
        return LabState(
            network=str(chosen),
            release=(self._release or find_release(DEFAULT_RELEASE)).number,
            nodes=self._nodes or 1,
            fsid=str(uuid.uuid4()),
            osd_uuid=str(uuid.uuid4()),
            mon_port=network.choose_port(address, MON_PORT),
            rgw_port=network.choose_port(address, RGW_PORT),
        )

    def _require_nothing_left(self, known: LabState) -> None:
        """Check again that the lab is down."""
        status = self._status(known)
        left = [f"process {daemon.pid} ({daemon.name})" for daemon in status.daemons if daemon.pid is not None]
        left += [f"machine {machine.host}" for machine in status.machines if machine.leader_pid is not None]
        left += [f"name space {name}" for name in nodes.list_namespaces(network.lab_token(self.directory))]
        left += [f"interface {name}" for name in network.list_interfaces(network.lab_token(self.directory))]
        if left:
            raise RemoteError(f"the lab is not down; still running: {', '.join(left)}", "run coffre lab down again")

    def _require_state(self) -> LabState:
        known = state.find_state(self._state_file)
        if known is None:
            raise ExpectedError(f"there is no lab in {self.directory}", "coffre lab up starts one")
        return known

    def _certificates(self) -> Certificates:
        return Certificates(self.directory / "certificates")

    def _ceph(self, known: LabState) -> Ceph:
        certificates = self._certificates()
        settings = CephSettings(
            directory=self.directory / "ceph",
            address=known.address,
            network=known.network,
            fsid=known.fsid,
            mon_port=known.mon_port,
            rgw_port=known.rgw_port,
            gateway_file=certificates.gateway_file,
            ca_file=certificates.ca_file,
            nodes=known.node_addresses,
            lifecycle_day_seconds=self._lifecycle_day_seconds,
        )
        tree = ReleaseTree(self._cache, find_release(known.release))
        return Ceph(settings, self._cluster_nodes(known), known.osd_uuid, tree)

    def _cluster_nodes(self, known: LabState) -> tuple[Node, ...]:
        if known.nodes == 1:
            return (Node(known.address),)
        token = network.lab_token(self.directory)
        return tuple(Node(address, f"{token}-n{number}") for number, address in enumerate(known.node_addresses))

    def _start_ceph(self, known: LabState, releases: Sequence[Release]) -> None:
        """Start the cluster with its own release, and of an upgrade with each of the others in turn."""
        certificates = self._certificates()
        certificates.ensure((known.address, *known.node_addresses), datetime.datetime.now(datetime.UTC))
        for release in releases:
            if release.number != known.release:
                self._say(f"Ceph: from {known.release} to {release.number}")
                ReleaseTree(self._cache, release).ensure(self._say)
                self._ceph(known).stop(self._say)
                known = known.model_copy(update={"release": release.number})
                # Before a store is touched: from here on nothing older may start it.
                state.save_state(self._state_file, known)
            ceph = self._ceph(known)
            ceph.start(self._say)
        ceph.ensure_admin(self.admin_file)
        if not known.zone_id:
            state.save_state(self._state_file, known.model_copy(update={"zone_id": ceph.read_zone_id()}))
        endpoint = {
            "endpoint": ceph.url,
            "region": REGION,
            "ca_file": str(certificates.ca_file),
            "fsid": known.fsid,
        }
        state.write_file(self.endpoints_file, json.dumps(endpoint, indent=2) + "\n")

    def _machines(self, known: LabState) -> list[Machine]:
        return [self._make_machine(known, host) for host in known.hosts]

    def _make_machine(self, known: LabState, host: str) -> Machine:
        return Machine(
            host=host,
            name=f"{network.lab_token(self.directory)}-{known.hosts[host]}",
            address=known.machine_address(host),
            prefix_length=known.prefix_length,
            bridge=self._bridge.name,
            directory=self.directory / "machines" / host,
            base=self._base.directory,
        )

    def _machine(self, host: str) -> Machine:
        known = self._require_state()
        if host not in known.hosts:
            names = ", ".join(sorted(known.hosts)) or "none"
            raise UsageError(f"the lab has no machine {host}", f"its machines: {names}")
        return self._make_machine(known, host)

    def _start_machines(self, known: LabState, hosts: Sequence[str]) -> None:
        if not hosts:
            return
        self._write_ssh_files(known)
        machines.clear_stale_locks(self._base.ensure(self._say))
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda host: self._make_machine(known, host).start(self._say), dict.fromkeys(hosts)))

    def _write_ssh_files(self, known: LabState) -> None:
        """Write keys for the lab and its machines, and the files by which ssh knows them."""
        identity = self.directory / "ssh" / "id_ed25519"
        authorized = ssh_files.ensure_key(identity, "coffre-lab")
        addresses = {host: known.machine_address(host) for host in known.hosts}
        host_keys: dict[str, str] = {}
        for machine in self._machines(known):
            machines.ensure_ssh_files(machine.directory, authorized)
            host_keys[machine.host] = ssh_files.ensure_key(
                machine.directory / "ssh" / "ssh_host_ed25519_key", machine.host
            )
        state.write_file(self.known_hosts, ssh_files.render_known_hosts(host_keys, addresses))
        state.write_file(self.ssh_config, ssh_files.render_config(addresses, identity, self.known_hosts))

    def _stop_machine(self, machine: Machine) -> None:
        if machine.find_leader() is not None or machine.is_running():
            self._say(f"machines: ending {machine.host}")
        machine.stop()

    def _status(self, known: LabState) -> LabStatus:
        ceph = self._ceph(known)
        daemons = tuple(
            DaemonStatus(name, next(iter(processes.list_pids(daemon)), None)) for name, daemon in ceph.daemons.items()
        )
        gateways = ceph.settings.gateway_urls if ceph.settings.has_nodes else ()
        with ThreadPoolExecutor(8) as pool:
            found = tuple(pool.map(_look_at, self._machines(known)))
        return LabStatus(self.directory, known.release, ceph.url, daemons, found, gateways)

    def _erase(self) -> None:
        """Remove all the lab ever stored: its state last, so that an interrupted erasure can be taken up again."""
        last = (self._state_file, self._lock_file)
        for entry in self.directory.iterdir():
            if entry in last:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
        for file in last:
            file.unlink(missing_ok=True)


def _look_at(machine: Machine) -> MachineStatus:
    leader = machine.find_leader()
    return MachineStatus(machine.host, machine.address, leader, leader is not None and machine.answers())
