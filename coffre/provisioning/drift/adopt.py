"""The change of a tenant file that would accept drift, where a file can say it. Pure: texts in, texts out."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from coffre.agents.kinds import with_bucket
from coffre.provisioning.drift.values import Drift, DriftKind
from coffre.spec.judging import SourceFile, judge_tenant_file
from coffre.spec.parsing.editing import Setting, show_change, write_setting
from coffre.spec.parts import of_buckets
from coffre.spec.quota import WallTerms, find_sold_bytes, wall_bytes
from coffre.spec.tenant import Tenant, TenantStatus
from coffre.spec.values.sizes import write_size
from coffre.storage.survey import find_expiry_days

_SMALLEST_BYTES = 1 << 20


@dataclass(frozen=True)
class Adoption:
    """The change of a file that accepts drift, a unified diff (empty: none), and the drift that no file can say."""

    diff: str
    rest: tuple[Drift, ...]


def adopt(
    tenant: Tenant, drift: Sequence[Drift], terms: WallTerms, file: str, content: bytes, platforms: Sequence[str]
) -> Adoption:
    """Return the change of a tenant's file that would accept what it can say; the new file is a valid one.

    ``file`` is its path below the root; ``platforms`` are the names in platform.yaml.
    """
    before = text = content.decode("utf-8-sig")
    rest: list[Drift] = []
    for setting, accepted in _list_settings(tenant, drift, terms):
        changed = None if setting is None else write_setting(text, setting)
        name = file.rpartition("/")[2]
        if changed is None or judge_tenant_file(SourceFile(file, name, changed.encode()), platforms).problems:
            rest += accepted
        else:
            text = changed
    return Adoption(show_change(file, before, text), tuple(rest))


def _list_settings(
    tenant: Tenant, drift: Sequence[Drift], terms: WallTerms
) -> Iterator[tuple[Setting | None, Sequence[Drift]]]:
    """Yield what a file would say, with the drift that it accepts; None for what no file can say."""
    own = [each for each in drift if each.copied_to is None and each.part is None]
    suspended = [each for each in own if each.what is DriftKind.SUSPENSION]
    expiring = [each for each in own if each.what is DriftKind.LIFECYCLE and _expiry_of(each) is not None]
    yield from _for_suspension(tenant, suspended)
    yield from _for_expiry(tenant, expiring)
    for each in drift:
        if each in suspended or each in expiring:
            continue
        yield (_find_setting(each, terms) if each in own else None), [each]


def _find_setting(drift: Drift, terms: WallTerms) -> Setting | None:
    if drift.what is DriftKind.WALL and isinstance(drift.found, int):
        # Below the reserve of a small quota there is none to find.
        is_one = drift.found > wall_bytes(_SMALLEST_BYTES, terms)
        quota_bytes = find_sold_bytes(drift.found, terms) if is_one else None
        return None if quota_bytes is None else Setting("storage", "quota", write_size(quota_bytes))
    is_owner = drift.what is DriftKind.USER and drift.machine is None
    if is_owner and drift.detail == "display_name" and isinstance(drift.found, str):
        return Setting("", "name", json.dumps(drift.found, ensure_ascii=False))
    return None


def _for_suspension(tenant: Tenant, drift: Sequence[Drift]) -> Iterator[tuple[Setting | None, Sequence[Drift]]]:
    """Yield the status that means what all machines have, or the owner itself; some of them have no word in a file."""
    if not drift:
        return
    machines = {each.machine for each in drift}
    is_whole = machines in ({None}, set(with_bucket(tenant.active_machines())))
    changes = {TenantStatus.ACTIVE: TenantStatus.SUSPENDED, TenantStatus.SUSPENDED: TenantStatus.ACTIVE}
    status = changes.get(tenant.status) if is_whole and tenant.hold is None else None
    yield (None if status is None else Setting("", "status", status.value)), drift


def _for_expiry(tenant: Tenant, drift: Sequence[Drift]) -> Iterator[tuple[Setting | None, Sequence[Drift]]]:
    """Yield the days that the buckets of all machines have; the file has one number for all of them."""
    if not drift:
        return
    days = {_expiry_of(each) for each in drift}
    is_whole = {each.machine for each in drift} == set(with_bucket(of_buckets(tenant).machines))
    setting = Setting("storage", "undelete_days", str(days.pop())) if is_whole and len(days) == 1 else None
    yield setting, drift


def _expiry_of(drift: Drift) -> int | None:
    """Return the days of a rule of which nothing else differs."""
    found, expected = find_expiry_days(drift.found), find_expiry_days(drift.expected)
    if found is None or expected is None:
        return None
    one, other = (
        {key: value for key, value in rule.items() if key != "NoncurrentVersionExpiration"}
        for rule in (drift.found, drift.expected)
    )
    return found if one == other else None
