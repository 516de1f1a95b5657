"""A bucket's keys that restic does not write: told apart, and told about without their own characters."""

import json
from datetime import UTC, datetime
from pathlib import Path

from coffre.agents.restic.repository.layout import ResticLayout
from coffre.offboarding.handover.foreign import (
    MAX_LISTED,
    Foreign,
    describe_foreign,
    list_foreign,
    split_bucket,
)
from coffre.storage.values import ObjectFacts

ID = "ab" * 32


def listed(*keys: str) -> list[ObjectFacts]:
    return [ObjectFacts(key, 1, datetime(2026, 11, 28, tzinfo=UTC), "") for key in keys]


def test_locks_and_what_coffre_writes_are_neither_handed_back_nor_foreign() -> None:
    ours = ("control/gate.json", "reports/.applied", f"aside/restic/snapshots/{ID}", f"restic/locks/{ID}")
    objects, foreign = split_bucket(
        listed("restic/config", *ours, "restic/data/../x", "config", "programs/x"), ResticLayout()
    )
    assert [each.key for each in objects] == ["restic/config"]
    assert foreign == Foreign(3, ("restic/data/../x", "config", "programs/x"))


def test_a_machine_that_puts_very_many_fills_neither_memory_nor_bag(tmp_path: Path) -> None:
    many = (each for number in range(MAX_LISTED + 5) for each in listed(f"restic/{number}"))
    foreign = split_bucket(many, ResticLayout())[1]
    assert (foreign.count, len(foreign.keys)) == (MAX_LISTED + 5, MAX_LISTED)


def test_the_bag_lists_them_escaped_and_an_earlier_list_goes(tmp_path: Path) -> None:
    list_foreign(tmp_path, Foreign(2, ("restic/\x1b[2J\n\u202e", "x")))
    text = (tmp_path / "cles-etrangeres.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line) for line in text.splitlines()] == ["restic/\x1b[2J\n\u202e", "x"]
    assert text.replace("\n", "").isprintable()
    list_foreign(tmp_path, Foreign())
    assert list(tmp_path.iterdir()) == []


def test_foreign_keys_are_counted_and_a_few_are_shown_escaped() -> None:
    said = describe_foreign(Foreign(4, ("\x1b[2J\n", "y" * 1000, "a", "b")))
    assert said.startswith("4 keys that neither restic nor Coffre writes are not returned: \\x1b[2J, ")
    assert said.isprintable()
    assert len(said) < 300
