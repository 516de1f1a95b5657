"""Retired machines: whose keys go, what a removal came to, and what a plan says of it."""

from datetime import date

import pytest

from coffre.agents.driver import DeployResult
from coffre.cli.words.plan import describe_switch
from coffre.observation.retired import RetiredStatus
from coffre.provisioning.notes import note_retired
from coffre.provisioning.rules import refuse_lost_secrets, refuse_unsupported
from coffre.provisioning.steps.access import judge_switches
from coffre.provisioning.steps.commitments import Commitment, commitments, is_new
from coffre.provisioning.steps.retirement import forget_keys, judge_removal, list_with_keys
from coffre.provisioning.terms.done import MachineState
from coffre.provisioning.terms.found import AccessSwitch
from coffre.provisioning.terms.notes import MachineNote, NoteKind, RetiredNote
from coffre.records.events import Event, EventKind
from coffre.records.facts.contract import HoldChange, HoldInFile, SuspensionChange
from coffre.records.facts.registry import read_as
from coffre.secrets import minting, rotations
from coffre.secrets.bundles import ControlBundle
from coffre.secrets.copies import lost_entries
from coffre.spec.naming import bucket_name
from coffre.spec.tenant import HoldKind, Tenant
from coffre.storage.ceph.layout import tenant_storage
from coffre.storage.platform import TenantKeys
from coffre.storage.values import AccessKey
from coffre.tenant.holds import RecordedHold, under_recorded
from coffre.workspace.clock import utc_now
from tests.builders import machine_with, tenant_with

RETIRED = {"on": "2026-11-20", "keep_until": "2027-03-31"}
TENANT = tenant_with(machines={"compta-01": machine_with(), "vieux-pc": machine_with(retired=RETIRED)})
HOLD = {"reference": "TJ-1", "since": "2026-11-20", "kind": "preserve"}
KEPT = RetiredStatus(date(2026, 11, 20), date(2027, 3, 31), may_be_erased=False, is_kept_by_hold=False)
STATES = {SuspensionChange, HoldChange}


def bundle() -> ControlBundle:
    whole = ControlBundle(
        tenant_id=TENANT.id,
        owner_key=minting.new_access_key(),
        machine_keys={name: minting.new_access_key() for name in TENANT.machines},
        stack_passphrase=minting.new_passphrase(),
        signing_key=minting.new_signing_key(),
    )
    return rotations.start(whole, [rotations.machine_key(name) for name in TENANT.machines], now=True)


def test_only_the_keys_of_retired_machines_go_old_and_condemned_ones_included() -> None:
    control = bundle()
    assert list_with_keys(TENANT, control) == ["vieux-pc"]
    rest = forget_keys(control, ["vieux-pc"])
    assert list_with_keys(TENANT, rest) == []
    assert (set(rest.machine_keys), set(rest.old_machine_keys)) == ({"compta-01"}, {"compta-01"})
    assert rest.condemned == (rotations.machine_key("compta-01").old_secret,)
    gone = rotations.machine_key("vieux-pc")
    assert lost_entries(control, rest) == [gone.secret, gone.old_secret]
    assert list_with_keys(TENANT, None) == []


@pytest.mark.parametrize(
    ("ok", "changed", "unreachable", "has_agent", "state"),
    [
        (True, True, False, True, MachineState.REMOVED),
        (True, False, False, True, MachineState.RETIRED),
        (False, False, True, True, MachineState.RETIRED_UNREACHED),
        (False, False, True, False, MachineState.RETIRED),
        (False, False, False, True, MachineState.FAILED),
    ],
)
def test_a_retired_machine_that_does_not_answer_holds_up_no_apply(
    ok: bool, changed: bool, unreachable: bool, has_agent: bool, state: MachineState
) -> None:
    result = DeployResult("martin", "vieux-pc", ok, changed, unreachable, "" if ok else "vieux-pc: no route.")
    outcome = judge_removal("vieux-pc", result, has_agent=has_agent, retired=KEPT)
    assert outcome.state is state
    assert outcome.retired == (None if state is MachineState.FAILED else KEPT)
    says_why = state in (MachineState.FAILED, MachineState.RETIRED_UNREACHED)
    assert outcome.message == ("no route." if says_why else "")
    assert outcome.is_complete is (state is not MachineState.FAILED)


def test_a_retired_machine_has_a_bucket_and_neither_user_nor_key(lab_platform: object) -> None:
    key = AccessKey("A", "s")
    storage = tenant_storage(TENANT, lab_platform, TenantKeys(key, {"compta-01": key, "vieux-pc": None}))  # type: ignore[arg-type]
    machine = storage.machines[1]
    assert (machine.name, machine.uid, machine.key) == ("vieux-pc", None, None)
    assert machine.bucket == bucket_name(TENANT.slug, TENANT.id, "vieux-pc")


@pytest.fixture
def lab_platform() -> object:
    from pathlib import Path

    from coffre.spec.loader import load_checkout

    return load_checkout(Path(__file__).resolve().parents[4]).settings.platforms["lab"]


def test_retired_and_suspended_are_carried_out_and_the_ends_of_a_life_are_not() -> None:
    refuse_unsupported(TENANT)
    refuse_unsupported(tenant_with(status="suspended"))
    refuse_lost_secrets(TENANT, [bucket_name(TENANT.slug, TENANT.id, "vieux-pc")], ["compta-01"])


def test_a_plan_says_what_is_kept_and_that_a_date_to_come_counts_already() -> None:
    kept = RetiredNote("vieux-pc", KEPT)
    assert note_retired(TENANT, date(2026, 11, 20)) == (kept,)
    assert note_retired(TENANT, date(2026, 11, 19)) == (kept, MachineNote(NoteKind.RETIRED_AHEAD, "vieux-pc"))


def test_a_plan_names_the_machines_that_would_be_shut_out_or_let_in() -> None:
    suspended = tenant_with(status="suspended")
    shut_out, let_in = AccessSwitch(("b",), "suspended"), AccessSwitch(("a",))
    assert judge_switches(suspended, {"a": True, "b": False}) == (shut_out,)
    assert judge_switches(suspended, {"a": True}) == ()
    assert judge_switches(TENANT, {"a": True, "b": False}) == (let_in,)
    assert judge_switches(TENANT, {"a": False}) == ()
    assert describe_switch(shut_out) == "shut out of their repositories (suspended): b"
    assert describe_switch(let_in) == "let in again: a"


def test_suspension_and_hold_are_recorded_when_they_begin_and_when_they_end() -> None:
    def new_kinds(tenant: Tenant, last: dict[type, Commitment]) -> set[type]:
        return {type(each) for each in commitments(tenant) if is_new(each, last.get(type(each)))} & STATES

    assert new_kinds(TENANT, {}) == set()
    held = tenant_with(status="suspended", hold=HOLD)
    assert new_kinds(held, {}) == STATES
    in_file = HoldInFile(HOLD["reference"], date.fromisoformat(HOLD["since"]), HoldKind(HOLD["kind"]))
    recorded: dict[type, Commitment] = {
        SuspensionChange: SuspensionChange(is_suspended=True, amendments=("AV-1",)),
        HoldChange: HoldChange(in_file),
    }
    assert new_kinds(held, recorded) == set()
    assert new_kinds(TENANT, recorded) == STATES


def test_a_confidential_hold_that_an_earlier_version_recorded_is_not_recorded_again() -> None:
    held = under_recorded(TENANT, [RecordedHold("SECRET", date(2027, 1, 5), HoldKind.PRESERVE, "anna")])
    before = {"reference": "confidential, see `coffre hold list`", "since": "2027-01-05", "kind": "preserve"}
    event = Event("k7", "martin", EventKind.HOLD_CHANGE, utc_now(), "claire", details={"hold": before})
    last = read_as(event, HoldChange)
    (change,) = [each for each in commitments(held) if isinstance(each, HoldChange)]
    assert not is_new(change, last)
    assert is_new(change, HoldChange(None))
