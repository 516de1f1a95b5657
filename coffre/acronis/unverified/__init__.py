"""What Coffre takes as true of the vendor's service and nobody has seen on a real tenant: all of it, in this package.

Each assumption has a value that the code uses (None where only people act by it), what goes wrong if it is false, and
what would show it. `coffre acronis doctor` and docs/acronis.md list `ASSUMPTIONS`; when one turns out otherwise, its
value here is the one place to change. Pure.
"""

from coffre.acronis.unverified import account, machines
from coffre.acronis.unverified.assumption import Assumption

ASSUMPTIONS: tuple[Assumption[object], ...] = tuple(
    each for module in (account, machines) for each in vars(module).values() if isinstance(each, Assumption)
)
"""All of them, in the order of the modules."""
