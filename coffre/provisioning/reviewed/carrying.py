"""Applies a reviewed plan: under the tenant's lock exactly what was planned, or the rest of it, or nothing."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from coffre.errors import RefusedError
from coffre.provisioning.apply import Clock, OnProgress, TenantOutcome, carry_out
from coffre.provisioning.exact import ExactPlan, list_differences, make_exact, refuse_unless_same
from coffre.provisioning.plan import plan_tenant
from coffre.provisioning.reviewed.consent import Consent
from coffre.provisioning.reviewed.destruction import Destruction
from coffre.provisioning.reviewed.document import OpenedPlan
from coffre.provisioning.reviewed.remainder import refuse_beyond
from coffre.provisioning.terms.context import FULLY
from coffre.records.facts.reviewed import ApplyState, ReviewedApply
from coffre.spec.loader import Checkout
from coffre.tenant.estate.log import RecordedFact
from coffre.tenant.opening import OpenTenant
from coffre.tenant.runs import lock_recorded
from coffre.workspace.clock import utc_now

COMMAND = "apply --reviewed"
_MOVING = frozenset({"apply", "rotate", "undelete"})
"""The commands that change what a plan was made of; each is in the list of runs by its name."""

Contains = Callable[[str], bool]
"""Tells whether the merged commit contains another one."""


@dataclass(frozen=True)
class Approved:
    """A plan to apply, what it destroys, and who agreed to it."""

    plan: OpenedPlan
    destroys: tuple[Destruction, ...]
    consent: Consent


def apply_reviewed(
    checkout: Checkout,
    slug: str,
    approved: Approved,
    contains: Contains,
    *,
    on_progress: OnProgress,
    clock: Clock = utc_now,
) -> TenantOutcome | None:
    """Apply a reviewed plan to a tenant; None when its change is in effect already. May run twice, also after a kill.

    RefusedError when file, platform or stack have moved since the plan, and when a newer state was applied.
    """
    planned = approved.plan.reviewed.exact
    with lock_recorded(checkout, slug, COMMAND, on_progress) as opened:
        last = opened.log.last(ReviewedApply)
        _refuse_older(slug, last, contains)
        begun = last if last is not None and last.fact.plan_sha256 == approved.plan.sha256 else None
        if begun is not None and begun.fact.state is ApplyState.DONE:
            return None
        now = make_exact(opened, plan_tenant(opened, FULLY))
        # A squash or a rebase gives the same content another commit: the files are compared, and the reviewed commit
        # is recorded.
        bound = replace(planned, commit=now.commit)
        later: Collection[str] = () if begun is None else _list_later(opened, begun)
        # By hand, or by the command that came after an interruption: else the interrupted apply is brought to its end.
        if (begun is None or later) and _is_in_effect(bound, now):
            return None
        if begun is not None:
            _refuse_moved(slug, later)
            refuse_beyond(bound, now)
        else:
            refuse_unless_same(bound, now)
        fact = _write_fact(approved)
        opened.log.append(fact)
        outcome = carry_out(opened, FULLY, now.plan, on_progress, clock)
        if outcome.is_complete:
            opened.log.append(replace(fact, state=ApplyState.DONE))
        return outcome


def _is_in_effect(planned: ExactPlan, now: ExactPlan) -> bool:
    """Tell whether a plan that would change something has nothing left to change, of the same files."""
    files = [(each.tenant_file_sha256, each.platform_file_sha256) for each in (planned, now)]
    is_done = not now.plan.is_needed and not now.plan.unseen
    return files[0] == files[1] and is_done and bool(list_differences(planned, now))


def _refuse_older(slug: str, last: RecordedFact[ReviewedApply] | None, contains: Contains) -> None:
    """Refuse a commit from before the one that was applied last: a pipeline that runs late, or again."""
    applied = None if last is None or last.commit is None else last.commit.removesuffix("+dirty")
    if applied is not None and not contains(applied):
        raise RefusedError(
            f"{slug}: a state of the file from commit {applied[:12]} was applied, and the merged commit lacks it",
            "Nothing was changed. Run it for the newest commit of the branch; in a pipeline, fetch the whole history.",
        )


def _list_later(opened: OpenTenant, begun: RecordedFact[ReviewedApply]) -> set[str]:
    """Return the commands that have changed the tenant since an apply of the plan began."""
    return {
        run.command
        for run in opened.records.list_runs()
        if run.command in _MOVING and opened.tenant.slug in run.tenants and run.started_at > begun.at
    }


def _refuse_moved(slug: str, later: Collection[str]) -> None:
    """Refuse to go on with an interrupted apply when another command has changed the tenant since."""
    if later:
        raise RefusedError(
            f"{slug}: an apply of this plan was interrupted, and `coffre {min(later)}` has changed the tenant since",
            f"Nothing was changed. Look at `coffre plan {slug}`, and run `coffre apply {slug}` if it is right.",
        )


def _write_fact(approved: Approved) -> ReviewedApply:
    consent = approved.consent
    return ReviewedApply(
        state=ApplyState.BEGUN,
        plan_sha256=approved.plan.sha256,
        reviewed_commit=approved.plan.reviewed.exact.commit or "",
        approved_by=consent.approved_by,
        destroys=tuple(each.value for each in approved.destroys),
        change_number=consent.change_number,
        author=consent.author,
        merged_by=consent.merged_by,
    )
