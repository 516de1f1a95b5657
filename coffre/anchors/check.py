"""Compares the records with their chain, and the chain with every known signed head."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from coffre.anchors.anchoring import AnchorPlace, file_place, find_records_key
from coffre.anchors.file import read_anchor
from coffre.errors import ExpectedError
from coffre.records.chain.heads import Head, is_genuine
from coffre.records.chain.verification import ChainReport
from coffre.records.database.store import Records
from coffre.records.events import EventKind
from coffre.secrets.minting import public_key_of
from coffre.secrets.store import SecretStore
from coffre.spec.loader import Checkout

OLD_AFTER = timedelta(days=2)
GIVEN = "given"
"""The place of a head that was given to the command."""


class Contradiction(StrEnum):
    """The contradiction between a signed head and the records, or in the head itself."""

    FORGED = "forged"
    FOREIGN_KEY = "foreign_key"
    OTHER_DATABASE = "other_database"
    SHORTENED = "shortened"
    REWRITTEN = "rewritten"
    LOST = "lost"


class Weakness(StrEnum):
    """The reason why a verification proves less than possible."""

    NO_ANCHOR = "no_anchor"
    OLD = "old"
    SAME_DISK = "same_disk"
    KEY_UNKNOWN = "key_unknown"
    FILE_GONE = "file_gone"


@dataclass(frozen=True)
class Placed:
    """A signed head and its place."""

    place: str
    head: Head


@dataclass(frozen=True)
class HeadFault:
    """A signed head that does not match."""

    why: Contradiction
    place: str
    head: Head


@dataclass(frozen=True)
class AnchorCheck:
    """The result of a verification of the records.

    ``holds_to`` is the newest head that matches the chain, ``anchor`` the newest one outside the database;
    ``public_key`` is the key that heads are verified with, None when the secret store did not give it.
    """

    report: ChainReport
    heads: int
    head_faults: tuple[HeadFault, ...]
    weaknesses: tuple[Weakness, ...]
    holds_to: Placed | None
    anchor: Placed | None
    public_key: str | None

    @property
    def is_sound(self) -> bool:
        return not self.report.fault_count and not self.head_faults and Weakness.FILE_GONE not in self.weaknesses


def check_records(
    checkout: Checkout,
    records: Records,
    secrets: SecretStore,
    *,
    given: Sequence[Head],
    trimmable: Collection[EventKind],
    now: datetime,
) -> AnchorCheck:
    """Verify the whole chain and every head: the database's, the anchor's, and the given ones. Writes nothing."""
    weaknesses: list[Weakness] = []
    noted = [Placed("records", head) for head in records.list_heads()]
    kept, lost = _read_file(checkout, records, weaknesses)
    placed = [*noted, *kept, *(Placed(GIVEN, head) for head in given)]
    report = records.verify({each.head.position for each in placed}, trimmable)
    key = _find_key(secrets, weaknesses)
    # Without the store's own key, the key with the oldest signature is used.
    expected = key or next((each.head.public_key for each in [*kept, *noted]), None)
    faults = [
        HeadFault(why, each.place, each.head) for each in placed if (why := judge_head(each.head, report, expected))
    ]
    faults += lost
    wrong = {id(fault.head) for fault in faults}
    holding = [each for each in placed if id(each.head) not in wrong]
    outside = [each for each in holding if each.place != "records"]
    # Mails and certificates also hold heads outside; only the records say so.
    anchor = _newest(outside) or _newest(_sent(records, checkout))
    _weigh(checkout, anchor, now, weaknesses)
    return AnchorCheck(
        report=report,
        heads=len(placed),
        head_faults=tuple(sorted(faults, key=lambda each: (each.head.position, each.head.signed_at))),
        weaknesses=tuple(dict.fromkeys(weaknesses)),
        holds_to=_newest(holding),
        anchor=anchor,
        public_key=key,
    )


def judge_head(head: Head, report: ChainReport, key: str | None) -> Contradiction | None:
    """Compare one head with the chain and the key; None when it matches. Pure."""
    if not is_genuine(head):
        return Contradiction.FORGED
    if key is not None and head.public_key != key:
        return Contradiction.FOREIGN_KEY
    if head.database_id != report.tip.database_id:
        return Contradiction.OTHER_DATABASE
    if head.position not in report.hashes:
        return Contradiction.SHORTENED
    return None if report.hashes[head.position] == head.hash else Contradiction.REWRITTEN


def _read_file(
    checkout: Checkout, records: Records, weaknesses: list[Weakness]
) -> tuple[list[Placed], list[HeadFault]]:
    """Return the heads of the anchor's file, and the recorded ones that it has lost."""
    path = checkout.settings.anchor.file
    if path is None:
        return [], []
    written = records.list_heads(file_place(path))
    try:
        found = read_anchor(checkout.root / path)
    except FileNotFoundError:
        weaknesses += [Weakness.FILE_GONE] if written else []
        return [], []
    present = {(each.position, each.hash, each.signature) for each in found}
    gone = [each for each in written if (each.position, each.hash, each.signature) not in present]
    return [Placed(path, head) for head in found], [HeadFault(Contradiction.LOST, path, head) for head in gone]


def _find_key(secrets: SecretStore, weaknesses: list[Weakness]) -> str | None:
    try:
        key = find_records_key(secrets)
    except ExpectedError:
        key = None
    if key is None:
        weaknesses.append(Weakness.KEY_UNKNOWN)
        return None
    return public_key_of(key)


def _sent(records: Records, checkout: Checkout) -> list[Placed]:
    address = checkout.settings.anchor.mail
    place = f"{AnchorPlace.MAIL.value}:{address}"
    last = None if address is None else records.find_head(place)
    return [] if last is None else [Placed(place, last)]


def _newest(placed: Iterable[Placed]) -> Placed | None:
    return max(placed, key=lambda each: (each.head.position, each.head.signed_at), default=None)


def _weigh(checkout: Checkout, anchor: Placed | None, now: datetime, weaknesses: list[Weakness]) -> None:
    settings = checkout.settings.anchor
    if settings.file is None and settings.mail is None:
        weaknesses.append(Weakness.NO_ANCHOR)
    elif anchor is None or now - anchor.head.signed_at > OLD_AFTER:
        weaknesses.append(Weakness.OLD)
    if settings.file is not None and _is_on_same_disk(checkout.root / settings.file, checkout):
        weaknesses.append(Weakness.SAME_DISK)


def _is_on_same_disk(path: Path, checkout: Checkout) -> bool:
    reference = checkout.settings.records
    place = checkout.root / reference.removeprefix("sqlite:") if reference.startswith("sqlite:") else checkout.root
    try:
        return path.stat().st_dev == place.stat().st_dev
    except OSError:
        return False
