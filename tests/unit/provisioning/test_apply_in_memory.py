"""plan and apply of a whole tenant, from its file to its outcome, on a platform and on machines in memory."""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coffre.agents.restic.repository.layout import ResticLayout
from coffre.errors import RefusedError
from coffre.findings import FindingKind
from coffre.operations.repository import look_at_remains
from coffre.provisioning.apply import TenantOutcome
from coffre.provisioning.changes import ResourceChange, differing_changes
from coffre.provisioning.terms.context import FULLY, Renewal
from coffre.provisioning.terms.differences import OrdersFieldDifference
from coffre.provisioning.terms.done import MachineState
from coffre.provisioning.terms.found import Change, ChangeKind
from coffre.records.activity import RunOutcome
from coffre.records.facts.agents import MachineRetired, Removal
from coffre.records.facts.backups import NewRepository
from coffre.records.facts.contract import Commissioned, LicenceChange, OptionChange, QuotaChange
from coffre.spec.quota import wall_bytes
from coffre.tenant.opening import OpenTenant
from tests.doubles.storage import MemoryPlatform
from tests.doubles.workshop import (
    CAISSE,
    COMPTA,
    OTHER,
    RETIRED,
    SLUG,
    Workshop,
    on_host,
    open_workshop,
    three_machines,
)
from tests.passwords import read_password

GIB = 1 << 30


class Killed(BaseException):
    """The process ended here."""


def die(*_: object, **__: object) -> Any:
    raise Killed


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return open_workshop(tmp_path, monkeypatch)


def states(outcome: TenantOutcome) -> dict[str, MachineState]:
    return {each.machine: each.state for each in outcome.machines}


def kinds(changes: tuple[ResourceChange, ...]) -> Counter[tuple[str, str]]:
    return Counter((change.operation, change.kind) for change in changes)


ALL_INSTALLED = dict.fromkeys((COMPTA, CAISSE, OTHER), MachineState.INSTALLED)


def test_the_first_apply_creates_everything_and_delivers_the_service(workshop: Workshop) -> None:
    outcome = workshop.apply()
    assert (outcome.is_complete, states(outcome), outcome.warnings, outcome.losses) == (True, ALL_INSTALLED, (), ())
    assert outcome.commissioned_now

    owner = workshop.platform.find_owner(workshop.estate.buckets.owner_uid)
    assert owner is not None
    assert owner.buckets == tuple(sorted(workshop.estate.buckets.name(name) for name in (COMPTA, CAISSE)))
    assert len(workshop.platform.list_users(workshop.estate.buckets.owner_uid)) == 3, "an owner and two machines"
    for name in (COMPTA, CAISSE):
        remains = look_at_remains(workshop.estate.bucket(name), ResticLayout())
        assert remains.has_config
        assert remains.has_keys
        orders = workshop.orders(name)
        assert orders is not None
        assert (orders["generation"], orders["remove"]) == (1, False)
        assert workshop.fleet.machine(name).orders == orders, "the machine has applied them"
    assert [path.name for path in (workshop.root / "agents").iterdir()] == [f"k7f3q9wz2m.{OTHER}"]


def test_the_first_apply_records_the_commitments_and_the_delivery(workshop: Workshop) -> None:
    outcome = workshop.apply()

    def read(opened: OpenTenant) -> dict[type, list[Any]]:
        classes = (QuotaChange, LicenceChange, OptionChange, Commissioned)
        return {each: [found.fact for found in opened.log.list(each)] for each in classes}

    assert workshop.look(read) == {
        QuotaChange: [QuotaChange(10 * GIB)],
        LicenceChange: [LicenceChange({"workstation": 3})],
        OptionChange: [OptionChange(())],
        Commissioned: [Commissioned((COMPTA, CAISSE, OTHER))],
    }
    delivered = workshop.look(lambda opened: opened.log.last(Commissioned))
    assert delivered is not None
    assert delivered.at == outcome.commissioned_at
    [run] = workshop.look(lambda opened: list(opened.records.list_runs()))
    assert (run.command, run.outcome) == ("apply", RunOutcome.DONE)


def test_a_second_apply_changes_nothing_and_the_plan_after_it_is_empty(workshop: Workshop) -> None:
    first = workshop.apply()
    before = {name: workshop.estate.bucket(name).list_versions("") for name in (COMPTA, CAISSE)}
    secrets = workshop.estate.secrets.control(), workshop.estate.secrets.data()
    plan = workshop.plan()
    assert not plan.is_needed
    assert [(each.machine, each.action) for each in plan.machines] == [
        (name, "none") for name in (COMPTA, CAISSE, OTHER)
    ]
    again = workshop.apply()
    assert again.storage == ()
    assert states(again) == dict.fromkeys((COMPTA, CAISSE, OTHER), MachineState.UNCHANGED)
    assert (again.commissioned_at, again.commissioned_now) == (first.commissioned_at, False)
    assert {name: workshop.estate.bucket(name).list_versions("") for name in (COMPTA, CAISSE)} == before
    assert (workshop.estate.secrets.control(), workshop.estate.secrets.data()) == secrets


def test_a_plan_of_a_new_tenant_lists_what_apply_then_does(workshop: Workshop) -> None:
    plan = workshop.plan()
    assert plan.secrets_to_mint == ("owner", COMPTA, CAISSE)
    assert {step.kind for step in plan.steps} == {ChangeKind.MAKE_REPOSITORY, ChangeKind.WALL, ChangeKind.COMMISSION}
    assert Change(ChangeKind.MAKE_REPOSITORY, (COMPTA, CAISSE)) in plan.steps
    assert workshop.estate.secrets.find_control() is None, "a plan creates nothing"
    assert workshop.platform.find_owner(workshop.estate.buckets.owner_uid) is None
    outcome = workshop.apply()
    assert differing_changes(plan.storage, outcome.storage) == []
    assert kinds(outcome.storage) == {
        ("create", "User"): 3,
        ("create", "AccessKey"): 3,
        ("create", "UserQuota"): 1,
        ("create", "Bucket"): 2,
        ("create", "BucketPolicy"): 2,
        ("create", "BucketLifecycle"): 2,
        ("create", "PublicAccessBlock"): 2,
    }
    assert {each.machine for each in plan.machines if each.action == "install"} == set(states(outcome))


def test_a_plan_of_a_changed_file_lists_exactly_the_changes_that_apply_makes(workshop: Workshop) -> None:
    workshop.apply()
    workshop.write_file(
        storage={"platform": "lab", "quota": "20 GiB", "undelete_days": 30},
        plans={"office": {"paths": ["/srv"], "schedule": ["daily 13:00"], "keep": {"daily": 30}}},
    )
    plan = workshop.plan()
    outcome = workshop.apply()
    assert plan.storage == outcome.storage
    assert kinds(outcome.storage) == {("update", "UserQuota"): 1, ("update", "BucketLifecycle"): 2}
    differences = {each.machine: each.differences for each in plan.machines if each.action == "update"}
    changed = (OrdersFieldDifference("plan.paths"), OrdersFieldDifference("plan.schedule"))
    assert differences == dict.fromkeys((COMPTA, CAISSE), changed)
    updated = {name for name, state in states(outcome).items() if state is MachineState.UPDATED}
    assert updated == set(differences)
    assert not workshop.plan().is_needed


def test_a_changed_quota_moves_the_wall_and_is_recorded(workshop: Workshop) -> None:
    workshop.apply()
    workshop.write_file(storage={"platform": "lab", "quota": "20 GiB"})
    before, after = (workshop.look(lambda opened, n=n: wall_bytes(n * GIB, opened.platform)) for n in (10, 20))
    steps = {step.kind: step for step in workshop.plan().steps}
    assert (steps[ChangeKind.WALL].before, steps[ChangeKind.WALL].after) == (before, after)
    assert (steps[ChangeKind.QUOTA].before, steps[ChangeKind.QUOTA].after) == (10 * GIB, 20 * GIB)
    workshop.apply()
    owner = workshop.platform.find_owner(workshop.estate.buckets.owner_uid)
    assert owner is not None
    assert owner.wall_bytes == after
    recorded = workshop.look(lambda opened: [each.fact.quota_bytes for each in opened.log.list(QuotaChange)])
    assert recorded == [10 * GIB, 20 * GIB]


def test_a_machine_that_does_not_answer_is_pending_and_the_next_apply_ends_it(workshop: Workshop) -> None:
    workshop.fleet.machine(CAISSE).answers = False
    first = workshop.apply()
    assert (first.is_complete, first.pending_machines, first.commissioned_at) == (False, [CAISSE], None)
    assert states(first)[COMPTA] is MachineState.INSTALLED, "it delays no other machine"
    assert [each.action for each in workshop.plan().machines if each.machine == CAISSE] == ["install"]
    workshop.fleet.machine(CAISSE).answers = True
    second = workshop.apply()
    assert (second.is_complete, second.storage, second.commissioned_now) == (True, (), True)
    assert states(second) == {
        COMPTA: MachineState.UNCHANGED,
        CAISSE: MachineState.INSTALLED,
        OTHER: MachineState.UNCHANGED,
    }


def test_a_retired_machine_has_its_last_order_before_its_key_is_deleted(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop.apply()
    key = workshop.fleet.machine(COMPTA).key
    assert key is not None
    workshop.write_file(machines=three_machines(**{COMPTA: on_host(COMPTA, retired=RETIRED)}))
    with monkeypatch.context() as patched:
        patched.setattr(MemoryPlatform, "delete_key", die)
        with pytest.raises(Killed):
            workshop.apply()
    assert workshop.platform.accepts_key(workshop.estate.buckets.name(COMPTA), key)
    orders = workshop.orders(COMPTA)
    assert orders is not None
    assert orders["remove"], "it can still read that it must remove its agent"
    workshop.apply()
    assert not workshop.platform.accepts_key(workshop.estate.buckets.name(COMPTA), key)


def test_a_retired_machine_loses_user_key_and_agent_and_keeps_bucket_and_password(workshop: Workshop) -> None:
    workshop.apply()
    snapshot = workshop.back_up(COMPTA)
    password = read_password(workshop.estate.secrets.data(), COMPTA)
    workshop.write_file(machines=three_machines(**{COMPTA: on_host(COMPTA, retired=RETIRED)}))
    plan = workshop.plan()
    assert [(each.machine, each.action) for each in plan.machines if each.action != "none"] == [(COMPTA, "remove")]
    outcome = workshop.apply()
    assert plan.storage == outcome.storage
    assert kinds(outcome.storage) == {
        ("delete", "User"): 1,
        ("delete", "AccessKey"): 1,
        ("update", "BucketPolicy"): 1,
    }
    assert states(outcome)[COMPTA] is MachineState.REMOVED
    assert not workshop.fleet.machine(COMPTA).has_agent
    assert COMPTA not in workshop.estate.secrets.control().machine_keys
    assert f"{ResticLayout.prefix}snapshots/{snapshot}" in workshop.objects(COMPTA)
    assert read_password(workshop.estate.secrets.data(), COMPTA) == password
    facts = workshop.look(
        lambda opened: [type(each.fact) for each in opened.log.list((MachineRetired, Removal), COMPTA)]
    )
    assert facts == [MachineRetired, Removal]
    assert not workshop.plan().is_needed


def test_a_retired_machine_of_the_other_kind_of_agent_loses_its_agent(workshop: Workshop) -> None:
    workshop.apply()
    retired = on_host(OTHER, agent="acronis", retired=RETIRED)
    workshop.write_file(machines=three_machines(**{OTHER: retired}))
    assert [(each.machine, each.action) for each in workshop.plan().machines if each.action != "none"] == [
        (OTHER, "remove")
    ]
    outcome = workshop.apply()
    assert (outcome.storage, states(outcome)[OTHER]) == ((), MachineState.REMOVED)
    assert list((workshop.root / "agents").iterdir()) == []
    assert not workshop.plan().is_needed


def test_a_repository_that_was_seen_and_is_gone_is_refused_by_name_and_the_others_go_on(workshop: Workshop) -> None:
    workshop.apply()
    workshop.back_up(COMPTA)
    workshop.apply()
    workshop.lose_repository(COMPTA)
    outcome = workshop.apply()
    assert outcome.pending_machines == [COMPTA]
    [refused] = [each for each in outcome.machines if each.state is MachineState.REFUSED]
    assert refused.message.startswith(f"{SLUG}/{COMPTA}: its repository is gone, and it held 1 snapshots")
    assert {loss.machine for loss in outcome.losses} == {COMPTA}
    assert FindingKind.REPOSITORY_GONE in [loss.kind for loss in outcome.losses]
    assert states(outcome)[CAISSE] is MachineState.UNCHANGED
    assert workshop.objects(COMPTA) == [], "no new repository hides the loss"


def test_a_renewal_begins_the_lost_repository_anew_with_its_reason(workshop: Workshop) -> None:
    workshop.apply()
    snapshot = workshop.back_up(COMPTA)
    workshop.apply()
    workshop.lose_repository(COMPTA)
    intent = replace(FULLY, renewal=Renewal(frozenset({COMPTA}), reason="the disk is lost"))
    assert Change(ChangeKind.BEGIN_ANEW, (COMPTA,)) in workshop.plan(intent).steps
    outcome = workshop.apply(intent)
    assert (outcome.is_complete, outcome.losses) == (True, ())
    assert look_at_remains(workshop.estate.bucket(COMPTA), ResticLayout()).has_config
    begun = workshop.look(lambda opened: [each.fact for each in opened.log.list(NewRepository, COMPTA)])
    assert begun == [NewRepository("the disk is lost", 1, snapshot)]
    assert workshop.apply().is_complete, "the loss is no longer expected back"


def test_a_renewal_of_a_repository_that_is_there_is_refused(workshop: Workshop) -> None:
    workshop.apply()
    workshop.back_up(COMPTA)
    before = workshop.objects(COMPTA)
    with pytest.raises(RefusedError, match=f"{SLUG}/{COMPTA} still has its repository, with 1 snapshots"):
        workshop.apply(replace(FULLY, renewal=Renewal(frozenset({COMPTA}), reason="a mistake")))
    assert workshop.objects(COMPTA) == before


def test_a_planned_apply_does_exactly_what_was_planned(workshop: Workshop) -> None:
    planned = workshop.plan_exactly()
    outcome = workshop.apply(planned=planned)
    assert differing_changes(planned.plan.storage, outcome.storage) == []
    assert outcome.is_complete


def test_a_planned_apply_is_refused_when_the_plan_is_out_of_date(workshop: Workshop) -> None:
    planned = workshop.plan_exactly()
    workshop.write_file(storage={"platform": "lab", "quota": "20 GiB"})
    with pytest.raises(RefusedError, match=r"the plan is out of date; changed since then: the tenant file"):
        workshop.apply(planned=planned)
    assert workshop.platform.find_owner(workshop.estate.buckets.owner_uid) is None, "nothing was changed"
    workshop.write_file()
    workshop.apply()
    with pytest.raises(RefusedError, match=r"secrets to create"):
        workshop.apply(planned=planned)
