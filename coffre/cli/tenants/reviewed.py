"""`apply --reviewed`: carries out what was merged, by the plans that were saved at review."""

from functools import partial
from typing import TYPE_CHECKING

import typer

from coffre.cli import output
from coffre.cli.context import turn_of
from coffre.cli.words.reviewed import describe_approved, name_destruction
from coffre.errors import ExpectedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from coffre.githost.host import GitHost
    from coffre.provisioning.apply import TenantOutcome
    from coffre.review.merged import MergedRange
    from coffre.spec.loader import Checkout

FAILED, REFUSED = 1, 4


def apply_merged(checkout: "Checkout", commits: str, show: "Callable[[TenantOutcome], None]") -> None:
    """Apply the reviewed plans of a merged range, tenant by tenant; one that is refused or fails stops no other."""
    from coffre.githost.kinds import open_git_host
    from coffre.review.merged import read_merged

    merged = read_merged(checkout.root, commits)
    host = None if checkout.settings.git_host is None else open_git_host(checkout.settings, checkout.root)
    if merged.is_platform_changed:
        output.warning("platform.yaml changes in this range: `coffre plan --all` shows what follows for other tenants")
    slugs, failed, codes = merged.slugs, list[str](), set[int]()
    for slug in slugs:
        with turn_of(slug, failed, alone=len(slugs) == 1):
            try:
                is_complete = _apply_one(checkout, merged, slug, host, show)
            except Exception as problem:
                codes.add(problem.exit_code if isinstance(problem, ExpectedError) else FAILED)
                raise
            if not is_complete:
                failed.append(slug)
                codes.add(FAILED)
    if not slugs:
        output.result("no tenant file differs between these commits, nothing was changed")
    elif len(slugs) > 1:
        done = f"{len(slugs) - len(failed)} of {len(slugs)} tenants are as merged"
        output.result(done + (f"; not: {', '.join(failed)}" if failed else ""))
    if failed:
        raise typer.Exit(REFUSED if codes == {REFUSED} else FAILED)


def _apply_one(
    checkout: "Checkout",
    merged: "MergedRange",
    slug: str,
    host: "GitHost | None",
    show: "Callable[[TenantOutcome], None]",
) -> bool:
    """Apply one tenant's plan; returns whether all of it is done."""
    from coffre.provisioning.reviewed.carrying import apply_reviewed
    from coffre.review.merged import find_approved
    from coffre.workspace.clock import utc_now

    approved = find_approved(checkout, merged, slug, host, output.warning, utc_now())
    output.result(f"{slug}: {describe_approved(approved)}")
    if approved.destroys:
        output.result(f"  this plan destroys: {name_destruction(approved.destroys)}")
    outcome = apply_reviewed(checkout, slug, approved, merged.contains, on_progress=partial(output.progress_of, slug))
    if outcome is None:
        output.result(f"{slug}: the merged change is in effect already, nothing was changed")
        return True
    show(outcome)
    return outcome.is_complete
