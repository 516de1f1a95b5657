"""How a second copy is shown in a plan, after an apply, after a run of `coffre copy`, and in a rehearsal."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from coffre.cli import output
from coffre.cli.backups.copy import _show
from coffre.cli.departure.showing import show_machines
from coffre.cli.tenants.provisioning import _show_outcome
from coffre.cli.words.plan import show_plan
from coffre.cli.words.supervision.findings import describe_copy_fault
from coffre.offboarding.erase.tenant import describe_erased
from coffre.offboarding.lifecycle.evidence import BucketCount, BucketErased
from coffre.offboarding.lifecycle.rehearsal import MachineFound
from coffre.operations.copying.objects import RepositoryCopy
from coffre.operations.copying.run import MachineCopy
from coffre.provisioning.apply import TenantOutcome
from coffre.provisioning.changes import PropertyChange, ResourceChange
from coffre.provisioning.plan import TenantPlan
from coffre.provisioning.rotation.tenant_rotation import KeyOutcome
from coffre.provisioning.steps.second_copy import CopySettled
from coffre.provisioning.terms.found import CopyPlan
from coffre.records.facts.backups import CopyFault
from coffre.secrets.rotations import OWNER

THERE = "aws-paris"
AT = datetime(2026, 11, 24, tzinfo=UTC)
BUCKET = ResourceChange("create", "Bucket", "martin-compta-01-80", (PropertyChange("days", "14", "30"),), "aa")
Shown = pytest.CaptureFixture[str]


def plan_with(copied: CopyPlan | None) -> TenantPlan:
    return TenantPlan("martin", (), (), (), {}, second_copy=copied)


def test_a_plan_lists_the_changes_of_the_copy_under_its_platform(capsys: Shown) -> None:
    plan = plan_with(CopyPlan(THERE, (BUCKET,), needs_key=True))
    show_plan(plan)
    assert capsys.readouterr().out.splitlines() == [
        "martin:",
        "  second copy on aws-paris:",
        "    a key of its own to create",
        "    + Bucket martin-compta-01-80",
        "        days: 14 → 30",
    ]
    assert plan.is_needed
    output.result_json([asdict(plan)])
    [shown] = json.loads(capsys.readouterr().out)
    assert (shown["second_copy"]["platform"], shown["second_copy"]["needs_key"]) == (THERE, True)


def test_a_copy_that_is_not_compared_is_told_and_is_no_change(capsys: Shown) -> None:
    plan = plan_with(CopyPlan(THERE, unseen="no answer"))
    show_plan(plan)
    assert capsys.readouterr().out.splitlines()[1:] == ["  ! second copy on aws-paris: not compared: no answer"]
    assert not plan.is_needed


@pytest.mark.parametrize("copied", [None, CopyPlan(THERE)])
def test_nothing_to_change_there_is_nothing_to_say(capsys: Shown, copied: CopyPlan | None) -> None:
    plan = plan_with(copied)
    show_plan(plan)
    assert (capsys.readouterr().out, plan.is_needed) == ("martin: nothing to change\n", False)


def outcome_with(copied: CopySettled | None) -> TenantOutcome:
    open_gate: Any = SimpleNamespace(is_closed=False, filling=SimpleNamespace(stopped=(), is_wall_reached=False))
    return TenantOutcome("martin", (), (), AT, False, open_gate, second_copy=copied)


@pytest.mark.parametrize(
    ("copied", "said", "is_complete"),
    [
        (CopySettled(THERE), ["  second copy on aws-paris: no change"], True),
        (CopySettled(THERE, (BUCKET,)), ["  second copy on aws-paris: 1 created"], True),
        (
            CopySettled(THERE, problem="no answer. Try again."),
            ["  second copy on aws-paris: NOT settled: no answer. Try again."],
            False,
        ),
        (
            CopySettled(THERE, (), (KeyOutcome(OWNER.secret, None, True, True, platform=THERE),)),
            [
                "  second copy on aws-paris: no change",
                "  the owner's key on aws-paris: replaced; the platform refuses the old key",
            ],
            True,
        ),
        (None, [], True),
    ],
)
def test_an_apply_says_how_its_copy_ended(
    capsys: Shown, copied: CopySettled | None, said: list[str], is_complete: bool
) -> None:
    outcome = outcome_with(copied)
    _show_outcome(outcome)
    assert capsys.readouterr().out.splitlines() == ["martin: storage: no change", *said]
    assert outcome.is_complete is is_complete


def done(**changes: Any) -> MachineCopy:
    fields = {
        "listed_at": AT,
        "snapshots": ("a", "b"),
        "copied_objects": 12,
        "copied_bytes": 3 << 20,
        "faults": {},
        "fault_count": 0,
        "is_complete": True,
    }
    return MachineCopy("compta-01", THERE, RepositoryCopy(**{**fields, **changes}))


def test_a_run_says_what_it_copied(capsys: Shown) -> None:
    _show("compta-01", done())
    assert capsys.readouterr().out == ("compta-01: snapshots on aws-paris: 2; objects copied now: 12 (3 MiB)\n")


def test_a_run_names_what_it_left_out_and_whether_it_is_complete(capsys: Shown) -> None:
    _show("compta-01", done(is_complete=False, fault_count=3, faults={"restic/data/ab/x": CopyFault.ALTERED}))
    said = " ".join(capsys.readouterr().out.split())
    assert "NOT complete: the bucket has more snapshots than one run copies" in said
    assert "restic/data/ab/x is left out: it does not match the hash in its name" in said
    assert "and 2 objects more" in said
    assert "snapshots that need such an object cannot be restored from the copy" in said


@pytest.mark.parametrize("fault", list(CopyFault))
def test_every_fault_of_an_object_has_its_words(fault: CopyFault) -> None:
    assert describe_copy_fault(fault.value) != fault.value


def test_a_rehearsal_tells_the_copy_from_the_original(capsys: Shown) -> None:
    own = MachineFound("compta-01", "linux", False, True, AT, "martin-compta-01-77", BucketCount(objects=3))
    copied = MachineFound("compta-01", "linux", False, False, None, "martin-compta-01-80", BucketCount(), THERE)
    show_machines([own, copied])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[-2:]] == ["compta-01", "compta-01"]
    assert "(copy on aws-paris)" not in lines[-2]
    assert "(copy on aws-paris)" in lines[-1]


def test_an_erased_copy_is_said_apart_from_its_original() -> None:
    erased = BucketErased("compta-01", "b", BucketCount(objects=3), BucketCount(), True, copied_to=THERE)
    assert describe_erased(erased).startswith("compta-01, second copy on aws-paris: 3 objects, ")
