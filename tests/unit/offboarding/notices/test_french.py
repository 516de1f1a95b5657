"""What customers read in French: nothing lacks its words, and dates and amounts read as they are written in France."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import StrEnum

import pytest

from coffre.correspondence import french, names
from coffre.offboarding.lifecycle.calendar import Milestone, Source, plan_calendar
from coffre.offboarding.lifecycle.evidence import AgentOutcome
from coffre.offboarding.notices import words
from coffre.records.facts.departure import Attested
from coffre.spec.leaving import Choice, Leaving, ReturnFormat
from coffre.spec.machine import MachineKind
from coffre.spec.plan import OperatingSystem
from coffre.spec.platform import Offboarding
from coffre.tenant.departure import Stage


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Milestone, words.MILESTONES),
        (Source, words.SOURCES),
        (Stage, words.STAGES),
        (Choice, words.CHOICES),
        (ReturnFormat, words.FORMATS),
        (AgentOutcome, words.OUTCOMES),
        (Attested, words.ATTESTED),
        (OperatingSystem, names.SYSTEMS),
        (MachineKind, names.KINDS),
    ],
)
def test_everything_has_its_french_words(kind: type[StrEnum], words: Mapping[StrEnum, str]) -> None:
    assert set(words) == set(kind)
    assert all(words.values())


def test_dates_and_amounts_are_written_as_in_france() -> None:
    assert french.format_day(date(2027, 3, 1)) == "1er\u00a0mars\u00a02027"
    assert french.format_day(date(2026, 12, 31)) == "31\u00a0décembre\u00a02026"
    winter = datetime(2027, 3, 2, 23, 5, tzinfo=UTC)
    assert french.format_moment(winter, "Europe/Paris") == "3\u00a0mars\u00a02027 à 0\u00a0h\u00a005"
    assert french.format_count(1234567) == "1\u00a0234\u00a0567"
    assert french.format_siren("987000114") == "987\u00a0000\u00a0114"
    assert french.count(1, "machine", "machines") == "1\u00a0machine"
    assert french.count(0, "machine", "machines") == "0\u00a0machine"
    assert french.count(2, "machine", "machines") == "2\u00a0machines"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 octet"),
        (1, "1 octet"),
        (1023, "1 023 octets"),
        (1536, "1,50 Kio (1 536 octets)"),
        (5 << 30, "5,00 Gio (5 368 709 120 octets)"),
    ],
)
def test_sizes_are_rounded_and_exact_at_once(count: int, text: str) -> None:
    assert french.format_size(count).replace("\u00a0", " ") == text


def test_a_line_does_not_end_before_a_colon() -> None:
    assert french.typeset("Objet : « Sauvegarde » ; fin") == "Objet\u00a0: «\u00a0Sauvegarde\u00a0»\u00a0; fin"


def test_the_calendar_reads_as_lines_each_with_its_source() -> None:
    leaving = Leaving.model_validate(
        {
            "notice_on": date(2027, 1, 4),
            "ends_on": date(2027, 2, 28),
            "requested_by": "Claire Martin",
            "approved_by": "paul@smileo.example",
            "choice": "erase",
        }
    )
    lines = words.describe_calendar(plan_calendar(leaving, Offboarding()))
    assert len(lines) == 2 * len(Milestone)
    assert lines[0].strip() == "4\u00a0janvier\u00a02027  Réception de la demande de résiliation"
    assert lines[1].strip() == "(Courrier du client)"
