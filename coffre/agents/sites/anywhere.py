"""Runs a playbook here for the machines that this computer reaches, and on each site's node for its own."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from coffre.agents.ansible.connection import Inventory, host_name
from coffre.agents.ansible.events import HostOutcome
from coffre.agents.ansible.runner import OnTask, WithFolder, run_playbook
from coffre.agents.driver import DeployRequest, OnProgress, RemoveRequest
from coffre.agents.sites.job import Job, Luggage
from coffre.agents.sites.running import SiteRun
from coffre.agents.sites.together import one_at_a_time, run_together
from coffre.workspace import fence

R = TypeVar("R", DeployRequest, RemoveRequest)


@dataclass(frozen=True)
class Work(Generic[R]):
    """A playbook, and the inventory for it; the luggage takes the files that must travel, None for a run here."""

    playbook: str
    inventory_of: Callable[[Sequence[R], Luggage | None], Inventory]
    with_folder: WithFolder
    only_looks: bool = False


class Runs:
    """The runs of one command; ``scratch`` is the place of their private files on a system without a tmpfs."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch

    def run(self, work: Work[R], requests: Sequence[R], on_progress: OnProgress) -> dict[str, HostOutcome]:
        """Return the results by the machines' names in the inventory."""
        if not requests:
            return {}
        names = {host_name(each.target): each.target.machine for each in requests}
        on_task = one_at_a_time(lambda host, task: on_progress(names.get(host, host), task))
        by_site: dict[str | None, list[R]] = {}
        for each in requests:
            by_site.setdefault(each.target.site.name if each.target.site is not None else None, []).append(each)
        at_home = by_site.pop(None, [])
        fence.check()
        return run_together(
            lambda: self._run_here(work, at_home, on_task),
            [self._send(work, each, on_task) for each in by_site.values()],
        )

    def _run_here(self, work: Work[R], requests: Sequence[R], on_task: OnTask) -> dict[str, HostOutcome]:
        if not requests:
            return {}
        return run_playbook(
            work.playbook,
            work.inventory_of(requests, None),
            self._scratch,
            on_task,
            with_folder=work.with_folder,
            only_looks=work.only_looks,
        )

    def _send(self, work: Work[R], requests: Sequence[R], on_task: OnTask) -> SiteRun:
        luggage, site = Luggage(is_for_look=work.only_looks), requests[0].target.site
        assert site is not None  # noqa: S101 - these have one
        moved = [replace(each, target=luggage.take_target(each.target)) for each in requests]
        inventory = work.with_folder(work.inventory_of(moved, luggage), luggage.mark)
        return SiteRun(site, Job(work.playbook, inventory, luggage, work.only_looks), self._scratch, on_task)
