"""Begins new records in place of lost ones, of which no backup exists: says so for each tenant, with what is known."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time

from coffre.anchors.anchoring import anchor_records
from coffre.anchors.file import read_last
from coffre.anchors.lost import are_lost
from coffre.errors import ExpectedError, RefusedError, UsageError
from coffre.records.actor import read_author
from coffre.records.database.store import Records
from coffre.records.events import Event
from coffre.records.facts.contract import Commissioned
from coffre.records.facts.departure import RecordsBegun
from coffre.records.facts.fact import Fact
from coffre.records.facts.registry import kind_of, write_fact
from coffre.secrets.store import OnNotice
from coffre.spec.loader import Checkout
from coffre.spec.tenant import Tenant
from coffre.tenant.opening import open_secrets
from coffre.workspace.clock import utc_now


def begin_records(
    checkout: Checkout, reason: str, delivered_on: Mapping[str, date | None], on_notice: OnNotice
) -> list[str]:
    """Begin records in an empty database after a loss, and return the slugs of the tenants that have storage.

    ``delivered_on`` says for each of these when its service was delivered (contract, article 1c), None: not yet. All
    events are recorded at once or not at all. RefusedError when nothing is lost, or when the anchor's file is that of
    the lost records; UsageError for a tenant whose day is not said.
    """
    if not reason.strip():
        raise ExpectedError("no reason is given", "Say how the records were lost: --reason TEXT.")
    secrets = open_secrets(checkout, on_notice)
    with Records.open(checkout.settings.records, checkout.root) as records:
        if not are_lost(records, secrets):
            raise RefusedError(
                "no records are lost: the database has records, or none were ever signed",
                "Nothing was changed. `coffre records verify` says what the database has.",
            )
        _refuse_old_anchor(checkout, records)
        applied = [slug for slug, tenant in checkout.tenants.items() if secrets.find_control(slug, tenant.id)]
        _check_days(applied, delivered_on)
        events = [
            event for slug in applied for event in _begin(checkout, checkout.tenants[slug], reason, delivered_on[slug])
        ]
        records.append_all(events)
        anchor_records(checkout, records, secrets, utc_now())
    return applied


def _begin(checkout: Checkout, tenant: Tenant, reason: str, delivered_on: date | None) -> list[Event]:
    now = utc_now()
    begun = _event(checkout, tenant, RecordsBegun(reason), now)
    if delivered_on is None:
        return [begun]
    delivered_at = datetime.combine(delivered_on, time(), UTC)
    return [begun, _event(checkout, tenant, Commissioned(tuple(tenant.active_machines())), delivered_at)]


def _event(checkout: Checkout, tenant: Tenant, fact: Fact, at: datetime) -> Event:
    author = read_author(checkout.root)
    return Event(tenant.id, tenant.slug, kind_of(type(fact)), at, author.actor, author.commit, details=write_fact(fact))


def _refuse_old_anchor(checkout: Checkout, records: Records) -> None:
    path = checkout.settings.anchor.file
    if path is None:
        return
    try:
        last = read_last(checkout.root / path)
    except FileNotFoundError:
        return
    if last is not None and last.database_id != records.read_tip().database_id:
        raise RefusedError(
            f"the anchor {path} belongs to the lost records",
            "Keep it as it is, and name a new file in platform.yaml: `anchor: {file: …}`.",
        )


def _check_days(applied: list[str], delivered_on: Mapping[str, date | None]) -> None:
    unsaid = [slug for slug in applied if slug not in delivered_on]
    if unsaid:
        raise UsageError(
            f"it is not said since when these tenants are served: {', '.join(unsaid)}",
            "For each: --delivered TENANT=YYYY-MM-DD, as invoiced, or --delivered TENANT=never.",
        )
    unknown = sorted(set(delivered_on) - set(applied))
    if unknown:
        raise UsageError(f"no storage was ever made for {', '.join(unknown)}", "Leave it out.")
