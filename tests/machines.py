"""The lab's machines, for tests that need them as nobody has touched them, or look whether they are so again."""

from collections.abc import Sequence

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
