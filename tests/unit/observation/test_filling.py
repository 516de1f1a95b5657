"""Who fills the storage of all is stopped well below the wall, and nobody else is."""

import pytest

from coffre.observation.judge.filling import Filling, FillReason, MachineStore, Room, Word, judge_filling

GIB = 1024**3
ROOM = Room(quota_bytes=100 * GIB, wall_bytes=130 * GIB, object_limit=1_000_000)


def store(name: str, repository: float, surplus: float = 0.0, objects: int = 1000) -> MachineStore:
    return MachineStore(name, int(repository * GIB), int(repository * GIB), int((repository + surplus) * GIB), objects)


def stopped(*stores: MachineStore, now: tuple[str, ...] = (), words: dict[str, Word] | None = None) -> set[str]:
    return set(judge_filling(stores, ROOM, now, words).stopped)


def test_who_overwrites_one_name_is_stopped_and_its_sister_goes_on() -> None:
    assert stopped(store("evil", 1, 29), store("sister", 20)) == set()
    assert stopped(store("evil", 1, 31), store("sister", 20)) == {"evil"}, "it takes of what was sold"
    assert stopped(store("evil", 60, 31), store("sister", 20)) == set(), "so may a large prune"
    assert stopped(store("evil", 60, 36), store("sister", 20)) == {"evil"}, "and now the wall is near"


def test_an_honest_tenant_with_all_it_bought_and_what_was_pruned_is_left_alone() -> None:
    assert stopped(store("one", 60, 7), store("two", 39, 7)) == set()
    assert stopped(store("one", 5, 14), store("two", 5, 14)) == set()


def test_reports_and_locks_that_are_current_count_as_surplus_too() -> None:
    flood = MachineStore("evil", 50 * GIB, 1 * GIB, 51 * GIB, 1000)
    assert flood.surplus_bytes == 50 * GIB
    assert stopped(flood, store("sister", 20)) == {"evil"}


def test_two_that_fill_it_together_are_both_stopped() -> None:
    assert stopped(store("evil", 1, 20), store("worse", 1, 25), store("sister", 20)) == {"worse", "evil"}
    assert stopped(store("evil", 1, 20), store("worse", 1, 25), store("sister", 20, 1), now=("worse",)) == {
        "worse",
        "evil",
    }
    assert stopped(store("evil", 1, 6), store("worse", 1, 25), store("sister", 20)) == {"worse"}


def test_a_sister_with_a_little_surplus_goes_on_until_it_presses() -> None:
    assert stopped(store("evil", 1, 31), store("sister", 2, 9)) == {"evil"}
    assert stopped(store("evil", 60, 40), store("sister", 2, 9)) == set(), "nobody is stopped in place of another"
    assert stopped(store("evil", 60, 45), store("sister", 2, 9)) == {"evil"}
    assert stopped(store("evil", 60, 55), store("sister", 2, 9)) == {"evil", "sister"}


def test_it_is_let_in_again_only_when_there_is_clearly_room() -> None:
    evil = ("evil",)
    assert stopped(store("evil", 1, 28), store("sister", 20), now=evil) == {"evil"}
    assert stopped(store("evil", 1, 16), store("sister", 20), now=evil) == {"evil"}
    assert stopped(store("evil", 1, 14), store("sister", 20), now=evil) == set()
    assert stopped(store("evil", 1, 14), store("sister", 95), now=evil) == {"evil"}


def test_an_operators_word_holds_until_it_has_grown_as_much_again() -> None:
    word = {"evil": Word(40 * GIB, 1000)}
    assert stopped(store("evil", 1, 42), store("sister", 20), now=("evil",), words=word) == set()
    assert stopped(store("evil", 60, 46), store("sister", 20, 3), words=word) == set()
    assert stopped(store("evil", 1, 48), store("sister", 20), words=word) == {"evil"}
    assert stopped(store("evil", 1, 41, 300_000), store("sister", 20, 0, 600_000), words=word) == {"evil", "sister"}


def test_millions_of_objects_without_bytes_are_stopped_too() -> None:
    assert stopped(store("evil", 0, 0, 700_000), store("sister", 20, 0, 9_000)) == set()
    found = judge_filling([store("evil", 0, 0, 741_000), store("sister", 20, 0, 9_000)], ROOM)
    assert found.stopped == {"evil": FillReason.OBJECTS}
    between = (store("evil", 0, 0, 600_000), store("sister", 20, 0, 9_000))
    assert (stopped(*between), stopped(*between, now=("evil",))) == (set(), {"evil"})
    assert stopped(store("evil", 0, 0, 480_000), store("sister", 20), now=("evil",)) == set()


@pytest.mark.parametrize(
    ("surplus", "is_reached", "by"), [(108, False, None), (109.99, True, "evil"), (200, True, "evil")]
)
def test_a_wall_that_is_reached_says_by_whom(surplus: float, is_reached: bool, by: str | None) -> None:
    found = judge_filling([store("sister", 19, 0.2), store("evil", 1, surplus - 0.2)], ROOM)
    assert (found.is_wall_reached, found.wall_reached_by) == (is_reached, by)


def test_a_tenant_without_machines_or_room_is_no_matter() -> None:
    assert judge_filling([], ROOM) == Filling()
    assert judge_filling([store("one", 5)], Room(10 * GIB, 10 * GIB, 1000000)).stopped == {}
