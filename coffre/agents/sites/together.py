"""Runs the jobs of several sites at once, beside what this computer does itself."""

import threading
from collections.abc import Callable, Sequence

from coffre.agents.ansible.events import HostOutcome
from coffre.agents.ansible.runner import OnTask
from coffre.agents.sites.running import SiteRun

Outcomes = dict[str, HostOutcome]


def run_together(at_home: Callable[[], Outcomes], at_sites: Sequence[SiteRun]) -> Outcomes:
    """Return the results of all: a site that is slow or gone holds up nobody else.

    Ctrl-C, or an error here, ends the jobs of the sites too, before this raises.
    """
    outcomes: Outcomes = {}
    errors: list[BaseException] = []

    def run(site: SiteRun) -> None:
        try:
            outcomes.update(site.run())
        except BaseException as error:  # noqa: BLE001 - raised below, where somebody sees it
            errors.append(error)

    threads = [threading.Thread(target=run, args=(site,)) for site in at_sites]
    for thread in threads:
        thread.start()
    try:
        outcomes.update(at_home())
        for thread in threads:
            thread.join()
    except BaseException:
        for site in at_sites:
            site.cancel()
        for thread in threads:
            thread.join()
        raise
    if errors:
        raise errors[0]
    return outcomes


def one_at_a_time(on_task: OnTask) -> OnTask:
    """Return a callback that several threads may call."""
    lock = threading.Lock()

    def tell(host: str, task: str) -> None:
        with lock:
            on_task(host, task)

    return tell
