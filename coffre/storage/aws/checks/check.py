"""The check of one account and region, from the credential to trials in a test bucket. It changes no tenant."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path
from shutil import which

from coffre.errors import ExpectedError
from coffre.spec.storage_platform import AwsPlatform
from coffre.spec.tenant import Tenant
from coffre.storage.aws.checks import account as looks
from coffre.storage.aws.checks import judge
from coffre.storage.aws.checks.scratch import PATIENCE, Rights, Scratch, remove_abandoned, scratch
from coffre.storage.aws.checks.sessions import Sessions, open_sessions
from coffre.storage.aws.checks.trials import Trials
from coffre.storage.aws.faults import aws_errors
from coffre.storage.aws.own_rights import Scope, list_actions
from coffre.storage.checking import PlatformFinding, Verdict, left_out, ok, problem, unknown
from coffre.storage.trying import measure_ms

OnProgress = Callable[[str], None]

PLUGIN = "pulumi-resource-aws"


def check_platform(
    platform: AwsPlatform,
    root: Path,
    tenants: Sequence[Tenant],
    now: datetime,
    on_progress: OnProgress,
    *,
    sessions: Sessions | None = None,
    patience_seconds: float = PATIENCE.seconds,
) -> list[PlatformFinding]:
    """Check a platform and try what Coffre needs; ``tenants`` are those sold on it.

    A check that needs an earlier, failed one is left out, and one finding says so. ``patience_seconds`` is how long
    a trial waits for its effect.
    """
    try:
        clients = sessions or open_sessions(platform, root)
        on_progress(f"checking account {platform.account} in {platform.region}")
        identity = looks.look_identity(clients)
    except ExpectedError as trouble:
        return [problem("credential", trouble.message, trouble.hint), left_out()]
    found = [judge.judge_identity(identity, platform.account), judge.judge_clock(identity.clock_offset_seconds)]
    if found[0].verdict is Verdict.PROBLEM:
        return [*found, left_out()]
    visit = _Visit(clients, platform, tenants, identity, on_progress, patience_seconds)
    return [*found, *visit.look_inside(now), *judge.reminders()]


@dataclass(frozen=True)
class _Visit:
    """The checks inside the account."""

    sessions: Sessions
    platform: AwsPlatform
    tenants: Sequence[Tenant]
    identity: judge.Identity
    on_progress: OnProgress
    patience_seconds: float
    rights: Rights = field(default_factory=Rights)

    def look_inside(self, now: datetime) -> list[PlatformFinding]:
        return [
            judge.judge_plugin(has_sdk=find_spec("pulumi_aws") is not None, plugin=which(PLUGIN)),
            *self._guarded("public access", self._public_access),
            *self._guarded("buckets", self._limits),
            *self._guarded("trials", lambda: self._trials(now)),
            *self._guarded("rights", self._judge_rights),
        ]

    def _guarded(self, name: str, look: Callable[[], Sequence[PlatformFinding]]) -> Sequence[PlatformFinding]:
        try:
            return look()
        except ExpectedError as trouble:
            return [problem(name, trouble.message, trouble.hint)]

    def _public_access(self) -> list[PlatformFinding]:
        return [judge.judge_public_access(*looks.look_public_access(self.sessions, self.platform.account))]

    def _limits(self) -> list[PlatformFinding]:
        self.on_progress("counting buckets and users")
        limits = looks.look_limits(self.sessions)
        machines = sum(len(tenant.machines) for tenant in self.tenants)
        users = machines + len(self.tenants)
        found = [
            judge.judge_limit(
                "buckets", "buckets", limits.buckets, machines, limits.bucket_limit, is_default=limits.is_default
            )
        ]
        if limits.users is None:
            return [*found, unknown("users", "the number of IAM users of the account was not seen")]
        return [
            *found,
            judge.judge_limit("users", "IAM users", limits.users, users, limits.user_limit, is_default=False),
        ]

    def _trials(self, now: datetime) -> list[PlatformFinding]:
        found: list[PlatformFinding] = []
        try:
            left = remove_abandoned(self.sessions, self.platform, self.rights, now, self.on_progress)
            if left:
                found.append(ok("leftovers", f"{left} earlier, interrupted checks are removed"))
            self.on_progress("making test users and a test bucket")
            with scratch(self.sessions, self.platform, self.rights, now) as place:
                found.append(judge.judge_region(self.platform.region, place.location))
                found.append(self._latency(place))
                found += Trials(place, self.sessions, self.patience_seconds).run(self.on_progress)
        except ExpectedError as trouble:
            found.append(problem("trials", trouble.message, trouble.hint))
        return found

    def _latency(self, place: Scratch) -> PlatformFinding:
        with aws_errors("measure a call", place.owner.meta.endpoint_url):
            taken_ms = measure_ms(lambda: place.owner.list_objects_v2(**place.bucket, MaxKeys=1))
        return judge.judge_latency(taken_ms)

    def _judge_rights(self) -> list[PlatformFinding]:
        self.on_progress("looking at Coffre's own rights")
        simulated = looks.simulate_rights(self.sessions, self.identity, self.platform)
        needed = {action for scope in Scope if scope is not Scope.TENANT for action in list_actions(scope)}
        rights = judge.Rights(
            frozenset(needed),
            frozenset(self.rights.done),
            frozenset(self.rights.refused),
            None if simulated is None else simulated.allowed,
        )
        reads = None if simulated is None else simulated.reads_customers
        return [judge.judge_rights(rights), judge.judge_customer_data(reads)]
