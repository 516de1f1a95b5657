"""The lab's machines, for tests that need them as nobody has touched them, or look whether they are so again."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from coffre_lab.lab import Lab

NOTHING_LEFT = (
    "i=0; while [ -e /usr/local/lib/coffre ] || systemctl list-units --all --plain --no-legend 'coffre*' | grep -q .; "
    "do i=$((i + 1)); [ $i -lt 600 ] || break; sleep 0.1; done; "
    "systemctl list-units --all --plain --no-legend 'coffre*'; find / -xdev -name '*coffre*'"
)
"""Waits, a minute at most, until the machine has removed the agent; prints whatever is left then."""


def renew_machines(lab: Lab, hosts: Sequence[str]) -> None:
    """Start machines anew: what they had written was in memory and is gone, agents of earlier tests included."""
    for host in hosts:
        lab.stop_machine(host)
    lab.up(hosts)


def inside(lab: Lab, host: str, *command: str) -> list[str]:
    """Return a command that runs on a machine as root without a network: as somebody who sits before it."""
    return ["nsenter", "--target", str(lab.leader_pid(host)), "--all", *command]


@contextmanager
def behind_nat(lab: Lab, host: str) -> Iterator[None]:
    """Pull a machine's cable, and give it another network behind an address translation: it can only call out."""
    leader = str(lab.leader_pid(host))
    cable = ["nsenter", "--target", leader, "--net", "ip", "link", "set", "host0"]
    subprocess.run([*cable, "down"], check=True, timeout=30)
    nat = ["slirp4netns", "--configure", "--disable-host-loopback", "--ready-fd=1", leader, "tap0"]
    with subprocess.Popen(nat, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.read(1) == b"1", "the network behind the address translation did not come up"
            yield
        finally:
            process.kill()
    subprocess.run([*cable, "up"], check=True, timeout=30)
