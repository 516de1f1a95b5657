"""A round of probes: each platform by itself, what could not be probed is unknown, and the records may be away."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from coffre.errors import ExpectedError, RemoteError
from coffre.records.database.availability import AvailabilityStore
from coffre.records.database.store import Records
from coffre.records.probes import CANNOT_LOOK, CLOSE, KEPT, ProbeSpan, one_probe
from coffre.spec.storage_platform import Platform
from coffre.storage.probing import Probe, ProbeFault, ProbeResult, ProbeStep
from coffre.supervision.availability.prober import MOST_WAITING, Prober
from tests.builders import PLATFORM
from tests.doubles.workshop import Workshop, open_workshop

NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DOWN = (ProbeStep.WRITE, ProbeFault.UNREACHABLE)


@dataclass
class Scripted:
    """A probe that gives the next of the results it was given: a failure, None for up, or an error."""

    results: list[tuple[ProbeStep, ProbeFault] | Exception | None]

    def run(self, at: datetime) -> ProbeResult:
        result = self.results.pop(0) if self.results else None
        if isinstance(result, Exception):
            raise result
        return ProbeResult(at, 20, result)


@dataclass
class Round:
    """A prober over a tenant that was applied, whose clock the tests set."""

    prober: Prober
    records: Records
    opened: list[Platform]
    problems: list[tuple[str, Exception]]
    probe: Probe | None = field(default_factory=lambda: Scripted([]))
    now: datetime = NOON

    def spans(self) -> Sequence[ProbeSpan]:
        return self.records.availability.list_spans(NOON - timedelta(days=1))


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return open_workshop(tmp_path, monkeypatch)


@pytest.fixture
def rounds(workshop: Workshop) -> Iterator[Round]:
    workshop.apply()
    opened: list[Platform] = []
    problems: list[tuple[str, Exception]] = []

    def open_probe(platform: Platform, _root: Path) -> Probe | None:
        opened.append(platform)
        return made.probe

    with Records.open(PLATFORM["records"], workshop.root) as records:
        prober = Prober(
            workshop.root, records, lambda name, problem: problems.append((name, problem)), lambda: made.now, open_probe
        )
        made = Round(prober, records, opened, problems)
        yield made


def test_the_platforms_of_the_newest_apply_are_probed_and_the_result_is_kept(rounds: Round) -> None:
    rounds.probe = Scripted([None, DOWN, DOWN])
    for _ in range(3):
        result = rounds.prober.run()
        rounds.now += MINUTE
        assert (list(result.results), result.unprobed, result.waiting) == (["lab"], {}, 0)
    up, down = rounds.spans()
    assert (up.begins_at, up.is_up, up.probes) == (NOON, True, 1)
    assert (down.begins_at, down.ends_at, down.probes) == (NOON + MINUTE, NOON + 2 * MINUTE, 2)
    assert (down.step, down.fault) == ("write", "unreachable")
    assert len(rounds.opened) == 1, "a probe is opened once"


@pytest.mark.parametrize("error", [ExpectedError("no key"), RemoteError("refused"), ZeroDivisionError()])
def test_what_could_not_be_probed_is_unknown_and_not_down(rounds: Round, error: Exception) -> None:
    rounds.probe = Scripted([error, None])
    result = rounds.prober.run()
    assert (result.results, list(result.unprobed), result.is_whole) == ({}, ["lab"], False)
    (span,) = rounds.spans()
    assert (span.is_up, span.is_known, span.fault) == (False, False, CANNOT_LOOK)
    assert bool(rounds.problems) is not isinstance(error, ExpectedError)
    assert rounds.prober.run().is_whole


def test_a_probe_that_could_not_look_shares_no_row_with_one_that_failed(rounds: Round) -> None:
    assert ProbeFault.CANNOT_LOOK.value == CANNOT_LOOK
    refused = RemoteError("refused")
    rounds.probe = Scripted([DOWN, refused, refused, DOWN])
    for _ in range(4):
        rounds.prober.run()
        rounds.now += MINUTE
    assert [(each.probes, each.is_known) for each in rounds.spans()] == [(1, True), (2, False), (1, True)]


def test_one_that_does_not_end_in_its_time_has_failed(rounds: Round) -> None:
    release = threading.Event()

    @dataclass
    class Hanging:
        def run(self, at: datetime) -> ProbeResult:
            release.wait(30)
            return ProbeResult(at, 1)

    rounds.probe, rounds.prober.limit_seconds = Hanging(), 0.2
    try:
        result = rounds.prober.run()
    finally:
        release.set()
    assert result.results["lab"].failed == (ProbeStep.OPEN, ProbeFault.TIMEOUT)
    assert [each.is_up for each in rounds.spans()] == [False]


def test_without_an_apply_or_a_probe_of_the_kind_nothing_is_probed(rounds: Round, tmp_path: Path) -> None:
    rounds.probe = None
    result = rounds.prober.run()
    assert (result.results, result.unprobed) == ({}, {})
    with Records.open("sqlite:other.db", tmp_path) as empty:
        rounds.prober.records = empty
        assert rounds.prober.run().results == {}


def test_probes_wait_while_the_records_are_away_and_none_is_lost(
    rounds: Round, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds.prober.run()

    def away(*_: object) -> None:
        raise RemoteError("the database does not answer")

    with monkeypatch.context() as broken:
        broken.setattr(AvailabilityStore, "add_probes", away)
        broken.setattr(Records, "find_newest", away)
        for turn in range(1, 4):
            rounds.now = NOON + turn * MINUTE
            result = rounds.prober.run()
            assert (result.waiting, result.is_whole) == (turn, False)
    assert {name for name, _ in rounds.problems} == {"records"}
    rounds.now = NOON + 4 * MINUTE
    assert rounds.prober.run().is_whole
    (span,) = rounds.spans()
    assert (span.probes, span.ends_at) == (5, NOON + 4 * MINUTE)
    rounds.prober._waiting = [one_probe("lab", NOON, 1)] * MOST_WAITING
    with monkeypatch.context() as broken:
        broken.setattr(AvailabilityStore, "add_probes", away)
        assert rounds.prober.run().waiting == MOST_WAITING, "bounded"


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with Records.open("sqlite:records.db", tmp_path) as opened:
        yield opened


def keep(records: Records, *probes: ProbeSpan) -> list[tuple[int, bool]]:
    records.availability.add_probes(probes)
    return [(each.probes, each.is_up) for each in records.availability.list_spans(NOON - 2 * KEPT)]


def up(at: datetime, platform: str = "lab") -> ProbeSpan:
    return one_probe(platform, at, 20)


def test_equal_probes_share_a_row_until_they_differ_are_apart_or_the_day_ends(records: Records) -> None:
    assert keep(records, up(NOON), up(NOON + MINUTE)) == [(2, True)]
    assert keep(records, one_probe("lab", NOON + 2 * MINUTE, 90, "read", "timeout")) == [(2, True), (1, False)]
    assert keep(records, up(NOON + 3 * MINUTE), up(NOON + 3 * MINUTE + CLOSE)) == [(2, True), (1, False), (2, True)]
    later = NOON + 10 * MINUTE
    assert keep(records, up(later))[3:] == [(1, True)], "nobody probed in between"
    midnight = datetime(2026, 6, 16, tzinfo=UTC)
    assert keep(records, up(midnight - MINUTE), up(midnight))[4:] == [(1, True), (1, True)]
    spans = records.availability.list_spans(NOON, "lab")
    assert (spans[0].total_ms, spans[0].longest_ms, spans[1].step) == (40, 20, "read")


def test_a_probe_that_is_there_already_is_not_counted_twice_and_platforms_are_apart(records: Records) -> None:
    assert keep(records, up(NOON), up(NOON + MINUTE)) == [(2, True)]
    assert keep(records, up(NOON), up(NOON + MINUTE)) == [(2, True)]
    assert keep(records, up(NOON, "other")) == [(2, True), (1, True)]


def test_what_is_older_than_three_years_goes(records: Records) -> None:
    old = NOON - KEPT - MINUTE
    assert keep(records, up(old), up(NOON)) == [(1, True)]
