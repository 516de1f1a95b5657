"""A lab of three nodes, two gateways and a balancer, in place of the session's lab; each test finds it whole."""

import json
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from coffre_lab.lab import Lab
from coffre_lab.processes import wait_until

from tests.conftest import LAB_HOSTS, open_lab
from tests.e2e.conftest import Desk

RECOVERY_SECONDS = 120.0


@dataclass(frozen=True)
class Cluster:
    """The lab's cluster, for whoever breaks it."""

    lab: Lab

    def kill(self, daemon: str) -> None:
        """Kill a daemon where it is, and see it gone."""
        pid = self._pid(daemon)
        assert pid is not None, f"{daemon} does not run"
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self._pid(daemon) != pid, f"{daemon} does not end", seconds=20)

    def heal(self) -> None:
        """Start what was killed, plug in what was pulled, and wait until every object has all its copies again."""
        for node in range(3):
            self.lab.set_cable(node, plugged=True)
        self.lab.up()
        wait_until(self.is_healthy, "the cluster does not recover", seconds=RECOVERY_SECONDS, pause=0.5)

    def is_healthy(self) -> bool:
        return self.counts_out(0) and self._states() == ["active+clean"]

    def counts_out(self, osds: int) -> bool:
        """Tell whether the cluster has noticed that so many OSDs are gone."""
        return len(self._up()) == 3 - osds

    def is_blocked(self) -> bool:
        """Tell whether nobody can write any object: fewer than two copies of each are there.

        The health check PG_AVAILABILITY says so too, but of most such objects only after a minute
        (`mon_pg_stuck_threshold`).
        """
        return not any("active" in state for state in self._states())

    def _states(self) -> list[str]:
        found = json.loads(self.lab.ceph(["pg", "stat", "--format", "json"]))["pg_summary"]["num_pg_by_state"]
        return [each["name"] for each in found]

    def _up(self) -> list[int]:
        osds = json.loads(self.lab.ceph(["osd", "dump", "--format", "json"]))["osds"]
        return [osd["osd"] for osd in osds if osd["up"]]

    def _pid(self, daemon: str) -> int | None:
        return next(each.pid for each in self.lab.status().daemons if each.name == daemon)


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with open_lab("cluster", LAB_HOSTS[:1], nodes=3) as found:
        yield found


@pytest.fixture
def cluster(lab: Lab) -> Iterator[Cluster]:
    found = Cluster(lab)
    yield found
    found.heal()


@pytest.fixture(scope="module")
def desk(lab: Lab, make_desk: Callable[..., Desk]) -> Desk:
    """The example tenant with one machine, on a platform that says what stands behind its endpoint."""
    desk = make_desk("boulangerie-martin", "atelier-durand")
    desk.tenant_file("atelier-durand").unlink()  # comes later
    tenant = desk.tenant_file("boulangerie-martin")
    text = tenant.read_text(encoding="utf-8")
    tenant.write_text(text[: text.index("  caisse-01:")], encoding="utf-8")
    settings = Path(desk.root / "platform.yaml")
    addresses = json.dumps(list(lab.status().gateways))
    text = settings.read_text(encoding="utf-8")
    assert "      count: 1 " in text
    text = text.replace("      count: 1 ", f"      addresses: {addresses}\n      count: 2 ")
    settings.write_text(text, encoding="utf-8")
    return desk
