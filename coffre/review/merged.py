"""Applies what was merged: for each tenant file that a range changes, the plan that was saved for it at review."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path

from coffre.errors import RefusedError, UsageError
from coffre.githost.host import GitHost
from coffre.githost.values import Change
from coffre.provisioning.reviewed.carrying import Approved
from coffre.provisioning.reviewed.choosing import Merged, choose_plan
from coffre.provisioning.reviewed.consent import judge_consent
from coffre.provisioning.reviewed.destruction import find_destruction
from coffre.review.changes import compare
from coffre.review.revision import Range, changed_slugs, read_range
from coffre.secrets.store import OnNotice
from coffre.signing.seals.keys import read_plan_certificate
from coffre.spec.files import PLATFORM_FILE, TENANTS_FOLDER
from coffre.spec.loader import Checkout
from coffre.spec.tenant import Tenant
from coffre.tenant.opening import open_tenant
from coffre.workspace.git import Commits, GitRepository


@dataclass(frozen=True)
class MergedRange:
    """A range of commits of the branch that is applied: its files, its repository, and the text that names it."""

    found: Range
    commits: Commits
    text: str

    @cached_property
    def slugs(self) -> tuple[str, ...]:
        """The tenants whose file the range changes."""
        return changed_slugs(self.found).slugs

    @property
    def is_platform_changed(self) -> bool:
        return changed_slugs(self.found).is_platform_changed

    def contains(self, commit: str) -> bool:
        """Tell whether the newer commit has another one in its history."""
        return self.commits.contains(self.found.head.commit, commit)

    def list_merges(self, slug: str) -> list[str]:
        """Return the commits of the branch from the last one that changes a tenant's file on, oldest first."""
        base, head = self.found.base.commit, self.found.head.commit
        line = self.commits.list_first_parents(base, head)
        touching = self.commits.list_first_parents(base, head, f"{TENANTS_FOLDER}/{slug}.yaml")
        return line[line.index(touching[0]) :: -1] if touching else []


def read_merged(root: Path, text: str) -> MergedRange:
    """Read a range whose newer commit is checked out here; UsageError when another one is."""
    found = read_range(root, text)
    here = (GitRepository(root).find_commit() or "").removesuffix("+dirty")
    if here != found.head.commit:
        raise UsageError(
            f"the checkout is at {here[:12] or 'no commit'}, and the range ends at {found.head.commit[:12]}",
            "Check out the commit that was merged, then run this again.",
        )
    return MergedRange(found, Commits(root), text)


def find_approved(
    checkout: Checkout, merged: MergedRange, slug: str, host: GitHost | None, on_notice: OnNotice, now: datetime
) -> Approved:
    """Return the saved plan of a merged tenant file and who agreed to it; RefusedError when it may not be applied."""
    tenant = checkout.tenants.get(slug)
    if tenant is None:
        raise RefusedError(
            f"tenants/{slug}.yaml is gone, and a removed file erases nothing",
            "Put it back. A customer ends by `status: leaving`.",
        )
    change = None if host is None else _find_change(host, merged, slug)
    with open_tenant(checkout, slug, on_notice) as opened:
        certificate = read_plan_certificate(
            checkout.settings, checkout.root, opened.tenant.storage.platform, lambda: opened.embedded.is_proved
        )
        wanted = _describe(merged, tenant, change)
        saved = opened.records.list_saved_plans(tenant.id, wanted.tenant_file_sha256)
    plan = choose_plan(saved, wanted, certificate, now, checkout.settings.review.plan_days)
    before, after = merged.found.base.tenants.get(slug), merged.found.head.tenants.get(slug)
    is_weaker = plan.reviewed.is_weaker or any(each.is_weaker for each in compare(before, after))
    destroys = find_destruction(plan.reviewed.exact.plan, is_weaker=is_weaker)
    required = checkout.settings.review.required_approvals
    return Approved(plan, destroys, judge_consent(slug, plan.reviewed.exact.commit, change, destroys, required))


def _describe(merged: MergedRange, tenant: Tenant, change: Change | None) -> Merged:
    head = merged.found.head
    return Merged(
        slug=tenant.slug,
        tenant_id=tenant.id,
        tenant_file_sha256=head.digests[f"{TENANTS_FOLDER}/{tenant.slug}.yaml"],
        platform_file_sha256=head.digests[PLATFORM_FILE],
        reviewed_commit=None if change is None else change.head,
        merged_commit=head.commit,
        range=merged.text,
    )


def _find_change(host: GitHost, merged: MergedRange, slug: str) -> Change:
    """Return the change whose merge brought a tenant's file to the branch.

    A rebase brings several commits, of which the host knows the last one: the commits after it are asked too. The plan
    must be one of that change's own head, so that of a later change never stands for it.
    """
    for commit in merged.list_merges(slug):
        change = host.find_change(commit)
        if change is not None:
            return change
    raise RefusedError(
        f"{slug}: the git host knows no merged change that brought tenants/{slug}.yaml to this branch",
        f"Commits that were pushed past the review are not applied. Look at `coffre plan {slug}`, and run "
        f"`coffre apply {slug}` yourself.",
    )
