"""The names of all remote resources, derived from the tenant file alone, so that a lost state can be rebuilt."""

import hashlib
import re
from typing import Protocol

REPORTS_PREFIX = "reports/"
CONTROL_PREFIX = "control/"
DESIRED_KEY = "control/desired.json"
GATE_KEY = "control/gate.json"
DELIVERY_KEY = "control/delivery.json"
CLAIMS_PREFIX = "control/enrolment/"
ASIDE_PREFIX = "aside/"
"""Snapshots that were set aside, by their former keys: only the owner may write there."""
APPLIED_KEY = "reports/.applied"

# Slugs and machine names: together with an id they stay below RGW's and S3's limits (63 for a bucket).
NAME_PATTERN = r"[a-z0-9][a-z0-9-]{1,38}[a-z0-9]"
# The first letter is after f: YAML never reads it as a number, a date or hexadecimal.
ID_PATTERN = r"[g-z][a-z0-9]{9}"

_READABLE_LENGTH = 40
_DIGEST_LENGTH = 10
_COPY = "_copy"
_PART = "_part"
_UID = re.compile(rf"(?P<owner>{NAME_PATTERN}-(?P<id>{ID_PATTERN})({_COPY})?)(\.{NAME_PATTERN})?")


class Named(Protocol):
    """The parts of a name; a Tenant has them.

    ``is_copy``: the names are those of the tenant's second copy; ``is_part``: those on a platform beside its own one.
    """

    @property
    def slug(self) -> str: ...

    @property
    def id(self) -> str: ...

    @property
    def is_copy(self) -> bool: ...

    @property
    def is_part(self) -> bool: ...


def owner_uid(tenant: Named) -> str:
    """Name the user that owns every bucket of a tenant on a platform.

    The copy has names of its own: two platforms may be regions of one account, where names are shared.
    """
    owner = f"{tenant.slug}-{tenant.id}"
    return f"{owner}{_COPY}" if tenant.is_copy else owner


def stack_name(tenant: Named) -> str:
    """Name a tenant's stack and the bundle with its keys. No slug has the underscore of a copy's or a part's."""
    if tenant.is_part:
        return f"{tenant.slug}{_PART}"
    return f"{tenant.slug}{_COPY}" if tenant.is_copy else tenant.slug


def slug_of_stack(stack: str) -> str:
    """Return the slug of the tenant to which a stack belongs."""
    return stack.removesuffix(_COPY).removesuffix(_PART)


def is_part_stack(stack: str) -> bool:
    """Tell whether a stack is of a part on a platform beside the tenant's own one."""
    return stack.endswith(_PART)


def owner_of(uid: str) -> str | None:
    """Return the owner in the name of a user, its own or of one of its machines; None when no tenant's is named so."""
    found = _UID.fullmatch(uid)
    return None if found is None else found["owner"]


def tenant_id_of(uid: str) -> str | None:
    """Return the tenant id in the name of a user, like `owner_of`."""
    found = _UID.fullmatch(uid)
    return None if found is None else found["id"]


def machine_uid(tenant: Named, machine: str) -> str:
    """Name the RGW user of one machine."""
    return f"{owner_uid(tenant)}.{machine}"


def claim_key(invitation: str) -> str:
    """Name the object with which a machine takes up an invitation."""
    return f"{CLAIMS_PREFIX}{invitation}.claim"


def bucket_name(slug: str, tenant_id: str, machine: str, *, is_copy: bool = False) -> str:
    """Name a machine's bucket.

    The readable part is cut. The digest of id and machine makes the name unique, because RGW lets the same owner
    create a bucket twice without an error; AWS has one space of names for all its accounts.
    """
    readable = f"{slug}-{machine}"[:_READABLE_LENGTH]
    unique = f"{tenant_id}/{machine}/copy" if is_copy else f"{tenant_id}/{machine}"
    digest = hashlib.sha256(unique.encode()).hexdigest()
    return f"{readable}-{digest[:_DIGEST_LENGTH]}"
