"""Tenants of a test on the real platform: provisioned by the installed command, worked on through their service."""

import json
import os
import random
import secrets
import string
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from coffre.spec.loader import load_checkout
from coffre.storage.s3.client import make_client
from coffre.tenant.opening import OpenTenant, open_tenant
from tests.integration.storage.fault_proxy import FaultProxy
from tests.prepared_command import prepared_command

REPOSITORY = Path(__file__).resolve().parents[3]


@dataclass
class Office:
    """A repository of its own on the test lab, with an identity outside of it."""

    root: Path
    home: Path
    endpoints: Path
    admin: Path
    environment: dict[str, str] = field(default_factory=dict)

    def coffre(self, *arguments: str) -> str:
        run = prepared_command().run(arguments, cwd=self.root, environment=self.environment)
        assert run.code == 0, f"coffre {' '.join(arguments)}:\n{run.output}"
        return run.stdout

    def write_platform(self, endpoints: Path | None = None) -> None:
        settings = (REPOSITORY / "platform.yaml").read_text(encoding="utf-8")
        settings = settings.replace("file:.coffre/lab/endpoints.json", f"file:{endpoints or self.endpoints}")
        settings = settings.replace("file:.coffre/lab/admin.json", f"file:{self.admin}")
        settings = settings.replace("    ssh_config: .coffre/lab/ssh_config", "    # no machines")
        (self.root / "platform.yaml").write_text(settings, encoding="utf-8")

    def add_tenant(self, *machines: str) -> str:
        """Write a new tenant with these machines and provision its storage; returns its slug."""
        slug = f"t{secrets.token_hex(4)}"
        tenant_id = "n" + "".join(random.choices(string.ascii_lowercase + string.digits, k=9))
        text = (REPOSITORY / "tenants" / "boulangerie-martin.yaml").read_text(encoding="utf-8")
        head = text[: text.index("machines:\n")].replace("k7f3q9wz2m", tenant_id)
        head = head.replace("licences: {workstation: 2}", f"licences: {{workstation: {len(machines)}}}")
        body = "".join(
            f"  {name}:\n    kind: workstation\n    os: linux\n    agent: restic\n    plan: office\n"
            f"    connection: {{via: ssh, host: {name}.{slug}.example, user: root}}\n"
            for name in machines
        )
        (self.root / "tenants" / f"{slug}.yaml").write_text(f"{head}machines:\n{body}", encoding="utf-8")
        self.coffre("apply", slug, "--yes", "--storage-only")
        return slug

    @contextmanager
    def opened(self, slug: str) -> Iterator[OpenTenant]:
        """Open a tenant's service as a command would."""
        with open_tenant(load_checkout(self.root), slug, lambda _: None) as opened:
            yield opened

    @contextmanager
    def held(self, slug: str) -> Iterator[OpenTenant]:
        """Open a tenant's service with a hold in its file."""
        path = self.root / "tenants" / f"{slug}.yaml"
        text = path.read_text(encoding="utf-8")
        path.write_text(f"{text}hold: {{reference: JUDGE-1, since: 2026-11-20, kind: preserve}}\n", encoding="utf-8")
        try:
            with self.opened(slug) as opened:
                yield opened
        finally:
            path.write_text(text, encoding="utf-8")

    @contextmanager
    def through_proxy(self, opened: OpenTenant, folder: Path) -> Iterator[tuple[FaultProxy, OpenTenant]]:
        """Open a tenant's service through a proxy that fails on demand."""
        direct = opened.storage.endpoint
        with FaultProxy(direct.url, direct.ca_file, folder) as proxy:
            endpoints = folder / "endpoints.json"
            place = {"endpoint": proxy.url, "region": direct.region, "ca_file": str(proxy.ca_file)}
            endpoints.write_text(json.dumps(place), encoding="utf-8")
            self.write_platform(endpoints)
            try:
                with self.opened(opened.tenant.slug) as faulty:
                    yield proxy, faulty
            finally:
                self.write_platform()


def make_office(lab, folder: Path) -> Office:
    root, home = folder / "desk", folder / "home"
    (root / "tenants").mkdir(parents=True)
    home.mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environment = {
        **kept,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
        "COFFRE_ACTOR": "test@smileo.example",
    }
    office = Office(root, home, lab.endpoints_file, lab.admin_file, environment)
    office.write_platform()
    office.coffre("secrets", "init")
    return office


def owner_s3(opened: OpenTenant):
    return make_client(opened.storage.endpoint, opened.buckets.owner_key())


def fill(opened: OpenTenant, machine: str, keys: list[str], times: int = 1) -> None:
    """Write these keys into a machine's bucket so many times, with the owner's key."""
    s3, bucket = owner_s3(opened), opened.buckets.name(machine)

    def put(key: str) -> None:
        for number in range(times):
            s3.put_object(Bucket=bucket, Key=key, Body=f"{number}".encode())

    with ThreadPoolExecutor(16) as executor:
        list(executor.map(put, keys))


def clear(opened: OpenTenant, machine: str) -> None:
    """Delete every version of the few objects that a machine's bucket holds, one by one."""
    s3, bucket = owner_s3(opened), opened.buckets.name(machine)
    answer = s3.list_object_versions(Bucket=bucket)
    for entry in [*answer.get("Versions", []), *answer.get("DeleteMarkers", [])]:
        s3.delete_object(Bucket=bucket, Key=entry["Key"], VersionId=entry["VersionId"])


def pool_objects(lab, marker: str) -> list[str]:
    """Return the objects of the data pool that bear a bucket's marker, once RGW's garbage is collected."""
    lab.radosgw_admin(["gc", "process", "--include-all"], timeout=120)
    return [name for name in data_pool(lab, "ls", "--all").split() if name.startswith(f"{marker}_")]


def data_pool(lab, *command: str) -> str:
    """Run ``rados`` on the pool that holds the content of every object."""
    zone = json.loads(lab.radosgw_admin(["zone", "get"]))
    pool = zone["placement_pools"][0]["val"]["storage_classes"]["STANDARD"]["data_pool"]
    tool = lab.ceph_command("rados", "-p", pool)
    return subprocess.run([*tool, *command], capture_output=True, text=True, check=True).stdout
