"""How a plan shows a tenant's state: as lines for people, and as values for programs."""

import json
from dataclasses import asdict
from datetime import date
from decimal import Decimal

import pytest

from coffre.cli import output
from coffre.cli.words.plan import describe_difference, describe_note, describe_switch, say_plan, show_plan
from coffre.observation.retired import RetiredStatus
from coffre.provisioning.plan import TenantPlan
from coffre.provisioning.terms.differences import (
    ConnectionDifference,
    Difference,
    DifferenceKind,
    OrdersFieldDifference,
    StateDifference,
    UndeliveredDifference,
)
from coffre.provisioning.terms.found import OWNER, STACK, AccessSwitch, MachinePlan
from coffre.provisioning.terms.notes import (
    CostsNote,
    HoldNote,
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
from coffre.spec.tenant import HoldKind

HOLD = HoldNote(HoldInFile("TJ-1", date(2026, 11, 20), HoldKind.PRESERVE))
RETIRED = RetiredNote("vieux-pc", RetiredStatus(date(2026, 11, 20), date(2027, 3, 31), False, False))
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
SHUT_OUT = AccessSwitch(("compta-01", "caisse-01"), "suspended")


@pytest.mark.parametrize(
    ("switch", "words"),
    [
        (SHUT_OUT, "shut out of their repositories (suspended): compta-01, caisse-01"),
        (AccessSwitch(("compta-01",), None), "let in again: compta-01"),
    ],
)
def test_machines_that_are_shut_out_or_let_in_are_named(switch: AccessSwitch, words: str) -> None:
    assert describe_switch(switch) == words


@pytest.mark.parametrize(
    ("note", "words"),
    [
        (HOLD, "hold (TJ-1, since 2026-11-20, preserve): nothing expires, and nothing is deleted"),
        (
            HoldNote(HoldInFile(None, date(2026, 11, 20), HoldKind.PRESERVE, is_confidential=True)),
            "hold (confidential, see `coffre hold list`, since 2026-11-20, preserve): nothing expires, and nothing is "
            "deleted",
        ),
        (TenantNote(NoteKind.LEAVING), "leaving: `coffre offboard martin --plan` has the dates and what will go"),
        (
            TenantNote(NoteKind.SUSPENDED),
            "suspended: its machines neither back up nor restore, and agents are left as they are",
        ),
        (RETIRED, "vieux-pc: retired on 2026-11-20, its backups are kept until 2027-03-31"),
        (
            MachineNote(NoteKind.RETIRED_AHEAD, "vieux-pc"),
            "vieux-pc: that day is to come, but `retired:` counts as soon as it is applied",
        ),
        (
            MachineNote(NoteKind.AGENT_STANDS, "vieux-pc"),
            "vieux-pc: its agent still stands there, which each apply tries to remove",
        ),
        (
            COSTS,
            "costs: about 118.17 USD a month with a full quota (storage 24.58, requests 0.12, verification 93.47); "
            "storage of the present 130 GiB: 3.12 USD a month; a full restore: 92.19 USD (list prices for eu-west-3 of "
            "2026-09-28, without tax)",
        ),
        (NoPricesNote("eu-north-1"), "costs: Coffre has no prices for region eu-north-1"),
        (
            RepositoryGoneNote("compta-01", 12),
            "compta-01: its repository is gone, and it held 12 snapshots: apply refuses this machine",
        ),
        (
            TenantNote(NoteKind.BUCKETS_UNREAD),
            "the owner's access key opens no bucket: the platform no longer has it, or somebody suspended the owner. "
            "What the buckets have is not compared here, and `coffre apply` mends that first",
        ),
        (
            OvershootNote(40, 1000 * 2**20),
            "the platform has no wall: the gate is the only limit, and up to 1000 MiB may exceed the sold quota "
            "between two looks; while backups run, run `coffre gate` every 40 s",
        ),
    ],
)
def test_each_note_is_one_line(note: Note, words: str) -> None:
    assert describe_note(note, "martin") == words


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (OrdersFieldDifference("plan.paths"), "plan.paths"),
        (UndeliveredDifference(7), "orders 7 not delivered yet"),
        (ConnectionDifference("ssh a@b:22", "ssh a@c:22"), "connection ssh a@b:22 is now ssh a@c:22"),
        (
            StateDifference(DifferenceKind.ORDERS_UNTRUSTED),
            "orders signed by a foreign key, or an earlier version put back",
        ),
        (StateDifference(DifferenceKind.ORDERS_LOST), "orders lost"),
        (StateDifference(DifferenceKind.AGENT_PROGRAM), "agent program"),
        (StateDifference(DifferenceKind.RETIRED), "retired"),
        (
            StateDifference(DifferenceKind.ENROLMENT_NEEDED),
            "waits for enrolment: `coffre enrol martin m1 --output FOLDER`",
        ),
        (
            StateDifference(DifferenceKind.ENROLMENT_BEGUN),
            "waits for enrolment, which has begun: `coffre enrol martin m1` says how far it is",
        ),
    ],
)
def test_each_difference_of_an_agent_is_named(difference: Difference, words: str) -> None:
    assert describe_difference(difference, "martin m1") == words


def test_an_agent_s_differences_are_words_for_people_and_values_for_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    differences = (UndeliveredDifference(7), StateDifference(DifferenceKind.AGENT_PROGRAM))
    planned = TenantPlan("martin", (), (), (MachinePlan("compta-01", "update", differences),), {})
    show_plan(planned)
    assert capsys.readouterr().out.splitlines()[1] == (
        "  ~ agent on compta-01: orders 7 not delivered yet, agent program"
    )
    output.result_json([asdict(planned)])
    [shown] = json.loads(capsys.readouterr().out)
    assert shown["machines"][0]["differences"] == [
        {"generation": 7, "kind": "orders_undelivered"},
        {"kind": "agent_program"},
    ]


def test_switches_are_changes_and_notes_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(TenantPlan("martin", (), (), (), {}, access=(SHUT_OUT,), notes=(TenantNote(NoteKind.SUSPENDED),)))
    show_plan(TenantPlan("durand", (), (), (), {}, notes=(HOLD,)))
    assert capsys.readouterr().out.splitlines() == [
        "martin:",
        "  ~ shut out of their repositories (suspended): compta-01, caisse-01",
        "  ! suspended: its machines neither back up nor restore, and agents are left as they are",
        "durand: nothing to change",
        "  ! hold (TJ-1, since 2026-11-20, preserve): nothing expires, and nothing is deleted",
    ]


def test_json_has_costs_as_text_to_the_cent(capsys: pytest.CaptureFixture[str]) -> None:
    output.result_json(asdict(COSTS))
    shown = json.loads(capsys.readouterr().out)
    assert (shown["month"], shown["prices_of"], shown["kind"]) == ("118.17", "2026-09-28", "costs")


def test_json_has_switches_and_notes_as_values(capsys: pytest.CaptureFixture[str]) -> None:
    notes = (HOLD, TenantNote(NoteKind.LEAVING), RETIRED, RepositoryGoneNote("compta-01", 12))
    output.result_json({"changes": [asdict(SHUT_OUT)], "notes": [asdict(each) for each in notes]})
    assert json.loads(capsys.readouterr().out) == {
        "changes": [{"machines": ["compta-01", "caisse-01"], "reason": "suspended"}],
        "notes": [
            {
                "hold": {"reference": "TJ-1", "since": "2026-11-20", "kind": "preserve", "is_confidential": False},
                "not_kept_on": [],
                "kind": "hold",
            },
            {"kind": "leaving"},
            {
                "machine": "vieux-pc",
                "retired": {
                    "on": "2026-11-20",
                    "keep_until": "2027-03-31",
                    "may_be_erased": False,
                    "is_kept_by_hold": False,
                },
                "kind": "retired",
            },
            {"machine": "compta-01", "snapshots": 12, "kind": "repository_gone"},
        ],
    }


def test_a_tenant_without_any_key_is_told_what_is_created_for_it_instead() -> None:
    plan = TenantPlan("martin", (STACK,), (), (), {})
    assert list(say_plan(plan)) == [
        "to create: the passphrase of its stack, and its signing key; there are no access keys"
    ]
    plan = TenantPlan("martin", (OWNER, "compta-01"), (), (), {})
    assert list(say_plan(plan)) == ["keys and passwords to create for: owner, compta-01"]
