"""Suggests the quota that a tenant needs for a while: from its use, its growth, and the sizes that are sold. Pure.

The contract resizes no quota by itself (article 15): a person orders it, by an amendment (articles 3 and 8).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from coffre.supervision.judge.quota import WARN_AT_PERCENT

_GIB, _GO = 1 << 30, 10**9


@dataclass(frozen=True)
class SoldSizes:
    """The sizes of a price list: its ``steps``, smallest first, then parts of ``beyond_bytes`` each (None: no more)."""

    steps: Sequence[int] = ()
    beyond_bytes: int | None = None


def suggest_quota(used_bytes: int, bytes_a_day: float | None, days: int, sold_bytes: int, sizes: SoldSizes) -> int:
    """Return the smallest quota of which less than the first warning is used after so many days.

    ``bytes_a_day`` is the growth; None, not known, and a shrinking use both count as no growth. Without a price list it
    has two digits, in the unit of today's quota: GiB or Go.
    """
    expected_bytes = used_bytes + int(max(0.0, bytes_a_day or 0.0) * days)
    needed_bytes = expected_bytes * 100 // min(WARN_AT_PERCENT) + 1
    for step in sizes.steps:
        if step >= needed_bytes:
            return step
    if sizes.steps and sizes.beyond_bytes is not None:
        last = max(sizes.steps)
        return last + -(-(needed_bytes - last) // sizes.beyond_bytes) * sizes.beyond_bytes
    unit = _GO if sold_bytes % _GO == 0 else _GIB
    count = -(-needed_bytes // unit)
    coarse: int = 10 ** max(0, len(str(count)) - 2)
    return -(-count // coarse) * coarse * unit
