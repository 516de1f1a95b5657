"""Which packs restic's check finds missing or of another length, out of what it says. Pure."""

import re
from collections.abc import Iterable

from coffre.agents.restic.output import read_line

# restic 0.18: "pack ID: does not exist", "pack ID: unexpected file size: got 5, expected 6".
_PACK = re.compile(r"\s*pack ([0-9a-f]{64}): (does not exist|unexpected file size)")


def list_damaged_packs(lines: Iterable[str]) -> dict[str, bool]:
    """Return the packs that restic names in its messages, each with whether it is missing."""
    found = {}
    for line in lines:
        message = read_line(line).get("message")
        match = _PACK.match(message) if isinstance(message, str) else None
        if match:
            found[match[1]] = match[2] == "does not exist"
    return found
