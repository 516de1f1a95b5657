"""Reads the events of rotations that earlier versions recorded. Pure.

They name the key by an English phrase. Records are never rewritten, so these phrases stay in them.
"""

from dataclasses import replace

from coffre.records.facts.agents import KeyRotated
from coffre.secrets.earlier import read_phrase


def upgrade(fact: KeyRotated) -> KeyRotated:
    """Return a rotation's event in the current form."""
    key = read_phrase(fact.which)
    return fact if key is None else replace(fact, which=key.kind.value)
