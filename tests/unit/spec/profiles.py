"""How long the property tests search: bounded and the same each time by default, longer and random when asked.

COFFRE_FUZZ_EXAMPLES=N has each property tried on N examples with a seed of the day's own; `make bench` does so.
"""

import os
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis.configuration import set_hypothesis_home_dir

VARIABLE = "COFFRE_FUZZ_EXAMPLES"
DEFAULT_EXAMPLES = 150

# What hypothesis remembers belongs to no checkout.
set_hypothesis_home_dir(Path(tempfile.gettempdir()) / f"coffre-hypothesis-{os.getuid()}")


def searching(share: float = 1.0) -> settings:
    """Return the settings of a property; ``share`` is below 1 for one whose examples take long."""
    asked = os.environ.get(VARIABLE)
    return settings(
        max_examples=max(10, int(int(asked or DEFAULT_EXAMPLES) * share)),
        derandomize=asked is None,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.function_scoped_fixture],
    )
