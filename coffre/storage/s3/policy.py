"""The bucket policy of a machine's bucket, statement by statement. Pure.

A Sid identifies a statement. Three statements are switches and not part of the Pulumi program: the gate, the stop and
the suspension are added and removed at run time, and every writer of the other statements must preserve them.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coffre.errors import RefusedError
from coffre.outside.structured import UnreadableJsonError, read_json_object

PolicyStatement = dict[str, Any]
PolicyDocument = dict[str, Any]

OWNER_SID = "CoffreOwner"
MACHINE_LIST_SID = "CoffreMachineList"
MACHINE_READ_SID = "CoffreMachineRead"
MACHINE_WRITE_SID = "CoffreMachineWrite"
MACHINE_UNLOCK_SID = "CoffreMachineUnlock"
MACHINE_ACL_SID = "CoffreMachineNoAcl"
GATE_SID = "CoffreGateClosed"
STOP_SID = "CoffreWritesStopped"
SUSPENSION_SID = "CoffreSuspended"

PLAIN_HTTP = {"Bool": {"aws:SecureTransport": "false"}}
"""The condition of a statement about requests without TLS: a Deny with it locks nobody out."""

# Switched at run time; every other writer preserves them.
SWITCH_SIDS = frozenset({GATE_SID, STOP_SID, SUSPENSION_SID})

LIMIT_BYTES = 256 * 1024
_VERSION = "2012-10-17"
_WRITTEN = ("restic/data/*", "restic/index/*", "restic/snapshots/*", "restic/locks/*", "reports/*")
_GATED = ("restic/data/*", "restic/index/*", "restic/snapshots/*")


@dataclass(frozen=True)
class Principals:
    """How a platform names its users in policies: by account and path (AWS), or with neither (RGW)."""

    account: str = ""
    path: str = "/"

    def arn(self, uid: str) -> str:
        return f"arn:aws:iam::{self.account}:user{self.path}{uid}"

    def find_uid(self, arn: str) -> str | None:
        """Return the user of an ARN; None for everything that is not exactly one user of this account and path."""
        prefix = self.arn("")
        uid = arn.removeprefix(prefix)
        return uid if arn.startswith(prefix) and uid and not set("*?") & set(uid) else None


NO_ACCOUNT = Principals()
"""Users named by their uid alone, where no account or path is part of a name."""


def gate_statement(bucket: str, machine: str, names: Principals = NO_ACCOUNT) -> PolicyStatement:
    """Return the statement that closes the gate: restic fails within a second; restore, check and reports work."""
    return _statement("Deny", names.arn(machine), ["s3:PutObject"], objects(bucket, _GATED))


def stop_statement(bucket: str, machine: str, names: Principals = NO_ACCOUNT) -> PolicyStatement:
    """Return the statement that stops a machine which fills its tenant's storage: it writes nothing, not even reports.

    A closed gate still allows reports and locks, and a machine may fill the wall with them. Deletes are denied too:
    each one leaves a marker, which counts as an object. Reading stays allowed.
    """
    return _statement("Deny", names.arn(machine), ["s3:DeleteObject", "s3:PutObject"], objects(bucket, ("*",)))


def suspension_statement(bucket: str, machine: str, names: Principals = NO_ACCOUNT) -> PolicyStatement:
    """Return the statement that denies a machine its repository, also reading; control/ and reports/ stay open."""
    return _statement("Deny", names.arn(machine), ["s3:*"], objects(bucket, ("restic/*",)))


def document(by_sid: Mapping[str, PolicyStatement]) -> PolicyDocument:
    """Return the policy document of statements by Sid, in a stable order."""
    return {"Version": _VERSION, "Statement": [{"Sid": sid, **by_sid[sid]} for sid in sorted(by_sid)]}


def render(policy: PolicyDocument) -> str:
    return json.dumps(policy, sort_keys=True, separators=(",", ":"))


def parse(text: str) -> PolicyDocument:
    """Read a live policy, in any text form; a text that is not an S3 policy counts as empty."""
    try:
        policy = read_json_object(text, LIMIT_BYTES)
    except UnreadableJsonError:
        return {}
    statements = policy.get("Statement", [])
    is_read = all(isinstance(each, dict) for each in (statements if isinstance(statements, list) else [statements]))
    return policy if is_read else {}


def by_sid(policy: PolicyDocument) -> dict[str, PolicyStatement]:
    """Return the normalised statements of a document by Sid.

    A statement without a Sid, or with a repeated Sid, gets a name from its content, so that the comparison includes it.
    """
    result: dict[str, PolicyStatement] = {}
    for statement in _list(policy.get("Statement", [])):
        plain = normalise(statement)
        sid = statement.get("Sid") or f"unnamed-{_digest(plain)}"
        if sid in result and result[sid] != plain:
            sid = f"{sid}-{_digest(plain)}"
        result[sid] = plain
    return dict(sorted(result.items()))


def owned(policy: PolicyDocument) -> dict[str, PolicyStatement]:
    """Return every statement except the switches: the part of the Pulumi resource."""
    return {sid: statement for sid, statement in by_sid(policy).items() if sid not in SWITCH_SIDS}


def normalise(statement: Mapping[str, Any]) -> PolicyStatement:
    """Return a statement without Sid in normal form: lists sorted and without repeats, a scalar as a list of one."""
    result: PolicyStatement = {}
    for name, value in statement.items():
        if name == "Sid":
            continue
        if name in ("Action", "NotAction", "Resource", "NotResource"):
            result[name] = sorted({str(item) for item in _list(value)})
        elif name in ("Principal", "NotPrincipal"):
            result[name] = _normalise_principal(value)
        else:
            result[name] = value
    return dict(sorted(result.items()))


def is_same(one: PolicyDocument, other: PolicyDocument) -> bool:
    return by_sid(one) == by_sid(other)


def with_statements(policy: PolicyDocument, wanted: Mapping[str, PolicyStatement]) -> PolicyDocument:
    """Return a policy with the wanted statements and the switches of the given one."""
    switches = {sid: each for sid, each in by_sid(policy).items() if sid in SWITCH_SIDS}
    return document({**{sid: normalise(each) for sid, each in wanted.items()}, **switches})


def with_switch(policy: PolicyDocument, sid: str, statement: PolicyStatement | None) -> PolicyDocument:
    """Return the policy with one switch set (a statement) or removed (None); the rest is unchanged."""
    others = [each for each in _list(policy.get("Statement", [])) if each.get("Sid") != sid]
    added = [] if statement is None else [{"Sid": sid, **statement}]
    return {**policy, "Statement": [*others, *added]}


def has_switch(policy: PolicyDocument, sid: str) -> bool:
    return any(each.get("Sid") == sid for each in _list(policy.get("Statement", [])))


def find_principal(policy: PolicyDocument, sid: str, names: Principals = NO_ACCOUNT) -> str | None:
    """Return the uid of a statement, None when there is no such statement or it does not name a single user."""
    statement = by_sid(policy).get(sid)
    if statement is None:
        return None
    uids = list_uids({sid: statement}, names)
    return uids[0] if len(uids) == 1 else None


def list_uids(by_name: Mapping[str, PolicyStatement], names: Principals = NO_ACCOUNT) -> list[str]:
    """Return every uid that the statements name as principal or exception, sorted."""
    uids = set()
    for statement in by_name.values():
        for role in ("Principal", "NotPrincipal"):
            for arn in _aws(statement.get(role)):
                uid = names.find_uid(arn)
                if uid is not None:
                    uids.add(uid)
    return sorted(uids)


def list_principals(by_name: Mapping[str, PolicyStatement], names: Principals = NO_ACCOUNT) -> list[str]:
    """Return every principal or exception that the statements name, sorted; not all need to be uids."""
    found = set()
    for statement in by_name.values():
        for role in ("Principal", "NotPrincipal"):
            principal = statement.get(role)
            if principal is not None and not isinstance(principal, Mapping):
                found.add(str(principal))
            for arn in _aws(principal):
                found.add(names.find_uid(arn) or arn)
    return sorted(found)


def refuse_lockout(policy: PolicyDocument, owner: str, names: Principals = NO_ACCOUNT) -> None:
    """Refuse a document whose Deny could reach the owner.

    A Deny overrides the owner's Allow, and an owner without access cannot even delete the policy: only the platform's
    own administrators could undo it. Every Deny that is not clearly about another user, or about requests without TLS,
    counts as reaching the owner.
    """
    for sid, statement in by_sid(policy).items():
        effect = statement.get("Effect")
        if effect == "Allow":
            continue
        if effect != "Deny" or _may_reach(statement, owner, names):
            raise RefusedError(
                f"policy statement {sid} could deny access to the owner {owner}: not written",
                "a Deny must name other users one by one (Principal), or list the owner among its exceptions "
                "(NotPrincipal)",
            )


def _may_reach(deny: PolicyStatement, owner: str, names: Principals) -> bool:
    if deny.get("Condition") == PLAIN_HTTP:
        return False
    if "NotPrincipal" in deny:
        exceptions = deny["NotPrincipal"]
        return "Principal" in deny or names.arn(owner) not in _aws(exceptions)
    principal = deny.get("Principal")
    if not isinstance(principal, Mapping) or set(principal) != {"AWS"}:
        return True
    uids = [names.find_uid(arn) for arn in _aws(principal)]
    return not uids or any(uid is None or uid.split(":")[0] == owner for uid in uids)


def acl_statement(bucket: str, machine: str, names: Principals = NO_ACCOUNT) -> PolicyStatement:
    """Return the statement by which a machine publishes nothing. It also tells whose bucket it is: a retired machine's
    bucket has none.
    """
    acl = ["s3:PutBucketAcl", "s3:PutObjectAcl", "s3:PutObjectVersionAcl"]
    return _statement("Deny", names.arn(machine), acl, both(bucket))


def machine_rights(bucket: str) -> dict[str, PolicyStatement]:
    """Return what a machine may do in its bucket, by Sid; the statements name nobody."""
    upload = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"]
    whole = [f"arn:aws:s3:::{bucket}"]
    return {
        MACHINE_LIST_SID: _right(["s3:GetBucketLocation", "s3:ListBucket"], whole),
        MACHINE_READ_SID: _right(["s3:GetObject"], objects(bucket, ("*",))),
        MACHINE_WRITE_SID: _right(upload, objects(bucket, _WRITTEN)),
        MACHINE_UNLOCK_SID: _right(["s3:DeleteObject"], objects(bucket, ("restic/locks/*",))),
    }


def _right(actions: Sequence[str], resources: Sequence[str]) -> PolicyStatement:
    return {"Action": sorted(actions), "Effect": "Allow", "Resource": sorted(resources)}


def _statement(effect: str, principal: str, actions: Sequence[str], resources: Sequence[str]) -> PolicyStatement:
    return {
        "Action": sorted(actions),
        "Effect": effect,
        "Principal": {"AWS": [principal]},
        "Resource": sorted(resources),
    }


def objects(bucket: str, patterns: Iterable[str]) -> list[str]:
    """Return the ARNs of a bucket's objects by patterns of keys."""
    return sorted(f"arn:aws:s3:::{bucket}/{pattern}" for pattern in patterns)


def both(bucket: str) -> list[str]:
    """Return the ARNs of a bucket and of all its objects."""
    return [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]


def _normalise_principal(value: object) -> object:
    if isinstance(value, Mapping):
        return {kind: sorted({str(item) for item in _list(names)}) for kind, names in sorted(value.items())}
    return value


def _aws(principal: object) -> list[str]:
    return [str(item) for item in _list(principal.get("AWS", []))] if isinstance(principal, Mapping) else []


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _digest(statement: PolicyStatement) -> str:
    return hashlib.sha256(json.dumps(statement, sort_keys=True).encode()).hexdigest()[:8]
