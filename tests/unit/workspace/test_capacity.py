"""How many processes this computer has room for."""

from pathlib import Path

import pytest

from coffre.workspace.capacity import KEPT_FREE_BYTES, count_cores, count_processes, find_available_bytes, fit

MIB = 1024**2


@pytest.mark.parametrize(
    ("available", "count"),
    [(None, 8), (100 * 1024**3, 8), (KEPT_FREE_BYTES + 1000 * MIB, 2), (KEPT_FREE_BYTES + 100 * MIB, 1), (0, 1)],
)
def test_memory_and_cores_bound_the_number(available: int | None, count: int) -> None:
    assert fit(450 * MIB, 8, available) == count


def test_a_container_bounds_memory_and_cores(tmp_path: Path) -> None:
    information = tmp_path / "meminfo"
    information.write_text("MemTotal: 9000 kB\nMemAvailable:    8000 kB\n")
    assert find_available_bytes(information, tmp_path) == 8000 * 1024
    (tmp_path / "memory.max").write_text("5000000\n")
    (tmp_path / "memory.current").write_text("1000000\n")
    assert find_available_bytes(information, tmp_path) == 4_000_000
    (tmp_path / "memory.max").write_text("max\n")
    assert find_available_bytes(information, tmp_path) == 8000 * 1024
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert count_cores(tmp_path) == 1
    assert find_available_bytes(tmp_path / "none", tmp_path / "none") is None


def test_this_computer_has_room_for_one() -> None:
    assert count_processes(MIB, 1) >= 1
