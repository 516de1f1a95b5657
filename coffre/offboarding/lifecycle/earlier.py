"""Reads the evidence of earlier versions, English sentences, into the current typed values. Pure.

The journal is never rewritten, so these sentences stay in it. An unknown sentence is quoted, so that no fact is lost.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from coffre.offboarding.erase.checks import (
    Absent,
    ContentsSeen,
    DestroyedSecret,
    ErasureLook,
    KeyAnswer,
    KeyTried,
    Left,
    OwnedBuckets,
    Present,
    Quoted,
    RepositoryPasswords,
    RestoreAnswer,
    RestoreTried,
    Seen,
    ServiceKeys,
    Told,
    ToldByLetter,
)
from coffre.secrets.earlier import read_phrase
from coffre.secrets.identifiers import SecretId

_LOOKS: Mapping[str, ErasureLook] = {
    "contents of bucket": ErasureLook.CONTENTS,
    "buckets listed to the owner's key": ErasureLook.OWNED,
    "platform's record of bucket": ErasureLook.RECORD,
    "restore from bucket": ErasureLook.RESTORE,
    "bucket": ErasureLook.BUCKET,
    "user": ErasureLook.USER,
    "access key": ErasureLook.KEY,
    "secret bundles of": ErasureLook.BUNDLES,
    "stack of": ErasureLook.STACK,
    "password of machine": ErasureLook.PASSWORD,
}
"""The beginning of a check's name; the subject followed."""

_KEY = re.compile(r"(?P<id>\S+) \((?P<whose>.+)\)")

_SEEN: Mapping[str, Seen] = {
    "there is none": Absent(),
    "the platform still has it": Present(),
    "the administrator is told that there is none": Absent(),
    "the platform answers that there is no such bucket": Absent(),
    "the bundle has none": Absent(),
    "the bundle has it still": Present(),
    "a signed request is answered: InvalidAccessKeyId": KeyTried(answer=KeyAnswer.UNKNOWN),
    "its listing was answered": KeyTried(answer=KeyAnswer.ACCEPTED),
    "restic opened the repository": RestoreTried(answer=RestoreAnswer.OPENED),
    "restic restored the latest snapshot": RestoreTried(answer=RestoreAnswer.RESTORED),
}
_PATTERNS: tuple[tuple[str, Callable[[re.Match[str]], Seen]], ...] = (
    (r"it is there, owner (.+)", lambda found: Present(owner=found[1])),
    (
        r"(\d+) versions, (\d+) delete markers, (\d+) unfinished uploads",
        lambda found: ContentsSeen(versions=int(found[1]), markers=int(found[2]), uploads=int(found[3])),
    ),
    (
        r"the key is accepted; of (\d+) buckets it is listed (.+)",
        lambda found: OwnedBuckets(sought=int(found[1]), names=_read_names(found[2])),
    ),
    (r"bucket\.instance lists (.+)", lambda found: Left(names=_read_names(found[1]))),
    (r"the secrets folder and the escrow have (.+)", lambda found: Left(names=_read_names(found[1]))),
    (r"Pulumi's folders have (.+)", lambda found: Left(names=_read_names(found[1]))),
    (
        r"restic failed: .*Access Denied.*",
        lambda found: RestoreTried(answer=RestoreAnswer.REFUSED, said=found[0]),
    ),
)

_PASSWORDS, _PASSWORD_OF, _KEYS = (
    "the repository passwords",
    "the repository password of ",
    "the keys of the service",
)
_LETTER = re.compile(r"courrier du (\d{2})/(\d{2})/(\d{4})")


def upgrade_check(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a check."""
    if "name" not in details:
        return details
    look, subject = _split_name(details["name"])
    holder = None
    if look is ErasureLook.KEY:
        subject, holder = _read_key(subject)
    return {
        "look": look,
        "subject": subject,
        "passed": details["passed"],
        "seen": _read_seen(details["seen"]),
        "holder": holder,
    }


def upgrade_secret(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of a destroyed secret."""
    what = details.get("what")
    return {**details, "what": _read_secret(what)} if isinstance(what, str) else details


def upgrade_agent(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the fields of an agent at the end."""
    told = details.get("told")
    return {**details, "told": _read_told(told)} if isinstance(told, str) else details


def _split_name(name: str) -> tuple[ErasureLook, str]:
    for words, look in _LOOKS.items():
        if name == words or name.startswith(f"{words} "):
            return look, name.removeprefix(words).removeprefix(" ")
    return ErasureLook.QUOTED, name


def _read_key(subject: str) -> tuple[str, SecretId | None]:
    """Return an access key's id and its secret's identifier; if unknown, the whole text is the id."""
    found = _KEY.fullmatch(subject)
    secret = None if found is None else read_phrase(found["whose"])
    return (subject, None) if found is None or secret is None else (found["id"], secret)


def _read_seen(text: str) -> Seen:
    if text in _SEEN:
        return _SEEN[text]
    for pattern, read in _PATTERNS:
        found = re.fullmatch(pattern, text)
        if found is not None:
            return read(found)
    return Quoted(text=text)


def _read_names(text: str) -> tuple[str, ...]:
    return () if text == "none" else tuple(text.split(", "))


def _read_secret(what: str) -> DestroyedSecret:
    if what == _PASSWORDS:
        return RepositoryPasswords()
    if what.startswith(_PASSWORD_OF):
        return RepositoryPasswords(machine=what.removeprefix(_PASSWORD_OF))
    return ServiceKeys() if what == _KEYS else Quoted(text=what)


def _read_told(text: str) -> Told | None:
    if not text:
        return None
    found = _LETTER.fullmatch(text)
    return Quoted(text=text) if found is None else ToldByLetter(on=date(int(found[3]), int(found[2]), int(found[1])))
