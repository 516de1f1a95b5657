"""A machine and the storage host may write anything: what is odd is a finding, and everything beside it is told."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from coffre.agents.desired import InvalidOrdersError, OutdatedOrdersError
from coffre.cli.words.supervision.findings import _FAULTS, _WORDS, describe
from coffre.errors import RemoteError
from coffre.findings import Finding, FindingKind
from coffre.observation import duty
from coffre.observation import machine as module
from coffre.observation.judge.filling import MachineStore
from coffre.outside.faults import Fault
from coffre.records.memory import Memory
from coffre.storage.values import ObjectFacts, PlatformAwayError, Unusable
from tests.builders import tenant_with
from tests.doubles.log import InMemoryLog
from tests.unit.agents.test_report import REPORT

NOW = datetime(2026, 11, 24, tzinfo=UTC)
GOOD = json.dumps({**REPORT, "result": "success"}).encode()


class FakeBucket:
    """A bucket of objects by key: content, and the server's time of it."""

    name = "fake"

    def __init__(self, objects):
        self.objects = objects
        self.limits = []

    def walk_objects(self, prefix):
        for key, (_, modified_at) in sorted(self.objects.items()):
            if key.startswith(prefix):
                yield ObjectFacts(key, 1, modified_at, "etag")

    def find(self, key, limit_bytes):
        self.limits.append(limit_bytes)
        return self.objects.get(key, (None, None))[0]

    def is_gate_closed(self):
        return False

    def is_suspended(self):
        return False

    def is_stopped(self):
        return False


@pytest.fixture
def look(monkeypatch):
    tenant = tenant_with()
    name = next(iter(tenant.machines))
    monkeypatch.setattr(module.TenantOrders, "read", lambda orders, machine: {"generation": 3})
    monkeypatch.setattr(
        module,
        "count_store",
        lambda buckets, name, current, repository: MachineStore(name, current, repository, 9, 2),
    )
    monkeypatch.setattr(module, "_find_verification", lambda tenant, log, name, now, days: None)
    monkeypatch.setattr(duty, "find_expected_since", lambda tenant, log, name: NOW - timedelta(days=30))

    def look_at(objects):
        bucket = FakeBucket(objects)
        opened = SimpleNamespace(
            tenant=tenant,
            machine=lambda wanted: tenant.machines[wanted],
            buckets=SimpleNamespace(open=lambda machine: bucket),
            secrets=SimpleNamespace(find_control=lambda: None),
            memory=SimpleNamespace(recall=lambda machine: Memory(), learn=lambda machine, change: None),
            log=InMemoryLog(),
            checkout=SimpleNamespace(settings=SimpleNamespace(verify=SimpleNamespace(period_days=30))),
        )
        return module.look_at_machine(opened, name, NOW)

    look_at.machine = name
    return look_at


def at(hours_ago):
    return NOW - timedelta(hours=hours_ago)


def kinds(looked):
    return [(finding.kind, finding.evidence.get("fault")) for finding in looked.findings]


def test_what_is_as_it_should_be_finds_nothing(look):
    looked = look(
        {
            "reports/1.json": (GOOD, at(3)),
            f"restic/snapshots/{REPORT['snapshot_id']}": (b"", at(3)),
            "restic/config": (b"", at(30)),
            f"restic/keys/{'aa' * 32}": (b"", at(30)),
            "control/gate.json": (b'{"closed": false, "reason": "", "since": "2026-11-23T12:30:00Z"}', at(9)),
        }
    )
    assert looked.findings == ()
    status = looked.status
    assert (status.last_result, status.witnesses_agree, status.generation_wanted) == ("success", True, 3)


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-23:59", "2999-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"])
def test_a_report_of_an_absurd_time_is_named_and_the_true_one_before_it_counts(look, moment):
    absurd = json.dumps({**REPORT, "result": "success", "finished_at": moment}).encode()
    looked = look({"reports/1.json": (GOOD, at(30)), "reports/2.json": (absurd, at(1))})
    assert kinds(looked) == [(FindingKind.REPORT_SET_ASIDE, Fault.UNBELIEVABLE_TIME)]
    assert looked.findings[0].evidence["key"] == "reports/2.json"
    assert looked.status.last_success_at == datetime(2026, 11, 23, 12, 31, 30, 500_000, tzinfo=UTC)
    alone = look({"reports/2.json": (absurd, at(1))}).status
    assert (alone.last_success_at, alone.last_result, alone.overdue) == (None, "never", True)


def test_many_odd_reports_are_one_finding_a_fault(look):
    objects = {f"reports/{number}.json": (b"rubbish", at(1)) for number in range(50)}
    objects["reports/large.json"] = (Unusable(Fault.TOO_LARGE), at(0))
    looked = look(objects)
    assert kinds(looked) == [
        (FindingKind.REPORT_SET_ASIDE, Fault.TOO_LARGE),
        (FindingKind.REPORT_SET_ASIDE, Fault.UNREADABLE),
    ]
    assert looked.findings[1].evidence["count"] == 50


def test_foreign_orders_stand_beside_the_facts(look, monkeypatch):
    def refuse(orders, machine):
        raise InvalidOrdersError("not signed", "", Fault.FOREIGN)

    monkeypatch.setattr(module.TenantOrders, "read", refuse)
    looked = look({"reports/1.json": (GOOD, at(3))})
    assert kinds(looked) == [(FindingKind.ORDERS_SET_ASIDE, Fault.FOREIGN)]
    assert (looked.status.generation_wanted, looked.status.last_result) == (None, "success")


def test_older_genuine_orders_are_named_and_what_is_wanted_is_what_was_recorded(look, monkeypatch):
    def refuse(orders, machine):
        raise OutdatedOrdersError("older", "", 1, 3)

    monkeypatch.setattr(module.TenantOrders, "read", refuse)
    looked = look({"reports/1.json": (GOOD, at(3))})
    assert [finding.kind for finding in looked.findings] == [FindingKind.ORDERS_OUTDATED]
    assert (looked.findings[0].evidence["generation"], looked.status.generation_wanted) == (1, 3)


def test_a_repository_that_is_not_whole_goes_back_to_when_storage_had_the_last_success(look):
    damaged = {**REPORT, "result": "failed", "snapshot_id": "dd" * 32, "integrity": "packs_missing",
               "finished_at": "2026-11-23T20:31:00Z", "missing_packs": 2}  # fmt: skip
    reports = {"reports/1.json": (GOOD, at(3)), "reports/2.json": (json.dumps(damaged).encode(), at(1))}
    # The machine's clock says 12:31:30.5; it is compared with the server's to the second, and may be wrong altogether.
    stored_at = at(11) - timedelta(milliseconds=1)
    (found,) = [
        each
        for each in look({**reports, f"restic/snapshots/{REPORT['snapshot_id']}": (b"", stored_at)}).findings
        if each.kind is FindingKind.SNAPSHOT_NOT_WHOLE
    ]
    assert found.evidence["whole_at"] == "2026-11-23T12:59:59.999000Z"
    assert "--at 2026-11-23T12:59:59.999000Z`" in describe(found)
    (alone,) = [each for each in look(reports).findings if each.kind is FindingKind.SNAPSHOT_NOT_WHOLE]
    assert alone.evidence["whole_at"] == "2026-11-23T12:31:31.500000Z"


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"\xff",
        b'{"closed": 1, "reason": ""}',
        b'{"closed": true, "reason": "\\u001b[2J"}',
        b'{"closed": true, "reason": "two\\nlines"}',
        b'{"closed": true}',
        b"[" * 60_000,
        Unusable(Fault.TOO_LARGE),
    ],
    ids=str,
)
def test_a_gate_that_is_none_of_ours_is_named(look, body):
    looked = look({"control/gate.json": (body, at(1))})
    assert [finding.kind for finding in looked.findings] == [FindingKind.GATE_SET_ASIDE]


def test_snapshots_of_an_absurd_time_are_counted_and_not_the_newest(look):
    far = datetime(9999, 12, 31, tzinfo=UTC)
    whole = {"restic/config": (b"", at(30)), f"restic/keys/{'aa' * 32}": (b"", at(30))}
    snapshots = {f"restic/snapshots/{'aa' * 32}": (b"", at(5)), f"restic/snapshots/{'bb' * 32}": (b"", far)}
    looked = look({**whole, **snapshots})
    assert (looked.status.newest_snapshot_at, looked.status.snapshots) == (at(5), 2)
    assert [finding.kind for finding in looked.findings] == [FindingKind.SNAPSHOT_TIME]


AA = "aa" * 32
FOREIGN = [
    "x", "restic/x", "restic/../x", "restic/config/x", f"restic/keys/{AA.upper()}", f"restic/keys/{AA}/x",
    "restic/data/00/pack", f"restic/data/ab/{AA}", f"restic/snapshots/{AA}/x", "restic/snapshots/\x1b[2J",
    "reports/a/b.json", "reports/x",
]  # fmt: skip


def test_keys_that_nothing_of_ours_writes_are_counted_and_stand_for_nothing(look):
    looked = look({key: (b"x", at(1)) for key in FOREIGN})
    (found,) = looked.findings
    assert (found.kind, found.evidence) == (FindingKind.FOREIGN_KEYS, {"key": min(FOREIGN), "count": len(FOREIGN)})
    assert (looked.status.snapshots, looked.status.newest_snapshot_at) == (0, None)
    assert looked.store.repository_bytes == 0, "it fills the storage, and is taken for backups"
    assert looked.store.current_bytes == len(FOREIGN)


def test_foreign_keys_hide_no_loss_of_what_they_are_put_beside(look):
    whole = {"restic/config": (b"", at(30)), f"restic/keys/{'aa' * 32}": (b"", at(30)),
             f"restic/snapshots/{REPORT['snapshot_id']}": (b"", at(3)), "reports/1.json": (GOOD, at(3))}  # fmt: skip
    assert look(whole).findings == ()
    del whole[f"restic/keys/{'aa' * 32}"]
    looked = look({**whole, f"restic/keys/{'aa' * 32}/x": (b"", at(1))})
    assert [each.kind for each in looked.findings] == [FindingKind.REPOSITORY_GONE, FindingKind.FOREIGN_KEYS]
    assert looked.findings[0].evidence["what"] == "keys"


def test_a_bucket_that_cannot_be_looked_at_is_a_finding_and_a_platform_that_is_away_is_none(look, monkeypatch):
    monkeypatch.setattr(FakeBucket, "walk_objects", lambda self, prefix: fail(RemoteError("no such bucket")))
    assert look({}) == Finding(FindingKind.NOT_SEEN, look.machine, {"error": "no such bucket"})
    monkeypatch.setattr(FakeBucket, "walk_objects", lambda self, prefix: fail(PlatformAwayError("away")))
    with pytest.raises(PlatformAwayError):
        look({})


def fail(error):
    raise error


def test_every_kind_and_every_fault_has_its_words():
    assert set(_WORDS) == set(FindingKind)
    assert set(_FAULTS) == set(Fault)
    evidence = {
        "key": "k",
        "fault": Fault.UNREADABLE,
        "field": "at",
        "count": 3,
        "error": "e",
        "kind": "of_next_year",
        "wanted": 7,
        "applied": 6,
        "written_at": "2026-11-24T00:00:00Z",
        "seconds": -720,
        "agent": "0.0.9",
        "restic": "0.17.3",
        "signs": "rewritten,bait_changed",
        "frozen_at": "2026-11-24T00:00:00Z",
        "last_good": "ab" * 32,
        "last_good_at": "2026-11-23T00:00:00Z",
        "settings": "plan.keep",
        "machines": 2,
        "commit": "1a2b3c",
        "at": "2026-11-23T00:00:00Z",
        "generation": 1,
        "recorded": 2,
        "pack": "p",
        "surplus_bytes": 5,
        "objects": 5,
        "stopped": "yes",
        "by": "caisse-01",
        "platform": "aws-paris",
        "since": "2026-11-24T00:00:00Z",
        "day": "2026-11-20",
        "figure_bytes": 5,
        "counted_bytes": 4,
        "used_bytes": 5,
        "quota_bytes": 6,
        "free_bytes": 4,
        "type": "NoBackupForXDays",
        "severity": "error",
        "licence": "workstation",
        "ordered": 3,
        "granted": 2,
        "used": 4,
        "order": "CMD-2026-118",
        "percent": 80,
        "due_at": "2026-11-24T00:00:00Z",
        "last_success_at": None,
        "result": "failed",
        "reported_at": "2026-11-24T00:00:00Z",
        "newest_snapshot_at": None,
        "reason": "lost",
        "tenants": 3,
        "year": 2026,
        "maintenance_until": "2026-11-24T00:00:00Z",
        "used_seconds": 75_000,
        "budget_seconds": 94_608,
        "last_full_round_at": None,
        "what": "keys",
        "known": 2,
        "newest": "ab" * 32,
        "seen_at": "2026-11-24T00:00:00Z",
        "snapshot": "ab" * 32,
        "seed": 7,
        "problems": 2,
        "losses": 0,
        "gaps": 1,
        "taken_at": "2026-11-24T00:00:00Z",
        "stored_at": "2026-11-25T00:00:00Z",
        "days": 3,
        "of_days": 9,
        "why": "versions",
        "is_newest": 1,
        "bytes": 7,
        "number": None,
        "first": 4,
        "host_name": "compta-01",
        "differs": "hardware",
        "last_at": None,
        "path": "/srv",
        "state": "empty",
        "files": 0,
        "files_before": 5,
        "bytes_before": 7,
        "stored_as": "/srv",
        "mount_point": "",
        "integrity": "packs_missing",
        "tenant": "martin",
        "machine": "compta-01",
        "whole_at": None,
        "channel": "exploitation",
        "bucket": "martin-old",
        "stored_bytes": 7,
        "user": "martin-k7f3q9wz2m",
        "users": 3,
        "buckets": 2,
        "stack": "martin",
        "key_id": "AKIA1",
        "used_at": "2026-08-01T00:00:00Z",
    }
    for kind in FindingKind:
        assert describe(Finding(kind, "compta-01", evidence)).startswith("compta-01: ")
