"""The forms of the keys in a machine's bucket, by writer: a key of another form is foreign. Pure.

A machine, or the storage host, can write any key, also with `..` or a line end in it. Such a key is counted and named,
and otherwise ignored.
"""

import re
from dataclasses import dataclass

from coffre.agents.repository import RepositoryLayout
from coffre.spec import naming

# The objects of agents: reports (sealed, earlier in clear), statements on their orders, and probes of the wall.
_REPORT = re.compile(re.escape(naming.REPORTS_PREFIX) + r"(\.applied|\.probe|[^/]+\.(sealed|json))", re.DOTALL)


@dataclass(frozen=True)
class ForeignKeys:
    """How many keys are foreign, and one of them (empty: there is none)."""

    count: int = 0
    first: str = ""

    def add(self, key: str) -> "ForeignKeys":
        """Return them with one more key."""
        return ForeignKeys(self.count + 1, self.first or key)


def is_foreign(key: str, layout: RepositoryLayout | None) -> bool:
    """Tell whether a key in a machine's bucket has a form that neither Coffre nor the machine's agent writes.

    ``layout`` is that of the machine's repository, None for a machine without one.
    """
    if layout is not None and key.startswith(layout.prefix):
        return layout.find(key) is None
    if key.startswith(naming.REPORTS_PREFIX):
        return _REPORT.fullmatch(key) is None
    return not key.startswith((naming.CONTROL_PREFIX, naming.ASIDE_PREFIX))
