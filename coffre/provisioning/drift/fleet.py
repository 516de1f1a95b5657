"""Looks for drift of many tenants side by side: storage and reports first, then the machines themselves."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from coffre.errors import ExpectedError
from coffre.provisioning.drift.adopt import Adoption, adopt
from coffre.provisioning.drift.machines import MachineRequest, collect_requests, look_at_machines
from coffre.provisioning.drift.reports import look_at_reports
from coffre.provisioning.drift.storage import as_unseen, look_at_home
from coffre.provisioning.drift.values import Drift, DriftKind, TenantDrift, Unseen, UnseenKind
from coffre.provisioning.engine.stack import state_folder
from coffre.secrets.store import OnNotice
from coffre.spec import naming
from coffre.spec.loader import Checkout
from coffre.storage.kinds import driver_of
from coffre.storage.platform import Survey
from coffre.storage.values import PlatformAwayError
from coffre.tenant.departure import STILL_SERVED, find_stage
from coffre.tenant.opening import OpenTenant, TenantOpener, open_tenant, open_tenants
from coffre.workspace.many.threads import Late, run_all

WORKERS = 8
"""Tenants at a time: a look mostly waits for the platform."""

TENANT_SECONDS = 300.0
"""The longest look at one tenant's storage and reports."""

_AWAY_AFTER = 3
"""After so many tenants in a row without an answer, a platform is not asked again."""

OnProblem = Callable[[str, Exception], None]
"""Called with a tenant and an error that nobody expected."""


class Platforms:
    """The survey of each platform, made on first use, and which of them do not answer."""

    def __init__(self, checkout: Checkout) -> None:
        self._checkout = checkout
        self._guard = threading.Lock()
        self._surveys: dict[str, Survey] = {}
        self._silent: dict[str, list[PlatformAwayError]] = {}

    def survey(self, name: str) -> Survey:
        """Return a platform's survey; its last error where it did not answer several times."""
        with self._guard:
            silent = self._silent.get(name, [])
            if len(silent) >= _AWAY_AFTER:
                raise silent[-1]
            if name not in self._surveys:
                platform = self._checkout.settings.platforms[name]
                self._surveys[name] = driver_of(platform).open_survey(platform, self._checkout.root)
            return self._surveys[name]

    def note(self, name: str, problem: PlatformAwayError | None) -> None:
        """Note whether a platform answered for a tenant."""
        with self._guard:
            if problem is None:
                self._silent.pop(name, None)
            else:
                self._silent.setdefault(name, []).append(problem)


@dataclass(frozen=True)
class Seen:
    """What a tenant's storage and reports show, and the machines to ask."""

    found: TenantDrift
    requests: tuple[MachineRequest, ...] = field(default=())


@dataclass(frozen=True)
class Listener:
    """Who hears of a look while it goes on: what an operator should know, progress, and errors nobody expected."""

    on_notice: OnNotice
    on_progress: Callable[[str], None]
    on_problem: OnProblem


def look_at_fleet(
    checkout: Checkout, slugs: Sequence[str], listener: Listener, *, connects: bool
) -> Iterator[TenantDrift]:
    """Yield the drift of each tenant as it is known. Writes nothing and takes no lock.

    With ``connects`` the machines are asked themselves, all after the storage of all tenants. An error of one tenant,
    or a platform that is away, is part of its result.
    """
    platforms = Platforms(checkout)
    to_ask: dict[str, Seen] = {}
    with open_tenants(checkout, listener.on_notice) as opener:
        jobs = {slug: _job(opener, slug, platforms, connects=connects) for slug in slugs}
        for slug, result in run_all(jobs, WORKERS, TENANT_SECONDS):
            seen = result if isinstance(result, Seen) else Seen(_judge_failure(slug, result, listener.on_problem))
            if seen.requests:
                to_ask[slug] = seen
            else:
                yield seen.found
    yield from _ask_machines(checkout, to_ask, listener.on_progress)


def find_orphans(checkout: Checkout) -> list[TenantDrift]:
    """Return the tenants that have a stack and no file."""
    stacks = {naming.slug_of_stack(stack) for stack in state_folder(checkout).list_stacks()}
    return [TenantDrift(slug, (Drift(DriftKind.FILE_GONE),)) for slug in sorted(stacks - set(checkout.tenants))]


def _job(opener: TenantOpener, slug: str, platforms: Platforms, *, connects: bool) -> Callable[[], Seen]:
    return lambda: look_at(opener.open(slug, is_look=True), platforms, connects=connects)


def look_at(opened: OpenTenant, platforms: Platforms, *, connects: bool, reads_reports: bool = True) -> Seen:
    """Look at a tenant's storage and, unless told otherwise, at the orders and reports in its buckets.

    With ``connects`` its machines are to be asked afterwards.
    """
    slug, stage = opened.tenant.slug, find_stage(opened.log)
    if stage is not None and stage not in STILL_SERVED:
        return Seen(TenantDrift(slug, ended=stage))
    found: list[Drift | Unseen] = []
    requests: tuple[MachineRequest, ...] = ()
    for home in opened.homes:
        name = home.tenant.storage.platform
        try:
            drift, seen = look_at_home(home, platforms.survey(name))
            platforms.note(name, None)
            found += drift
            if home is opened.parts[0] and seen.users:
                existing = opened.buckets.snapshot(seen.buckets)
                found += look_at_reports(opened, existing) if reads_reports else []
                requests = collect_requests(opened, existing) if connects else ()
        except PlatformAwayError as problem:
            platforms.note(name, problem)
            found.append(as_unseen(problem, UnseenKind.PLATFORM, home))
        except ExpectedError as problem:
            found.append(as_unseen(problem, UnseenKind.TENANT, home))
    return Seen(_sorted(TenantDrift(slug), found), requests)


def _sorted(into: TenantDrift, found: Sequence[Drift | Unseen]) -> TenantDrift:
    drift = tuple(each for each in found if isinstance(each, Drift))
    unseen = tuple(each for each in found if isinstance(each, Unseen))
    return replace(into, drift=(*into.drift, *drift), unseen=(*into.unseen, *unseen))


def _judge_failure(slug: str, result: Exception | Late, on_problem: OnProblem) -> TenantDrift:
    if isinstance(result, Late):
        unseen = Unseen(UnseenKind.TIME, limit_seconds=result.limit_seconds)
    elif isinstance(result, ExpectedError):
        unseen = as_unseen(result, UnseenKind.TENANT)
    else:
        on_problem(slug, result)
        unseen = Unseen(UnseenKind.UNEXPECTED)
    return TenantDrift(slug, unseen=(unseen,))


def _ask_machines(
    checkout: Checkout, to_ask: Mapping[str, Seen], on_progress: Callable[[str], None]
) -> Iterator[TenantDrift]:
    requests = [request for seen in to_ask.values() for request in seen.requests]
    answers = look_at_machines(checkout, requests, on_progress)
    for seen in to_ask.values():
        said = [each for request in seen.requests for each in answers[request.key]]
        yield replace(_sorted(seen.found, said), is_connected=True)


def ask_agents(
    checkout: Checkout, slug: str, on_notice: OnNotice, on_progress: Callable[[str], None]
) -> list[Drift | Unseen]:
    """Return what a deployment would change on the machines of a tenant, by the machines themselves."""
    with open_tenant(checkout, slug, on_notice) as opened:
        requests = collect_requests(opened, opened.buckets.existing())
    answers = look_at_machines(checkout, requests, on_progress)
    return [each for request in requests for each in answers[request.key]]


def find_adoption(checkout: Checkout, seen: TenantDrift) -> Adoption | None:
    """Return the change of a tenant's file that would accept its drift; None for a tenant without drift or file."""
    tenant = checkout.tenants.get(seen.tenant)
    if tenant is None or not seen.drift:
        return None
    file = f"tenants/{seen.tenant}.yaml"
    content = (checkout.root / file).read_bytes()
    platforms = checkout.settings.platforms
    return adopt(tenant, seen.drift, platforms[tenant.storage.platform], file, content, list(platforms))
