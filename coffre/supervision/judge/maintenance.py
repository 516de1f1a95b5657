"""What platform.yaml says about maintenance, compared with what was declared: what is to be said now. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from coffre.records.facts.availability import Maintenance
from coffre.spec.storage_platform import Platform


class Step(StrEnum):
    """What is to be said about a maintenance."""

    DECLARE = "declare"
    CHANGE = "change"
    WITHDRAW = "withdraw"


@dataclass(frozen=True)
class MaintenanceStep:
    """One thing to say about a maintenance of a platform; its times are UTC.

    ``is_short``: the customers hear of it later than platform.yaml's `maintenance_notice_days`. ``is_late``: it has
    begun, so that saying it excuses nothing.
    """

    step: Step
    platform: str
    begins_at: datetime
    ends_at: datetime
    reason: str
    is_short: bool = False
    is_late: bool = False


def plan_maintenance(
    platforms: Mapping[str, Platform], timezone: str, known: Sequence[Maintenance], now: datetime
) -> list[MaintenanceStep]:
    """Return what is to be said, by platform and begin; what is over is left as it is."""
    declared = {(each.platform, each.begins_at): each for each in known}
    wanted = {
        (name, window.begins_at(timezone)): (window.ends_at(timezone), window.reason, platform.maintenance_notice_days)
        for name, platform in platforms.items()
        for window in platform.maintenance
    }
    steps = []
    for (name, begins_at), (ends_at, reason, notice_days) in wanted.items():
        before = declared.get((name, begins_at))
        if ends_at <= now or (before is not None and (before.ends_at, before.reason) == (ends_at, reason)):
            continue
        is_shorter = before is not None and ends_at <= before.ends_at
        is_short = not is_shorter and begins_at - now < timedelta(days=notice_days)
        is_late = not is_shorter and begins_at < now
        step = Step.DECLARE if before is None else Step.CHANGE
        steps.append(MaintenanceStep(step, name, begins_at, ends_at, reason, is_short, is_late))
    steps += [
        MaintenanceStep(Step.WITHDRAW, each.platform, each.begins_at, each.ends_at, each.reason)
        for key, each in declared.items()
        if key not in wanted and each.ends_at > now and each.platform in platforms
    ]
    return sorted(steps, key=lambda each: (each.platform, each.begins_at))
