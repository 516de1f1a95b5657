"""Whose a key of a bucket is, by its shape alone."""

import pytest

from coffre.agents.repository import RepositoryLayout
from coffre.agents.restic.repository.layout import ResticLayout
from coffre.observation.key_shapes import ForeignKeys, is_foreign
from tests.doubles.layout import VaultLayout

ID = "ab" * 32
LAYOUTS: list[RepositoryLayout | None] = [ResticLayout(), VaultLayout(), None]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "key",
    ["control/desired.json", f"aside/restic/snapshots/{ID}", "reports/.applied", "reports/.probe",
     f"reports/0000000007-{ID[:32]}.sealed", f"reports/0000000007-{ID[:32]}-{ID[:32]}.sealed", "reports/2026Z-x.json"],
)  # fmt: skip
def test_what_ours_write_is_not_foreign(key: str, layout: RepositoryLayout | None) -> None:
    assert not is_foreign(key, layout)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    "key",
    [
        "config",
        "programs/x",
        "restic/data/../x",
        "vault/data-x",
        "reports/x",
        "reports/.x",
        "reports/a/b.sealed",
        "reports/",
        "Reports/.applied",
    ],
)
def test_what_nothing_of_ours_writes_is(key: str, layout: RepositoryLayout | None) -> None:
    assert is_foreign(key, layout)


@pytest.mark.parametrize("key", ["restic/config", f"restic/locks/{ID}", f"restic/data/ab/{ID}"])
def test_an_object_of_the_repository_is_foreign_only_where_the_agent_writes_none(key: str) -> None:
    assert not is_foreign(key, ResticLayout())
    assert is_foreign(key, VaultLayout())
    assert is_foreign(key, None)


def test_an_object_of_another_kind_of_repository_is_its_agents() -> None:
    assert not is_foreign(f"vault/data-{ID}", VaultLayout())
    assert is_foreign(f"vault/data-{ID}", ResticLayout())


def test_they_are_counted_and_one_is_named() -> None:
    assert ForeignKeys().add("x").add("y") == ForeignKeys(2, "x")
