"""Data handed back, beside the tools that carry it: restic restore, and rclone copy."""

import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from coffre import toolchain
from coffre.offboarding.handover import return_machine
from coffre.offboarding.lifecycle.evidence import Returned
from coffre.spec.leaving import Return
from coffre.spec.loader import load_checkout
from coffre.tenant.opening import OpenTenant, open_tenant
from tests.bench.measure import Row
from tests.passwords import read_password

RUNS = 3
SLUG, MACHINE = "returns", "poste-00"
SMALL_FILES, SMALL_BYTES = 20_000, 4096
LARGE_FILES, LARGE_BYTES = 8, 128 << 20
LEAST_PART = 0.8
"""Writing has at least this part of the speed of the tool alone."""


class Desk(Protocol):
    """What is needed of the bench's checkout."""

    root: Path
    environment: dict[str, str]

    def coffre(self, *arguments: str) -> object: ...

    def add(self, slug: str, machines: int) -> None: ...


def measure_returns(desk: Desk) -> list[Row]:
    """Hand one machine's data back in both formats, by turns with the tools alone, on one snapshot."""
    os.environ.update({name: desk.environment[name] for name in ("HOME", "XDG_CONFIG_HOME", "COFFRE_ACTOR")})
    desk.add(SLUG, 1)
    desk.coffre("apply", SLUG, "--yes", "--storage-only")
    with open_tenant(load_checkout(desk.root), SLUG, _say_nothing) as opened:
        tools = _Tools(opened, desk.environment)
        tools.back_up(desk.root / "source")
        total_mib = (SMALL_FILES * SMALL_BYTES + LARGE_FILES * LARGE_BYTES) / (1 << 20)
        what = f"{total_mib:.0f} MiB in {SMALL_FILES + LARGE_FILES} files"
        return [
            *_rows(f"return as files, {what}", _by_turns(opened, desk.root, "files", tools.restore), "restic restore"),
            *_rows("return as a repository", _by_turns(opened, desk.root, "repository", tools.copy), "rclone copy"),
        ]


class _Tools:
    """The tools alone, on the same bucket, with the same key."""

    def __init__(self, opened: OpenTenant, environment: Mapping[str, str]) -> None:
        endpoint, key = opened.storage.endpoint, opened.buckets.owner_key()
        data = opened.secrets.data()
        self._bucket, self._ca_file = opened.buckets.name(MACHINE), str(endpoint.ca_file)
        self._environment = {
            **environment,
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
            "RESTIC_PASSWORD": read_password(data, MACHINE),
            "RESTIC_REPOSITORY": f"s3:{endpoint.url}/{self._bucket}/restic",
            "RESTIC_CACERT": self._ca_file,
            "RCLONE_CONFIG": os.devnull,
            "RCLONE_CONFIG_BENCH_TYPE": "s3",
            "RCLONE_CONFIG_BENCH_PROVIDER": "Ceph",
            "RCLONE_CONFIG_BENCH_ENV_AUTH": "true",
            "RCLONE_CONFIG_BENCH_ENDPOINT": endpoint.url,
            "RCLONE_CA_CERT": self._ca_file,
        }
        self._region = f"s3.region={endpoint.region}"

    def back_up(self, source: Path) -> None:
        for number in range(SMALL_FILES):
            folder = source / f"{number // 200:03d}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number:05d}.txt").write_bytes(os.urandom(SMALL_BYTES))
        for number in range(LARGE_FILES):
            (source / f"{number}.bin").write_bytes(os.urandom(LARGE_BYTES))
        self._run("restic", "backup", "--quiet", "-o", self._region, "--host", MACHINE, str(source))
        shutil.rmtree(source)

    def restore(self, target: Path) -> float:
        cache = f"--cache-dir={target}.cache"
        seconds = self._run("restic", "restore", "latest", "-o", self._region, cache, "--target", str(target))
        shutil.rmtree(f"{target}.cache")
        return seconds

    def copy(self, target: Path) -> float:
        return self._run("rclone", "copy", f"bench:{self._bucket}/restic", str(target))

    def _run(self, program: str, *arguments: str) -> float:
        began = time.perf_counter()
        command = [toolchain.find_tool(program), *arguments]
        subprocess.run(command, env=self._environment, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began


class _Alone(Protocol):
    def __call__(self, target: Path) -> float: ...


def _by_turns(opened: OpenTenant, root: Path, kind: str, alone: _Alone) -> list[tuple[float, Returned]]:
    """Return pairs of the tool's seconds and Coffre's return; by turns, so that a slow minute falls on both."""
    pairs = []
    for number in range(RUNS):
        bare, ours = root / f"bare-{kind}-{number}", root / f"return-{kind}-{number}"
        wanted = Return.model_validate({"format": kind, "to": {"via": "directory", "path": str(ours)}})
        ours.mkdir()
        seconds = alone(bare)
        shutil.rmtree(bare)
        pairs.append((seconds, return_machine(opened, MACHINE, wanted, _say_nothing)))
        shutil.rmtree(ours)
    return pairs


def _rows(name: str, pairs: list[tuple[float, Returned]], tool: str) -> list[Row]:
    alone = statistics.median(seconds for seconds, _ in pairs)
    writing = statistics.median(returned.write_seconds for _, returned in pairs)
    reading = statistics.median(returned.read_back_seconds for _, returned in pairs)
    return [
        Row(f"{name}: writing", writing, alone, f"{tool} alone", round(alone / LEAST_PART, 2)),
        Row("  reading all of it back and listing it", reading),
    ]


def _say_nothing(text: str) -> None:
    del text
