"""What an apply works from, as digests: they tell any engineer's next plan which tenants are as they were applied.

Each complete apply records them. What else changes a tenant, such as a hold or a rotation, is an event after that
record. Secrets, the platform and the machines are no inputs: whoever compares digests has not looked at them.
"""

import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

import stacks
from coffre import toolchain
from coffre.agents.kinds import DRIVERS
from coffre.errors import ExpectedError
from coffre.records.applied_files import AppliedFile
from coffre.records.events import Event, EventKind
from coffre.records.facts.inputs import InputsApplied
from coffre.records.facts.registry import FACTS, read_as
from coffre.spec.files import PLATFORM_FILE, TENANTS_FOLDER
from coffre.spec.loader import Checkout
from coffre.spec.parts import parts_of
from coffre.spec.tenant import AgentKind, OperatingSystem, Tenant
from coffre.tenant.estate.agents import find_home
from coffre.tenant.estate.log import Log, TenantLog
from coffre.tenant.opening import open_storage
from coffre.tenant.past import OnNotice, open_existing_records

CHANGES_NOTHING = frozenset(
    {
        EventKind.PASSWORD_USED,
        EventKind.DRILL,
        EventKind.RESTORED,
        EventKind.VERIFICATION,
        EventKind.VERIFICATION_ROUND,
        EventKind.COPY,
        EventKind.GATE_CHANGE,
        EventKind.GATE_WORD,
        EventKind.OUT_OF_HOURS_APPLY,
        EventKind.UNDELETE,
        EventKind.SNAPSHOT_SET_ASIDE,
        EventKind.SNAPSHOT_BROUGHT_BACK,
        EventKind.LETTER,
        EventKind.DISCLOSURE,
        EventKind.SNAPSHOTS_RELEASED,
        EventKind.PATHS_ACCEPTED,
        EventKind.REVIEWED_APPLY,
        EventKind.ENROLMENT_INVITED,
        EventKind.ENROLMENT_REVOKED,
        EventKind.ENROLMENT_MISUSED,
        EventKind.FINDING_OPENED,
        EventKind.FINDING_CLOSED,
        EventKind.FINDING_WORD,
        EventKind.PAUSE_DECLARED,
        EventKind.PAUSE_ENDED,
        EventKind.MESSAGE_SENT,
        EventKind.PRUNING_BEGAN,
        EventKind.PRUNING_ENDED,
        EventKind.RETENTION_AGREED,
        EventKind.PRUNED,
        EventKind.PRUNE_REFUSED,
        EventKind.ADVICE_GIVEN,
        EventKind.ADVICE_ENDED,
        EventKind.PLATFORM_MAINTENANCE_DECLARED,
        EventKind.PLATFORM_MAINTENANCE_WITHDRAWN,
        EventKind.CHANGE_WINDOW_DECLARED,
        EventKind.TIME_EXCLUDED,
        EventKind.EXCLUSION_REVOKED,
    }
)
"""The events after which an apply would do the same as before; after any other, a plan looks at everything."""
DECISIVE = frozenset(EventKind) - CHANGES_NOTHING
_OF_NO_TENANT = {"maintenance", "maintenance_notice_days", "shared", "key_unused_days"}
"""Settings of a platform that change nothing on it."""
_CODE = ("*.py", "*.sh", "*.yml", "*.yaml", "*.j2", "*.ps1")


class Standing(StrEnum):
    """How a tenant's inputs stand to its last complete apply."""

    UNCHANGED = "unchanged"
    NEW = "new"
    """No complete apply is recorded."""
    FILE = "file"
    """The tenant's file or its platform in platform.yaml is another."""
    PROGRAM = "program"
    """Coffre, its playbooks or the agents' programs are others."""
    EVENT = "event"
    """Something else happened since: a hold, a rotation, an apply that was not completed or left the agents out."""


@dataclass(frozen=True)
class InputState:
    """A tenant's inputs compared with its last complete apply; ``applied_at`` and ``commit`` are that apply's.

    They are None where none is recorded, and where something else is the newest record.
    """

    tenant: str
    standing: Standing
    applied_at: datetime | None = None
    commit: str | None = None

    @property
    def is_unchanged(self) -> bool:
        return self.standing is Standing.UNCHANGED


@dataclass(frozen=True)
class Digests:
    """The digests of a tenant's inputs."""

    tenant_sha256: str
    program_sha256: str

    @property
    def whole(self) -> str:
        """One digest of everything."""
        return _sha256([self.tenant_sha256, self.program_sha256])


@dataclass(frozen=True)
class AppliedFiles:
    """The two files that an apply of a tenant works from, as they were read."""

    tenant: AppliedFile
    platform: AppliedFile

    @classmethod
    def of(cls, checkout: Checkout, tenant: Tenant) -> "AppliedFiles":
        content = checkout.contents[f"{TENANTS_FOLDER}/{tenant.slug}.yaml"]
        return cls(AppliedFile(tenant.id, content), AppliedFile(None, checkout.contents[PLATFORM_FILE]))


class Inputs:
    """Digests the inputs of the tenants of one checkout; what several have in common is read once."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        self._find_platform = functools.cache(self._describe_platform)

    def digest(self, tenant: Tenant) -> Digests:
        """Return the digests of one tenant, as its file has it."""
        parts = [part.storage.platform for part in parts_of(tenant, self._checkout.settings.platforms)]
        copied = tenant.copied()
        homes = [*parts, *([] if copied is None else [copied.storage.platform])]
        described = {"tenant": tenant.model_dump(mode="json"), "homes": [self._find_platform(name) for name in homes]}
        systems = sorted({(each.agent, each.os) for each in tenant.active_machines().values()})
        programs = [digest_code(), *(_find_programs(self._checkout, tenant, *each) for each in systems)]
        return Digests(_sha256(described), _sha256(programs))

    def _describe_platform(self, name: str) -> object:
        settings = self._checkout.settings.platforms[name].model_dump(mode="json", exclude=_OF_NO_TENANT)
        try:
            endpoint = open_storage(self._checkout, name).endpoint
            authority = toolchain.sha256_file(endpoint.ca_file) if endpoint.ca_file else None
        except (ExpectedError, OSError):
            return [
                settings,
                None,
            ]  # equal to no platform that was applied to: the plan that follows says what is wrong
        return [settings, endpoint.url, endpoint.region, endpoint.platform_id, endpoint.programs_bucket, authority]


def begin(log: Log, digests: Digests) -> None:
    """Record, before the first change, that the last complete apply no longer says how the tenant is.

    Nothing is recorded when its inputs were the same.
    """
    last = log.last(InputsApplied)
    if last is not None and last.fact.is_complete and digests != _digests_of(last.fact):
        log.append(InputsApplied(digests.tenant_sha256, digests.program_sha256, is_complete=False, has_agents=False))


def end(log: TenantLog, digests: Digests, files: AppliedFiles, *, has_agents: bool) -> None:
    """Record a complete apply with its files, unless the newest decisive record already says it."""
    newest = log.last(tuple(FACTS[kind] for kind in sorted(DECISIVE)))
    if newest is not None and isinstance(newest.fact, InputsApplied):
        fact = newest.fact
        is_same = fact.is_complete and digests == _digests_of(fact) and fact.file_sha256 is not None
        # Settings that change no tenant count too: supervision acts on those of the newest apply.
        is_same = is_same and fact.platform_file_sha256 == files.platform.sha256
        if is_same and (fact.has_agents or not has_agents):
            return
    # The files first: an event never names one that is not there.
    log.open_records().supervision.keep_applied_files((files.tenant, files.platform))
    log.append(
        InputsApplied(
            digests.tenant_sha256,
            digests.program_sha256,
            is_complete=True,
            has_agents=has_agents,
            file_sha256=files.tenant.sha256,
            platform_file_sha256=files.platform.sha256,
        )
    )


def compare_inputs(checkout: Checkout, slugs: Iterable[str], on_notice: OnNotice) -> dict[str, InputState]:
    """Compare tenants' inputs with their last complete applies, by files and records alone; no platform is asked."""
    with open_existing_records(checkout, on_notice) as records:
        newest = {} if records is None else records.find_newest(DECISIVE)
    inputs = Inputs(checkout)
    return {
        slug: judge(slug, newest, checkout.tenants[slug].id, inputs.digest(checkout.tenants[slug])) for slug in slugs
    }


def judge(slug: str, newest: Mapping[str, Event], tenant_id: str, digests: Digests) -> InputState:
    """Return how a tenant's inputs stand to the newest decisive events, by tenant id. Pure."""
    event = newest.get(tenant_id)
    if event is None:
        return InputState(slug, Standing.NEW)
    if event.kind is not EventKind.INPUTS_APPLIED:
        return InputState(slug, Standing.EVENT)
    applied = read_as(event, InputsApplied)
    if not (applied.is_complete and applied.has_agents):
        return InputState(slug, Standing.EVENT)
    standing = Standing.UNCHANGED
    if applied.tenant_sha256 != digests.tenant_sha256:
        standing = Standing.FILE
    elif applied.program_sha256 != digests.program_sha256:
        standing = Standing.PROGRAM
    return InputState(slug, standing, event.at, event.commit)


@functools.cache
def digest_code() -> str:
    """Return a digest of Coffre's own code: its packages, its stacks and its playbooks."""
    roots = (toolchain.PACKAGE, Path(str(stacks.__file__)).parent, toolchain.bundled("playbooks"))
    digest = hashlib.sha256()
    for root in roots:
        files = sorted({path for pattern in _CODE for path in root.rglob(pattern)})
        for path in files:
            digest.update(f"{path.relative_to(root)}\0{toolchain.sha256_file(path)}\0".encode())
    return digest.hexdigest()


def _find_programs(checkout: Checkout, tenant: Tenant, agent: AgentKind, system: OperatingSystem) -> tuple[str, ...]:
    """Return the hashes of the programs of an agent for a system."""
    try:
        home = find_home(tenant, checkout.settings.platforms, checkout.root, agent, None)
        return DRIVERS[agent].open(home).find_build(system).programs_sha256
    except ExpectedError:
        return ("none here",)


def _digests_of(fact: InputsApplied) -> Digests:
    return Digests(fact.tenant_sha256, fact.program_sha256)


def _sha256(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
