"""The forms of the keys in a machine's bucket, by writer: a key of another form is foreign. Pure.

A machine, or the storage host, can write any key, also with `..` or a line end in it. Such a key is counted and named,
and otherwise ignored.
"""

import re
from dataclasses import dataclass

from coffre.spec import naming

_ID = "[0-9a-f]{64}"
_OF_RESTIC = re.compile(rf"config|(keys|snapshots|index|locks)/{_ID}|data/(?P<start>[0-9a-f]{{2}})/(?P<name>{_ID})")
# The objects of agents: reports (sealed, earlier in clear), statements on their orders, and probes of the wall.
_REPORT = re.compile(re.escape(naming.REPORTS_PREFIX) + r"(\.applied|\.probe|[^/]+\.(sealed|json))", re.DOTALL)
# restic takes the last part of a listed key as an id, also in capitals, and then requests the id's normal key.
_TAKEN_FOR_A_FILE = re.compile(rf"{naming.RESTIC_PREFIX}(index|snapshots|keys)/[0-9a-fA-F]{{64}}(/.*)?", re.DOTALL)


@dataclass(frozen=True)
class ForeignKeys:
    """How many keys are foreign, and one of them (empty: there is none)."""

    count: int = 0
    first: str = ""

    def add(self, key: str) -> "ForeignKeys":
        """Return them with one more key."""
        return ForeignKeys(self.count + 1, self.first or key)


def is_of_restic(key: str) -> bool:
    """Tell whether a key below `restic/` has the form of restic's own keys."""
    found = _OF_RESTIC.fullmatch(key)
    return found is not None and (found["start"] is None or found["name"].startswith(found["start"]))


def is_foreign(key: str) -> bool:
    """Tell whether a key in a machine's bucket has a form that neither Coffre, restic nor an agent writes."""
    if key.startswith(naming.RESTIC_PREFIX):
        return not is_of_restic(key.removeprefix(naming.RESTIC_PREFIX))
    if key.startswith(naming.REPORTS_PREFIX):
        return _REPORT.fullmatch(key) is None
    return not key.startswith((naming.CONTROL_PREFIX, naming.ASIDE_PREFIX))


def stops_restic(key: str) -> bool:
    """Tell whether a foreign key makes restic look for an index, snapshot or key file that does not exist."""
    return is_foreign(key) and _TAKEN_FOR_A_FILE.fullmatch(key) is not None
