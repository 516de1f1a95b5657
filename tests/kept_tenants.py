"""Records as months of supervision leave them: tenants with a history, written through the records themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from coffre.findings import Finding
from coffre.records.activity import Midnight, Usage
from coffre.records.applied_files import AppliedFile
from coffre.records.database.store import Records
from coffre.records.database.supervision import WHOLE_TENANT, Noted
from coffre.records.events import Event
from coffre.records.facts.agents import Install
from coffre.records.facts.backups import Drilled
from coffre.records.facts.fact import Fact
from coffre.records.facts.inputs import InputsApplied
from coffre.records.facts.registry import kind_of, write_fact
from coffre.records.kept_findings import KeptFinding
from coffre.records.memory import KnownSnapshot, Memory
from coffre.spec.platform import PlatformFile
from coffre.supervision.findings.life import Subject, place_of
from coffre.supervision.judge.quota import Use
from coffre.supervision.observe.seen import SeenMachine, SeenTenant, remember_machine, remember_tenant
from tests.builders import PLATFORM, machine_with, tenant_file

GIB = 1024**3


def write_checkout(root: Path, platform: Mapping[str, Any] = PLATFORM) -> str:
    """Write a checkout without tenants; returns the reference of its records."""
    (root / "tenants").mkdir()
    (root / "platform.yaml").write_text(
        yaml.dump(dict(platform), Dumper=yaml.CSafeDumper, allow_unicode=True), encoding="utf-8"
    )
    return str(platform["records"])


@dataclass(frozen=True)
class KeptTenant:
    """One tenant, and what the records have of it: sizes and backups by how many days ago they are.

    ``agents`` are by machine, restic where none is named; ``platform`` is the platform.yaml of the last apply.
    ``findings`` are with how long they have been open, and since when they are closed (None: still open).
    """

    slug: str
    id: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    machines: Sequence[str] = ("compta-01", "caisse-01")
    sizes: Mapping[int, int] = field(default_factory=dict)
    backups: Mapping[str, Sequence[int]] = field(default_factory=dict)
    findings: Sequence[tuple[Finding, timedelta, timedelta | None]] = ()
    older_bytes: int = 0
    drills: Sequence[tuple[int, Drilled]] = ()
    looked_ago: timedelta | None = timedelta(minutes=2)
    installed_days_ago: int = 30
    agents: Mapping[str, str] = field(default_factory=dict)
    platform: Mapping[str, Any] = field(default_factory=lambda: PLATFORM)

    def keep(self, records: Records, now: datetime) -> None:
        """Write all of it."""
        platform = AppliedFile(
            None, yaml.dump(dict(self.platform), Dumper=yaml.CSafeDumper, allow_unicode=True).encode()
        )
        machines = {
            name: machine_with(connection=self._connection(name), agent=self.agents.get(name, "restic"))
            for name in self.machines
        }
        licences = {"workstation": len(machines)}
        own = AppliedFile(
            self.id, tenant_file(id=self.id, machines=machines, licences=licences, **self.fields).encode()
        )
        records.supervision.keep_applied_files([platform, own])
        applied = InputsApplied(
            "-", "-", is_complete=True, has_agents=True, file_sha256=own.sha256, platform_file_sha256=platform.sha256
        )
        self._append(records, applied, now - timedelta(days=self.installed_days_ago))
        for name in self.machines:
            self._append(records, Install(generation=1), now - timedelta(days=self.installed_days_ago), name)
        records.record_usage(
            Usage(self.id, self.machines[0], (now - timedelta(days=ago)).date(), size, size, now - timedelta(days=ago))
            for ago, size in self.sizes.items()
        )
        for name, days in self.backups.items():
            records.change_memory(self.id, name, partial(_remember, name=name, days=days, now=now))
        for ago, drilled in self.drills:
            self._append(records, drilled, now - timedelta(days=ago), self.machines[0])
        if self.looked_ago is not None:
            self._look(records, now, now - self.looked_ago)

    def _connection(self, machine: str) -> dict[str, str]:
        return {"via": "ssh", "host": f"{machine}.{self.slug}.example", "user": "root"}

    def _look(self, records: Records, now: datetime, at: datetime) -> None:
        used = self.sizes.get(0, 0)
        watched = {WHOLE_TENANT: remember_tenant(at, SeenTenant(at, 1, (Use(at, used + self.older_bytes, used),)))}
        for name in self.machines:
            last = min(self.backups.get(name, ()), default=None)
            moment = None if last is None else _evening(now, last)
            seen = SeenMachine(at, used, used, used, 40, "success", moment, moment, True)
            watched[name] = remember_machine(at, None, seen)
        kept = [
            KeptFinding(
                place_of(Subject(self.id, self.slug), each),
                self.slug,
                now - since,
                at,
                each.evidence,
                closed_at=None if closed is None else now - closed,
            )
            for each, since, closed in self.findings
        ]
        midnights = [
            Midnight(
                self.id, (now - timedelta(days=ago)).date(), size, size + self.older_bytes, now - timedelta(days=ago)
            )
            for ago, size in self.sizes.items()
        ]
        records.supervision.note([Noted(self.id, at, watched, kept, midnights=midnights)])

    def _append(self, records: Records, fact: Fact, at: datetime, machine: str | None = None) -> None:
        kind, details = kind_of(type(fact)), write_fact(fact)
        records.append(Event(self.id, self.slug, kind, at, "paul@smileo.example", None, machine, details))


def _remember(memory: Memory, *, name: str, days: Sequence[int], now: datetime) -> Memory:
    ids = {f"{name}-{ago}": KnownSnapshot(f"{name}-{ago}", _evening(now, ago)) for ago in days}
    return replace(memory, snapshots=ids)


def _evening(now: datetime, ago: int) -> datetime:
    """Return a time of that day, never later than now."""
    return min(now, (now - timedelta(days=ago)).replace(hour=11, minute=40, second=0, microsecond=0))


def keep_passes(records: Records, now: datetime, days: int, tenants: int, *, without: Sequence[int] = ()) -> None:
    """Write a pass for each of the last days, at noon, and one just now; none on the days ``without``."""
    for ago in range(days, -1, -1):
        if ago not in without:
            at = now - timedelta(minutes=3) if ago == 0 else (now - timedelta(days=ago)).replace(hour=11, tzinfo=UTC)
            number = records.supervision.begin_pass(at, tenants)
            records.supervision.end_pass(number, at + timedelta(seconds=8), tenants)


def settings() -> PlatformFile:
    return PlatformFile.model_validate(PLATFORM)
