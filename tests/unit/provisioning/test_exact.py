"""What makes a saved plan another one."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest

from coffre.errors import InvalidFileError, RefusedError
from coffre.observation.retired import RetiredStatus
from coffre.provisioning.changes import PropertyChange, ResourceChange, refuse_other_changes
from coffre.provisioning.exact import ExactPlan, list_differences, load_plans, refuse_unless_same, save_plans
from coffre.provisioning.plan import TenantPlan
from coffre.provisioning.terms.differences import (
    ConnectionDifference,
    Difference,
    DifferenceKind,
    OrdersFieldDifference,
    StateDifference,
    UndeliveredDifference,
)
from coffre.provisioning.terms.found import GATE_MOVES, AccessSwitch, Change, ChangeKind, MachinePlan
from coffre.provisioning.terms.notes import (
    UNBINDING,
    CostsNote,
    HoldNote,
    LicenceNote,
    MachineNote,
    NoPricesNote,
    Note,
    NoteKind,
    OvershootNote,
    RepositoryGoneNote,
    RetiredNote,
    TenantNote,
)
from coffre.records.facts.contract import HoldInFile
from coffre.secrets.rotations import OWNER, PendingRotation, machine_key
from coffre.spec.machine import MachineKind
from coffre.spec.tenant import HoldKind

WALL = ResourceChange("update", "UserQuota", "wall", (PropertyChange("max_bytes", "1", "2"),), "aa")
KEY = ResourceChange("create", "AccessKey", "owner-key", (), "bb")
MADE_BEFORE = Path(__file__).parents[2] / "cases" / "plans"
COSTS = CostsNote(
    "eu-west-3",
    date(2026, 9, 28),
    month=Decimal("118.17"),
    storage_month=Decimal("24.58"),
    requests_month=Decimal("0.12"),
    verification_month=Decimal("93.47"),
    restore=Decimal("92.19"),
    present_bytes=130 << 30,
    present_month=Decimal("3.12"),
)
NOTES: tuple[Note, ...] = (
    HoldNote(HoldInFile("TJ-1", date(2026, 11, 20), HoldKind.PRESERVE)),
    TenantNote(NoteKind.LEAVING),
    TenantNote(NoteKind.SUSPENDED),
    TenantNote(NoteKind.BUCKETS_UNREAD),
    OvershootNote(40, 2**30),
    RetiredNote("vieux-pc", RetiredStatus(date(2026, 11, 20), date(2027, 3, 31), False, False)),
    MachineNote(NoteKind.RETIRED_AHEAD, "vieux-pc"),
    MachineNote(NoteKind.AGENT_STANDS, "vieux-pc"),
    MachineNote(NoteKind.FORMER_AGENT, "caisse-01"),
    MachineNote(NoteKind.RETENTION_FROZEN, "compta-01"),
    LicenceNote("compta-01", "Acronis", MachineKind.SERVER),
    RepositoryGoneNote("compta-01", 12),
)
DIFFERENCES: tuple[Difference, ...] = (
    OrdersFieldDifference("plan.paths"),
    UndeliveredDifference(7),
    ConnectionDifference("ssh root@old.example:22", "ssh root@new.example:22"),
    StateDifference(DifferenceKind.ORDERS_UNTRUSTED),
    StateDifference(DifferenceKind.ORDERS_LOST),
    StateDifference(DifferenceKind.AGENT_PROGRAM),
    StateDifference(DifferenceKind.PLAN),
    StateDifference(DifferenceKind.RETIRED),
    StateDifference(DifferenceKind.FORMER_AGENT),
    StateDifference(DifferenceKind.ARRIVING_AGENT),
    StateDifference(DifferenceKind.ENROLMENT_NEEDED),
    StateDifference(DifferenceKind.ENROLMENT_BEGUN),
)
PLAN = ExactPlan(
    TenantPlan("martin", (), (WALL, KEY), (MachinePlan("compta-01", "update", DIFFERENCES, "cc"),), {}),
    "0123",
    "f1",
    "f2",
    {"martin": "e1"},
)


def with_storage(*changes: ResourceChange) -> ExactPlan:
    return replace(PLAN, plan=replace(PLAN.plan, storage=changes))


def test_an_enrolment_that_goes_on_spoils_no_plan() -> None:
    """A machine is invited, or answers, between the review and the merge."""

    def plan(kind: Literal[DifferenceKind.ENROLMENT_NEEDED, DifferenceKind.ENROLMENT_BEGUN]) -> ExactPlan:
        waiting = MachinePlan("compta-01", "install", (StateDifference(kind),), "cc")
        return replace(PLAN, plan=replace(PLAN.plan, machines=(waiting,)))

    needed, begun = plan(DifferenceKind.ENROLMENT_NEEDED), plan(DifferenceKind.ENROLMENT_BEGUN)
    assert list_differences(needed, begun) == []
    assert list_differences(needed, PLAN) == ["agent on compta-01"]


def test_the_same_plan_has_no_difference() -> None:
    assert list_differences(PLAN, PLAN) == []
    refuse_unless_same(PLAN, PLAN)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (replace(PLAN, commit="4567"), "the commit"),
        (replace(PLAN, tenant_file_sha256="x"), "the tenant file"),
        (replace(PLAN, platform_file_sha256="x"), "platform.yaml"),
        (replace(PLAN, stacks={"martin": "e2"}), "the state of stack martin"),
        (replace(PLAN, stacks={"martin": None}), "the state of stack martin"),
        (replace(PLAN, stacks={**PLAN.stacks, "martin_copy": None, "other": "e3"}), "the state of stack other"),
        (with_storage(KEY), "UserQuota wall"),
        (with_storage(WALL, KEY, replace(WALL, name="other")), "UserQuota other"),
        (with_storage(replace(WALL, operation="replace"), KEY), "UserQuota wall"),
        (with_storage(replace(WALL, inputs_sha256="x"), KEY), "UserQuota wall"),
        (replace(PLAN, plan=replace(PLAN.plan, machines=())), "agent on compta-01"),
        (
            replace(PLAN, plan=replace(PLAN.plan, machines=(replace(PLAN.plan.machines[0], inputs_sha256="x"),))),
            "agent on compta-01",
        ),
        (
            replace(PLAN, plan=replace(PLAN.plan, machines=(replace(PLAN.plan.machines[0], differences=()),))),
            "agent on compta-01",
        ),
        (replace(PLAN, plan=replace(PLAN.plan, secrets_to_mint=("compta-01",))), "secrets to create"),
    ],
)
def test_each_difference_is_named_and_refused(other: ExactPlan, said: str) -> None:
    with pytest.raises(RefusedError) as refused:
        refuse_unless_same(PLAN, other)
    assert said in refused.value.message


def test_a_key_minted_since_the_plan_is_no_difference_but_another_operation_is() -> None:
    minted = replace(KEY, inputs_sha256="minted")
    refuse_other_changes("martin", [WALL, KEY], [WALL, minted])
    with pytest.raises(RefusedError):
        refuse_other_changes("martin", [WALL, KEY], [WALL, replace(KEY, operation="delete")])


def test_plans_come_back_as_they_were_saved_for_their_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.plan"
    save_plans(path, [PLAN])
    assert {each.kind for each in DIFFERENCES} == set(DifferenceKind)
    assert load_plans(path) == (PLAN,)
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "[]", '{"version": 1, "tenants": []}', '{"version": 4, "tenants": [{}]}'])
def test_rubbish_is_no_plan(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.plan").write_text(text)
    with pytest.raises(InvalidFileError):
        load_plans(tmp_path / "a.plan")


@pytest.mark.parametrize(
    "name", ["version-2.json", "version-2-with-states.json", "version-3.json", "version-4-without-given-keys.json"]
)
def test_a_plan_of_an_earlier_version_is_refused_with_what_to_do(name: str) -> None:
    with pytest.raises(InvalidFileError) as refused:
        load_plans(MADE_BEFORE / name)
    assert refused.value.message == f"{MADE_BEFORE / name} is not a plan of this version of Coffre"
    assert refused.value.hint == "Make it with `coffre plan --out`."


def test_a_gate_that_opens_or_closes_meanwhile_is_no_difference_and_every_other_step_is() -> None:
    def with_steps(*kinds: ChangeKind) -> ExactPlan:
        return replace(PLAN, plan=replace(PLAN.plan, steps=tuple(Change(kind, ("compta-01",)) for kind in kinds)))

    for kind in ChangeKind:
        expected = [] if kind in GATE_MOVES else ["other changes"]
        assert list_differences(with_steps(kind), with_steps()) == expected
        assert list_differences(with_steps(), with_steps(kind)) == expected


def test_what_is_measured_is_no_difference_but_no_plan_without_the_buckets_is_exact() -> None:
    planned, now = (replace(PLAN, plan=replace(PLAN.plan, notes=(OvershootNote(n, n),))) for n in (40, 5))
    refuse_unless_same(planned, now)
    unread = replace(PLAN, plan=replace(PLAN.plan, notes=(TenantNote(NoteKind.BUCKETS_UNREAD),)))
    with pytest.raises(RefusedError, match="no plan is exact while the owner's key opens no bucket"):
        refuse_unless_same(unread, unread)


def with_states(changes: tuple[AccessSwitch, ...], notes: tuple[Note, ...]) -> ExactPlan:
    return replace(PLAN, plan=replace(PLAN.plan, access=changes, notes=notes))


def test_a_plan_with_states_reads_back_the_same_and_another_state_is_a_difference(tmp_path: Path) -> None:
    shut_out = AccessSwitch(("compta-01",), "suspended")
    planned = with_states((shut_out,), NOTES)
    assert {note.kind for note in NOTES} | UNBINDING == set(NoteKind)
    save_plans(tmp_path / "plan.json", [planned])
    assert load_plans(tmp_path / "plan.json") == (planned,)
    assert list_differences(planned, planned) == []
    for other in (
        with_states((), NOTES),
        with_states((replace(shut_out, reason="hold"),), NOTES),
        with_states((AccessSwitch(("compta-01",), None),), NOTES),
    ):
        assert list_differences(planned, other) == ["access"]
    for other in (
        with_states((shut_out,), NOTES[1:]),
        with_states((shut_out,), (*NOTES[:-1], RepositoryGoneNote("compta-01", 13))),
    ):
        assert list_differences(planned, other) == ["notes on the current state"]


def test_costs_are_saved_and_make_no_plan_out_of_date(tmp_path: Path) -> None:
    """What is stored changes with every backup; and a file of a version without costs stays good."""
    path = tmp_path / "plan.json"
    planned = with_states((), (*NOTES, COSTS, NoPricesNote("eu-north-1")))
    save_plans(path, [planned])
    assert load_plans(path) == (planned,)
    for other in (NOTES, (*NOTES, replace(COSTS, present_bytes=1, present_month=Decimal("0.01")))):
        assert list_differences(planned, with_states((), other)) == []


def test_a_note_of_an_unknown_kind_is_no_plan(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    save_plans(path, [with_states((), (TenantNote(NoteKind.LEAVING),))])
    path.write_text(path.read_text().replace('"leaving"', '"unheard-of"'))
    with pytest.raises(InvalidFileError):
        load_plans(path)


def test_a_plan_with_rotations_reads_back_the_same_and_another_key_is_a_difference(tmp_path: Path) -> None:
    compta = machine_key("compta-01")
    rotations = (PendingRotation(OWNER.secret, None, is_cut=False), PendingRotation(compta.secret, "compta-01", True))
    rotating = replace(PLAN, plan=replace(PLAN.plan, rotations=rotations))
    save_plans(tmp_path / "plan.json", [rotating])
    assert load_plans(tmp_path / "plan.json") == (rotating,)
    assert list_differences(rotating, rotating) == []
    assert list_differences(rotating, replace(PLAN, plan=replace(PLAN.plan, rotations=rotations[:1]))) == ["rotations"]
