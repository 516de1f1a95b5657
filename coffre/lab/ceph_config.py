"""The texts that make a one-node Ceph: its configuration and its keys. Pure; ``ceph.py`` runs it."""

import base64
import struct
from dataclasses import dataclass
from pathlib import Path

CAPABILITIES = {
    "mon.": {"mon": "allow *"},
    "client.admin": {"mon": "allow *", "mgr": "allow *", "osd": "allow *", "mds": "allow *"},
    "mgr.x": {"mon": "allow profile mgr", "osd": "allow *", "mds": "allow *"},
    "osd.0": {"mon": "allow profile osd", "mgr": "allow profile osd", "osd": "allow *"},
    "client.rgw": {"mon": "allow rw", "osd": "allow rwx", "mgr": "allow rw"},
}
"""What each of the cluster's own identities may do."""

_NOT_LOGGED = (
    *("auth", "bdev", "bluefs", "bluestore", "context", "crush", "finisher", "journal", "monc", "ms"),
    *("objclass", "objecter", "optracker", "osd", "rocksdb", "throttle", "timer"),
)
"""What the daemons would note down in memory for a report of a crash, at a third of the OSD's time (measured)."""

_NOT_LOADED = (
    *("alerts", "influx", "insights", "iostat", "localpool", "mirroring", "nfs", "osd_perf_query", "osd_support"),
    *("prometheus", "restful", "selftest", "snap_schedule", "stats", "telegraf", "test_orchestrator", "zabbix"),
)
"""The manager's modules that nobody switches on: reading them takes half of its start and of its memory (measured)."""


@dataclass(frozen=True)
class CephSettings:
    """What a lab decides about its Ceph."""

    directory: Path
    address: str
    network: str
    fsid: str
    mon_port: int
    rgw_port: int
    gateway_file: Path
    osd_size_bytes: int = 64 * 1024**3
    """The store is a sparse file: it takes what is written, never this."""
    lifecycle_day_seconds: int | None = None
    """Length of a day for lifecycle rules, for a test that needs tomorrow; None for real days."""


def format_key(secret: bytes, created_at: int) -> str:
    """Return a cephx key: type 1 (AES), the time in seconds, no nanoseconds, the length and the 16 bytes."""
    return base64.b64encode(struct.pack("<HIIH", 1, created_at, 0, len(secret)) + secret).decode()


def render_keyring(keys: dict[str, str]) -> str:
    """Return the keyring file of the given identities, with their capabilities."""
    sections = []
    for identity, key in keys.items():
        capabilities = "".join(f'\tcaps {kind} = "{text}"\n' for kind, text in CAPABILITIES[identity].items())
        sections.append(f"[{identity}]\n\tkey = {key}\n{capabilities}")
    return "".join(sections)


def render_config(settings: CephSettings) -> str:
    """Return ``ceph.conf``: every daemon on the lab's own address, with the short quota caches that tests need."""
    directory = settings.directory
    lines = [
        "[global]",
        f"fsid = {settings.fsid}",
        f"mon host = [v2:{settings.address}:{settings.mon_port}]",
        f"keyring = {directory}/keyring",
        f"public network = {settings.network}",
        f"cluster network = {settings.network}",
        f"public addr = {settings.address}",
        f"cluster addr = {settings.address}",
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
        # A unix socket's path has a limit that a lab deep in a file system would pass.
        "admin socket =",
        f"run dir = {directory}/run",
        f"crash dir = {directory}/crash",
        "osd pool default size = 1",
        "osd pool default min size = 1",
        "osd pool default pg num = 4",
        "osd pool default pgp num = 4",
        "osd pool default pg autoscale mode = off",
        "osd crush chooseleaf type = 0",
        "mon allow pool size one = true",
        "mon max pg per osd = 1000",
        "mon warn on pool no redundancy = false",
        "mon data avail warn = 2",
        "mon data avail crit = 1",
        "mgr initial modules =",
        # One monitor has nobody to wait for: pools are made in a fraction of a second.
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
        *_section("osd.0", directory, "osd"),
        f"osd data = {directory}/osd",
        "osd objectstore = bluestore",
        "bluestore block create = true",
        f"bluestore block size = {settings.osd_size_bytes}",
        "osd memory target = 1073741824",
        # A gateway killed hard leaves watches that hold up metadata writes until they expire.
        "osd client watch timeout = 12",
        "",
        *_section("client.rgw", directory, "rgw"),
        f"rgw data = {directory}/rgw",
        f"rgw frontends = beast ssl_endpoint={settings.address}:{settings.rgw_port}"
        f" ssl_certificate={settings.gateway_file} tcp_nodelay=1",
        # At level 1 the gateway logs each request's address, and a new key's secret stands in that address.
        "debug rgw = 0/0",
        # All that Coffre uses: without this any key may have the gateway speak to an address of its choice.
        "rgw enable apis = s3, admin",
        "rgw thread pool size = 64",
        "rgw enable usage log = true",
        "rgw bucket quota ttl = 1",
        "rgw user quota bucket sync interval = 1",
        "rgw user quota sync interval = 1",
    ]
    if settings.lifecycle_day_seconds is not None:
        lines.append(f"rgw lc debug interval = {settings.lifecycle_day_seconds}")
    return "\n".join(lines) + "\n"


def _section(identity: str, directory: Path, name: str) -> list[str]:
    return [f"[{identity}]", "log to file = true", f"log file = {directory}/{name}.log"]
