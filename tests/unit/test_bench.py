"""The bench says why a command failed: its own folder is gone by the time that somebody could look."""

import os
import sys
from pathlib import Path

import pytest

from tests.bench.measure import run_child


def test_a_command_that_fails_is_shown_with_its_last_words(tmp_path: Path) -> None:
    script = "import sys; print('long ' * 5000, file=sys.stderr); print('the cause', file=sys.stderr); sys.exit(3)"
    with pytest.raises(RuntimeError, match="ended with 3:\n") as failed:
        run_child([sys.executable, "-c", script], tmp_path, os.environ)
    said = str(failed.value)
    assert said.endswith("the cause\n")
    assert len(said) < 5000
    assert list(tmp_path.iterdir()) == []


def test_a_command_that_ends_well_is_measured(tmp_path: Path) -> None:
    done = run_child([sys.executable, "-c", "bytearray(40_000_000)"], tmp_path, os.environ)
    assert done.seconds > 0
    assert done.peak_mib > 30
