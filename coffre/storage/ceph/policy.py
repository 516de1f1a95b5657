"""The bucket policy of a machine's bucket, statement by statement: pure documents, no call to anything.

Statements are told apart by their Sid. Three of them are switches that belong to nobody's program: the gate, the stop
and the suspension are added and removed while the service runs, and whoever writes the rest must preserve them.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from coffre.errors import RefusedError
from coffre.outside.structured import UnreadableJsonError, read_json_object

Statement = dict[str, Any]
Document = dict[str, Any]

OWNER_SID = "CoffreOwner"
MACHINE_LIST_SID = "CoffreMachineList"
MACHINE_READ_SID = "CoffreMachineRead"
MACHINE_WRITE_SID = "CoffreMachineWrite"
MACHINE_UNLOCK_SID = "CoffreMachineUnlock"
MACHINE_ACL_SID = "CoffreMachineNoAcl"
STRANGERS_SID = "CoffreNoStrangers"
GATE_SID = "CoffreGateClosed"
STOP_SID = "CoffreWritesStopped"
SUSPENSION_SID = "CoffreSuspended"

# Switched while the service runs; every other writer preserves them.
SWITCH_SIDS = frozenset({GATE_SID, STOP_SID, SUSPENSION_SID})

LIMIT_BYTES = 256 * 1024
_VERSION = "2012-10-17"
_USER_ARN = re.compile(r"arn:aws:iam:::user/([^*?]+)")
_WRITTEN = ("restic/data/*", "restic/index/*", "restic/snapshots/*", "restic/locks/*", "reports/*")
_GATED = ("restic/data/*", "restic/index/*", "restic/snapshots/*")


def user_arn(uid: str) -> str:
    return f"arn:aws:iam:::user/{uid}"


def statements(bucket: str, owner: str, machine: str | None) -> dict[str, Statement]:
    """Return the statements of a machine's bucket by Sid; a retired machine (None) has none of its own.

    A writer owns its objects in RGW, so the owner needs its right by name, and the machine could open its objects to
    the world by ACL whatever it is allowed: hence the two Deny (measured on 16.2.15, as is that restic works so).
    """
    result = {OWNER_SID: _statement("Allow", owner, ["s3:*"], _both(bucket))}
    known = [owner]
    if machine is not None:
        known.append(machine)
        result |= _machine_statements(bucket, machine)
    result[STRANGERS_SID] = {
        "Effect": "Deny",
        "NotPrincipal": {"AWS": sorted(user_arn(uid) for uid in known)},
        "Action": ["s3:*"],
        "Resource": _both(bucket),
    }
    return result


def gate_statement(bucket: str, machine: str) -> Statement:
    """Return what closes the gate: restic fails within a second, while restore, check and reports go on."""
    return _statement("Deny", machine, ["s3:PutObject"], _objects(bucket, _GATED))


def stop_statement(bucket: str, machine: str) -> Statement:
    """Return what stops a machine that fills its tenant's storage: it writes nothing at all, reports and locks neither.

    A closed gate leaves these open, and a machine may fill the wall by them as well. Deletes go with it: each leaves a
    marker, which counts as an object. Reading stays.
    """
    return _statement("Deny", machine, ["s3:DeleteObject", "s3:PutObject"], _objects(bucket, ("*",)))


def suspension_statement(bucket: str, machine: str) -> Statement:
    """Return what shuts a machine out of its repository, reading included; control/ and reports/ stay open to it."""
    return _statement("Deny", machine, ["s3:*"], _objects(bucket, ("restic/*",)))


def document(by_sid: Mapping[str, Statement]) -> Document:
    """Return the policy document of statements by Sid, in a stable order."""
    return {"Version": _VERSION, "Statement": [{"Sid": sid, **by_sid[sid]} for sid in sorted(by_sid)]}


def render(policy: Document) -> str:
    return json.dumps(policy, sort_keys=True, separators=(",", ":"))


def parse(text: str) -> Document:
    """Read a live policy, whatever text RGW was given; one that is none of S3's is empty."""
    try:
        policy = read_json_object(text, LIMIT_BYTES)
    except UnreadableJsonError:
        return {}
    statements = policy.get("Statement", [])
    is_read = all(isinstance(each, dict) for each in (statements if isinstance(statements, list) else [statements]))
    return policy if is_read else {}


def by_sid(policy: Document) -> dict[str, Statement]:
    """Return the normalised statements of a document by Sid.

    One without a Sid, or with a Sid used before, gets a name from its content, so that nothing hides from a comparison.
    """
    result: dict[str, Statement] = {}
    for statement in _list(policy.get("Statement", [])):
        plain = normalise(statement)
        sid = statement.get("Sid") or f"unnamed-{_digest(plain)}"
        if sid in result and result[sid] != plain:
            sid = f"{sid}-{_digest(plain)}"
        result[sid] = plain
    return dict(sorted(result.items()))


def owned(policy: Document) -> dict[str, Statement]:
    """Return every statement but the switches: what the Pulumi resource answers for."""
    return {sid: statement for sid, statement in by_sid(policy).items() if sid not in SWITCH_SIDS}


def normalise(statement: Mapping[str, Any]) -> Statement:
    """Return a statement without Sid in one form: lists sorted and without repeats, a scalar as a list of one."""
    result: Statement = {}
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


def is_same(one: Document, other: Document) -> bool:
    return by_sid(one) == by_sid(other)


def with_statements(policy: Document, wanted: Mapping[str, Statement]) -> Document:
    """Return a policy of the wanted statements and the switches of the given one."""
    switches = {sid: each for sid, each in by_sid(policy).items() if sid in SWITCH_SIDS}
    return document({**{sid: normalise(each) for sid, each in wanted.items()}, **switches})


def with_switch(policy: Document, sid: str, statement: Statement | None) -> Document:
    """Return the policy with one switch set (a statement) or taken away (None), all else as it is."""
    others = [each for each in _list(policy.get("Statement", [])) if each.get("Sid") != sid]
    added = [] if statement is None else [{"Sid": sid, **statement}]
    return {**policy, "Statement": [*others, *added]}


def has_switch(policy: Document, sid: str) -> bool:
    return any(each.get("Sid") == sid for each in _list(policy.get("Statement", [])))


def find_principal(policy: Document, sid: str) -> str | None:
    """Return the uid that a statement is for, None when there is no such statement or it names no single user."""
    statement = by_sid(policy).get(sid)
    if statement is None:
        return None
    uids = list_uids({sid: statement})
    return uids[0] if len(uids) == 1 else None


def list_uids(by_name: Mapping[str, Statement]) -> list[str]:
    """Return every uid that the statements name as principal or exception, sorted."""
    uids = set()
    for statement in by_name.values():
        for role in ("Principal", "NotPrincipal"):
            for arn in _aws(statement.get(role)):
                match = _USER_ARN.fullmatch(arn)
                if match:
                    uids.add(match[1])
    return sorted(uids)


def list_principals(by_name: Mapping[str, Statement]) -> list[str]:
    """Return every principal or exception that the statements name: a uid, or whatever else stands there, sorted."""
    names = set()
    for statement in by_name.values():
        for role in ("Principal", "NotPrincipal"):
            principal = statement.get(role)
            if principal is not None and not isinstance(principal, Mapping):
                names.add(str(principal))
            for arn in _aws(principal):
                match = _USER_ARN.fullmatch(arn)
                names.add(match[1] if match else arn)
    return sorted(names)


def refuse_lockout(policy: Document, owner: str) -> None:
    """Refuse a document whose Deny could reach the owner.

    Deny beats the owner's Allow, and a locked out owner cannot even delete the policy: only the platform's own
    administrators could undo it. Anything that is not plainly about another user counts as reaching the owner.
    """
    for sid, statement in by_sid(policy).items():
        effect = statement.get("Effect")
        if effect == "Allow":
            continue
        if effect != "Deny" or _may_reach(statement, owner):
            raise RefusedError(
                f"policy statement {sid} could shut out the owner {owner}: not written",
                "a Deny must name other users one by one (Principal), or list the owner among its exceptions "
                "(NotPrincipal)",
            )


def _may_reach(deny: Statement, owner: str) -> bool:
    if "NotPrincipal" in deny:
        exceptions = deny["NotPrincipal"]
        return "Principal" in deny or user_arn(owner) not in _aws(exceptions)
    principal = deny.get("Principal")
    if not isinstance(principal, Mapping) or set(principal) != {"AWS"}:
        return True
    uids = [_USER_ARN.fullmatch(arn) for arn in _aws(principal)]
    return not uids or any(match is None or match[1].split(":")[0] == owner for match in uids)


def _machine_statements(bucket: str, machine: str) -> dict[str, Statement]:
    upload = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:PutObject"]
    acl = ["s3:PutBucketAcl", "s3:PutObjectAcl", "s3:PutObjectVersionAcl"]
    whole = [f"arn:aws:s3:::{bucket}"]
    return {
        MACHINE_LIST_SID: _statement("Allow", machine, ["s3:GetBucketLocation", "s3:ListBucket"], whole),
        MACHINE_READ_SID: _statement("Allow", machine, ["s3:GetObject"], _objects(bucket, ("*",))),
        MACHINE_WRITE_SID: _statement("Allow", machine, upload, _objects(bucket, _WRITTEN)),
        MACHINE_UNLOCK_SID: _statement("Allow", machine, ["s3:DeleteObject"], _objects(bucket, ("restic/locks/*",))),
        MACHINE_ACL_SID: _statement("Deny", machine, acl, _both(bucket)),
    }


def _statement(effect: str, uid: str, actions: Sequence[str], resources: Sequence[str]) -> Statement:
    principal = {"AWS": [user_arn(uid)]}
    return {
        "Action": sorted(actions),
        "Effect": effect,
        "Principal": principal,
        "Resource": sorted(resources),
    }


def _objects(bucket: str, patterns: Iterable[str]) -> list[str]:
    return sorted(f"arn:aws:s3:::{bucket}/{pattern}" for pattern in patterns)


def _both(bucket: str) -> list[str]:
    return [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]


def _normalise_principal(value: object) -> object:
    if isinstance(value, Mapping):
        return {kind: sorted({str(item) for item in _list(names)}) for kind, names in sorted(value.items())}
    return value


def _aws(principal: object) -> list[str]:
    return [str(item) for item in _list(principal.get("AWS", []))] if isinstance(principal, Mapping) else []


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _digest(statement: Statement) -> str:
    return hashlib.sha256(json.dumps(statement, sort_keys=True).encode()).hexdigest()[:8]
