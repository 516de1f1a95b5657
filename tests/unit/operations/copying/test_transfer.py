"""Objects are moved several at a time, in bounded memory, with their results in order."""

import threading
from collections.abc import Sequence

import pytest

from coffre.agents.repository import Part
from coffre.operations.copying import transfer as module
from coffre.operations.copying.pace import Pace
from coffre.operations.copying.transfer import READERS, Missing, Transfer
from coffre.records.facts.backups import CopyFault
from coffre.storage.values import PlatformAwayError
from tests.unit.operations.copying.scene import Scene

PATIENCE_SECONDS = 20


class Moving:
    """Some objects in a source, and a transfer of them whose results are kept in the order in which they come."""

    def __init__(self, sizes_bytes: Sequence[int]) -> None:
        self.scene = Scene()
        self.objects: list[Missing] = []
        for number, size_bytes in enumerate(sizes_bytes):
            key = self.scene.add(Part.DATA, f"{number}".rjust(size_bytes, "."))
            self.objects.append(Missing(key, size_bytes, key[-64:]))
        self.results: list[tuple[str, CopyFault | None]] = []

    def run(self, pace: Pace | None = None) -> None:
        source, target = self.scene.source, self.scene.target
        Transfer(source, target, pace or Pace()).copy_all(  # type: ignore[arg-type]
            self.objects, lambda each, fault: self.results.append((each.key, fault))
        )

    @property
    def expected(self) -> list[tuple[str, CopyFault | None]]:
        return [(each.key, None) for each in self.objects]


def test_the_readers_read_at_the_same_time() -> None:
    moving = Moving([8] * READERS * 2)
    together = threading.Barrier(READERS)

    def act(call: str, key: str) -> None:
        together.wait(PATIENCE_SECONDS)

    moving.scene.source.before = act
    moving.run()
    assert moving.results == moving.expected


def test_results_come_in_order_also_when_the_first_object_is_the_slowest() -> None:
    moving = Moving([8] * READERS)
    first, last = moving.objects[0].key, moving.objects[-1].key
    is_last_done = threading.Event()

    def wait(call: str, key: str) -> None:
        assert key != first or is_last_done.wait(PATIENCE_SECONDS)

    moving.scene.source.before = wait
    moving.scene.target.after = lambda call, key: is_last_done.set() if key == last else None
    moving.run()
    assert moving.results == moving.expected
    assert moving.scene.target.keys_of("put")[-1] == first


@pytest.mark.parametrize(
    ("sizes_bytes", "most_bytes"),
    [([40] * 12, 80), ([10] * 12, 80), ([30, 250, 30, 100, 1, 30, 251], 251), ([200, 200], 200)],
)
def test_objects_under_way_take_bounded_memory_and_a_larger_one_goes_alone(
    monkeypatch: pytest.MonkeyPatch, sizes_bytes: list[int], most_bytes: int
) -> None:
    monkeypatch.setattr(module, "MAX_IN_FLIGHT_BYTES", 100)
    moving = Moving(sizes_bytes)
    peaks: list[list[int]] = []

    class Seeing(Pace):
        """Sees what is under way when another object begins."""

        def wait(self, size_bytes: int) -> None:
            peaks.append(sizes_bytes[len(moving.results) : len(peaks) + 1])

    moving.run(Seeing())
    assert moving.results == moving.expected
    assert max(map(sum, peaks)) == most_bytes
    assert all(len(peak) == 1 or sum(peak) <= 100 for peak in peaks)


def test_after_an_error_the_results_of_what_was_under_way_are_kept() -> None:
    moving = Moving([8] * 20)
    broken = moving.objects[5].key

    def act(call: str, key: str) -> None:
        if key == broken:
            raise PlatformAwayError("no answer")

    moving.scene.target.before = act
    with pytest.raises(PlatformAwayError):
        moving.run()
    assert {key for key, _ in moving.results} == set(moving.scene.contents(moving.scene.target))
    assert len(moving.results) < 20
