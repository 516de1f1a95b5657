"""The listings of a repository and its copy are compared side by side, whatever keys the source has."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coffre.agents.repository import Part, RepositoryObject
from coffre.agents.restic.repository.layout import ResticLayout
from coffre.operations.copying.listing import Held, UnorderedListingError, of_part, pair_up
from coffre.storage.values import ObjectFacts

LAYOUT = ResticLayout()
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def listed(keys: Iterable[str]) -> list[ObjectFacts]:
    return [ObjectFacts(key, 1, NOW, "") for key in keys]


def pack(number: int) -> str:
    return LAYOUT.key_of(RepositoryObject(Part.DATA, hashlib.sha256(bytes([number])).hexdigest()))


@given(st.sets(st.text("abc", min_size=1, max_size=3)), st.sets(st.text("abc", min_size=1, max_size=3)))
def test_each_wanted_object_is_paired_with_the_one_of_its_key(wanted: set[str], there: set[str]) -> None:
    pairs = list(pair_up(listed(sorted(wanted)), listed(sorted(there))))
    assert [one.key for one, _ in pairs] == sorted(wanted)
    assert all(other is None or other.key == one.key for one, other in pairs)
    assert {one.key for one, other in pairs if other is not None} == wanted & there


def test_keys_that_no_agent_writes_are_passed_over_in_any_order() -> None:
    packs = sorted(pack(number) for number in range(3))
    foreign = ["restic/data/zz", packs[0].upper(), "restic/data/", "restic/snapshots/" + "a" * 64, packs[1] + "/x"]
    found = of_part(listed([foreign[0], packs[0], *foreign[1:3], packs[1], *foreign[3:], packs[2]]), LAYOUT, Part.DATA)
    assert [facts.key for facts in found] == packs


@pytest.mark.parametrize("places", [(1, 0), (0, 0)])
def test_a_listing_in_another_order_is_refused(places: tuple[int, int]) -> None:
    packs = sorted(pack(number) for number in range(2))
    with pytest.raises(UnorderedListingError, match="not the order of keys"):
        list(of_part(listed(packs[place] for place in places), LAYOUT, Part.DATA))


@pytest.mark.parametrize(("newest", "kept"), [(True, [3, 4]), (False, [0, 1])])
def test_of_too_many_objects_the_newest_or_the_oldest_are_held_and_the_others_counted(
    newest: bool, kept: list[int]
) -> None:
    held = Held(2, newest=newest)
    for number in (2, 0, 4, 3, 1):
        held.offer(ObjectFacts(f"key {number}", number, NOW + timedelta(seconds=number), ""))
    assert [(facts.key, facts.size_bytes) for facts in held.in_order()] == [(f"key {each}", each) for each in kept]
    assert held.dropped == 3
