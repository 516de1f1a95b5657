"""Pulls the brake for a machine that looks attacked, and keeps it pulled: see `coffre.operations.holds.brake`."""

from collections.abc import Mapping

from coffre.errors import BusyError
from coffre.findings import Finding, FindingKind
from coffre.operations.holds.brake import keep_frozen
from coffre.operations.holds.settle import find_expiring
from coffre.records.facts.fact import RecordedFinding
from coffre.records.facts.supervision import RetentionFrozen
from coffre.supervision.judge.attacks.attack import Suspicion, Weakened
from coffre.tenant.estate.freezes import Freeze, freeze_retention, list_freezes
from coffre.tenant.locking import tenant_locked
from coffre.tenant.opening import OpenTenant, open_tenants


def brake(opened: OpenTenant, suspicions: Mapping[str, Suspicion]) -> dict[str, Freeze]:
    """Freeze the retentions of these machines, and see that nothing expires of those that are frozen; returns them all.

    A freeze is recorded at once. While another command has the tenant, the rules of the platform stay until the next
    pass, which finds them again.
    """
    # One of a machine that has left the file says nothing any more.
    frozen = {name: each for name, each in list_freezes(opened.log).items() if name in opened.tenant.machines}
    new = {name: each for name, each in suspicions.items() if name not in frozen}
    if not frozen and not new:
        return {}
    checkout, slug = opened.checkout, opened.tenant.slug
    if new:
        with open_tenants(checkout, opened.on_notice) as opener:
            log = opener.open(slug).log
            for name, suspicion in new.items():
                frozen[name] = freeze_retention(log, name, _fact_of(suspicion))
                opened.on_notice(f"{slug}: {name}: suspected attack: its retention is frozen")
    left = [name for name in frozen if name in new or _expires(opened, name)]
    if left:
        try:
            with tenant_locked(checkout, slug, "supervise"), open_tenants(checkout, opened.on_notice) as opener:
                now = opener.open(slug)
                for name in left:
                    keep_frozen(now, name)
        except BusyError:
            opened.on_notice(f"{slug}: another command has the tenant: the platform's expiry stops with the next pass")
    return frozen


def _expires(opened: OpenTenant, machine: str) -> bool:
    return any(find_expiring(home.buckets, home.buckets.existing().among([machine])) for home in opened.homes)


def _fact_of(suspicion: Suspicion) -> RetentionFrozen:
    good = suspicion.last_good
    return RetentionFrozen(
        tuple(RecordedFinding(each.kind.value, dict(each.evidence)) for each in suspicion.signs),
        last_good_snapshot_id=None if good is None else good.snapshot_id,
        last_good_at=None if good is None else good.at,
    )


def tell_frozen(frozen: Mapping[str, Freeze]) -> list[Finding]:
    """Return the finding of each frozen retention; it ends when a person releases it. Pure."""
    return [_tell(each) for _, each in sorted(frozen.items())]


def _tell(freeze: Freeze) -> Finding:
    fact = freeze.fact
    signs = sorted({each.kind for each in fact.signs})
    return Finding(
        FindingKind.SUSPECTED_ATTACK,
        freeze.machine,
        {
            "signs": ",".join(signs) or "declared",
            "frozen_at": freeze.since.isoformat(),
            "last_good": fact.last_good_snapshot_id,
            "last_good_at": None if fact.last_good_at is None else fact.last_good_at.isoformat(),
        },
    )


def tell_weakened(weakened: Mapping[str, Weakened]) -> list[Finding]:
    """Return one finding for the newest apply that weakened settings, however many machines they are of. Pure."""
    if not weakened:
        return []
    newest = max(weakened.values(), key=lambda each: each.at)
    of_it = [each for each in weakened.values() if each.at == newest.at]
    evidence: dict[str, str | int | None] = {
        "settings": ",".join(sorted({name for each in of_it for name in each.settings})),
        "machines": len(of_it),
        "by": newest.by,
        "commit": newest.commit,
        "at": newest.at.isoformat(),
    }
    return [Finding(FindingKind.SETTINGS_WEAKENED, None, evidence)]
