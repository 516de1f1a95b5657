"""How long restores and first backups take, in words: what is unknown is said once, with what to declare."""

import pytest

from coffre.cli.words.lines import describe_restore, describe_uploads, format_duration
from coffre.cli.words.supervision.french_lines import say_restore
from coffre.observation.judge.uplink import DoubtedRate, FirstBackup, RateSource, Uploads
from coffre.supervision.judge.restoring.restore_time import RestoreTime, Unknown
from coffre.supervision.lines import Line, MachineRestore

GIB = 2**30
RATE = 20 * 10**6


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (119.5, "2 min"),
        (3599, "1 h 0 min"),
        (5400, "1 h 30 min"),
        (86_400, "1 d 0 h"),
        (93_000, "1 d 2 h"),
    ],
)
def test_a_duration_is_rounded_up(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words


def test_first_backups_are_said_one_by_one_and_together() -> None:
    first = (
        FirstBackup("compta-01", 200 * GIB, RATE, RateSource.DECLARED, 85_900.0),
        FirstBackup("poste-01", 20 * GIB, RATE, RateSource.MEASURED, 8590.0),
    )
    assert list(describe_uploads(Uploads(first, 94_490.0, (DoubtedRate(None, 90 * 10**6, RATE),)))) == [
        "first backup of compta-01: about 200 GiB over 20 Mbit/s, as declared: 23 h 52 min of upload without pause",
        "first backup of poste-01: about 20 GiB over 20 Mbit/s, as measured: 2 h 24 min of upload without pause",
        "first backups that share the line: 1 d 3 h together",
        "the line is declared with 90 Mbit/s, but its backups reach 20 Mbit/s",
    ]


@pytest.mark.parametrize(
    ("volume", "rate", "lacking"),
    [
        (None, None, "`line: {upload: 20 Mbit/s}` and `volume: 200 GiB` of each machine"),
        (GIB, None, "`line: {upload: 20 Mbit/s}`"),
        (None, RATE, "`volume: 200 GiB` of each machine"),
    ],
)
def test_what_is_unknown_is_said_once_with_what_to_declare(volume: int | None, rate: int | None, lacking: str) -> None:
    first = tuple(FirstBackup(name, volume, rate, None, None) for name in ("compta-01", "poste-01"))
    assert list(describe_uploads(Uploads(first))) == [
        f"first backup of compta-01, poste-01: unknown how long; declare {lacking} (article 6)"
    ]
    assert list(describe_uploads(Uploads())) == []


def test_a_restore_is_said_with_its_spread_or_with_why_it_is_unknown() -> None:
    known = RestoreTime(12 * GIB, 23, GIB, 1080.0, 1500.0)
    here = Line("lab")
    assert describe_restore(MachineRestore("compta-01", here, known, is_of_all=True)) == (
        "compta-01: 12 GiB to this computer: about 18 min, in nine of ten cases at most 25 min "
        "(23 timed, of all tenants on the platform)"
    )
    assert "onto compta-01: about" in describe_restore(MachineRestore("compta-01", Line("lab", "compta-01"), known))
    french = say_restore(MachineRestore("compta-01", here, known)).replace("\u00a0", " ")
    assert french == "compta-01 : 12,00 Gio, au plus 25 min neuf fois sur dix"
    for why in Unknown:
        unknown = MachineRestore("compta-01", here, RestoreTime(None, 3, GIB, unknown=why))
        assert ": unknown: " in describe_restore(unknown)
        assert "inconnue" in say_restore(unknown)
