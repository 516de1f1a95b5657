"""What the keys of a machine's bucket look like, by who writes them: whatever is shaped otherwise is foreign. Pure.

A machine, or who hosts the storage, may put any key there, with `..` in it or a line end. Such a key is counted and
named, and counts for nothing that it stands beside.
"""

import re
from dataclasses import dataclass

from coffre.spec import naming

_ID = "[0-9a-f]{64}"
_OF_RESTIC = re.compile(rf"config|(keys|snapshots|index|locks)/{_ID}|data/(?P<start>[0-9a-f]{{2}})/(?P<name>{_ID})")
# What agents write: reports sealed, or in clear before that, a word on their orders, and what they try the wall with.
_REPORT = re.compile(re.escape(naming.REPORTS_PREFIX) + r"(\.applied|\.probe|[^/]+\.(sealed|json))", re.DOTALL)
# restic takes the last part of what it lists for an id, in capitals too, and then asks for it under its plain name.
_TAKEN_FOR_A_FILE = re.compile(rf"{naming.RESTIC_PREFIX}(index|snapshots|keys)/[0-9a-fA-F]{{64}}(/.*)?", re.DOTALL)


@dataclass(frozen=True)
class ForeignKeys:
    """How many keys are none of ours, and one of them (empty: there is none)."""

    count: int = 0
    first: str = ""

    def add(self, key: str) -> "ForeignKeys":
        """Return them with one more."""
        return ForeignKeys(self.count + 1, self.first or key)


def is_of_restic(key: str) -> bool:
    """Tell whether a key below `restic/` is of the shape that restic gives its own."""
    found = _OF_RESTIC.fullmatch(key)
    return found is not None and (found["start"] is None or found["name"].startswith(found["start"]))


def is_foreign(key: str) -> bool:
    """Tell whether nothing of ours gives an object of a machine's bucket such a key."""
    if key.startswith(naming.RESTIC_PREFIX):
        return not is_of_restic(key.removeprefix(naming.RESTIC_PREFIX))
    if key.startswith(naming.REPORTS_PREFIX):
        return _REPORT.fullmatch(key) is None
    return not key.startswith((naming.CONTROL_PREFIX, naming.ASIDE_PREFIX))


def stops_restic(key: str) -> bool:
    """Tell whether a foreign key makes restic look for an index, snapshot or key file that is not there."""
    return is_foreign(key) and _TAKEN_FOR_A_FILE.fullmatch(key) is not None
