"""Parts of all tenants, for several computers that share a command: a tenant's id alone decides its part. Pure."""

import hashlib
import re
from dataclasses import dataclass

from coffre.errors import UsageError

MOST_SHARDS = 1000


@dataclass(frozen=True)
class Shard:
    """One of ``count`` parts, from 1. Every tenant is in exactly one; another tenant that comes or goes moves none."""

    number: int
    count: int

    def has(self, tenant_id: str) -> bool:
        """Tell whether a tenant is in this part."""
        digest = hashlib.sha256(tenant_id.encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


def parse_shard(text: str) -> Shard:
    """Read ``K/N``; UsageError for anything else."""
    found = re.fullmatch(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})", text)
    if found is None or not int(found[1]) <= int(found[2]) <= MOST_SHARDS:
        raise UsageError(
            "--shard needs a part and the number of parts",
            f"Write for example --shard 2/10, for the second of ten; {MOST_SHARDS} parts at most.",
        )
    return Shard(int(found[1]), int(found[2]))
