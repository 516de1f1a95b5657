"""A reviewed plan, its key, and a database's rows of it."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from coffre.githost.values import Approval, Change, CommitAuthor
from coffre.provisioning.exact import ExactPlan
from coffre.provisioning.plan import TenantPlan
from coffre.provisioning.reviewed.document import ReviewedPlan, seal_plan
from coffre.records.saved_plans import SavedPlan
from coffre.signing.seals.keys import CertifiedKey, _self_sign

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HEAD, AFTER = "a" * 40, "b" * 40
ID = "k7f3q9wz2m"
PLAN = TenantPlan("martin", (), (), (), {})


def key() -> CertifiedKey:
    """Return the key of platform.yaml."""
    return key_of("own")


@cache
def key_of(name: str) -> CertifiedKey:
    made = ec.generate_private_key(ec.SECP256R1())
    return CertifiedKey(made, (_self_sign(made, name, NOON),))


def exact(**changes: Any) -> ExactPlan:
    return ExactPlan(
        **{
            "plan": PLAN,
            "commit": HEAD,
            "tenant_file_sha256": "f1",
            "platform_file_sha256": "f2",
            "stacks": {"martin": "e1"},
            **changes,
        }
    )


def reviewed(**changes: Any) -> ReviewedPlan:
    """Return a plan made an hour ago; fields of the plan or of its exact part are replaced."""
    own = {name: changes.pop(name) for name in ("tenant_id", "planned_at", "is_weaker") if name in changes}
    plan = {"tenant_id": ID, "planned_at": NOON - timedelta(hours=1), "is_weaker": False, **own}
    return ReviewedPlan(exact=exact(**changes), **plan)


def row(signer: str = "own", **changes: Any) -> SavedPlan:
    return SavedPlan(ID, "f1", NOON, seal_plan(reviewed(**changes), key_of(signer)))


def change(**changes: Any) -> Change:
    """Return a change that anna wrote, boris approved and anna merged."""
    fields = {
        "number": 7,
        "branch": "main",
        "head": HEAD,
        "author": "anna",
        "commit_authors": frozenset({CommitAuthor("anna", "anna@smileo.example")}),
        "approvals": (Approval("boris", HEAD),),
        "merged_by": "anna",
        "merge_commit": AFTER,
        "is_from_fork": False,
        **changes,
    }
    return Change(**fields)
