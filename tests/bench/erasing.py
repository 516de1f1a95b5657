"""How fast a bucket is erased, beside radosgw-admin and a plain loop of boto3 on equal buckets in the same run.

Each eraser is a process of its own, one after the other. Run with arguments this module is such a process.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from coffre.lab.lab import Lab
from coffre.operations.service import Service, open_service
from coffre.spec.loader import load_repository
from coffre.storage.ceph.s3 import make_client
from coffre.storage.ceph.signed_http import SignedHttp
from tests.bench.measure import Row, timed

SLUG = "erasing"
SMALL_OBJECTS, FEW_OBJECTS = 20_000, 5_000
KEYS, TIMES = 5_000, 3
FACTOR = 1.3
MACHINES = ("objects-coffre", "objects-admin", "objects-boto3", "few-coffre")
VERSIONED = ("versions-coffre", "versions-admin", "versions-boto3")


def measure_erasing(root: Path, environment: Mapping[str, str], lab: Lab) -> list[Row]:
    """Fill the buckets of tenant `erasing`, which has been applied, and erase them in three ways."""
    with open_service(load_repository(root), SLUG, lambda _: None) as service:
        for machine in MACHINES:
            _fill(service, machine, FEW_OBJECTS if machine.startswith("few") else SMALL_OBJECTS, 1)
        few = _run("coffre", "few-coffre", root, environment)
        many, rows = _measure(service, "objects", SMALL_OBJECTS, root, environment, lab)
        for machine in VERSIONED:
            _fill(service, machine, KEYS, TIMES)
        _, versions = _measure(service, "versions", KEYS * TIMES, root, environment, lab)
    growth = many["peak_mib"] - few["peak_mib"]
    memory = Row(
        f"  most memory at {SMALL_OBJECTS:,}", many["peak_mib"], few["peak_mib"], f"at {FEW_OBJECTS:,}", None, "MiB"
    )
    return [*rows, *versions, memory, Row("  which grew by", growth, limit=8.0, unit="MiB")]


def _measure(
    service: Service, kind: str, entries: int, root: Path, environment: Mapping[str, str], lab: Lab
) -> tuple[dict[str, float], list[Row]]:
    done = _run("coffre", f"{kind}-coffre", root, environment)
    purge = ["bucket", "rm", f"--bucket={service.bucket_name(f'{kind}-admin')}", "--purge-objects", "--bypass-gc"]
    admin = timed(lambda: lab.radosgw_admin(purge, timeout=1800))
    boto3 = _run("boto3", f"{kind}-boto3", root, environment)["seconds"]
    rates = {"coffre": entries / done["seconds"], "admin": entries / admin, "boto3": entries / boto3}
    what = f"erasing {entries:,} {kind}"
    return done, [
        Row(what, rates["coffre"], unit="/s"),
        _factor("  over radosgw-admin bucket rm --bypass-gc", rates["coffre"] / rates["admin"], rates["admin"]),
        _factor("  over a plain loop of boto3", rates["coffre"] / rates["boto3"], rates["boto3"]),
    ]


def _factor(name: str, factor: float, rate: float) -> Row:
    return Row(name, factor, rate, "of these a second", FACTOR, "x", is_least=True)


def _fill(service: Service, machine: str, keys: int, times: int) -> None:
    http = SignedHttp(service.storage.endpoint, service.owner_key())
    bucket = service.bucket_name(machine)

    def put(number: int) -> None:
        for _ in range(times):
            http.call_s3("fill", "PUT", f"/{bucket}/restic/data/{number:06}", {}, b"x" * 1024)

    with ThreadPoolExecutor(16) as executor:
        list(executor.map(put, range(keys)))


def _run(way: str, machine: str, root: Path, environment: Mapping[str, str]) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.erasing", way, str(root), machine]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], env=dict(environment), capture_output=True, text=True, check=True
    )
    return dict(json.loads(done.stdout))


def erase_by_coffre(service: Service, machine: str) -> float:
    from coffre.offboarding.erasing import erase_bucket, identify_bucket

    began = identify_bucket(service, machine)
    assert began is not None
    return timed(lambda: erase_bucket(service, began, lambda _: None, refuse=lambda: None))


def erase_by_boto3(service: Service, machine: str) -> float:
    """Do as every example of DeleteObjects does: a page listed, a page deleted."""
    bucket, s3 = service.bucket_name(machine), make_client(service.storage.endpoint, service.owner_key())
    began = time.perf_counter()
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        keys = [{"Key": entry["Key"], "VersionId": entry["VersionId"]} for entry in entries]
        s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})  # type: ignore[typeddict-item]
    s3.delete_bucket(Bucket=bucket)
    return time.perf_counter() - began


def main() -> None:
    way, root, machine = sys.argv[1:]
    with open_service(load_repository(Path(root)), SLUG, lambda _: None) as service:
        seconds = (erase_by_coffre if way == "coffre" else erase_by_boto3)(service, machine)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mib": peak_mib}))


if __name__ == "__main__":
    main()
