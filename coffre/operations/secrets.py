"""The secrets of all tenants as a whole: who can open them, whether they would open, and handing one tenant's out."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from coffre.anchors.anchoring import anchor_quietly
from coffre.errors import ExpectedError
from coffre.records.actor import read_author
from coffre.records.database.store import Records
from coffre.records.facts.agents import OrdersIssued
from coffre.records.facts.contract import Commissioned
from coffre.secrets.holders import export, recipients, verify
from coffre.secrets.holders.recipients import Vault
from coffre.secrets.holders.verify import BundleVerification
from coffre.spec.loader import Checkout
from coffre.tenant.departure import AFTER_ERASURE, find_stage
from coffre.tenant.estate.log import Log, TenantLog
from coffre.tenant.estate.passwords import use_password
from coffre.tenant.estate.secrets import TenantSecrets
from coffre.tenant.past import open_existing_records
from coffre.tenant.runs import Anchoring, recorded_in
from coffre.tenant.service import open_secrets

OnProgress = Callable[[str], None]


def open_vault(repository: Checkout) -> Vault:
    """Open the two places that platform.yaml names."""
    root, settings = repository.root, repository.settings
    return Vault.open(root / settings.secrets, root / settings.escrow, root)


def add_recipient(repository: Checkout, key: str, note: str, on_progress: OnProgress) -> int:
    """Let another key open every bundle; the command is recorded. Returns how many files were encrypted anew."""
    with _recorded(repository, "secrets recipients add", on_progress):
        return recipients.add_recipient(open_vault(repository), key, note, on_progress)


def remove_recipient(repository: Checkout, key: str, on_progress: OnProgress) -> int:
    """Let a key open no bundle from now on; the command is recorded. Returns how many files were encrypted anew."""
    with _recorded(repository, "secrets recipients remove", on_progress):
        return recipients.remove_recipient(open_vault(repository), key, on_progress)


def verify_secrets(repository: Checkout, on_notice: OnProgress) -> BundleVerification:
    """Open and compare every bundle of both places.

    Reading is no use of a password, since none leaves this function: the records get a run, and no event. Records that
    are missing or broken do not stop it: on a bad day this is what one wants to know.
    """
    ids = {slug: tenant.id for slug, tenant in repository.tenants.items()}
    with open_existing_records(repository, on_notice) as records:
        if records is None:
            return verify.verify(open_vault(repository), ids, ())
        author = read_author(repository.root)
        logs = {slug: TenantLog.read(records, tenant_id, slug, author) for slug, tenant_id in ids.items()}
        applied = [slug for slug, log in logs.items() if _was_applied(log)]
        anchor = _anchoring(repository, records, on_notice)
        with recorded_in(records, read_author(repository.root), "secrets verify", list(ids), anchor):
            return verify.verify(open_vault(repository), ids, applied)


def export_secrets(secrets: TenantSecrets, log: Log, to: Path, reason: str, keys: Sequence[str]) -> list[str]:
    """Hand a tenant's bundles out, encrypted for ``keys``, and return the machines whose passwords are in them.

    Each password is a use of it, recorded with the reason before anything is written; a record may stand for a file
    that was then not written, never the other way round.
    """
    if not reason.strip():
        raise ExpectedError("no reason is given", "Say why the secrets are handed out: --reason TEXT.")
    export.check_export(to, keys)
    control, data = secrets.control(), secrets.data()
    machines = sorted(data.repository_passwords)
    why = f"export of the bundles to {', '.join(keys)}: {reason}"
    passwords = {machine: use_password(secrets, log, machine, why) for machine in machines}
    export.write_export(to, export.seal_export(log.slug, control, passwords, keys))
    return machines


def _was_applied(log: Log) -> bool:
    return find_stage(log) not in AFTER_ERASURE and log.has((OrdersIssued, Commissioned))


@contextmanager
def _recorded(repository: Checkout, command: str, on_notice: OnProgress) -> Iterator[None]:
    with (
        Records.open(repository.settings.records, repository.root) as records,
        recorded_in(
            records,
            read_author(repository.root),
            command,
            list(repository.tenants),
            _anchoring(repository, records, on_notice),
        ),
    ):
        yield


def _anchoring(repository: Checkout, records: Records, on_notice: OnProgress) -> Anchoring:
    def anchor(*, is_told: bool) -> None:
        anchor_quietly(repository, records, open_secrets(repository, on_notice), on_notice if is_told else None)

    return anchor
