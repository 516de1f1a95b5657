"""The embedded platform: a real one-node Ceph and machines to deploy to, all of it under one directory."""

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
from coffre.lab import machines, network, processes, ssh_files, state
from coffre.lab.base import Base, open_base
from coffre.lab.ceph import Ceph
from coffre.lab.ceph_config import CephSettings
from coffre.lab.certificates import Certificates
from coffre.lab.machines import Machine
from coffre.lab.network import Bridge
from coffre.lab.state import LabState
from coffre.lab.status import DaemonStatus, LabStatus, MachineStatus

REGION = "default"
MON_PORT = 3300
RGW_PORT = 7443


def ignore_progress(_message: str) -> None:
    """Take progress messages nobody wants to see."""


@contextlib.contextmanager
def _usual_umask() -> Iterator[None]:
    """Make files as a system's installation does: what other users of a machine read may not be closed to them."""
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
        lifecycle_day_seconds: int | None = None,
    ) -> None:
        """Name the lab of a directory; ``lifecycle_day_seconds`` shortens the days of lifecycle rules, for tests.

        ``on_progress`` gets one line at a time, from several threads but never two at once.
        """
        self.directory = directory.resolve()
        self._on_progress = on_progress
        self._lifecycle_day_seconds = lifecycle_day_seconds
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
            if found is None:
                # The directory was removed under a running lab: its processes would be taken for the new one's.
                self._stop_everything(known)
                self._bridge.remove()
            state.save_state(self._state_file, known)
            self._bridge.ensure(known.address, known.network)
            with ThreadPoolExecutor(2) as pool:
                platform = pool.submit(self._start_ceph, known)
                others = pool.submit(self._start_machines, known, hosts)
                platform.result()
                others.result()
            return self._status(known)

    def down(self, *, erase: bool = False) -> None:
        """End everything of the lab, running or half gone; with ``erase`` also remove all it ever stored."""
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

    def status(self) -> LabStatus:
        """Return what runs now."""
        known = state.find_state(self._state_file)
        if known is None:
            return LabStatus(self.directory, None, (), ())
        return self._status(known)

    def start_machine(self, host: str) -> None:
        """Start one machine of the lab again."""
        self._machine(host).start(self._say)

    def stop_machine(self, host: str) -> None:
        """End one machine, as pulling its plug would; what it had written is gone."""
        self._stop_machine(self._machine(host))

    def leader_pid(self, host: str) -> int:
        """Return the process id, here, of a machine's first process: nsenter's target."""
        return self._machine(host).leader_pid()

    def machine_root(self, host: str) -> Path:
        """Return a machine's file system as seen from here."""
        return self._machine(host).root()

    def ceph(self, arguments: Sequence[str], *, timeout: float = 60) -> str:
        """Run ``ceph`` on the lab's cluster and return what it printed."""
        return self._ceph(self._require_state()).ceph(arguments, timeout=timeout)

    def radosgw_admin(self, arguments: Sequence[str], *, timeout: float = 60) -> str:
        """Run ``radosgw-admin`` on the lab's cluster and return what it printed."""
        return self._ceph(self._require_state()).radosgw_admin(arguments, timeout=timeout)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lab's lock in a directory that is the lab's, as root."""
        if os.geteuid() != 0:
            raise ExpectedError("the lab makes network interfaces and containers: it needs root", "run it with sudo")
        with state.hold_lock(self._lock_file, f"the lab in {self.directory}"):
            ours = {self._lock_file.name, state.temporary_name(self._state_file).name}
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
        return open_base(toolchain.cache_directory())

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
            fsid=str(uuid.uuid4()),
            osd_uuid=str(uuid.uuid4()),
            mon_port=network.choose_port(address, MON_PORT),
            rgw_port=network.choose_port(address, RGW_PORT),
        )

    def _require_nothing_left(self, known: LabState) -> None:
        """Look again with fresh eyes that the lab is down."""
        status = self._status(known)
        left = [f"process {daemon.pid} ({daemon.name})" for daemon in status.daemons if daemon.pid is not None]
        left += [f"machine {machine.host}" for machine in status.machines if machine.leader_pid is not None]
        left += [f"interface {name}" for name in network.list_interfaces(network.lab_token(self.directory))]
        if left:
            raise RemoteError(f"the lab is not quite down; still there: {', '.join(left)}", "coffre lab down once more")

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
            lifecycle_day_seconds=self._lifecycle_day_seconds,
        )
        return Ceph(settings, known.osd_uuid, certificates.ca_file)

    def _start_ceph(self, known: LabState) -> None:
        certificates = self._certificates()
        certificates.ensure(known.address, datetime.datetime.now(datetime.UTC))
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
        state.write_atomically(self.endpoints_file, json.dumps(endpoint, indent=2) + "\n")

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
        state.write_atomically(self.known_hosts, ssh_files.render_known_hosts(host_keys, addresses))
        state.write_atomically(self.ssh_config, ssh_files.render_config(addresses, identity, self.known_hosts))

    def _stop_machine(self, machine: Machine) -> None:
        if machine.find_leader() is not None or machine.is_running():
            self._say(f"machines: ending {machine.host}")
        machine.stop()

    def _status(self, known: LabState) -> LabStatus:
        ceph = self._ceph(known)
        daemons = tuple(
            DaemonStatus(name, next(iter(processes.list_pids(daemon)), None)) for name, daemon in ceph.daemons.items()
        )
        with ThreadPoolExecutor(8) as pool:
            found = tuple(pool.map(_look_at, self._machines(known)))
        return LabStatus(self.directory, ceph.url, daemons, found)

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
