"""Anchors the records: signs the head of their chain and stores it out of reach of a person who changes the records.

The file of platform.yaml gets a line after each command that wrote records, the address a mail once a day. Without a
file, a signed head is stored once a day in the database itself, which proves less.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pydantic import SecretStr

from coffre.anchors.file import add_to_anchor, read_last
from coffre.correspondence import smtp
from coffre.errors import ExpectedError, RefusedError
from coffre.records.chain.heads import Head, sign_head, write_head
from coffre.records.database.store import Records
from coffre.secrets import minting
from coffre.secrets.bundles import PROVIDER, ProviderBundle
from coffre.secrets.store import SecretStore
from coffre.spec.loader import Checkout
from coffre.workspace.clock import utc_now

HEAD_FILE = "coffre-records-head.json"


class AnchorPlace(StrEnum):
    """The place of a signed head. A file's place is followed by its path."""

    HERE = "here"
    FILE = "file"
    MAIL = "mail"
    CERTIFICATE = "certificate"


@dataclass(frozen=True)
class Anchored:
    """A head that was stored now, and its place."""

    place: str
    head: Head


def file_place(path: str) -> str:
    """Return the place of an anchor's file: another path in platform.yaml begins another anchor."""
    return f"{AnchorPlace.FILE.value}:{path}"


def mail_place(address: str) -> str:
    """Return the place of an external address."""
    return f"{AnchorPlace.MAIL.value}:{address}"


def find_records_key(secrets: SecretStore) -> SecretStr | None:
    """Return the key that signs heads, None when it was never generated."""
    bundle = secrets.find_provider()
    return None if bundle is None else bundle.records_key


def ensure_records_key(records: Records, secrets: SecretStore) -> SecretStr:
    """Return the key that signs heads; generate it the first time.

    RefusedError when the records have signed heads and the secret store has lost the key: a new key would look like a
    forger's.
    """
    bundle = secrets.find_provider()
    if bundle is not None:
        secrets.save_provider(bundle)  # This writes a lost copy again, for example after a full disk.
        return bundle.records_key
    if records.list_heads():
        raise RefusedError(
            f"the records have signed heads, but the secret store has lost their key ({PROVIDER}.provider.age)",
            "Restore that file from a backup, into the secrets folder and the escrow.",
        )
    secrets.save_provider(ProviderBundle(tenant_id=PROVIDER, records_key=minting.new_signing_key()))
    return ensure_records_key(records, secrets)


def sign_records(records: Records, secrets: SecretStore, place: str) -> Head:
    """Sign the current head of the chain, and record its places."""
    head = sign_head(records.read_tip(), ensure_records_key(records, secrets), utc_now())
    records.add_head(head, place)
    return head


def anchor_records(checkout: Checkout, records: Records, secrets: SecretStore, now: datetime) -> list[Anchored]:
    """Store the head of the chain in every place where it is due; returns the stored heads. May run at any time.

    RefusedError when the anchor and the records contradict each other. An error in one place does not stop the others;
    the first error is raised at the end.
    """
    settings, root = checkout.settings.anchor, checkout.root
    done: list[Anchored] = []
    problems: list[ExpectedError] = []
    turns: list[Callable[[], Anchored | None]] = []
    if settings.file is not None:
        path = settings.file
        turns.append(lambda: _anchor_in_file(root / path, file_place(path), records, secrets, now))
    else:
        turns.append(lambda: _anchor_here(records, secrets, now))
    if settings.mail is not None:
        address = settings.mail
        turns.append(lambda: _anchor_by_mail(checkout, address, records, secrets, now))
    for turn in turns:
        try:
            anchored = turn()
        except ExpectedError as problem:
            problems.append(problem)
        else:
            done += [] if anchored is None else [anchored]
    if problems:
        raise problems[0]
    return done


def anchor_quietly(
    checkout: Checkout, records: Records, secrets: SecretStore, on_notice: Callable[[str], None] | None
) -> None:
    """Anchor after a command; an error stops nothing and is given as a notice."""
    try:
        anchor_records(checkout, records, secrets, utc_now())
    except (ExpectedError, OSError) as problem:
        if on_notice is not None:
            why = f"{problem.message}. {problem.hint}" if isinstance(problem, ExpectedError) else str(problem)
            on_notice(f"the records were not anchored: {why}".rstrip(". ") + ".")


def _anchor_in_file(path: Path, place: str, records: Records, secrets: SecretStore, now: datetime) -> Anchored | None:
    tip = records.read_tip()
    try:
        last = read_last(path)
    except FileNotFoundError:
        if records.find_head(place) is not None:
            raise ExpectedError(
                f"the anchor {path} existed before and is missing now",
                "Mount it if it is not mounted. If it is lost, name another file in platform.yaml (anchor.file).",
            ) from None
        last = None
    if last is not None:
        if last.database_id != tip.database_id or records.find_hash(last.position) != last.hash:
            raise RefusedError(
                f"the anchor {path} and the records contradict each other",
                "Run `coffre records verify`: it shows the first altered place.",
            )
        if last.position == tip.position and last.signed_at.date() == now.date():
            return None
    head = sign_head(tip, ensure_records_key(records, secrets), now)
    add_to_anchor(path, head)
    records.add_head(head, place)
    return Anchored(place, head)


def _anchor_by_mail(
    checkout: Checkout, address: str, records: Records, secrets: SecretStore, now: datetime
) -> Anchored | None:
    place, settings = mail_place(address), checkout.settings.mail
    last = records.find_head(place)
    if settings is None or (last is not None and last.signed_at.date() == now.date()):
        return None
    head = sign_head(records.read_tip(), ensure_records_key(records, secrets), now)
    line = write_head(head)
    message = smtp.Message(
        to=address,
        sender_name=checkout.settings.provider.name,
        subject=f"Coffre: records head {head.position} of {now:%Y-%m-%d}",
        text=f"Keep this mail: it proves the state of the records (`coffre records verify --head FILE`).\n\n{line}\n",
        files={HEAD_FILE: f"{line}\n".encode()},
    )
    smtp.send(settings, checkout.root, message)
    records.add_head(head, place)
    return Anchored(place, head)


def _anchor_here(records: Records, secrets: SecretStore, now: datetime) -> Anchored | None:
    last = records.find_head(AnchorPlace.HERE.value)
    if last is not None and last.signed_at.date() == now.date():
        return None
    return Anchored(AnchorPlace.HERE.value, sign_records(records, secrets, AnchorPlace.HERE.value))
