"""Applies many tenants at once: what is printed of each comes whole and once, when the tenant has ended."""

import signal
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from coffre.cli import output
from coffre.cli.context import explain
from coffre.cli.words.time_left import describe_time_left
from coffre.errors import ExpectedError, UsageError

if TYPE_CHECKING:
    from coffre.provisioning.apply import TenantOutcome
    from coffre.provisioning.exact import ExactPlan
    from coffre.provisioning.terms.context import Intent
    from coffre.spec.loader import Checkout
    from coffre.workspace.many.progress import Progress
    from coffre.workspace.many.workers import Ended

STORAGE_BYTES = 270 * 1024**2
"""The most memory of one apply without agents, as measured: its process and Pulumi's."""
MACHINE_BYTES = 150 * 1024**2
"""What Ansible takes for each machine that it works on at a time, as measured, and once for itself."""
APPLIES_PER_CORE = 2
"""An apply waits for the platform and for machines half of its time."""


@dataclass(frozen=True)
class Terms:
    """What all tenants of the command have in common."""

    checkout: "Checkout"
    intent: "Intent"


@dataclass(frozen=True)
class Job:
    """One tenant to apply, with the plan to carry out exactly if there is one."""

    slug: str
    planned: "ExactPlan | None"


@dataclass(frozen=True)
class Turn:
    """How one tenant ended: its outcome, or the lines that say why there is none."""

    outcome: "TenantOutcome | None"
    problem: tuple[str, ...] = ()


def apply_one(terms: Terms, job: Job, say: Callable[[str], None]) -> Turn:
    """Apply one tenant, in a process of its own."""
    from coffre.provisioning.apply import apply_tenant

    try:
        return Turn(apply_tenant(terms.checkout, job.slug, on_progress=say, intent=terms.intent, planned=job.planned))
    except Exception as problem:  # noqa: BLE001 - one tenant's data never stops the others
        return Turn(None, explain(problem, job.slug))


def load(kinds: Collection[str]) -> None:
    """Import and read what applies on these kinds of platforms need, once for all processes."""
    import coffre.provisioning.apply
    import coffre.provisioning.engine.engine  # noqa: F401
    from coffre.provisioning.inputs import digest_code
    from coffre.spec.values.working_hours import public_holidays
    from coffre.storage.kinds import DRIVERS

    digest_code()
    public_holidays()
    for kind in sorted(kinds):
        DRIVERS[kind]().load()


def choose_parallel(asked: int | None, terms: Terms, slugs: Collection[str]) -> int:
    """Return how many tenants to apply at a time: as asked, else what cores and free memory allow."""
    from coffre.workspace.capacity import count_processes

    if asked is not None and asked < 1:
        raise UsageError("--parallel needs a number from 1", "Leave it out to use what this computer has free.")
    return min(len(slugs), asked or count_processes(_estimate_bytes(terms, slugs), APPLIES_PER_CORE))


def _estimate_bytes(terms: Terms, slugs: Iterable[str]) -> int:
    """Return the most memory of one apply among these tenants."""
    from coffre.agents.ansible.runner import MAX_FORKS

    if terms.intent.storage_only:
        return STORAGE_BYTES
    tenants = terms.checkout.tenants
    machines = max((len(tenants[slug].active_machines()) for slug in slugs if slug in tenants), default=0)
    return STORAGE_BYTES + MACHINE_BYTES * (1 + min(machines, MAX_FORKS))


def apply_together(
    terms: Terms,
    plans: "Mapping[str, ExactPlan | None]",
    parallel: int,
    progress: "Progress",
    show: "Callable[[TenantOutcome], None]",
) -> list[str]:
    """Apply tenants, so many at a time, but those that an interrupted run completed; returns the incomplete ones."""
    from coffre.provisioning.inputs import Inputs
    from coffre.workspace.many.workers import Workers

    inputs = Inputs(terms.checkout)
    digests = {slug: inputs.digest(tenant).whole for slug, tenant in terms.checkout.tenants.items() if slug in plans}
    left = [Job(slug, plan) for slug, plan in plans.items() if progress.done.get(slug, "") != digests.get(slug)]
    if len(left) < len(plans):
        output.progress(
            f"{len(plans) - len(left)} of {len(plans)} tenants were applied by the run of "
            f"{progress.began_at:%Y-%m-%d %H:%M} UTC, which was not completed: they are left out (--again applies them)"
        )
    failed: list[str] = []
    has_errors, warned = False, set[str]()
    began, done = time.monotonic(), 0
    if left:
        output.progress(f"applying {len(left)} tenants, {min(parallel, len(left))} at a time")
    tenants = [tenant for slug in plans if (tenant := terms.checkout.tenants.get(slug)) is not None]
    kinds = {terms.checkout.settings.platforms[tenant.storage.platform].kind for tenant in tenants}
    workers: Workers[Job, Turn] = Workers(apply_one, terms, parallel, partial(load, kinds))
    try:
        for ended in workers.run(left):
            done += 1
            slug, has_outcome = ended.job.slug, ended.result is not None and ended.result.outcome is not None
            if _tell(ended, warned, show):
                progress.note(slug, digests[slug])
            else:
                failed.append(slug)
            has_errors = has_errors or not has_outcome
            time_left = describe_time_left(time.monotonic() - began, done, len(left), parallel)
            output.progress(f"{done} of {len(left)} tenants{time_left}")
    except KeyboardInterrupt:
        output.error(f"interrupted after {done} of {len(left)} tenants: the same command again goes on with the others")
        raise
    if not has_errors:
        progress.end()
    return failed


def _tell(ended: "Ended[Job, Turn]", warned: set[str], show: "Callable[[TenantOutcome], None]") -> bool:
    """Print what one tenant's end needs, each warning once for all tenants; returns whether it is complete."""
    turn = ended.result if ended.result is not None else Turn(None, _explain_death(ended.job.slug, ended.died))
    if turn.outcome is not None:
        fresh = tuple(text for text in turn.outcome.warnings if text not in warned)
        warned.update(fresh)
        show(replace(turn.outcome, warnings=fresh))
    if turn.outcome is not None and turn.outcome.is_complete:
        return True
    for text in ended.said:
        output.progress_of(ended.job.slug, text)
    for line in turn.problem:
        output.error(line)
    return False


def _explain_death(slug: str, code: int | None) -> tuple[str, ...]:
    """Say why a tenant's process ended before its work did."""
    what = f"exit code {code}" if code is None or code >= 0 else signal.Signals(-code).name
    problem = ExpectedError(
        f"the process that applied it ended ({what})",
        "Run the same command again: completed steps stay done. If it was for lack of memory, add --parallel 1.",
    )
    return explain(problem, slug)
