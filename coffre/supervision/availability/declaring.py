"""Declares the maintenances of platform.yaml: when it was said is a fact of the records, and the customers are told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from coffre.errors import RefusedError
from coffre.records.actor import Author
from coffre.records.database.store import Records
from coffre.records.events import Event
from coffre.records.facts.availability import MaintenanceDeclared, MaintenanceWithdrawn, MaintenanceWord
from coffre.records.kept_findings import NO_TENANT
from coffre.spec.loader import Checkout
from coffre.spec.platform import PlatformFile
from coffre.supervision.applied import AppliedReader
from coffre.supervision.availability.known import list_maintenances
from coffre.supervision.availability.notices import find_affected, plan_notices
from coffre.supervision.availability.words import event_of
from coffre.supervision.judge.maintenance import MaintenanceStep, Step, plan_maintenance


@dataclass(frozen=True)
class Declared:
    """What was said about maintenance, and the tenants whose contacts are told of it."""

    steps: Sequence[MaintenanceStep]
    told: Sequence[str]


def declare_maintenance(
    records: Records, checkout: Checkout, author: Author, now: datetime, *, is_urgent: bool
) -> Declared:
    """Say what platform.yaml says about maintenance and nobody said yet; may run twice.

    The messages to the customers are written with it, all at once; supervision sends them. RefusedError for one with
    shorter notice than platform.yaml asks for, unless it is urgent: then nothing was said.
    """
    settings = checkout.settings
    steps = plan_maintenance(settings.platforms, settings.working_hours.timezone, list_maintenances(records), now)
    short = [each for each in steps if each.is_short]
    if short and not is_urgent:
        raise _too_late(short[0], settings)
    applied = AppliedReader(checkout.root).read(records).tenants
    affected = find_affected(records, applied, {each.platform for each in steps}, author)
    messages = plan_notices(steps, affected, now)
    records.messages.add(messages, [_event(each, author, now) for each in steps])
    return Declared(steps, sorted({each.slug for each in messages}))


def _too_late(step: MaintenanceStep, settings: PlatformFile) -> RefusedError:
    days = settings.platforms[step.platform].maintenance_notice_days
    return RefusedError(
        f"the maintenance of {step.platform} of {step.begins_at:%Y-%m-%d %H:%M} UTC begins in less than {days} days: "
        "customers would hear of it too late",
        "Choose a later time, or declare it with --urgent, which is recorded. Nothing was declared.",
    )


def _event(step: MaintenanceStep, author: Author, now: datetime) -> Event:
    fact: MaintenanceWord
    if step.step is Step.WITHDRAW:
        fact = MaintenanceWithdrawn(step.platform, step.begins_at)
    else:
        fact = MaintenanceDeclared(step.platform, step.begins_at, step.ends_at, step.reason, step.is_short)
    return event_of(NO_TENANT, NO_TENANT, fact, author, now)
