"""Destroys what remains after a tenant's buckets: passwords, users and keys, the stack, and local files.

Each step first checks that everything depending on it is gone, and afterwards that its own deletion worked. Nothing
here can delete data: the platform also refuses to delete a user with a bucket, and ``purge-data`` is never used.
"""

from collections.abc import Callable, Collection

from coffre.errors import RefusedError, RemoteError
from coffre.offboarding.erase.checks import RepositoryPasswords, ServiceKeys
from coffre.offboarding.handover.targets.staging import staging_root
from coffre.offboarding.lifecycle.evidence import Removed, SecretDestroyed, UserDeleted
from coffre.operations.holds.settle import refuse_if_held
from coffre.provisioning.engine.removal import remove_files, remove_stack_files
from coffre.secrets.bundles import ControlBundle, DataBundle
from coffre.secrets.identifiers import SecretId, SecretKind
from coffre.spec import naming
from coffre.spec.tenant import Tenant
from coffre.storage.driver import Storage
from coffre.tenant.estate.secrets import TenantSecrets
from coffre.tenant.opening import OpenTenant
from coffre.workspace.paths import RUN_FOLDER, lock_file
from coffre.workspace.work_folder import remove_abandoned

Refuse = Callable[[], None]
"""Raises when nothing may be deleted, for example because a hold was placed meanwhile."""


def destroy_data_bundle(
    opened: OpenTenant, *, refuse: Refuse, locked: Collection[str] = frozenset()
) -> SecretDestroyed:
    """Destroy the bundle of the repository passwords in every place: backups can no longer be decrypted.

    May run again after a kill, with the same result. RefusedError while the tenant still owns a bucket on one of its
    platforms, except ``locked`` ones, which only contain versions under a temporary lock of the platform: these become
    unreadable now.
    """
    tenant = opened.tenant
    _refuse(tenant, "destroying the repository passwords", refuse)
    for home in opened.homes:
        _refuse_with_buckets(home.tenant, home.storage, besides=locked)
    done = opened.secret_store.destroy(tenant.slug, tenant.id, DataBundle)
    return SecretDestroyed(RepositoryPasswords(), done.places, done.fingerprint)


def destroy_password(opened: OpenTenant, machine: str, *, refuse: Refuse) -> SecretDestroyed | None:
    """Destroy the repository password of one machine, in both copies of the bundle; None when it no longer exists.

    The fingerprint is that of the last bundle with it. RefusedError while the machine's bucket exists.
    """
    tenant, secrets = opened.tenant, opened.secrets
    _refuse(tenant, f"destroying the repository password of {machine}", refuse)
    for home in opened.homes:
        bucket = home.buckets.name(machine)
        if home.storage.find_bucket(bucket) is not None:
            raise _too_early(tenant, f"bucket {bucket} still exists")
    bundle = secrets.find_data()
    if bundle is None or machine not in bundle.repository_passwords:
        return None
    before = secrets.find_files(DataBundle)
    kept = {name: password for name, password in bundle.repository_passwords.items() if name != machine}
    without = bundle.model_copy(update={"repository_passwords": kept})
    _drop_report_key(secrets, machine)
    secrets.save_data(without, dropping=(SecretId(SecretKind.REPOSITORY_PASSWORD, machine),))
    return SecretDestroyed(RepositoryPasswords(machine=machine), before.places, before.fingerprint)


def _drop_report_key(secrets: TenantSecrets, machine: str) -> None:
    """Delete the key of a machine's reports, which is derived from its password. May run twice."""
    control = secrets.find_control()
    if control is not None and machine in control.report_keys:
        kept = {name: key for name, key in control.report_keys.items() if name != machine}
        following = control.model_copy(update={"report_keys": kept})
        secrets.save_control(following, dropping=(SecretId(SecretKind.REPORT_KEY, machine),))


def delete_users(tenant: Tenant, storage: Storage, secrets: TenantSecrets, *, refuse: Refuse) -> list[UserDeleted]:
    """Delete the tenant's users on the platform with their keys, the machines' before the owner.

    Returns every user of the tenant, from the platform or its keys, each checked to be gone; may run again after a
    kill, with the same result. RefusedError, before any deletion, when one of them owns a bucket.
    """
    _refuse(tenant, "deleting the users on the platform", refuse)
    control = secrets.find_control()
    known = _known_keys(tenant, control)
    for uid in list_users(tenant, storage):
        known.setdefault(uid, [])
    uids = sorted(known, key=lambda uid: (uid == naming.owner_uid(tenant), uid))
    for uid in uids:
        _refuse_with_buckets(tenant, storage, uid)
    return [_delete_user(storage, uid, known[uid], refuse) for uid in uids]


def remove_stacks(opened: OpenTenant, *, refuse: Refuse) -> Removed:
    """Remove the state of each stack with its history, backups and work folder. May run twice.

    RefusedError while a platform still has a user or a bucket of the tenant: without the stack it could not be found.
    """
    _refuse(opened.tenant, "removing the stack", refuse)
    for home in opened.homes:
        _refuse_with_users(home.tenant, home.storage)
    stacks = [naming.stack_name(home.tenant) for home in opened.homes]
    return Removed(tuple(path for stack in stacks for path in remove_stack_files(opened.checkout, stack)))


def destroy_control_bundle(home: OpenTenant, *, refuse: Refuse) -> SecretDestroyed:
    """Destroy the bundle of the keys of one platform in every place. May run again after a kill, with the same result.

    RefusedError while the platform has a user of the tenant, or while the repository passwords still exist.
    """
    tenant = home.tenant
    _refuse(tenant, "destroying the keys of the service", refuse)
    _refuse_with_users(tenant, home.storage)
    left = home.secrets.find_files(DataBundle).places
    if left:
        raise _too_early(tenant, f"its repository passwords still exist ({', '.join(left)})")
    done = home.secret_store.destroy(naming.stack_name(tenant), tenant.id, ControlBundle)
    return SecretDestroyed(ServiceKeys(copied_to=tenant.copied_to), done.places, done.fingerprint)


def remove_local(opened: OpenTenant, *, refuse: Refuse) -> Removed:
    """Remove the tenant's remaining files under the root: notes of destroyed bundles, lock files, work folders.

    Letters, certificates and records stay. This is the last step, once the journal has all evidence; may run twice.
    RefusedError while a bundle or a stack still exists.
    """
    root, tenant = opened.checkout.root, opened.tenant
    _refuse(tenant, "removing what is left on this computer", refuse)
    for home in opened.homes:
        for kind in (DataBundle, ControlBundle):
            left = home.secrets.find_files(kind).places
            if left:
                raise _too_early(tenant, f"a secret bundle still exists ({', '.join(left)})")
    removed = []
    for stack in [naming.stack_name(home.tenant) for home in opened.homes]:
        removed += remove_stack_files(opened.checkout, stack)
        removed += opened.secret_store.forget_destroyed(stack)
        removed += remove_files([lock_file(root, stack)], root)
    removed += remove_files([root / RUN_FOLDER / tenant.slug, staging_root(root, tenant.slug)], root)
    remove_abandoned(root)
    return Removed(tuple(removed))


def list_users(tenant: Tenant, storage: Storage) -> list[str]:
    """Return the tenant's users on the platform: the owner, and every machine's by its permanent name."""
    owner = naming.owner_uid(tenant)
    return [uid for uid in storage.list_users(owner) if uid == owner or uid.startswith(f"{owner}.")]


def _delete_user(storage: Storage, uid: str, known: list[str], refuse: Refuse) -> UserDeleted:
    refuse()
    key_ids = dict.fromkeys([*known, *storage.list_key_ids(uid)])
    storage.delete_user(uid)
    if storage.find_owner(uid, exact=False) is not None:
        raise RemoteError(
            f"user {uid} was deleted, but the platform still has it",
            "Run the same command again; if this persists, ask the platform's operator.",
        )
    return UserDeleted(uid, tuple(key_ids))


def _known_keys(tenant: Tenant, control: ControlBundle | None) -> dict[str, list[str]]:
    """Return the users of the tenant's keys, with the ids of these keys."""
    if control is None:
        return {}
    owner_keys = (control.owner_key, control.old_owner_key)
    found = {naming.owner_uid(tenant): [key.access_key_id for key in owner_keys if key is not None]}
    for keys in (control.machine_keys, control.old_machine_keys):
        for machine, key in keys.items():
            found.setdefault(naming.machine_uid(tenant, machine), []).append(key.access_key_id)
    return found


def _refuse(tenant: Tenant, doing: str, refuse: Refuse) -> None:
    refuse_if_held(tenant, doing)
    refuse()


def _refuse_with_buckets(
    tenant: Tenant, storage: Storage, uid: str | None = None, *, besides: Collection[str] = ()
) -> None:
    owner = uid or naming.owner_uid(tenant)
    buckets = [name for name in storage.list_owned_buckets(owner) if name not in besides]
    if buckets:
        raise _too_early(tenant, f"{owner} still owns {', '.join(buckets)}")


def _refuse_with_users(tenant: Tenant, storage: Storage) -> None:
    users = list_users(tenant, storage)
    if users:
        raise _too_early(tenant, f"the platform still has {', '.join(users)}")


def _too_early(tenant: Tenant, why: str) -> RefusedError:
    return RefusedError(
        f"{tenant.slug}: {why}",
        "Nothing was changed. Run `coffre offboard` again: it does the steps in order.",
    )
