"""Which saved plan belongs to a merged file; every other one is refused by what differs. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509

from coffre.errors import RefusedError
from coffre.provisioning.reviewed.document import OpenedPlan, open_plan
from coffre.records.saved_plans import SavedPlan

PLAN_AGAIN = (
    "Nothing was changed. Plan the merged files with `coffre review {range} --save-plans`, then run this again."
)

_CLOCKS_DIFFER = timedelta(minutes=5)
"""How much the clock of the computer that planned may be ahead."""


@dataclass(frozen=True)
class Merged:
    """What was merged for one tenant: its id, the content of the two files, and the commits.

    ``reviewed_commit`` is the head of the merged change, None without a git host, which alone knows it.
    ``merged_commit`` is the one of the branch that is applied: a plan can be made again from it. ``range`` is what a
    person types for that.
    """

    slug: str
    tenant_id: str
    tenant_file_sha256: str
    platform_file_sha256: str
    reviewed_commit: str | None
    merged_commit: str
    range: str


def choose_plan(
    saved: Sequence[SavedPlan], merged: Merged, certificate: x509.Certificate, now: datetime, plan_days: int
) -> OpenedPlan:
    """Return the newest saved plan of a merged file; RefusedError when there is none that may be applied.

    ``saved`` are the plans of the file's content, newest first. A plan that is not signed is refused and not skipped:
    somebody put it there.
    """
    hint, why = PLAN_AGAIN.format(range=merged.range), ""
    for each in saved:
        opened = open_plan(merged.slug, each.document, certificate)
        reason = _why_not(opened, merged) or _why_not_now(opened, now, plan_days)
        if not reason and opened.reviewed.exact.commit != merged.reviewed_commit is not None:
            reason = _why_not_again(saved, merged, certificate)
        if not reason:
            return opened
        why = why or reason
    raise RefusedError(f"{merged.slug}: {why or 'no plan was saved for its file as it is merged'}", hint)


def _why_not(opened: OpenedPlan, merged: Merged) -> str:
    """Return why a plan is not that of a merged file; an empty text when it is."""
    exact = opened.reviewed.exact
    if not _is_of(opened, merged):
        return "the saved plan is one of another tenant, or of another content of the file"
    if exact.platform_file_sha256 != merged.platform_file_sha256:
        return "platform.yaml has changed since the plan was made"
    if merged.reviewed_commit is not None and exact.commit not in (merged.reviewed_commit, merged.merged_commit):
        return (
            f"the saved plan is that of another change than the merged one: of commit {(exact.commit or 'none')[:12]}"
        )
    return ""


def _why_not_again(saved: Sequence[SavedPlan], merged: Merged, certificate: x509.Certificate) -> str:
    """Return why a plan made after the merge does not count: the change that was approved must have had this content.

    The plan of its review says so. Without it the content may have come to the branch past the review.
    """
    plans = (open_plan(merged.slug, each.document, certificate) for each in saved)
    if any(_is_of(each, merged) and each.reviewed.exact.commit == merged.reviewed_commit for each in plans):
        return ""
    return "no plan was saved at the review of the merged change, so nobody can tell that its file was approved"


def _is_of(opened: OpenedPlan, merged: Merged) -> bool:
    exact = opened.reviewed.exact
    found = (opened.reviewed.tenant_id, exact.plan.tenant, exact.tenant_file_sha256)
    return found == (merged.tenant_id, merged.slug, merged.tenant_file_sha256)


def _why_not_now(opened: OpenedPlan, now: datetime, plan_days: int) -> str:
    """Return why a plan is too old, or from the future; an empty text when it is neither."""
    planned_at = opened.reviewed.planned_at
    if planned_at + timedelta(days=plan_days) >= now >= planned_at - _CLOCKS_DIFFER:
        return ""
    return f"the saved plan of {planned_at:%Y-%m-%d %H:%M} UTC is not of the last {plan_days} days (review.plan_days)"
