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
from coffre.tenant.service import Service
from coffre.workspace.paths import RUN_FOLDER, lock_file
from coffre.workspace.work_folder import remove_abandoned

Refuse = Callable[[], None]
"""Raises when nothing may be deleted, for example because a hold was placed meanwhile."""


def destroy_data_bundle(service: Service, *, refuse: Refuse, locked: Collection[str] = frozenset()) -> SecretDestroyed:
    """Destroy the bundle of the repository passwords in every place: backups can no longer be decrypted.

    May run again after a kill, with the same result. RefusedError while the tenant still owns a bucket, except
    ``locked`` ones, which only contain versions under a temporary lock of the platform: these become unreadable now.
    """
    _refuse(service, "destroying the repository passwords", refuse)
    _refuse_with_buckets(service, besides=locked)
    done = service.secret_store.destroy(service.tenant.slug, service.tenant.id, DataBundle)
    return SecretDestroyed(RepositoryPasswords(), done.places, done.fingerprint)


def destroy_password(service: Service, machine: str, *, refuse: Refuse) -> SecretDestroyed | None:
    """Destroy the repository password of one machine, in both copies of the bundle; None when it no longer exists.

    The fingerprint is that of the last bundle with it. RefusedError while the machine's bucket exists.
    """
    _refuse(service, f"destroying the repository password of {machine}", refuse)
    bucket = service.buckets.name(machine)
    if service.storage.find_bucket(bucket) is not None:
        raise _too_early(service, f"bucket {bucket} still exists")
    bundle = service.secrets.find_data()
    if bundle is None or machine not in bundle.repository_passwords:
        return None
    before = service.secrets.find_files(DataBundle)
    kept = {name: password for name, password in bundle.repository_passwords.items() if name != machine}
    without = bundle.model_copy(update={"repository_passwords": kept})
    _drop_report_key(service, machine)
    service.secrets.save_data(without, dropping=(SecretId(SecretKind.REPOSITORY_PASSWORD, machine),))
    return SecretDestroyed(RepositoryPasswords(machine=machine), before.places, before.fingerprint)


def _drop_report_key(service: Service, machine: str) -> None:
    """Delete the key of a machine's reports, which is derived from its password. May run twice."""
    control = service.secrets.find_control()
    if control is not None and machine in control.report_keys:
        kept = {name: key for name, key in control.report_keys.items() if name != machine}
        following = control.model_copy(update={"report_keys": kept})
        service.secrets.save_control(following, dropping=(SecretId(SecretKind.REPORT_KEY, machine),))


def delete_users(service: Service, *, refuse: Refuse) -> list[UserDeleted]:
    """Delete the tenant's users on the platform with their keys, the machines' before the owner.

    Returns every user of the tenant, from the platform or its keys, each checked to be gone; may run again after a
    kill, with the same result. RefusedError, before any deletion, when one of them owns a bucket.
    """
    _refuse(service, "deleting the users on the platform", refuse)
    control = service.secrets.find_control()
    known = _known_keys(service, control)
    for uid in list_users(service):
        known.setdefault(uid, [])
    uids = sorted(known, key=lambda uid: (uid == service.owner_uid, uid))
    for uid in uids:
        _refuse_with_buckets(service, uid)
    return [_delete_user(service, uid, known[uid], refuse) for uid in uids]


def remove_stack(service: Service, *, refuse: Refuse) -> Removed:
    """Remove the stack's state with history, backups and work folder. May run twice.

    RefusedError while the platform still has a user or a bucket of the tenant: without the stack it could not be found.
    """
    _refuse(service, "removing the stack", refuse)
    _refuse_with_users(service)
    return Removed(tuple(remove_stack_files(service.repository, service.tenant.slug)))


def destroy_control_bundle(service: Service, *, refuse: Refuse) -> SecretDestroyed:
    """Destroy the bundle of the service's keys in every place. May run again after a kill, with the same result.

    RefusedError while the platform has a user of the tenant, or while the repository passwords still exist.
    """
    _refuse(service, "destroying the keys of the service", refuse)
    _refuse_with_users(service)
    left = service.secrets.find_files(DataBundle).places
    if left:
        raise _too_early(service, f"its repository passwords still exist ({', '.join(left)})")
    done = service.secret_store.destroy(service.tenant.slug, service.tenant.id, ControlBundle)
    return SecretDestroyed(ServiceKeys(), done.places, done.fingerprint)


def remove_local(service: Service, *, refuse: Refuse) -> Removed:
    """Remove the tenant's remaining files under the root: notes of destroyed bundles, lock files, work folders.

    Letters, certificates and records stay. This is the last step, once the journal has all evidence; may run twice.
    RefusedError while a bundle or a stack still exists.
    """
    tenant, root = service.tenant, service.repository.root
    _refuse(service, "removing what is left on this computer", refuse)
    for kind in (DataBundle, ControlBundle):
        left = service.secrets.find_files(kind).places
        if left:
            raise _too_early(service, f"a secret bundle still exists ({', '.join(left)})")
    removed = remove_stack_files(service.repository, tenant.slug)
    removed += service.secret_store.forget_destroyed(tenant.slug)
    run_folders = [root / RUN_FOLDER / tenant.slug, staging_root(root, tenant.slug)]
    removed += remove_files([*run_folders, lock_file(root, tenant.slug)], root)
    remove_abandoned(root)
    return Removed(tuple(removed))


def list_users(service: Service) -> list[str]:
    """Return the tenant's users on the platform: the owner, and every machine's by its permanent name."""
    owner = service.owner_uid
    return [uid for uid in service.storage.list_users(owner) if uid == owner or uid.startswith(f"{owner}.")]


def _delete_user(service: Service, uid: str, known: list[str], refuse: Refuse) -> UserDeleted:
    refuse()
    key_ids = dict.fromkeys([*known, *service.storage.list_key_ids(uid)])
    service.storage.delete_user(uid)
    if service.storage.find_owner(uid, exact=False) is not None:
        raise RemoteError(
            f"user {uid} was deleted, but the platform still has it",
            "Run the same command again; if this persists, ask the platform's operator.",
        )
    return UserDeleted(uid, tuple(key_ids))


def _known_keys(service: Service, control: ControlBundle | None) -> dict[str, list[str]]:
    """Return the users of the tenant's keys, with the ids of these keys."""
    if control is None:
        return {}
    found: dict[str, list[str]] = {service.owner_uid: [control.owner_key.access_key_id]}
    if control.old_owner_key is not None:
        found[service.owner_uid].append(control.old_owner_key.access_key_id)
    for keys in (control.machine_keys, control.old_machine_keys):
        for machine, key in keys.items():
            found.setdefault(naming.machine_uid(service.tenant, machine), []).append(key.access_key_id)
    return found


def _refuse(service: Service, doing: str, refuse: Refuse) -> None:
    refuse_if_held(service.tenant, doing)
    refuse()


def _refuse_with_buckets(service: Service, uid: str | None = None, *, besides: Collection[str] = ()) -> None:
    owner = uid or service.owner_uid
    buckets = [name for name in service.storage.list_owned_buckets(owner) if name not in besides]
    if buckets:
        raise _too_early(service, f"{owner} still owns {', '.join(buckets)}")


def _refuse_with_users(service: Service) -> None:
    users = list_users(service)
    if users:
        raise _too_early(service, f"the platform still has {', '.join(users)}")


def _too_early(service: Service, why: str) -> RefusedError:
    return RefusedError(
        f"{service.tenant.slug}: {why}",
        "Nothing was changed. Run `coffre offboard` again: it does the steps in order.",
    )
