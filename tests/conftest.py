"""The three tiers of tests, by directory, and the lab that the upper two run against."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from coffre.lab.lab import Lab
from coffre.lab.state import hold_lock

# A shell that runs the tests in the background has them ignore Ctrl-C, and so would every command that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]
TIERS = ("unit", "integration", "e2e")

LAB_HOSTS = ("compta-01.martin.example", "caisse-01.martin.example", "atelier-01.durand.example")
"""The machines of the example tenants."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test with its tier; a plain ``pytest`` runs the unit tier, the others are asked for."""
    for item in items:
        tier = item.path.relative_to(ROOT / "tests").parts[0]
        if tier in TIERS:
            item.add_marker(getattr(pytest.mark, tier))
    is_plain = config.args_source is pytest.Config.ArgsSource.TESTPATHS and not config.option.markexpr
    if is_plain:
        others = [item for item in items if item.get_closest_marker("unit") is None]
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item.get_closest_marker("unit") is not None]


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A lab of the tests' own, made anew for the session and erased after it.

    ``COFFRE_TEST_LAB`` names another directory, so that two sessions can run side by side. With ``COFFRE_KEEP_LAB=1``
    the lab is taken as it is found and left as it is: quicker while writing a test.
    """
    directory = Path(os.environ.get("COFFRE_TEST_LAB", ROOT / ".coffre" / "test-lab")).resolve()
    is_kept = os.environ.get("COFFRE_KEEP_LAB") == "1"
    found = Lab(directory)
    with hold_lock(directory.with_name(f"{directory.name}.lock"), f"the test lab {directory}", wait_seconds=5):
        if not is_kept:
            found.down(erase=True)
        try:
            found.up(LAB_HOSTS)
            yield found
        finally:
            if not is_kept:
                found.down(erase=True)
                directory.rmdir()
