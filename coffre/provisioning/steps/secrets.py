"""A tenant's secrets: the existing ones, and those that the next apply will create."""

from collections.abc import Callable
from dataclasses import replace

from coffre.agents.kinds import with_bucket, with_repository
from coffre.agents.sealing import derive_key
from coffre.provisioning.rules import judge_escrow
from coffre.provisioning.terms.context import Context
from coffre.provisioning.terms.done import Escrowed, Guarded
from coffre.provisioning.terms.found import OWNER, STACK, SecretToMint
from coffre.records.facts.password_uses import RoutineTask, RoutineUse
from coffre.secrets import minting, rotations
from coffre.secrets.bundles import ControlBundle, DataBundle
from coffre.secrets.places import Places
from coffre.secrets.sealed import SealedPassword
from coffre.spec.loader import Checkout
from coffre.spec.parts import of_buckets
from coffre.spec.tenant import Tenant
from coffre.storage.platform import PLACEHOLDER, KeyOrigin, TenantKeys, placeholder_keys
from coffre.storage.values import AccessKey
from coffre.tenant.embedded import EmbeddedProof
from coffre.tenant.estate.keys import access_key
from coffre.tenant.estate.log import TenantLog
from coffre.tenant.estate.passwords import use_password
from coffre.tenant.estate.secrets import TenantSecrets
from coffre.tenant.opening import OpenTenant, open_bundle_places


def missing_secrets(
    tenant: Tenant, control: ControlBundle | None, data: DataBundle | None, *, keys: KeyOrigin = KeyOrigin.CHOSEN
) -> list[str]:
    """Name the machines without a key or a repository password (OWNER or STACK for the tenant itself). Pure.

    Unless Coffre chooses the keys none is missing here: the platform creates them after the users, or there are none.
    """
    active = tenant.active_machines()
    keyed, passwords = with_bucket(active) if keys is KeyOrigin.CHOSEN else {}, with_repository(active)
    if control is None or data is None:
        itself = STACK if keys is KeyOrigin.NONE else OWNER
        return [itself, *(name for name in active if name in keyed or name in passwords)]
    lacking_key = [name for name in keyed if name not in control.machine_keys]
    lacking_password = [name for name in passwords if name not in data.repository_passwords]
    return [name for name in active if name in lacking_key or name in lacking_password]


def look(at: Context) -> list[SecretToMint]:
    """Return the keys and passwords that do not exist yet, by their owner."""
    secrets, keys = at.opened.secrets, at.opened.capabilities.keys
    missing = missing_secrets(at.tenant, secrets.find_control(), secrets.find_data(), keys=keys)
    return [SecretToMint(name) for name in missing]


def do(at: Context, guarded: Guarded) -> Escrowed:
    """Create the missing secrets, and save them in escrow before use.

    Where the platform creates the access keys, the step `keys` has them created and saves them.
    """
    opened = at.opened
    return ensure_secrets(opened.tenant, opened.secrets, opened.log, at.on_progress, keys=opened.capabilities.keys)


def check_escrow(checkout: Checkout, embedded: EmbeddedProof) -> str:
    """Check the place of the escrow by the rule, before the first use of a password; returns a warning or nothing."""
    places = Places(*open_bundle_places(checkout))
    # For a missing place, the secret store has its own, clearer error.
    if not all(place.exists() for place in places.both):
        return ""
    return judge_escrow(is_apart=places.is_apart, is_lab=embedded.is_proved)


def ensure_secrets(
    tenant: Tenant,
    secrets: TenantSecrets,
    log: TenantLog,
    on_progress: Callable[[str], None],
    *,
    keys: KeyOrigin = KeyOrigin.CHOSEN,
) -> Escrowed:
    """Return the tenant's secrets after creating the missing ones; new ones are in escrow before this returns.

    May run twice: an existing secret is never created again.
    """
    control = secrets.find_control()
    data = secrets.find_data()
    missing = missing_secrets(tenant, control, data, keys=keys)
    if missing:
        on_progress(f"creating keys and passwords for {', '.join(missing)}, and saving them in escrow")
    whole = Escrowed(
        _completed_control(tenant, control, chooses_keys=keys is KeyOrigin.CHOSEN),
        _completed_data(tenant, data),
    )
    # Also without a new secret: a save only writes what a copy lacks, and fails when the escrow could not store it.
    secrets.save_data(whole.data)
    secrets.save_control(whole.control)
    return replace(whole, control=ensure_report_keys(tenant, secrets, log, whole.control))


def ensure_report_keys(tenant: Tenant, secrets: TenantSecrets, log: TenantLog, control: ControlBundle) -> ControlBundle:
    """Return the control bundle with every machine's report key; deriving a missing one is a use of its password.

    Done once per machine, so that reading its reports uses no password. The passwords are already in escrow.
    """
    lacking = [name for name in with_repository(tenant.active_machines()) if name not in control.report_keys]
    if not lacking:
        return control
    use = RoutineUse(RoutineTask.DERIVE_REPORT_KEY)
    derived = {name: derive_key(use_password(secrets, log, name, use)) for name in lacking}
    whole = control.model_copy(update={"report_keys": {**control.report_keys, **derived}})
    secrets.save_control(whole)
    return whole


def declared_keys(opened: OpenTenant, control: ControlBundle | None) -> TenantKeys:
    """Return the keys with which a tenant's stack is declared; none of the platform's own: no state may have these."""
    if not opened.capabilities.chooses_keys:
        tenant = of_buckets(opened.tenant)
        return placeholder_keys(tenant, with_bucket(tenant.machines))
    return current_keys(opened.tenant, control)


def current_keys(tenant: Tenant, control: ControlBundle | None) -> TenantKeys:
    """Return the keys of the stack, and a placeholder where the next apply will create one. Pure.

    A key that is being replaced stays in the stack until it is condemned; meanwhile its successor exists beside it.
    """
    tenant = of_buckets(tenant)
    if control is None:
        return placeholder_keys(tenant, with_bucket(tenant.machines))
    active = tenant.active_machines()

    def key_of(name: str) -> AccessKey | None:
        if name not in active:
            return None
        if name not in control.machine_keys:
            return PLACEHOLDER
        return access_key(rotations.trusted_key(control, rotations.machine_key(name)))

    machines = {name: key_of(name) for name in with_bucket(tenant.machines)}
    return TenantKeys(access_key(rotations.trusted_key(control, rotations.OWNER)), machines)


def _completed_control(tenant: Tenant, existing: ControlBundle | None, *, chooses_keys: bool) -> ControlBundle:
    """Return the bundle with a key for each user; existing keys are kept, also of machines that are gone.

    Unless Coffre ``chooses_keys`` none is added: the platform creates them once the users exist, or there are none.
    """
    whole = existing or ControlBundle(
        tenant_id=tenant.id,
        owner_key=None,
        stack_passphrase=minting.new_passphrase(),
        signing_key=minting.new_signing_key(),
    )
    if not chooses_keys:
        return whole
    active = with_bucket(tenant.active_machines())
    minted = {name: minting.new_access_key() for name in active if name not in whole.machine_keys}
    owner_key = whole.owner_key or minting.new_access_key()
    return whole.model_copy(update={"owner_key": owner_key, "machine_keys": {**whole.machine_keys, **minted}})


def _completed_data(tenant: Tenant, existing: DataBundle | None) -> DataBundle:
    known = existing.repository_passwords if existing is not None else {}
    active = with_repository(tenant.active_machines())
    minted = {name: SealedPassword(minting.new_password()) for name in active if name not in known}
    return DataBundle(tenant_id=tenant.id, repository_passwords={**known, **minted})
