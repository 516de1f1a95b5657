"""Which applies of the last days weakened the settings of a machine: who applied them, when, from which commit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind
from coffre.records.facts.inputs import InputsApplied
from coffre.records.facts.registry import read_as
from coffre.spec.files import TENANTS_FOLDER
from coffre.spec.judging import SourceFile, judge_tenant_file
from coffre.spec.tenant import Tenant
from coffre.supervision.judge.attacks.attack import Weakened
from coffre.supervision.judge.attacks.weakening import OF_RETENTION, list_weakened

TOLD_DAYS = 14
"""So long after its apply a weaker setting is told, and makes an attack that follows it easier to see."""


@dataclass
class WeakenedReader:
    """Reads the weakened settings from the records; what was compared once is kept."""

    _known: dict[tuple[str, ...], Mapping[str, Weakened]] = field(default_factory=dict)

    def read(self, records: Records, now: datetime) -> dict[str, Mapping[str, Weakened]]:
        """Return what was weakened lately and still is, by tenant id and machine."""
        since = now - timedelta(days=TOLD_DAYS)
        recent: dict[str, list[Event]] = {}
        for event in records.select_events(None, {EventKind.INPUTS_APPLIED}, since=since):
            if _file_of(event) is not None:
                recent.setdefault(event.tenant_id, []).append(event)
        known, found = self._known, {}
        self._known = {}
        for tenant_id, events in recent.items():
            key = (tenant_id, *(str(each.id) for each in events))
            self._known[key] = known[key] if key in known else _compare(records, tenant_id, events)
            if self._known[key]:
                found[tenant_id] = self._known[key]
        return found


def _compare(records: Records, tenant_id: str, recent: Sequence[Event]) -> Mapping[str, Weakened]:
    earlier = records.select_events(tenant_id, {EventKind.INPUTS_APPLIED}, until=recent[0].at)
    before = [each for each in earlier if _file_of(each) is not None][-1:]
    events = [*before, *recent]
    wanted = {sha256 for each in events if (sha256 := _file_of(each)) is not None}
    if len(wanted) < 2:
        return {}
    contents = records.supervision.read_applied_files(wanted)
    tenants = [_read(each, contents) for each in events]
    newest = tenants[-1]
    found: dict[str, Weakened] = {}
    for (was, now), event in zip(pairwise(tenants), events[1:], strict=True):
        if was is None or now is None or newest is None:
            continue
        for machine in newest.machines:
            # What was weakened and put back since is no longer told.
            still = set(list_weakened(was, newest, machine))
            settings = tuple(each for each in list_weakened(was, now, machine) if each in still)
            if settings:
                is_of_retention = bool(OF_RETENTION & set(settings))
                found[machine] = Weakened(settings, event.actor, event.commit, event.at, is_of_retention)
    return found


def _file_of(event: Event) -> str | None:
    """Return the SHA-256 of the tenant file of a complete apply."""
    fact = read_as(event, InputsApplied)
    return fact.file_sha256 if fact.is_complete else None


def _read(event: Event, contents: Mapping[str, bytes]) -> Tenant | None:
    content = contents.get(_file_of(event) or "")
    if content is None:
        return None
    name = f"{event.slug}.yaml"
    judged = judge_tenant_file(SourceFile(f"{TENANTS_FOLDER}/{name}", name, content), None)
    return None if judged.problems else judged.tenant
