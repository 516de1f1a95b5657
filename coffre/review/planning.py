"""Plans the changes of a review and saves them, signed, for the apply after the merge.

HEAD's file is data here: rules, platform.yaml and code are those of the checkout in which the command runs.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from coffre.errors import ExpectedError, RefusedError, RemoteError
from coffre.provisioning.exact import ExactPlan, hash_file, hash_stacks, refuse_unread
from coffre.provisioning.plan import TenantPlan, plan_tenant
from coffre.provisioning.reviewed.destruction import find_destruction
from coffre.provisioning.reviewed.document import ReviewedPlan, seal_plan
from coffre.records.saved_plans import SavedPlan
from coffre.review.review import PlannedChange, Review, TenantReview, Unplanned
from coffre.review.revision import Range
from coffre.secrets.store import OnNotice
from coffre.signing.seals.keys import read_plan_key
from coffre.spec.files import PLATFORM_FILE, TENANTS_FOLDER
from coffre.spec.loader import Checkout
from coffre.spec.tenant import Tenant
from coffre.tenant.opening import OpenTenant, open_tenant

Clock = Callable[[], datetime]


def save_plans(checkout: Checkout, found: Range, done: Review, on_notice: OnNotice, clock: Clock) -> Review:
    """Return a review with the plan of each changed tenant that nothing forbids; each plan is saved.

    What one tenant's plan meets is part of the review, and stops no other tenant's.
    """
    if done.guards:
        return done
    return replace(
        done, tenants=tuple(_with_plan(checkout, found, tenant, done, on_notice, clock) for tenant in done.tenants)
    )


def _with_plan(
    checkout: Checkout, found: Range, tenant: TenantReview, done: Review, on_notice: OnNotice, clock: Clock
) -> TenantReview:
    after = found.head.tenants.get(tenant.slug)
    if tenant.guards or after is None:
        return tenant
    try:
        _refuse_other_platforms(checkout, after, done)
        proposed = replace(checkout, tenants={**checkout.tenants, tenant.slug: after})
        with open_tenant(proposed, tenant.slug, on_notice) as opened:
            return replace(tenant, plan=_save_plan(opened, found, tenant, clock()))
    except ExpectedError as problem:
        return replace(tenant, plan=Unplanned(problem.message))


def _refuse_other_platforms(checkout: Checkout, after: Tenant, done: Review) -> None:
    """Refuse a file whose platforms are not those of the checkout: HEAD's platform.yaml has no say here."""
    if done.is_platform_file_changed:
        raise RefusedError(
            "platform.yaml changes too, and plans are made with the one in force: merge that change first"
        )
    named = [after.storage.platform, *after.storage.parts, *filter(None, [after.second_platform])]
    for name in named:
        if name not in checkout.settings.platforms:
            raise RefusedError(f"platform.yaml of this checkout has no platform {name}")


def _refuse_unseen(plan: TenantPlan) -> None:
    """Refuse (RemoteError) a plan in which a part of the space is unknown: whoever approves it sees all of it."""
    for part in plan.unseen:
        raise RemoteError(f"the part on {part.platform} was not compared: {part.error}", part.hint)


def _save_plan(opened: OpenTenant, found: Range, tenant: TenantReview, now: datetime) -> PlannedChange:
    checkout, plan = opened.checkout, plan_tenant(opened)
    refuse_unread(plan)
    _refuse_unseen(plan)
    digest = found.head.digests[f"{TENANTS_FOLDER}/{tenant.slug}.yaml"]
    exact = ExactPlan(
        plan=plan,
        commit=found.head.commit,
        tenant_file_sha256=digest,
        platform_file_sha256=hash_file(checkout.root / PLATFORM_FILE),
        stacks=hash_stacks(opened),
    )
    is_weaker = any(change.is_weaker for change in tenant.changes)
    key = read_plan_key(
        checkout.settings, checkout.root, now, opened.tenant.storage.platform, lambda: opened.embedded.is_proved
    )
    document = seal_plan(ReviewedPlan(opened.tenant.id, now, is_weaker, exact), key)
    keep_since = now - timedelta(days=checkout.settings.review.plan_days)
    opened.records.save_plan(SavedPlan(opened.tenant.id, digest, now, document), keep_since)
    return PlannedChange(plan, find_destruction(plan, is_weaker=is_weaker))
