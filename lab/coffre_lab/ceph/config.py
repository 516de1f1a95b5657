"""The configuration of a Ceph of one node or several: settings, keys, balancer. Pure; ``ceph.py`` runs it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_CAPABILITIES = {
    "mon": {"mon": "allow *"},
    "client.admin": {"mon": "allow *", "mgr": "allow *", "osd": "allow *", "mds": "allow *"},
    "mgr": {"mon": "allow profile mgr", "osd": "allow *", "mds": "allow *"},
    "osd": {"mon": "allow profile osd", "mgr": "allow profile osd", "osd": "allow *"},
    "client.rgw": {"mon": "allow rw", "osd": "allow rwx", "mgr": "allow rw"},
}
"""The capabilities of each kind of the cluster's own identities."""
MONITOR, MANAGER = "mon.a", "mgr.x"
GATEWAYS = 2
"""The number of gateways of a cluster of several nodes, each on its own node."""

_NOT_LOGGED = (
    *("auth", "bdev", "bluefs", "bluestore", "context", "crush", "finisher", "journal", "monc", "ms"),
    *("objclass", "objecter", "optracker", "osd", "rocksdb", "throttle", "timer"),
)
"""The debug messages that daemons would keep in memory for a crash report, at a third of the OSD's time (measured)."""

_NOT_LOADED = (
    *("alerts", "influx", "insights", "iostat", "localpool", "mirroring", "nfs", "osd_perf_query", "osd_support"),
    *("prometheus", "restful", "selftest", "snap_schedule", "stats", "telegraf", "test_orchestrator", "zabbix"),
)
"""Unused modules of the manager: loading them takes half of its start and of its memory (measured)."""


@dataclass(frozen=True)
class CephSettings:
    """A lab's settings of its Ceph."""

    directory: Path
    address: str
    """The address of the object storage: the gateway's own, or that of the balancer in front of several."""
    network: str
    fsid: str
    mon_port: int
    rgw_port: int
    gateway_file: Path
    ca_file: Path
    nodes: tuple[str, ...]
    """The nodes' addresses. The monitor and the manager are on the first, an OSD is on each."""
    osd_size_bytes: int = 64 * 1024**3
    """The maximum size: a store is a sparse file and only uses the written bytes."""
    lifecycle_day_seconds: int | None = None
    """The length of a day for lifecycle rules, for tests with a shorter one; None for real days."""

    @property
    def has_nodes(self) -> bool:
        """Whether there are several nodes: then each object is on three of them, and a balancer is in front."""
        return len(self.nodes) > 1

    @property
    def osds(self) -> dict[str, str]:
        """The OSDs by name, which is also that of their folder, with their identities, in the order of the nodes."""
        return {"osd" if number == 0 else f"osd-{number}": f"osd.{number}" for number in range(len(self.nodes))}

    @property
    def gateways(self) -> dict[str, str]:
        """The gateways by name, with their identities, in the order of the nodes."""
        several = {f"rgw-{number}": f"client.rgw.{number}" for number in range(1, GATEWAYS)} if self.has_nodes else {}
        return {"rgw": "client.rgw"} | several

    @property
    def identities(self) -> tuple[str, ...]:
        """All identities that need a key."""
        return ("mon.", "client.admin", MANAGER, *self.osds.values(), *self.gateways.values())

    @property
    def gateway_urls(self) -> tuple[str, ...]:
        """Each gateway's own address for clients."""
        return tuple(f"https://{self.nodes[number]}:{self.rgw_port}" for number in range(len(self.gateways)))


def render_keyring(keys: Mapping[str, str]) -> str:
    """Return the keyring file of the given identities, with their capabilities."""
    sections = []
    for identity, key in keys.items():
        capabilities = "".join(f'\tcaps {kind} = "{text}"\n' for kind, text in _capabilities(identity).items())
        sections.append(f"[{identity}]\n\tkey = {key}\n{capabilities}")
    return "".join(sections)


def _capabilities(identity: str) -> Mapping[str, str]:
    """Return the capabilities of an identity: those of its kind, for any number."""
    kind = next(kind for kind in _CAPABILITIES if f"{identity}.".startswith(f"{kind}."))
    return _CAPABILITIES[kind]


def render_config(settings: CephSettings) -> str:
    """Return ``ceph.conf``: every daemon on its node's address, with the short quota caches that tests need."""
    directory, first = settings.directory, settings.nodes[0]
    copies, least, apart_by = (3, 2, 1) if settings.has_nodes else (1, 1, 0)
    lines = [
        "[global]",
        f"fsid = {settings.fsid}",
        f"mon host = [v2:{first}:{settings.mon_port}]",
        f"keyring = {directory}/keyring",
        f"public network = {settings.network}",
        f"cluster network = {settings.network}",
        f"public addr = {first}",
        f"cluster addr = {first}",
        "ms bind msgr1 = false",
        # Without cephx radosgw hangs for 5 minutes and dies.
        "auth cluster required = cephx",
        "auth service required = cephx",
        "auth client required = cephx",
        "auth allow insecure global id reclaim = false",
        # Tools write no log; each daemon has its own file (below), where its standard error goes too.
        "log to file = false",
        "log to stderr = false",
        "err to stderr = true",
        "log to syslog = false",
        "mon cluster log to file = false",
        # The path of a unix socket has a limit that a lab deep in a file system would exceed.
        "admin socket =",
        f"run dir = {directory}/run",
        f"crash dir = {directory}/crash",
        f"osd pool default size = {copies}",
        f"osd pool default min size = {least}",
        "osd pool default pg num = 4",
        "osd pool default pgp num = 4",
        "osd pool default pg autoscale mode = off",
        f"osd crush chooseleaf type = {apart_by}",
        "mon allow pool size one = true",
        "mon max pg per osd = 1000",
        "mon warn on pool no redundancy = false",
        "mon data avail warn = 2",
        "mon data avail crit = 1",
        "mgr initial modules =",
        # A single monitor waits for no other: pools are made in a fraction of a second.
        "paxos propose interval = 0.05",
        "paxos min wait = 0.01",
        *(f"debug {subsystem} = 0/0" for subsystem in _NOT_LOGGED),
        "",
        *_section("mon.a", directory, "mon"),
        f"mon data = {directory}/mon",
        "",
        *_section("mgr.x", directory, "mgr"),
        f"mgr data = {directory}/mgr",
        f"mgr disabled modules = {' '.join(_NOT_LOADED)}",
        "",
    ]
    for number, (name, identity) in enumerate(settings.osds.items()):
        lines += [*_section(identity, directory, name), *_osd(settings, number, name), ""]
    for number, (name, identity) in enumerate(settings.gateways.items()):
        lines += [*_section(identity, directory, name), *_gateway(settings, number, name), ""]
    return "\n".join(lines)


def render_balancer(settings: CephSettings) -> str:
    """Return ``haproxy.cfg``: TLS on both sides of the balancer; an unreachable gateway is left out in 2 seconds."""
    lines = [
        "global",
        "  maxconn 2000",
        "  ssl-default-bind-options ssl-min-ver TLSv1.2",
        "defaults",
        "  mode http",
        "  timeout connect 2s",
        "  timeout client 120s",
        "  timeout server 120s",
        "  option redispatch",
        "  retries 3",
        "  retry-on conn-failure empty-response response-timeout 503",
        "frontend s3",
        f"  bind {settings.address}:{settings.rgw_port} ssl crt {settings.gateway_file}",
        "  default_backend gateways",
        "backend gateways",
        "  balance leastconn",
        "  option httpchk GET /",
        "  default-server check inter 1s fall 2 rise 1 on-marked-down shutdown-sessions"
        f" ssl verify required ca-file {settings.ca_file}",
    ]
    for name, address in zip(settings.gateways, settings.nodes, strict=False):
        lines.append(f"  server {name} {address}:{settings.rgw_port}")
    return "\n".join(lines) + "\n"


def _osd(settings: CephSettings, number: int, name: str) -> list[str]:
    address = settings.nodes[number]
    lines = [
        f"osd data = {settings.directory}/{name}",
        "osd objectstore = bluestore",
        "bluestore block create = true",
        f"bluestore block size = {settings.osd_size_bytes}",
        "osd memory target = 1073741824",
        # A killed gateway leaves watches that delay metadata writes until they expire.
        "osd client watch timeout = 12",
    ]
    if settings.has_nodes:
        lines += [f"public addr = {address}", f"cluster addr = {address}"]
        lines.append(f"crush location = root=default host=node-{number}")
    return lines


def _gateway(settings: CephSettings, number: int, name: str) -> list[str]:
    lines = [
        f"rgw data = {settings.directory}/{name}",
        f"public addr = {settings.nodes[number]}",
        f"rgw frontends = beast ssl_endpoint={settings.nodes[number]}:{settings.rgw_port}"
        f" ssl_certificate={settings.gateway_file} tcp_nodelay=1",
        # At level 1 the gateway logs each request's URL, which contains the secret of a new key: release 16 by the
        # first of these settings, 18 and 20 by the second, which 16 accepts without an error.
        "debug rgw = 0/0",
        "debug rgw access = 0/0",
        # The APIs that Coffre uses: without this, any key can make the gateway send requests to any address.
        "rgw enable apis = s3, admin",
        "rgw thread pool size = 64",
        "rgw enable usage log = true",
        "rgw bucket quota ttl = 1",
        "rgw user quota bucket sync interval = 1",
        "rgw user quota sync interval = 1",
    ]
    if settings.lifecycle_day_seconds is not None:
        lines.append(f"rgw lc debug interval = {settings.lifecycle_day_seconds}")
    return lines


def _section(identity: str, directory: Path, name: str) -> list[str]:
    return [f"[{identity}]", "log to file = true", f"log file = {directory}/{name}.log"]
