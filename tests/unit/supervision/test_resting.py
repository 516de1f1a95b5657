"""A platform that does not tell what was written is looked at once an hour, and sooner where a tenant may be full."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from coffre.storage.platform import KeyOrigin
from coffre.storage.values import BucketFacts, PlatformAwayError
from coffre.supervision.observe.resting import UNMARKED_EVERY
from tests.builders import AWS_PLATFORM
from tests.doubles.storage import MemoryPlatform
from tests.doubles.watching import FIVE_MINUTES, Watching, watching
from tests.doubles.workshop import CAISSE, COMPTA, Workshop, open_workshop

MIB = 1024**2
PACK = f"restic/data/ab/{'ab' * 32}"
DAY = date(2026, 12, 3)
MORNING = datetime(2026, 12, 2, 9, tzinfo=ZoneInfo("Europe/Paris")).astimezone(UTC)


@dataclass
class Asked:
    """Counts the looks at the platform, which answers as before."""

    platform: MemoryPlatform
    count: int = 0
    is_away: bool = False
    owners: list[str] = field(default_factory=list)

    def __call__(self, uid: str) -> list[BucketFacts]:
        self.count += 1
        if self.is_away:
            raise PlatformAwayError("nobody answers")
        return list(MemoryPlatform.list_bucket_facts(self.platform, uid))

    def since_last(self) -> int:
        count, self.count = self.count, 0
        return count


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    return open_workshop(tmp_path, monkeypatch, KeyOrigin.GIVEN)


@pytest.fixture
def asked(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Asked:
    asked = Asked(workshop.platform)
    monkeypatch.setattr(workshop.platform, "list_bucket_facts", asked)
    return asked


@pytest.fixture
def desk(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watching]:
    with watching(workshop.root, workshop.estate, MORNING, monkeypatch, AWS_PLATFORM["records"]) as opened:
        yield opened


def kinds(desk: Watching) -> set[str]:
    return {each.place.kind for each in desk.desk.records.supervision.list_findings()}


def sell(workshop: Workshop, quota: str, intake: str = "25 MiB") -> None:
    workshop.write_file(storage={"platform": "lab", "quota": quota})
    platform: dict[str, Any] = yaml.safe_load((workshop.root / "platform.yaml").read_text(encoding="utf-8"))
    platform["platforms"]["lab"]["intake_per_second"] = intake
    (workshop.root / "platform.yaml").write_text(yaml.safe_dump(platform, allow_unicode=True), encoding="utf-8")
    workshop.apply()


def test_passes_within_the_hour_ask_nothing_and_count_as_seen(workshop: Workshop, desk: Watching, asked: Asked) -> None:
    sell(workshop, "2 TiB")
    desk.look()
    assert asked.since_last() == 1
    for _ in range(11):
        result = desk.look()
        assert (result.seen, result.unseen) == (1, {})
    assert asked.since_last() == 0
    desk.look()
    assert asked.since_last() == 1, "the hour is over"


def test_a_persons_word_or_an_apply_is_followed_at_the_next_pass(
    workshop: Workshop, desk: Watching, asked: Asked
) -> None:
    sell(workshop, "2 TiB")
    desk.look()
    asked.since_last()
    sell(workshop, "3 TiB")
    asked.since_last()
    desk.look()
    assert asked.since_last() == 1


def test_near_the_quota_the_next_look_comes_after_half_the_time_that_its_line_needs(
    workshop: Workshop, desk: Watching, asked: Asked
) -> None:
    sell(workshop, "100 MiB", intake="20 KiB")  # 100 MiB in 5,120 s
    desk.look()
    asked.since_last()
    workshop.estate.bucket(COMPTA).put(PACK, b"x" * (90 * MIB))
    desk.look(after=timedelta(seconds=2550))
    assert asked.since_last() == 0
    desk.look(after=timedelta(seconds=10))
    assert asked.since_last() >= 1
    workshop.estate.bucket(CAISSE).put(PACK, b"x" * (10 * MIB))
    desk.look(after=timedelta(seconds=256))  # 10 MiB were left
    assert "quota_reached" in kinds(desk)
    assert all(workshop.estate.bucket(name).is_gate_closed() for name in (COMPTA, CAISSE))


def test_a_full_tenant_is_looked_at_each_hour_and_its_finding_stays_in_between(
    workshop: Workshop, desk: Watching, asked: Asked
) -> None:
    sell(workshop, "10 MiB")
    workshop.estate.bucket(COMPTA).put(PACK, b"x" * (10 * MIB))
    desk.look()
    desk.look()  # the gate's change is an event
    asked.since_last()
    desk.look()
    assert asked.since_last() == 0
    assert "quota_reached" in kinds(desk)
    workshop.estate.bucket(COMPTA).hide(PACK)
    desk.look(after=UNMARKED_EVERY)
    assert "quota_reached" not in kinds(desk)


def test_time_is_judged_at_each_pass(workshop: Workshop, desk: Watching, asked: Asked) -> None:
    sell(workshop, "2 TiB")
    found: list[str] = []
    result = desk.look()
    for _ in range(80):
        before = asked.count
        result = desk.look(after=min(result.next_look_at.values()) - desk.now)
        found += [each.place.kind for each in result.opened if asked.count == before]
    assert "backup_late" in found, "it was opened in a pass that did not ask the platform"


def test_the_first_pass_of_a_day_measures(workshop: Workshop, desk: Watching, asked: Asked) -> None:
    sell(workshop, "2 TiB")
    desk.look(after=datetime(2026, 12, 2, 23, 50, tzinfo=ZoneInfo("Europe/Paris")) - desk.now)
    asked.since_last()
    desk.look()
    assert asked.since_last() == 0
    desk.look()
    assert asked.since_last() == 1
    [midnight] = desk.desk.records.list_midnights(workshop.tenant_id, DAY, DAY)
    assert midnight.measured_at == desk.now


def test_a_platform_that_does_not_answer_is_asked_again_at_each_pass(
    workshop: Workshop, desk: Watching, asked: Asked
) -> None:
    sell(workshop, "2 TiB")
    desk.look()
    asked.is_away = True
    desk.look()
    assert kinds(desk) == set(), "nobody asked"
    assert desk.look(after=UNMARKED_EVERY).seen == 0
    asked.since_last()
    assert desk.look().seen == 0
    assert asked.since_last() == 1
    asked.is_away = False
    assert [each.place.kind for each in desk.look().closed] == ["platform_away"]
    assert FIVE_MINUTES < UNMARKED_EVERY
