"""Erasure needs two clocks that agree."""

import pytest

from coffre.errors import RefusedError
from coffre.offboarding.clock import refuse_apart


@pytest.mark.parametrize("offset", [0.0, 299.0, -299.0, 300.0])
def test_clocks_within_five_minutes_are_believed(offset: float) -> None:
    refuse_apart(offset)


@pytest.mark.parametrize(("offset", "way"), [(301.0, "ahead of"), (-1200.0, "behind")])
def test_clocks_further_apart_erase_nothing_and_say_which_is_where(offset: float, way: str) -> None:
    with pytest.raises(RefusedError, match=way):
        refuse_apart(offset)
