"""The English words for the checks of an erasure; no other module has them."""

from collections.abc import Mapping, Sequence
from typing import assert_never

from coffre.offboarding.erase.checks import (
    Absent,
    ContentsSeen,
    CustomerSeen,
    ErasureCheck,
    ErasureLook,
    KeyAnswer,
    KeyTried,
    Left,
    OwnedBuckets,
    Present,
    Quoted,
    RestoreAnswer,
    RestoreTried,
)
from coffre.secrets.identifiers import describe

_LOOKS: Mapping[ErasureLook, str] = {
    ErasureLook.CONTENTS: "contents of bucket",
    ErasureLook.OWNED: "buckets listed to the owner's key",
    ErasureLook.BUCKET: "bucket",
    ErasureLook.RECORD: "platform's record of bucket",
    ErasureLook.NAME: "name in the account of bucket",
    ErasureLook.USER: "user",
    ErasureLook.KEY: "access key",
    ErasureLook.RESTORE: "restore from bucket",
    ErasureLook.BUNDLES: "secret bundles of",
    ErasureLook.STACK: "stack of",
    ErasureLook.PASSWORD: "password of machine",
    ErasureLook.CUSTOMER: "customer",
    ErasureLook.QUOTED: "",
}
_ABSENT: Mapping[ErasureLook, str] = {
    ErasureLook.BUCKET: "the administrator is told that there is none",
    ErasureLook.CONTENTS: "the platform answers that there is no such bucket",
    ErasureLook.PASSWORD: "the bundle has none",
}
_PRESENT: Mapping[ErasureLook, str] = {
    ErasureLook.BUCKET: "it is there",
    ErasureLook.PASSWORD: "the bundle has it still",
}
_LISTS: Mapping[ErasureLook, str] = {
    ErasureLook.RECORD: "bucket.instance lists",
    ErasureLook.NAME: "the names that still answer are",
    ErasureLook.BUNDLES: "the secrets folder and the escrow have",
    ErasureLook.STACK: "Pulumi's folders have",
}
_KEY_ANSWERS: Mapping[KeyAnswer, str] = {
    KeyAnswer.UNKNOWN: "a signed request is answered: InvalidAccessKeyId",
    KeyAnswer.ACCEPTED: "its listing was answered",
    KeyAnswer.NO_BUCKET: "the platform accepts the key and has no such bucket",
    KeyAnswer.REFUSED: "the platform knows the key",
}
_RESTORE_ANSWERS: Mapping[RestoreAnswer, str] = {
    RestoreAnswer.REFUSED: "the platform refuses restic",
    RestoreAnswer.OPENED: "restic opened the repository",
    RestoreAnswer.RESTORED: "restic restored the latest snapshot",
    RestoreAnswer.FAILED: "restic fails, and the platform does not refuse it",
}


def describe_check(check: ErasureCheck) -> str:
    """Return the subject and the result of a check."""
    return f"{_name(check)}: {_say_seen(check)}"


def describe_checks(checks: Sequence[ErasureCheck]) -> str:
    """Return checks as one line."""
    return "; ".join(describe_check(check) for check in checks)


def _name(check: ErasureCheck) -> str:
    holder = f" ({describe(check.holder)})" if check.holder is not None else ""
    return f"{_LOOKS[check.look]} {check.subject}".strip() + holder


def _say_seen(check: ErasureCheck) -> str:
    seen, look = check.seen, check.look
    match seen:
        case Absent():
            return _ABSENT.get(look, "there is none")
        case Present(owner=owner):
            there = _PRESENT.get(look, "the platform still has it")
            return there if owner is None else f"{there}, owner {owner}"
        case ContentsSeen():
            return f"{seen.versions} versions, {seen.markers} delete markers, {seen.uploads} unfinished uploads"
        case Left(names=names):
            return f"{_LISTS.get(look, 'there are')} {', '.join(names) or 'none'}"
        case OwnedBuckets(sought=sought, names=names):
            return f"the key is accepted; of {sought} buckets it is listed {', '.join(names) or 'none'}"
        case KeyTried(answer=answer, said=said):
            return f"{_KEY_ANSWERS[answer]}: {said}" if said else _KEY_ANSWERS[answer]
        case RestoreTried(answer=answer, said=said):
            return said or _RESTORE_ANSWERS[answer]
        case CustomerSeen():
            return _say_customer(seen)
        case Quoted(text=text):
            return text
        case _:
            assert_never(seen)


def _say_customer(seen: CustomerSeen) -> str:
    left = [
        words
        for is_so, words in (
            (seen.is_listed, "the vendor lists it, or another one with its external id"),
            (seen.is_answering, "the vendor still shows it by its UUID"),
            (seen.is_being_deleted, "the vendor is still deleting it"),
        )
        if is_so
    ]
    if left:
        return ", ".join(left)
    if seen.deleted_at is None:
        return "not listed, and not shown by its UUID"
    until = (
        "" if seen.recoverable_until is None else f"; the vendor may recover it until {seen.recoverable_until:%Y-%m-%d}"
    )
    return f"not listed; the vendor says that it was deleted at {seen.deleted_at:%Y-%m-%d %H:%M} UTC{until}"
