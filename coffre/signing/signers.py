"""Reads the allowed-signers file of a repository (OpenSSH's format), and finds keys of the same person. Pure.

Coffre supports a part of OpenSSH's format: literal addresses, no certificate authorities, no wildcards. It ignores
every other line.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from coffre.outside.text import split_lines

FILE_NAME = "allowed_signers"
"""Beside platform.yaml: `ADDRESS[,ADDRESS] [OPTIONS] KEY-TYPE KEY [COMMENT]`, one key per line."""

LIMIT_BYTES = 256 * 1024
_KEY_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-256",
    "ssh-rsa",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
_OPTION = r'(?:namespaces="[!#-~]+"|valid-(?:after|before)="?[0-9]{8}(?:[0-9]{4}(?:[0-9]{2})?)?Z?"?)'
_LINE = re.compile(
    rf"(?P<principals>[!-~]+)[ \t]+(?:(?P<options>{_OPTION}(?:,{_OPTION})*)[ \t]+)?"
    rf"(?P<type>{'|'.join(map(re.escape, _KEY_TYPES))})[ \t]+(?P<key>[A-Za-z0-9+/]+={{0,2}})(?:[ \t].*)?"
)
_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,62}@[A-Za-z0-9][A-Za-z0-9.-]{0,253}")
_NAMESPACES = re.compile(r'namespaces="([^"]*)"')


@dataclass(frozen=True)
class Signer:
    """One key and the addresses of its holder, a person or a pipeline; the first address is its name.

    ``line`` is the entry for ssh-keygen: with options, without comment.
    """

    principals: tuple[str, ...]
    fingerprint: str
    line: str
    namespaces: tuple[str, ...] | None = None

    @property
    def name(self) -> str:
        return self.principals[0]


@dataclass(frozen=True)
class UnreadLine:
    """An ignored line, and why."""

    number: int
    why: str


def read_signers(content: bytes) -> tuple[list[Signer], list[UnreadLine]]:
    """Return the keys of an allowed-signers file, and the lines that Coffre does not support."""
    signers: list[Signer] = []
    unread: list[UnreadLine] = []
    if len(content) > LIMIT_BYTES:
        return [], [UnreadLine(1, f"the file has more than {LIMIT_BYTES} bytes")]
    for number, line in enumerate(split_lines(content.decode("utf-8", "replace")), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        found = _read_line(text)
        if isinstance(found, Signer):
            signers.append(found)
        else:
            unread.append(UnreadLine(number, found))
    return signers, unread


def person_of(address: str) -> str:
    """Return the normal form of an address: case and a plus suffix do not distinguish people."""
    local, at, domain = address.strip().casefold().rpartition("@")
    return f"{local.partition('+')[0]}{at}{domain}"


def group_people(signers: Iterable[Signer]) -> dict[str, str]:
    """Return the person of each address and key: shared parts of entries belong to one person."""
    holder: dict[str, str] = {}

    def root(name: str) -> str:
        while holder.setdefault(name, name) != name:
            name = holder[name]
        return name

    for signer in signers:
        # A key in two entries belongs to one person, with any addresses.
        names = [*map(person_of, signer.principals), signer.fingerprint]
        first = root(names[0])
        for name in names[1:]:
            holder[root(name)] = first
    return {name: root(name) for name in list(holder)}


def fingerprint_of(key: bytes) -> str:
    """Return the fingerprint of a public key as OpenSSH shows it: SHA256 in base64."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def _read_line(text: str) -> Signer | str:
    found = _LINE.fullmatch(text)
    if found is None:
        return "it is not ADDRESS [namespaces=…,valid-after=…,valid-before=…] KEY-TYPE KEY"
    principals = tuple(found["principals"].split(","))
    wrong = next((each for each in principals if not _ADDRESS.fullmatch(each)), None)
    if wrong is not None:
        return "its holder is not a plain address: no wildcard, no quotes"
    try:
        key = base64.b64decode(found["key"], validate=True)
    except binascii.Error:
        return "its key is incomplete"
    options = found["options"] or ""
    named = _NAMESPACES.search(options)
    return Signer(
        principals=principals,
        fingerprint=fingerprint_of(key),
        line=" ".join(filter(None, (found["principals"], options, found["type"], found["key"]))),
        namespaces=tuple(named[1].split(",")) if named else None,
    )
