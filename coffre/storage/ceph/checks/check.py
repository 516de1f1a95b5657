"""The check of one platform, from the first packet to trials in a test bucket. It changes nothing of a tenant."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from coffre.errors import ExpectedError, RemoteError
from coffre.spec import naming
from coffre.spec.quota import wall_bytes
from coffre.spec.storage_platform import CephPlatform
from coffre.spec.tenant import Tenant
from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.ceph.api.admin_http import AdminHttp
from coffre.storage.ceph.checks import scratch
from coffre.storage.ceph.checks.apis import find_answering, judge_apis
from coffre.storage.ceph.checks.gateways import try_gateways
from coffre.storage.ceph.checks.judge_cluster import (
    Features,
    PlatformSpace,
    judge_capabilities,
    judge_cluster,
    judge_lacking,
    judge_release,
    judge_room,
    parse_administrator,
    reminders,
)
from coffre.storage.ceph.checks.judge_trials import judge_gateways
from coffre.storage.ceph.checks.judge_wire import (
    judge_answer,
    judge_certificate,
    judge_clock,
    judge_latency,
    judge_tls_version,
)
from coffre.storage.ceph.checks.trials import Trials
from coffre.storage.ceph.checks.wire import Wire, look
from coffre.storage.ceph.connect import read_admin_key, read_endpoint
from coffre.storage.checking import PlatformFinding, Verdict, left_out, ok, problem
from coffre.storage.s3.faults import AccessRefusedError, GoneError, S3Error
from coffre.storage.trying import PREFIX, measure_ms, not_tried
from coffre.storage.values import AccessKey, Endpoint

OnProgress = Callable[[str], None]

_READERS = 8


def check_platform(
    platform: CephPlatform, root: Path, tenants: Sequence[Tenant], now: datetime, on_progress: OnProgress
) -> list[PlatformFinding]:
    """Check a platform and try what Coffre needs; ``tenants`` are those sold on it.

    A check that needs an earlier, failed one is left out, and one finding says so.
    """
    try:
        endpoint, key = read_endpoint(platform, root), read_admin_key(platform, root)
        on_progress(f"checking {endpoint.url}")
        wire = look(endpoint)
    except ExpectedError as trouble:
        return [problem("settings", trouble.message, trouble.hint), left_out()]
    found = [
        judge_answer(wire, endpoint.url),
        judge_certificate(wire, now),
        *([judge_tls_version(wire)] if wire.is_tls and wire.tls_version else []),
        *([judge_clock(wire.clock_offset_seconds)] if wire.status is not None else []),
    ]
    if wire.distrust_code is not None or found[0].verdict is not Verdict.OK:
        return [*found, left_out()]
    return [*found, *_Visit(endpoint, key, platform, tenants, wire, on_progress).look_inside(now)]


@dataclass(frozen=True)
class _Visit:
    """The checks with the administrator's key."""

    endpoint: Endpoint
    key: AccessKey
    platform: CephPlatform
    tenants: Sequence[Tenant]
    wire: Wire
    on_progress: OnProgress

    def look_inside(self, now: datetime) -> list[PlatformFinding]:
        http = AdminHttp(self.endpoint, self.key)
        try:
            administrator = self._capabilities(http)
        except ExpectedError as refusal:
            return [problem("administrator", refusal.message, refusal.hint), left_out()]
        found = [administrator, *self._features(http, now)]
        if administrator.verdict is Verdict.PROBLEM:
            return [*found, left_out(), *reminders()]
        admin = AdminClient(self.endpoint, self.key)
        found.append(self._latency(http))
        found += self._trials(admin, now)
        found.append(self._room(admin))
        return [*found, *reminders()]

    def _capabilities(self, http: AdminHttp) -> PlatformFinding:
        parameters = {"access-key": self.key.access_key_id}
        try:
            record = http.call("read the administrator's own user", "GET", "/admin/user", parameters)
        except S3Error as refusal:
            # RGW answers AccessDenied for a missing capability, and other codes for a wrong key, secret or clock.
            if refusal.code != "AccessDenied":
                raise
            return judge_lacking(self._lacking(http))
        return judge_capabilities(parse_administrator(record))

    def _lacking(self, http: AdminHttp) -> list[str]:
        """Name the missing capabilities when the administrator may not even read its own user."""
        questions: dict[str, tuple[str, dict[str, Any]]] = {
            "buckets=*": ("/admin/bucket", {"bucket": f"{PREFIX}none"}),
            "metadata=read": ("/admin/metadata/user", {"max-entries": 1}),
        }
        lacking = ["users=*"]
        for capability, (path, parameters) in questions.items():
            try:
                http.call(f"ask for {capability}", "GET", path, parameters)
            except GoneError:
                continue
            except AccessRefusedError:
                lacking.append(capability)
        return lacking

    def _features(self, http: AdminHttp, now: datetime) -> list[PlatformFinding]:
        info = _ask(http, "/admin/info", {})
        features = Features(
            has_info=info.is_known,
            has_rate_limits=_ask(http, "/admin/ratelimit", {"ratelimit-scope": "user", "uid": "nobody"}).is_known,
            has_accounts=_ask(http, "/admin/account", {"id": "RGW00000000000000000"}).is_known,
            server=self.wire.server,
        )
        return [*judge_release(features, now.date()), judge_cluster(self.endpoint.platform_id, _fsid(info.answer))]

    def _latency(self, http: AdminHttp) -> PlatformFinding:
        taken_ms = measure_ms(lambda: http.call("read one user", "GET", "/admin/metadata/user", {"max-entries": 1}))
        return judge_latency(taken_ms, (self.wire.connect_seconds or 0.0) * 1000)

    def _trials(self, admin: AdminClient, now: datetime) -> list[PlatformFinding]:
        found = []
        try:
            left = scratch.remove_abandoned(admin, self.endpoint, now, self.on_progress)
            if left:
                found.append(ok("leftovers", f"{left} users of an earlier, interrupted check are removed"))
            with scratch.scratch(admin, self.endpoint, now) as place:
                self.on_progress("checking the unused APIs")
                found.append(judge_apis(find_answering(place, self.endpoint)))
                found += Trials(place, admin).run(self.on_progress)
                found.append(self._gateways(place, admin))
        except ExpectedError as trouble:
            found.append(problem("trials", trouble.message, trouble.hint))
        return found

    def _gateways(self, place: scratch.Scratch, admin: AdminClient) -> PlatformFinding:
        gateways = self.platform.gateways
        if gateways is None or len(gateways.addresses) < 2:
            return judge_gateways(gateways, None)
        self.on_progress(f"trying a quota through each of {gateways.count} gateways")
        try:
            lateness = try_gateways(place, admin, self.endpoint, gateways, self.on_progress)
        except RemoteError as refusal:
            return not_tried("gateways", refusal)
        return judge_gateways(gateways, lateness)

    def _room(self, admin: AdminClient) -> PlatformFinding:
        self.on_progress("counting what is sold and used")
        sold = [tenant.storage.quota_bytes for tenant in self.tenants]
        try:
            used_bytes = _used_by_all(admin, [naming.owner_uid(tenant) for tenant in self.tenants])
        except ExpectedError as trouble:
            return problem("room", trouble.message, trouble.hint)
        return judge_room(
            PlatformSpace(
                tenants=len(sold),
                sold_bytes=sum(sold),
                walls_bytes=sum(wall_bytes(quota_bytes, self.platform) for quota_bytes in sold),
                used_bytes=used_bytes,
                capacity_bytes=self.platform.capacity_bytes,
            )
        )


@dataclass(frozen=True)
class _Asked:
    """Whether a gateway knows a call, and its answer if any."""

    is_known: bool
    answer: Any = None


def _ask(http: AdminHttp, path: str, parameters: dict[str, Any]) -> _Asked:
    try:
        return _Asked(True, http.call(f"ask for {path}", "GET", path, parameters))
    except S3Error as refusal:
        # RGW's answer to an Admin call that this release does not have (seen on 16.2.15).
        return _Asked(refusal.code != "MethodNotAllowed")


def _fsid(info: Any) -> str | None:
    """Return the cluster's fsid out of /admin/info: {"info": {"storage_backends": [{"name", "cluster_id"}]}}."""
    try:
        return str(info["info"]["storage_backends"][0]["cluster_id"])
    except (KeyError, IndexError, TypeError):
        return None


def _used_by_all(admin: AdminClient, owners: Sequence[str]) -> int:
    """Return the bytes of all users of the platform, by RGW's own last count; tenants' machines own nothing."""
    machines = tuple(f"{owner}." for owner in owners)
    uids = [uid for uid in admin.list_users() if not uid.startswith(machines)]
    with ThreadPoolExecutor(_READERS) as pool:
        return sum(pool.map(lambda uid: _used(admin, uid), uids))


def _used(admin: AdminClient, uid: str) -> int:
    try:
        return admin.used_bytes(uid, exact=False)
    except GoneError:
        return 0  # deleted since it was listed
