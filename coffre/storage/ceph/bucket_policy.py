"""The bucket policy of a machine's bucket on RGW, without its switches. Pure."""

from coffre.storage.s3.policy import (
    MACHINE_ACL_SID,
    NO_ACCOUNT,
    OWNER_SID,
    PolicyStatement,
    acl_statement,
    both,
    machine_rights,
)

STRANGERS_SID = "CoffreNoStrangers"


def user_arn(uid: str) -> str:
    """Return the ARN of a user of RGW."""
    return NO_ACCOUNT.arn(uid)


def statements(bucket: str, owner: str, machine: str | None) -> dict[str, PolicyStatement]:
    """Return the statements of a machine's bucket by Sid; a retired machine (None) has no statement.

    In RGW a writer owns its objects. So the owner needs its right by name, and the machine could publish its objects
    with an ACL: this is the reason for the two Deny (measured on 16.2.15; restic works with them).
    """
    result: dict[str, PolicyStatement] = {
        OWNER_SID: {
            "Action": ["s3:*"],
            "Effect": "Allow",
            "Principal": {"AWS": [user_arn(owner)]},
            "Resource": both(bucket),
        }
    }
    known = [owner]
    if machine is not None:
        known.append(machine)
        result |= _machine_statements(bucket, machine)
    result[STRANGERS_SID] = {
        "Effect": "Deny",
        "NotPrincipal": {"AWS": sorted(user_arn(uid) for uid in known)},
        "Action": ["s3:*"],
        "Resource": both(bucket),
    }
    return result


def _machine_statements(bucket: str, machine: str) -> dict[str, PolicyStatement]:
    principal = {"Principal": {"AWS": [user_arn(machine)]}}
    rights = {sid: {**right, **principal} for sid, right in machine_rights(bucket).items()}
    return {**rights, MACHINE_ACL_SID: acl_statement(bucket, machine)}
