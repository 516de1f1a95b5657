"""Which machine a report is of: reboots and renames change nothing, a copy of the disk counts for nothing."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from coffre.agents.identity import MachineIdentity
from coffre.agents.report import Report
from coffre.findings import FindingKind
from coffre.observation.judge import identity
from coffre.observation.judge.continuity import BucketRead, ListedRepository, learn
from coffre.observation.report_shelf import Reported
from coffre.records.memory import Memory
from tests.unit.agents.test_report import REPORT

DAY0 = datetime(2026, 11, 2, tzinfo=UTC)
NUMBERS = itertools.count(1)


def mark(text: str) -> str:
    return "".join(f"{ord(each):02x}" for each in text).ljust(32, "0")[:32] if text else ""


def said(at: float, boot: str, booted: float | None, *, disk: str = "d", board: str = "h", **changes: Any) -> Report:
    """Return a report of a run that ended ``at`` days after the beginning, on a machine that booted then."""
    moment = DAY0 + timedelta(days=at)
    found = MachineIdentity(
        machine_id=mark(disk),
        hardware_id=mark(board),
        boot_id=mark(boot),
        booted_at=None if booted is None else DAY0 + timedelta(days=booted),
        host_name=changes.pop("host", "compta-01"),
    )
    values = {
        **REPORT,
        "run_id": f"{next(NUMBERS):032x}",
        "started_at": moment - timedelta(minutes=1),
        "finished_at": moment,
        "clock_offset_seconds": 0.0,
        "number": int(at * 10) + 1,
        "identity": found,
        **changes,
    }
    return Report.model_validate(values)


def verdicts(reports: list[Report], memory: Memory | None = None) -> str:
    """Return, in the reports' order, + for one that counts and - for another machine's."""
    known = identity.learn(memory or Memory(), reports)
    return "".join("+" if identity.is_own(known, report) else "-" for report in reports)


FIRST = (1, "a", 0)

CASES = {
    "the same again": ([said(1, "a", 0), said(2, "a", 0)], "++"),
    "a reboot": ([said(1, "a", 0), said(2, "b", 1.5), said(3, "b", 1.5)], "+++"),
    "a reboot right after a run": ([said(1, "a", 0), said(2, "b", 1.0005)], "++"),
    "many reboots": ([said(day, f"b{day}", day - 0.5) for day in range(1, 9)], "++++++++"),
    "a rename": ([said(1, "a", 0), said(2, "a", 0, host="accueil"), said(3, "b", 2.5, host="x")], "+++"),
    "a new mainboard": ([said(1, "a", 0), said(2, "b", 1.5, board="other")], "+-"),
    "another installation": ([said(1, "a", 0), said(2, "b", 1.5, disk="other")], "+-"),
    "its files on another machine": ([said(1, "a", 0), said(2, "b", -9, disk="o", board="o"), said(3, "a", 0)], "+-+"),
    "a copied disk on other hardware": ([said(1, "a", 0), said(2, "b", 1.5, board="o"), said(3, "a", 0)], "+-+"),
    "a copy that ran before the machine did again": (
        [said(1, "a", 0), said(2, "b", 0.5, board=""), said(3, "a", 0)],
        "+-+",
    ),
    "a copy that shares all but its start": ([said(1, "a", 0), said(2, "b", 1.5), said(3, "a", 0)], "+-+"),
    "the same, and both go on": ([said(at, "ab"[at % 2], [0, 1.5][at % 2], number=at) for at in (2, 3, 4, 5)], "+-+-"),
    "a copy, and the machine reboots": (
        [said(1, "a", 0), said(2, "b", 0.5), said(3, "c", 2.5), said(4, "b", 0.5), said(5, "c", 2.5)],
        "+-+-+",
    ),
    "a container, where hardware is not known": ([said(1, "a", 0, board=""), said(2, "b", 1.5, board="")], "++"),
    "a container's files in another one": (
        [said(1, "a", 0, board=""), said(2, "b", 0.5, board="", disk="o"), said(3, "a", 0, board="")],
        "+-+",
    ),
    "a system without a number of its starts": ([said(1, "", 0), said(2, "", 1.5), said(3, "", 0)], "+++"),
    "nothing known but starts": (
        [said(1, "a", 0, disk="", board=""), said(2, "b", 1.5, disk="", board=""), said(3, "a", 0, disk="", board="")],
        "+-+",
    ),
    "hardware that only some of its runs may see": (
        [said(1, "a", 0), said(2, "a", 0, board=""), said(3, "a", 0), said(4, "a", 0, board="")],
        "++++",
    ),
    "hardware that is not known for once": ([said(1, "a", 0), said(2, "b", 1.5, board=""), said(3, "c", 2.5)], "+++"),
    "a run that reached nobody, its clock a year off": (
        [said(1, "a", 0), said(400, "b", 399.5, clock_offset_seconds=None), said(3, "c", 2.5)],
        "+++",
    ),
    "a clock that was a day off, and was set": (
        [said(2, "a", 1, clock_offset_seconds=86_000.0), said(2.2, "b", 1.5)],
        "++",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_only_the_machine_itself_counts(name: str) -> None:
    reports, expected = CASES[name]
    assert verdicts(reports) == expected


@pytest.mark.parametrize("name", CASES)
def test_looks_in_any_portions_come_to_the_same(name: str) -> None:
    reports, expected = CASES[name]
    memory = Memory()
    for report in reports:
        memory = identity.learn(memory, [report])
        memory = identity.learn(memory, [report])  # a look that overtook another
    assert verdicts(reports, memory) == expected


def test_what_was_said_before_agents_could_tell_counts_and_later_silence_does_not() -> None:
    before = said(1, "", None, identity=None)
    after = said(3, "a", 0)
    silent = said(4, "", None, identity=None)
    assert verdicts([before]) == "+"
    assert verdicts([before, after, silent]) == "++-"
    (finding,) = identity.judge("compta-01", identity.learn(Memory(), [before, after, silent]))
    assert finding.evidence["differs"] == "silence"


def others(memory: Memory) -> list[str]:
    found = identity.judge("compta-01", memory)
    assert {each.kind for each in found} <= {FindingKind.OTHER_MACHINE}
    return [f"{each.evidence['host_name']}: {each.evidence['differs']}" for each in found]


def test_another_machine_is_named_once_with_what_differs_until_it_is_let_go_and_speaks_again() -> None:
    clones = [said(2, "b", 1.5, board="o", host="copie"), said(3, "c", 2.5, board="o", host="copie")]
    memory = identity.learn(Memory(), [said(1, "a", 0), *clones])
    assert others(memory) == ["copie: hardware"]
    known = identity.let_go(memory)
    assert others(known) == []
    again = said(4, "c", 2.5, board="o", host="copie")
    assert not identity.is_own(known, again)
    assert others(identity.learn(known, [again])) == ["copie: hardware"]
    assert others(identity.learn(Memory(), [said(1, "a", 0), said(2, "b", 1.5), said(3, "a", 0)])) == [
        "compta-01: start"
    ]


def test_a_name_that_steers_terminals_is_kept_harmless() -> None:
    memory = identity.learn(Memory(), [said(1, "a", 0), said(2, "b", 1.5, board="o", host="x\x1b[2J\0")])
    assert others(memory) == ["x\\x1b[2J\\x00: hardware"]


def test_new_hardware_counts_by_smileos_word_with_what_it_saved_meanwhile_and_the_old_no_more() -> None:
    old = [said(1, "a", 0), said(2, "a", 0)]
    new = [said(3, "n", 2.5, board="new"), said(4, "m", 3.5, board="new")]
    memory = identity.learn(Memory(), [*old, *new])
    assert verdicts([*old, *new], memory) == "++--"
    memory = identity.give_away(memory, DAY0 + timedelta(days=4.1))
    # Until the deployment has seen it, nobody is the machine: a copy that speaks first must not become it.
    assert verdicts([*old, *new], memory) == "++--"
    waiting = identity.learn(memory, [said(4.15, "z", 4, disk="o", board="o")])
    assert waiting.accepted is None
    now = MachineIdentity(machine_id=mark("d"), hardware_id=mark("new"), boot_id=mark("m"), host_name="compta-01")
    memory = identity.accept(waiting, now, DAY0 + timedelta(days=4.2))
    back = said(6, "a", 0)
    later = said(5, "p", 4.5, board="new")
    assert verdicts([*old, *new, later, back], memory) == "+++++-"
    assert verdicts([said(4.15, "z", 4, disk="o", board="o")], memory) == "-"


def test_by_smileos_word_the_machine_at_its_address_counts_when_its_copy_was_taken_for_it() -> None:
    mine, copy = said(3, "mine", 1.2), said(2, "copy", 1.5)
    memory = identity.learn(Memory(), [said(1, "a", 0), copy, mine])
    assert verdicts([copy, mine], memory) == "+-"
    memory = identity.give_away(memory, DAY0 + timedelta(days=3.1))
    assert mine.identity is not None
    memory = identity.accept(memory, mine.identity, DAY0 + timedelta(days=3.2))
    assert verdicts([said(4, "mine", 1.2), said(4.1, "copy", 1.5)], memory) == "+-"


def test_the_newest_snapshot_on_record_is_the_machines_own_and_the_others_are_known_by_report_or_mark() -> None:
    ids = [f"{number:064x}" for number in range(5)]
    own, copy = said(1, "a", 0, snapshot_id=ids[1]), said(2, "b", 1.5, board="o", snapshot_id=ids[2])
    stored = ListedRepository(frozenset(ids), has_config=True, keys=1, packs=1, pack_bytes=1)
    memory = learn(Memory(), BucketRead(Reported((own,), (copy,)), stored, DAY0))
    assert memory.newest_reported is not None
    assert memory.newest_reported.snapshot_id == ids[1]
    mine, its = identity.tag_of(mark("d"), mark("h")), identity.tag_of(mark("d"), mark("o"))
    for snapshot_id, tags, expected in (
        (ids[1], ("coffre", its), False),
        (ids[2], ("coffre", mine), True),
        (ids[3], ("coffre", its), True),
        (ids[3], ("coffre", mine), False),
        (ids[3], ("coffre",), False),
        (ids[3], (), False),
    ):
        assert identity.is_others_snapshot(memory, snapshot_id, tags) is expected, (snapshot_id, tags)
    assert not identity.is_others_snapshot(Memory(), ids[3], ("coffre", its))


def test_a_machine_that_starts_without_end_is_kept_within_bounds_and_copies_are_kept_longest() -> None:
    memory = identity.learn(Memory(), [said(0.1, "a", 0), said(0.2, "z", 0.15, board="o")])
    many = [said(1 + day, f"b{day}", 0.5 + day) for day in range(identity.MAX_BOOTS + 50)]
    memory = identity.learn(memory, many)
    assert len(memory.boots) == identity.MAX_BOOTS
    assert others(memory) == ["compta-01: hardware"]
    assert verdicts(many[-3:], memory) == "+++"


def test_the_mark_is_the_one_that_agents_give() -> None:
    # As the agent's own test of it has it.
    assert identity.tag_of("m", "h") == "machine-" + "f486254828902a1a"
