"""The secrets of all tenants: their recipients, the check that they can be opened, and the export of one tenant's."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from coffre.anchors.anchoring import anchor_quietly
from coffre.anchors.lost import refuse_lost_records
from coffre.errors import ExpectedError
from coffre.records.actor import read_author
from coffre.records.database.store import Records
from coffre.records.facts.agents import OrdersIssued
from coffre.records.facts.contract import Commissioned
from coffre.records.facts.password_uses import ExportUse
from coffre.secrets.holders import export, recipients, verify
from coffre.secrets.holders.recipients import Vault
from coffre.secrets.holders.verify import BundleVerification
from coffre.spec import naming
from coffre.spec.loader import Checkout
from coffre.tenant.departure import AFTER_ERASURE, find_stage
from coffre.tenant.estate.log import Log, TenantLog
from coffre.tenant.estate.passwords import use_password
from coffre.tenant.estate.secrets import TenantSecrets
from coffre.tenant.locking import lock_bundles
from coffre.tenant.opening import open_bundle_places, open_secrets
from coffre.tenant.past import open_existing_records
from coffre.tenant.runs import Anchoring, recorded_in
from coffre.tenant.second_copy import find_copy_platform

OnProgress = Callable[[str], None]


def open_vault(checkout: Checkout) -> Vault:
    """Open the two places of platform.yaml."""
    return Vault.open(*open_bundle_places(checkout), checkout.root, lock_shared=lock_bundles(checkout))


def add_recipient(checkout: Checkout, key: str, note: str, on_progress: OnProgress) -> int:
    """Add a key that opens every bundle; the command is recorded. Returns how many files were encrypted again."""
    with _recorded(checkout, "secrets recipients add", on_progress):
        return recipients.add_recipient(open_vault(checkout), key, note, on_progress)


def remove_recipient(checkout: Checkout, key: str, on_progress: OnProgress) -> int:
    """Remove a key from every bundle; the command is recorded. Returns how many files were encrypted again."""
    with _recorded(checkout, "secrets recipients remove", on_progress):
        return recipients.remove_recipient(open_vault(checkout), key, on_progress)


def verify_secrets(checkout: Checkout, on_notice: OnProgress) -> BundleVerification:
    """Open and compare every bundle of both folders.

    This is no use of a password, since none leaves this function: the records get a run, and no event. Missing or
    broken records do not stop it: after an incident, this check is needed most.
    """
    ids = {slug: tenant.id for slug, tenant in checkout.tenants.items()}
    copied = [copy for tenant in checkout.tenants.values() if (copy := tenant.copied()) is not None]
    ids_of_keys = {**ids, **{naming.stack_name(copy): copy.id for copy in copied}}
    with open_existing_records(checkout, on_notice) as records:
        # An empty database gets no run: after a loss it must be seen to be empty.
        if records is None or records.read_tip().position == 0:
            return verify.verify(open_vault(checkout), ids_of_keys, ())
        author = read_author(checkout.root)
        logs = {slug: TenantLog.read(records, tenant_id, slug, author) for slug, tenant_id in ids.items()}
        applied = [slug for slug, log in logs.items() if _was_applied(log)]
        with_storage = [
            naming.stack_name(copy)
            for copy in copied
            if find_copy_platform(logs[copy.slug]) is not None and find_stage(logs[copy.slug]) not in AFTER_ERASURE
        ]
        anchor = _anchoring(checkout, records, on_notice)
        with recorded_in(records, read_author(checkout.root), "secrets verify", list(ids), anchor):
            return verify.verify(open_vault(checkout), ids_of_keys, applied, with_storage)


def export_secrets(secrets: TenantSecrets, log: Log, to: Path, reason: str, keys: Sequence[str]) -> list[str]:
    """Export a tenant's bundles, encrypted for ``keys``, and return the machines whose passwords are in them.

    Each password counts as used: the use is recorded with the reason before anything is written. There may be a record
    without a file, but never a file without a record.
    """
    if not reason.strip():
        raise ExpectedError("no reason is given", "Say why the secrets are exported: --reason TEXT.")
    export.check_export(to, keys)
    control, data = secrets.control(), secrets.data()
    machines = sorted(data.repository_passwords)
    use = ExportUse(tuple(keys), reason)
    passwords = {machine: use_password(secrets, log, machine, use) for machine in machines}
    export.write_export(to, export.seal_export(log.slug, control, passwords, keys))
    return machines


def _was_applied(log: Log) -> bool:
    return find_stage(log) not in AFTER_ERASURE and log.has((OrdersIssued, Commissioned))


@contextmanager
def _recorded(checkout: Checkout, command: str, on_notice: OnProgress) -> Iterator[None]:
    with Records.open(checkout.settings.records, checkout.root) as records:
        refuse_lost_records(records, open_secrets(checkout, on_notice))
        anchor = _anchoring(checkout, records, on_notice)
        with recorded_in(records, read_author(checkout.root), command, list(checkout.tenants), anchor):
            yield


def _anchoring(checkout: Checkout, records: Records, on_notice: OnProgress) -> Anchoring:
    def anchor(*, is_told: bool) -> None:
        anchor_quietly(checkout, records, open_secrets(checkout, on_notice), on_notice if is_told else None)

    return anchor
