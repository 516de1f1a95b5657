"""Tells records that were lost from records that nobody has begun yet: the key of their heads outlives the database."""

from coffre.anchors.anchoring import find_records_key
from coffre.errors import RefusedError
from coffre.records.database.store import Records
from coffre.secrets.store import SecretStore

LOST = "the records are gone: their database is empty, and records were signed before"
_WAY_OUT = "Put a backup of them back; without one: `coffre records begin` (docs/recovery.md)."


def are_lost(records: Records | None, secrets: SecretStore) -> bool:
    """Tell whether the database is missing or empty although records were signed before."""
    is_empty = records is None or records.read_tip().position == 0
    return is_empty and find_records_key(secrets) is not None


def refuse_lost_records(records: Records, secrets: SecretStore) -> None:
    """Refuse (RefusedError) to go on with an empty database in place of lost records.

    In an empty one the service would be delivered today, no hold would be in force and no departure under way.
    """
    if are_lost(records, secrets):
        raise RefusedError(LOST, f"Nothing was changed. {_WAY_OUT}")
