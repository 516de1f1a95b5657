"""What counts as backups in a bucket: the agent's own layout says it, and no room knows one by itself."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from coffre.agents.repository import RepositoryLayout
from coffre.agents.restic.repository.layout import ResticLayout
from coffre.observation.stores import read_store
from coffre.storage.values import ObjectFacts
from tests.doubles.layout import VaultLayout

ID = "ab" * 32
SIZES = {
    "restic/config": 1,
    f"restic/keys/{ID}": 10,
    f"restic/data/ab/{ID}": 100,
    f"restic/locks/{ID}": 1000,
    "restic/data/x": 10_000,
    f"vault/data-{ID}": 100_000,
    "reports/.applied": 1_000_000,
}


def buckets_of(sizes: dict[str, int]) -> Any:
    facts = [ObjectFacts(key, size, datetime(2026, 11, 28, tzinfo=UTC), "") for key, size in sizes.items()]
    return SimpleNamespace(
        open=lambda machine: SimpleNamespace(walk_objects=lambda prefix: iter(facts)), find_facts=lambda machine: None
    )


@pytest.mark.parametrize(("layout", "expected"), [(ResticLayout(), 110), (VaultLayout(), 100_000), (None, 0)])
def test_the_layout_says_what_belongs_to_the_backups(layout: RepositoryLayout | None, expected: int) -> None:
    store = read_store(buckets_of(SIZES), "compta-01", layout)
    assert store.current_bytes == sum(SIZES.values())
    assert store.repository_bytes == expected
