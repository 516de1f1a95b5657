"""How fast a bucket is erased, beside radosgw-admin and a plain loop of boto3 on equal buckets in the same run.

Each eraser is a process of its own, one after the other. Run with arguments this module is such a process.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coffre_lab.lab import Lab

from coffre.spec.loader import load_checkout
from coffre.storage.s3.client import make_client
from coffre.storage.s3.signed_http import SignedHttp
from coffre.tenant.opening import OpenTenant, open_tenant
from tests.bench.measure import Row, timed
from tests.integration.offboarding.office import pool_objects
from tests.processes import list_pids, read_words

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

SLUG = "erasing"
FACTOR = 1.3


@dataclass(frozen=True)
class Shape:
    """A bucket to erase: so many keys, each written so many times; one that never had versions costs the least.

    ``purge`` is how radosgw-admin is told to: with --bypass-gc it removes objects without their place in the history
    of their key, and leaves an object a key in the data pool that nothing lists.
    """

    name: str
    keys: int
    times: int = 1
    is_versioned: bool = True
    purge: tuple[str, ...] = ("--bypass-gc",)

    @property
    def entries(self) -> int:
        return self.keys * self.times


FEW = Shape("few", 5_000, is_versioned=False)
SHAPES = (
    Shape("objects", 20_000, is_versioned=False),
    Shape("versions", 5_000, 3),
    Shape("whole", 1_000, 3, purge=()),
)
WAYS = ("coffre", "admin", "boto3")
MACHINES = (f"{FEW.name}-coffre", *(f"{shape.name}-{way}" for shape in SHAPES for way in WAYS))


def measure_erasing(root: Path, environment: Mapping[str, str], lab: Lab, say: Callable[[str], None]) -> list[Row]:
    """Fill the buckets of tenant `erasing`, which has been applied, and erase them in three ways."""
    rows: list[Row] = []
    peaks: dict[str, float] = {}
    with open_tenant(load_checkout(root), SLUG, lambda _: None) as opened:
        _fill(opened, f"{FEW.name}-coffre", FEW)
        peaks[FEW.name] = _run("coffre", f"{FEW.name}-coffre", root, environment)["peak_mib"]
        for shape in SHAPES:
            done, found = _measure(opened, shape, root, environment, lab)
            peaks[shape.name] = done["peak_mib"]
            rows += found
            for row in found:
                say(f"{row.name}: {row.value:.2f} {row.unit}" + (f" ({row.floor:.0f})" if row.floor else ""))
    many, few = peaks[SHAPES[0].name], peaks[FEW.name]
    memory = Row(f"  most memory at {SHAPES[0].keys:,}", many, few, f"at {FEW.keys:,}", unit="MiB")
    return [*rows, memory, Row("  which grew by", many - few, limit=8.0, unit="MiB")]


def _measure(
    opened: OpenTenant, shape: Shape, root: Path, environment: Mapping[str, str], lab: Lab
) -> tuple[dict[str, float], list[Row]]:
    coffre, admin, boto3 = (f"{shape.name}-{way}" for way in WAYS)
    for machine in (coffre, admin, boto3):
        _fill(opened, machine, shape)
    markers = {machine: _marker(opened, machine) for machine in (coffre, admin)}
    server_seconds = _server_seconds(lab)
    done = _run("coffre", coffre, root, environment)
    could = shape.entries * len(os.sched_getaffinity(0)) / (_server_seconds(lab) - server_seconds)
    purge = ["bucket", "rm", f"--bucket={opened.buckets.name(admin)}", "--purge-objects", *shape.purge]
    rates = {
        "coffre": shape.entries / done["seconds"],
        "admin": shape.entries / timed(lambda: lab.radosgw_admin(purge, timeout=1800)),
        "boto3": shape.entries / _run("boto3", boto3, root, environment)["seconds"],
    }
    kind = "versions" if shape.is_versioned else "objects"
    tool = " ".join(["radosgw-admin", *shape.purge])
    left = {machine: len(pool_objects(lab, marker)) for machine, marker in markers.items()}
    return done, [
        Row(f"erasing {shape.keys:,} keys, {shape.entries:,} {kind}", rates["coffre"], unit="/s"),
        _factor(f"  over {tool}", rates["coffre"] / rates["admin"], rates["admin"]),
        _factor("  over a plain loop of boto3", rates["coffre"] / rates["boto3"], rates["boto3"]),
        Row(
            "  of what the server's part of the CPU allows",
            100 * rates["coffre"] / could,
            could,
            "the server's part alone",
            unit="%",
            floor_unit="/s",
        ),
        Row("  left in the data pool", left[coffre], left[admin], f"by {tool}", limit=0, unit=""),
    ]


def _marker(opened: OpenTenant, machine: str) -> str:
    facts = opened.storage.find_bucket(opened.buckets.name(machine))
    assert facts is not None
    return facts.lifetime_id


def _server_seconds(lab: Lab) -> float:
    """Return how long the lab's Ceph daemons have had a core, added up: whoever erases, they do the same for a key."""
    total = 0
    for pid in list_pids():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if f"{lab.directory}/ceph/" in read_words(pid):
                fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])  # utime and stime: proc(5) counts them from the name on
    return total / os.sysconf("SC_CLK_TCK")


def _factor(name: str, factor: float, rate: float) -> Row:
    return Row(name, factor, rate, "its own rate", FACTOR, "x", is_least=True, floor_unit="/s")


def _fill(opened: OpenTenant, machine: str, shape: Shape) -> None:
    http, bucket = SignedHttp(opened.storage.endpoint, opened.buckets.owner_key()), opened.buckets.name(machine)
    if not shape.is_versioned:
        _make_unversioned(opened, machine)

    def put(number: int) -> None:
        for _ in range(shape.times):
            http.call_s3("fill", "PUT", f"/{bucket}/restic/data/{number:06}", {}, b"x" * 1024)

    with ThreadPoolExecutor(16) as executor:
        list(executor.map(put, range(shape.keys)))


def _make_unversioned(opened: OpenTenant, machine: str) -> None:
    """Make a machine's bucket anew as one that never had versions, which a bucket of Coffre's is not."""
    bucket, s3 = opened.buckets.name(machine), make_client(opened.storage.endpoint, opened.buckets.owner_key())
    tags = s3.get_bucket_tagging(Bucket=bucket)["TagSet"]
    _empty_by_boto3(s3, bucket)
    s3.delete_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})


def _run(way: str, machine: str, root: Path, environment: Mapping[str, str]) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.erasing", way, str(root), machine]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], env=dict(environment), capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def erase_by_coffre(opened: OpenTenant, machine: str) -> float:
    from coffre.offboarding.erase.bucket import erase_bucket, identify_bucket

    began = identify_bucket(opened.tenant, opened.storage, opened.buckets, machine)
    assert began is not None
    return timed(
        lambda: erase_bucket(
            opened.tenant,
            opened.storage,
            opened.buckets,
            opened.memory,
            began,
            lambda _: None,
            resumes=False,
            refuse=lambda: None,
        )
    )


def erase_by_boto3(opened: OpenTenant, machine: str) -> float:
    bucket, s3 = opened.buckets.name(machine), make_client(opened.storage.endpoint, opened.buckets.owner_key())

    def erase() -> None:
        # RGW passes over the rest of a key whose entry at a page's end is deleted: such a loop has to begin again.
        while _empty_by_boto3(s3, bucket):
            pass
        s3.delete_bucket(Bucket=bucket)

    return timed(erase)


def _empty_by_boto3(s3: "S3Client", bucket: str) -> int:
    """Do as every example of DeleteObjects does: a page listed, a page deleted; returns how many entries."""
    count = 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        keys = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]
        if keys:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})  # type: ignore[typeddict-item]
        count += len(keys)
    return count


def main() -> None:
    way, root, machine = sys.argv[1:]
    with open_tenant(load_checkout(Path(root)), SLUG, lambda _: None) as opened:
        seconds = (erase_by_coffre if way == "coffre" else erase_by_boto3)(opened, machine)
    # Not getrusage, which begins with what the parent had.
    peak_kib = int(Path("/proc/self/status").read_text(encoding="ascii").split("VmHWM:")[1].split()[0])
    print(json.dumps({"seconds": seconds, "peak_mib": peak_kib / 1024}))


if __name__ == "__main__":
    main()
