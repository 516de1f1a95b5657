"""Run the measurements of the named parts, or all of them, on a lab of their own and print their table."""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from coffre_lab.lab import Lab

from coffre import toolchain
from coffre.spec.loader import load_checkout
from coffre.storage.ceph.connect import connect
from tests.bench import bare, erasing, fleet
from tests.bench.desk import ROOT, SLUG, Desk
from tests.bench.drifting import measure_drift
from tests.bench.measure import RUNS, Child, Row, median_of, run_child, table, timed
from tests.bench.returning import measure_returns
from tests.bench.supervising import measure_supervision

HOSTS = ["compta-01.martin.example", "caisse-01.martin.example"]
TENANTS, MACHINES_EACH = 1000, 10
DATA_MIB = 1024
BARE_RUNS = 3

BARE_BACKUP = """
set -e
. /dev/shm/bench.env
rm -rf /var/lib/coffre/cache /root/bench-cache
began=$(date +%s.%N)
/usr/local/lib/coffre/restic backup --quiet --json --host bench --cache-dir /root/bench-cache \
  --cacert /etc/coffre/ca.pem --option s3.region=default /srv/bench >/dev/null
ended=$(date +%s.%N)
echo "$ended - $began" | python3 -c 'print(eval(input()))'
"""
AGENT_BACKUP = """
set -e
rm -rf /var/lib/coffre/cache
began=$(date +%s.%N)
/usr/local/lib/coffre/coffre-agent run >/dev/null 2>&1
ended=$(date +%s.%N)
echo "$ended - $began" | python3 -c 'print(eval(input()))'
"""
SMALL_FILES = 30_000
BARE_RESTORE = """
set -e
. /dev/shm/bench.env
rm -rf /root/bench-cache /srv/back
began=$(date +%s.%N)
/usr/local/lib/coffre/restic restore latest --quiet --target /srv/back --cache-dir /root/bench-cache \
  --cacert /etc/coffre/ca.pem --option s3.region=default >/dev/null
ended=$(date +%s.%N)
echo "$ended - $began" | python3 -c 'print(eval(input()))'
"""
AGENT_RESTORE = """
set -e
rm -rf /var/lib/coffre/cache /srv/back
began=$(date +%s.%N)
sauvegarde-restaurer restaurer derniere --vers /srv/back >/dev/null 2>&1
ended=$(date +%s.%N)
echo "$ended - $began" | python3 -c 'print(eval(input()))'
"""


@contextmanager
def bench_lab() -> Iterator[Lab]:
    directory = Path(os.environ.get("COFFRE_BENCH_LAB", ROOT / ".coffre" / "bench-lab")).resolve()
    lab = Lab(directory, on_progress=say)
    lab.down(erase=True)
    try:
        lab.up(HOSTS)
        yield lab
    finally:
        lab.down(erase=True)
        directory.rmdir()


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def measure_files(desk: Desk) -> list[Row]:
    say("reading files")
    folder = desk.root / "tenants"
    for number in range(TENANTS):
        desk.add(f"client-{number:04d}", MACHINES_EACH)
    check = median_of(lambda _: desk.coffre("check").seconds)
    floor = median_of(lambda _: timed(lambda: bare.load_yaml(folder)))
    for path in folder.iterdir():
        path.unlink()
    desk.copy_example()
    empty = median_of(lambda _: run_child([sys.executable, "-c", "pass"], desk.root, desk.environment).seconds)
    return [
        Row(f"check, {TENANTS} tenants of {MACHINES_EACH} machines", check, floor, "libyaml alone", 3.0),
        Row("--help", median_of(lambda _: desk.coffre("--help").seconds), empty, "an empty Python program", 0.3),
    ]


def measure_storage(desk: Desk, lab: Lab) -> list[Row]:
    say("storage")
    desk.add("first", 1)
    desk.coffre("apply", "first", "--yes", "--storage-only")  # RGW makes its pools with its first bucket: 3 s
    checkout = load_checkout(desk.root)
    storage = connect(checkout.settings.platforms["lab"], desk.root)
    tenants = [bare.BareTenant(storage, number) for number in range(BARE_RUNS)]
    bare_new = median_of(lambda number: timed(tenants[number].create), BARE_RUNS)
    bare_read = median_of(lambda _: timed(tenants[0].read))
    bare_quota = median_of(lambda number: timed(lambda: tenants[0].set_quota(number * 1024)))
    bare_status = median_of(lambda _: timed(tenants[0].observe))
    slugs = [f"bench-{number}" for number in range(RUNS)]
    for slug in slugs:
        desk.add(slug, bare.MACHINES)
    new = median_of(lambda number: desk.coffre("apply", slugs[number], "--yes", "--storage-only").seconds)
    applied: list[Child] = []

    def again(_: int) -> float:
        applied.append(desk.coffre("apply", slugs[0], "--yes", "--storage-only"))
        return applied[-1].seconds

    def change(number: int) -> float:
        desk.set_quota(slugs[0], 300 + number)
        applied.append(desk.coffre("apply", slugs[0], "--yes", "--storage-only"))
        return applied[-1].seconds

    unchanged, quota = median_of(again), median_of(change)
    status = median_of(lambda _: desk.coffre("status", slugs[0]).seconds)
    imports = median_of(
        lambda _: (
            run_child(
                [sys.executable, "-c", "import coffre.provisioning.apply, botocore.client"], desk.root, desk.environment
            ).seconds
        )
    )
    return [
        Row("of each command: Python and its imports", imports),
        Row("apply, storage of a new tenant with 3 machines", new, bare_new, "the bare calls of its 21 resources", 1.5),
        Row("apply, storage without change", unchanged, bare_read, "the bare calls that read it all", 1.0),
        Row("apply, one quota changed", quota, bare_quota, "one bare call", 1.2),
        Row("status of one tenant", status, bare_status, "its bare calls", 1.5),
        Row("most memory of apply", max(child.peak_mib for child in applied), unit="MiB"),
        Row("most memory of the provider by itself", provider_mib(desk), unit="MiB"),
        *measure_steps(desk, slugs[0]),
    ]


def provider_mib(desk: Desk) -> float:
    """Return what the provider takes when Pulumi starts it as a process of its own."""
    program = (
        "import os, resource, subprocess, sys\n"
        "child = subprocess.Popen([sys.argv[1], '127.0.0.1:1'], stdout=subprocess.PIPE)\n"
        "child.stdout.readline()\n"
        "status = open(f'/proc/{child.pid}/status').read()\n"
        "print(int(status.split('VmHWM:')[1].split()[0]))\n"
        "child.kill(); child.wait(); child.stdout.close()\n"
    )
    provider = toolchain.find_tool("pulumi-resource-rgw")
    done = subprocess.run(
        [sys.executable, "-c", program, provider], capture_output=True, text=True, check=True, env=desk.environment
    )
    return int(done.stdout) / 1024


def measure_steps(desk: Desk, slug: str) -> list[Row]:
    """Time the storage step alone, in one process that has its imports behind it."""
    os.environ.update({name: desk.environment[name] for name in ("HOME", "XDG_CONFIG_HOME", "COFFRE_ACTOR")})
    from coffre.provisioning.engine.stack import TenantStack, declare
    from coffre.provisioning.steps.secrets import current_keys
    from coffre.tenant.opening import open_tenant

    def step(_: int) -> float:
        checkout = load_checkout(desk.root)
        with open_tenant(checkout, slug, say) as opened:
            control = opened.secrets.control()
            declaration = declare(opened.tenant, opened.checkout, opened.platform, current_keys(opened.tenant, control))
            stack = TenantStack(checkout, opened.tenant.slug, control)
            return timed(lambda: stack.up(declaration, say))

    def changed(number: int) -> float:
        desk.set_quota(slug, 400 + number)
        return step(number)

    quota, settled = median_of(changed), median_of(step)
    return [
        Row("the storage step alone, one quota (Pulumi's up)", quota),
        Row("the storage step alone, nothing to do (Pulumi not run)", settled),
    ]


def measure_agents(desk: Desk, lab: Lab) -> list[Row]:
    say("agents")
    desk.coffre("apply", SLUG, "--yes")
    whole = median_of(lambda _: desk.coffre("apply", SLUG, "--yes").seconds)
    storage = median_of(lambda _: desk.coffre("apply", SLUG, "--yes", "--storage-only").seconds)
    touch = median_of(lambda _: timed(lambda: bare.touch_hosts(lab.ssh_config, HOSTS)))
    rows = [Row("apply, agents on 2 machines, no change", whole - storage, touch, "one ssh call each", 8.0)]
    return [*rows, *measure_overhead(desk, lab)]


def measure_overhead(desk: Desk, lab: Lab) -> list[Row]:
    host = HOSTS[0]
    fill = f"mkdir -p /srv/bench && head -c {DATA_MIB}M /dev/urandom | split -b 16M - /srv/bench/part-"
    bare.restic_backup(lab.ssh_config, host, f"{fill}; echo 0")
    path = desk.root / "tenants" / f"{SLUG}.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("paths: [/home, /etc]", "paths: [/srv/bench]"), encoding="utf-8")
    desk.coffre("apply", SLUG, "--yes")
    make_environment = (
        "umask 077; python3 - <<'END'\n"
        "import json, shlex\n"
        "c = json.load(open('/etc/coffre/credentials.json')); a = json.load(open('/etc/coffre/agent.json'))\n"
        "pairs = {'AWS_ACCESS_KEY_ID': c['access_key_id'], 'AWS_SECRET_ACCESS_KEY': c['secret_access_key'],\n"
        "         'RESTIC_PASSWORD': c['repository_password'], 'RESTIC_REPOSITORY': a['repository']}\n"
        "open('/dev/shm/bench.env', 'w').write(''.join(f'export {k}={shlex.quote(v)}\\n' for k, v in pairs.items()))\n"
        "END\n"
        "echo 0"
    )
    bare.restic_backup(lab.ssh_config, host, make_environment)
    # New bytes each time: a second backup of the same ones would upload nothing.
    refill = f"rm -rf /srv/bench; {fill}; sync; echo 0"
    small = (
        f"set -e; rm -rf /srv/bench; mkdir /srv/bench; cd /srv/bench; head -c {4096 * SMALL_FILES} /dev/urandom "
        "| split -a 4 -b 4096 - part-; sync; /usr/local/lib/coffre/coffre-agent run; echo 0"
    )
    backup = _compare(lab, (BARE_BACKUP, AGENT_BACKUP), f"the agent over bare restic, {DATA_MIB} MiB", before=refill)
    bare.restic_backup(lab.ssh_config, host, small)
    restore = _compare(lab, (BARE_RESTORE, AGENT_RESTORE), f"sauvegarde-restaurer over it, {SMALL_FILES} small files")
    # Two more starts of restic choose the backup and list it whole before anything of it is restored.
    return [Row(*backup, limit=5.0, unit="%"), Row(*restore, unit="%")]


def _compare(lab: Lab, scripts: tuple[str, str], name: str, before: str = "") -> tuple[str, float]:
    """Return by how many percent the second script is slower than the first, and its name with the spread."""

    def once(script: str) -> float:
        if before:
            bare.restic_backup(lab.ssh_config, HOSTS[0], before)
        return bare.restic_backup(lab.ssh_config, HOSTS[0], script)

    over = []
    for number in range(RUNS):
        # One right after the other, so that a slow minute falls on both, and each first as often as the other.
        seconds = {script: once(script) for script in (scripts if number % 2 else scripts[::-1])}
        alone, ours = (seconds[script] for script in scripts)
        say(f"{name}: bare {alone:.2f} s, ours {ours:.2f} s")
        over.append(100 * (ours / alone - 1))
    return f"{name}, {RUNS} pairs ({min(over):.1f} to {max(over):.1f} %)", statistics.median(over)


def measure_erasing(desk: Desk, lab: Lab) -> list[Row]:
    say("erasing (about 10 minutes, most of them to fill the buckets)")
    desk.add(erasing.SLUG, erasing.MACHINES)
    desk.coffre("apply", erasing.SLUG, "--yes", "--storage-only")
    os.environ.update({name: desk.environment[name] for name in ("HOME", "XDG_CONFIG_HOME", "COFFRE_ACTOR")})
    return erasing.measure_erasing(desk.root, desk.environment, lab, say)


PARTS: dict[str, Callable[[Desk, Lab], list[Row]]] = {
    "files": lambda desk, _: measure_files(desk),
    "storage": measure_storage,
    "agents": measure_agents,
    "erasing": measure_erasing,
    "returning": lambda desk, _: measure_returns(desk),
    "drift": lambda desk, _: measure_drift(desk.apart("drift"), say),
    "supervise": lambda desk, _: measure_supervision(desk.apart("supervise"), say),
    "review": lambda desk, _: fleet.measure_review(desk.apart("review"), say),
    "plans": lambda desk, _: fleet.measure_plans(desk.apart("plans"), say),
    "applies": lambda desk, _: fleet.measure_applies(desk.apart("applies"), say),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parts = parser.parse_args().parts or list(PARTS)
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    with bench_lab() as lab, tempfile.TemporaryDirectory(prefix="coffre-bench-") as folder:
        desk = Desk(lab, Path(folder))
        desk.coffre("secrets", "init")
        print(table([row for part in parts for row in PARTS[part](desk, lab)]))


if __name__ == "__main__":
    main()
