"""Migrates the bundles of earlier versions to the current format. Pure.

Version 1 named condemned keys by English phrases. Version 2 stores them as typed values. Older events of rotations
contain the same phrases, and records are never rewritten.
"""

import re
from collections.abc import Mapping
from typing import Final

from coffre.secrets.identifiers import Generation, SecretId, SecretKind

PHRASES_VERSION: Final = 1
"""The last version of bundles with phrases."""

_MACHINE_KEY = re.compile(r"the (?P<old>old )?key of (?P<machine>.+)")
_KEYS: Final[Mapping[str, SecretId]] = {
    "the owner's key": SecretId(SecretKind.OWNER_KEY),
    "the old owner's key": SecretId(SecretKind.OWNER_KEY, generation=Generation.OLD),
    "the signing key": SecretId(SecretKind.SIGNING_KEY),
    "the old signing key": SecretId(SecretKind.SIGNING_KEY, generation=Generation.OLD),
}


def read_phrase(phrase: object) -> SecretId | None:
    """Return the key of a phrase of earlier versions, None when it names no key. Only rotated keys had phrases."""
    if not isinstance(phrase, str):
        return None
    found = _MACHINE_KEY.fullmatch(phrase)
    if found is None:
        return _KEYS.get(phrase)
    return SecretId(SecretKind.MACHINE_KEY, found["machine"], Generation.OLD if found["old"] else Generation.CURRENT)


def migrate(fields: Mapping[str, object], version: int) -> dict[str, object]:
    """Return the fields of a bundle of an earlier version in the format of ``version``.

    A value that names no key stays unchanged, and the bundle's own rules check it.
    """
    migrated = {**fields, "version": version}
    condemned = fields.get("condemned")
    if isinstance(condemned, list):
        keys = [read_phrase(phrase) for phrase in condemned]
        known = [key for key in keys if key is not None]
        if len(known) == len(condemned):
            migrated["condemned"] = sorted(known)
    return migrated
