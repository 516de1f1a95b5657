"""The tenants as they were last applied: supervision never acts on the checkout in which it stands.

A change of a file counts once it is applied. The settings of platform.yaml are those of the newest apply of any tenant.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from coffre.records.database.store import Records
from coffre.records.events import Event, EventKind
from coffre.records.facts.inputs import InputsApplied
from coffre.records.facts.registry import read_as
from coffre.spec.files import PLATFORM_FILE, TENANTS_FOLDER
from coffre.spec.judging import JudgedPlatform, SourceFile, judge_platform, judge_tenant_file
from coffre.spec.loader import Checkout
from coffre.spec.platform import PlatformFile
from coffre.spec.tenant import Tenant


class NotKnown(StrEnum):
    """Why it is not known how a tenant was last applied."""

    NEVER_COMPLETE = "never_complete"
    """No apply of it was completed."""
    EARLIER_VERSION = "earlier_version"
    """A version of Coffre that kept no files applied it: the next apply keeps them."""
    LOST = "lost"
    """The records lack the file, or somebody changed it there."""
    SETTINGS = "settings"
    """The platform.yaml of the newest apply is lost or unreadable, so no platform can be asked."""
    UNREADABLE = "unreadable"
    """This version of Coffre reads the file differently: a newer one applied it, or a rule became stricter."""


@dataclass(frozen=True)
class AppliedTenant:
    """A tenant as it was applied, at that time, from that commit (None outside a git checkout)."""

    tenant: Tenant
    applied_at: datetime
    commit: str | None


@dataclass(frozen=True)
class UnknownTenant:
    """A tenant with records, and why its last apply is not known; nobody judges it."""

    tenant_id: str
    slug: str
    reason: NotKnown


@dataclass(frozen=True)
class AppliedHouse:
    """Everything as it was last applied; ``checkout`` is None before the first apply that kept its files."""

    checkout: Checkout | None
    tenants: Mapping[str, AppliedTenant]
    """By slug."""
    unknown: Sequence[UnknownTenant]


@dataclass
class AppliedReader:
    """Reads what was applied from the records; a file that was read before is not parsed again."""

    root: Path
    _platforms: dict[str, JudgedPlatform] = field(default_factory=dict)
    _tenants: dict[tuple[str, str], Tenant | None] = field(default_factory=dict)

    def read(self, records: Records) -> AppliedHouse:
        """Return everything as it was last applied."""
        newest = _find_complete(records)
        facts = {tenant_id: read_as(event, InputsApplied) for tenant_id, event in newest.items()}
        settings_sha256 = _find_settings(newest)
        wanted = {each.file_sha256 for each in facts.values()} | {settings_sha256}
        contents = records.supervision.read_applied_files({sha256 for sha256 in wanted if sha256 is not None})
        settings = None if settings_sha256 is None else self._read_settings(settings_sha256, contents)
        tenants: dict[str, AppliedTenant] = {}
        unknown = [
            UnknownTenant(event.tenant_id, event.slug, NotKnown.NEVER_COMPLETE)
            for event in records.find_newest({EventKind.INPUTS_APPLIED}).values()
            if event.tenant_id not in newest
        ]
        for tenant_id, event in newest.items():
            found = self._read_tenant(event.slug, facts[tenant_id].file_sha256, contents)
            if not isinstance(found, NotKnown) and settings is None:
                found = NotKnown.SETTINGS
            if isinstance(found, NotKnown):
                unknown.append(UnknownTenant(tenant_id, event.slug, found))
            else:
                tenants[event.slug] = AppliedTenant(found, event.at, event.commit)
        self._forget_all_but(wanted)
        in_order = dict(sorted(tenants.items()))
        return AppliedHouse(self._checkout(settings, in_order), in_order, sorted(unknown, key=lambda each: each.slug))

    def read_settings(self, records: Records) -> PlatformFile | None:
        """Return platform.yaml as it was last applied, and read no tenant's file; None before the first apply."""
        sha256 = _find_settings(_find_complete(records))
        if sha256 is None:
            return None
        self._forget_all_but({sha256})
        return self._read_settings(sha256, records.supervision.read_applied_files({sha256}))

    def _checkout(self, settings: PlatformFile | None, tenants: Mapping[str, AppliedTenant]) -> Checkout | None:
        if settings is None:
            return None
        return Checkout(self.root, settings, {slug: each.tenant for slug, each in tenants.items()})

    def _read_settings(self, sha256: str, contents: Mapping[str, bytes]) -> PlatformFile | None:
        content = contents.get(sha256)
        if content is None:
            return None
        if sha256 not in self._platforms:
            self._platforms[sha256] = judge_platform(SourceFile(PLATFORM_FILE, PLATFORM_FILE, content))
        judged = self._platforms[sha256]
        return None if judged.problems else judged.settings

    def _read_tenant(self, slug: str, sha256: str | None, contents: Mapping[str, bytes]) -> Tenant | NotKnown:
        if sha256 is None:
            return NotKnown.EARLIER_VERSION
        content = contents.get(sha256)
        if content is None:
            return NotKnown.LOST
        key = (slug, sha256)
        if key not in self._tenants:
            name = f"{slug}.yaml"
            judged = judge_tenant_file(SourceFile(f"{TENANTS_FOLDER}/{name}", name, content), None)
            self._tenants[key] = None if judged.problems else judged.tenant
        return self._tenants[key] or NotKnown.UNREADABLE

    def _forget_all_but(self, wanted: set[str | None]) -> None:
        """Keep in memory only what is still the newest: a supervision runs for months."""
        self._platforms = {sha256: each for sha256, each in self._platforms.items() if sha256 in wanted}
        self._tenants = {key: each for key, each in self._tenants.items() if key[1] in wanted}


def _find_settings(newest: Mapping[str, Event]) -> str | None:
    """Return the SHA-256 of the platform.yaml of the newest of these applies that kept one."""
    facts = [(event.id or 0, read_as(event, InputsApplied).platform_file_sha256) for event in newest.values()]
    return max((each for each in facts if each[1] is not None), default=(0, None))[1]


def _find_complete(records: Records) -> dict[str, Event]:
    """Return the event of each tenant's newest complete apply, by tenant id."""
    found: dict[str, Event] = {}
    for tenant_id, event in records.find_newest({EventKind.INPUTS_APPLIED}).items():
        if read_as(event, InputsApplied).is_complete:
            found[tenant_id] = event
            continue
        # An apply that began and did not end: what was applied before still counts.
        earlier = records.select_events(tenant_id, {EventKind.INPUTS_APPLIED})
        complete = [each for each in earlier if read_as(each, InputsApplied).is_complete]
        if complete:
            found[tenant_id] = complete[-1]
    return found
