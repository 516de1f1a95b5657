"""What goes after a tenant's buckets: passwords, users and keys, the stack, and what is left on this computer.

Each step looks first that what it would orphan is gone, and afterwards that what it took away is gone. Nothing here can
delete data: a user that owns a bucket is refused by the platform too, and ``purge-data`` is never asked for.
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
"""Raises when nothing may be deleted any more: a hold was placed meanwhile, say."""


def destroy_data_bundle(service: Service, *, refuse: Refuse, locked: Collection[str] = frozenset()) -> SecretDestroyed:
    """Destroy the bundle of the repository passwords in every place: what was encrypted with them opens no more.

    May run again after a kill and says the same then. RefusedError while the tenant still owns a bucket, other than
    those ``locked`` of which everything is erased but what the platform keeps from deletion for a while: that is made
    unreadable at once.
    """
    _refuse(service, "destroying the repository passwords", refuse)
    _refuse_with_buckets(service, besides=locked)
    done = service.secret_store.destroy(service.tenant.slug, service.tenant.id, DataBundle)
    return SecretDestroyed(RepositoryPasswords(), done.places, done.fingerprint)


def destroy_password(service: Service, machine: str, *, refuse: Refuse) -> SecretDestroyed | None:
    """Destroy the repository password of one machine, in both copies of the bundle; None when there is none any more.

    The fingerprint is that of the bundle that held it last. RefusedError while the machine's bucket is there.
    """
    _refuse(service, f"destroying the repository password of {machine}", refuse)
    bucket = service.buckets.name(machine)
    if service.storage.find_bucket(bucket) is not None:
        raise _too_early(service, f"bucket {bucket} is still there")
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
    """Forget the key of a machine's reports, which is made of its password. May run twice."""
    control = service.secrets.find_control()
    if control is not None and machine in control.report_keys:
        kept = {name: key for name, key in control.report_keys.items() if name != machine}
        following = control.model_copy(update={"report_keys": kept})
        service.secrets.save_control(following, dropping=(SecretId(SecretKind.REPORT_KEY, machine),))


def delete_users(service: Service, *, refuse: Refuse) -> list[UserDeleted]:
    """Delete the tenant's users on the platform with their keys, the machines' before the owner.

    Returns every user that the tenant had by the platform or by its keys, each seen to be gone; may run again after a
    kill and says the same then. RefusedError, before anything is deleted, when one of them owns a bucket.
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

    RefusedError while the platform still has a user or a bucket of the tenant's: nothing could find it any more.
    """
    _refuse(service, "removing the stack", refuse)
    _refuse_with_users(service)
    return Removed(tuple(remove_stack_files(service.repository, service.tenant.slug)))


def destroy_control_bundle(service: Service, *, refuse: Refuse) -> SecretDestroyed:
    """Destroy the bundle of the service's keys in every place. May run again after a kill and says the same then.

    RefusedError while the platform has a user of the tenant's, or while the repository passwords are still there.
    """
    _refuse(service, "destroying the keys of the service", refuse)
    _refuse_with_users(service)
    left = service.secrets.find_files(DataBundle).places
    if left:
        raise _too_early(service, f"its repository passwords are still there ({', '.join(left)})")
    done = service.secret_store.destroy(service.tenant.slug, service.tenant.id, ControlBundle)
    return SecretDestroyed(ServiceKeys(), done.places, done.fingerprint)


def remove_local(service: Service, *, refuse: Refuse) -> Removed:
    """Remove what is left of the tenant under the root: notes of destroyed bundles, lock files, work folders.

    Letters, certificates and records are no part of it. The last step, once the journal has all evidence; may run
    twice. RefusedError while a bundle or a stack is still there.
    """
    tenant, root = service.tenant, service.repository.root
    _refuse(service, "removing what is left on this computer", refuse)
    for kind in (DataBundle, ControlBundle):
        left = service.secrets.find_files(kind).places
        if left:
            raise _too_early(service, f"a secret bundle is still there ({', '.join(left)})")
    removed = remove_stack_files(service.repository, tenant.slug)
    removed += service.secret_store.forget_destroyed(tenant.slug)
    run_folders = [root / RUN_FOLDER / tenant.slug, staging_root(root, tenant.slug)]
    removed += remove_files([*run_folders, lock_file(root, tenant.slug)], root)
    remove_abandoned(root)
    return Removed(tuple(removed))


def list_users(service: Service) -> list[str]:
    """Return the tenant's users on the platform: the owner, and every machine's by the name that it has for ever."""
    owner = service.owner_uid
    return [uid for uid in service.storage.list_users(owner) if uid == owner or uid.startswith(f"{owner}.")]


def _delete_user(service: Service, uid: str, known: list[str], refuse: Refuse) -> UserDeleted:
    refuse()
    key_ids = dict.fromkeys([*known, *service.storage.list_key_ids(uid)])
    service.storage.delete_user(uid)
    if service.storage.find_owner(uid, exact=False) is not None:
        raise RemoteError(
            f"user {uid} was deleted, and the platform still has it",
            "Run the same command again; if it stays so, ask the platform's operator.",
        )
    return UserDeleted(uid, tuple(key_ids))


def _known_keys(service: Service, control: ControlBundle | None) -> dict[str, list[str]]:
    """Return the users that the tenant's keys are of, with the ids of these keys."""
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
        "Nothing was touched. Run `coffre offboard` again: it takes the steps in order.",
    )
