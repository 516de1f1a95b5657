"""The lab's machines, for tests that need them as nobody has touched them."""

from collections.abc import Sequence

from coffre.lab.lab import Lab


def renew_machines(lab: Lab, hosts: Sequence[str]) -> None:
    """Start machines anew: what they had written was in memory and is gone, agents of earlier tests included."""
    for host in hosts:
        lab.stop_machine(host)
    lab.up(hosts)
