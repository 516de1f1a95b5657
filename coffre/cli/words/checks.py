"""The English words for the checks of an erasure; no other module has them."""

from collections.abc import Mapping, Sequence
from typing import assert_never

from coffre.offboarding.erase.checks import (
    Absent,
    Check,
    Contents,
    KeyAnswer,
    KeyTried,
    Left,
    Look,
    OwnedBuckets,
    Present,
    Quoted,
    RestoreAnswer,
    RestoreTried,
)
from coffre.secrets.identifiers import describe

_LOOKS: Mapping[Look, str] = {
    Look.CONTENTS: "contents of bucket",
    Look.OWNED: "buckets listed to the owner's key",
    Look.BUCKET: "bucket",
    Look.RECORD: "platform's record of bucket",
    Look.USER: "user",
    Look.KEY: "access key",
    Look.RESTORE: "restore from bucket",
    Look.BUNDLES: "secret bundles of",
    Look.STACK: "stack of",
    Look.PASSWORD: "password of machine",
    Look.QUOTED: "",
}
_ABSENT: Mapping[Look, str] = {
    Look.BUCKET: "the administrator is told that there is none",
    Look.CONTENTS: "the platform answers that there is no such bucket",
    Look.PASSWORD: "the bundle has none",
}
_PRESENT: Mapping[Look, str] = {Look.BUCKET: "it is there", Look.PASSWORD: "the bundle has it still"}
_LISTS: Mapping[Look, str] = {
    Look.RECORD: "bucket.instance lists",
    Look.BUNDLES: "the secrets folder and the escrow have",
    Look.STACK: "Pulumi's folders have",
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


def describe_check(check: Check) -> str:
    """Return the subject and the result of a check."""
    return f"{_name(check)}: {_say_seen(check)}"


def describe_checks(checks: Sequence[Check]) -> str:
    """Return checks as one line."""
    return "; ".join(describe_check(check) for check in checks)


def _name(check: Check) -> str:
    holder = f" ({describe(check.holder)})" if check.holder is not None else ""
    return f"{_LOOKS[check.look]} {check.subject}".strip() + holder


def _say_seen(check: Check) -> str:
    seen, look = check.seen, check.look
    match seen:
        case Absent():
            return _ABSENT.get(look, "there is none")
        case Present(owner=owner):
            there = _PRESENT.get(look, "the platform still has it")
            return there if owner is None else f"{there}, owner {owner}"
        case Contents():
            return f"{seen.versions} versions, {seen.markers} delete markers, {seen.uploads} unfinished uploads"
        case Left(names=names):
            return f"{_LISTS.get(look, 'there are')} {', '.join(names) or 'none'}"
        case OwnedBuckets(sought=sought, names=names):
            return f"the key is accepted; of {sought} buckets it is listed {', '.join(names) or 'none'}"
        case KeyTried(answer=answer, said=said):
            return f"{_KEY_ANSWERS[answer]}: {said}" if said else _KEY_ANSWERS[answer]
        case RestoreTried(answer=answer, said=said):
            return said or _RESTORE_ANSWERS[answer]
        case Quoted(text=text):
            return text
        case _:
            assert_never(seen)
