"""A tenant's storage on Ceph RGW: its owner, the owner's wall, and a user and a bucket for each machine."""

import pulumi

from coffre.storage.ceph import bucket_policy
from coffre.storage.ceph import resources as rgw
from coffre.storage.ceph.layout import MachineStorage, StorageLayout
from coffre.storage.s3 import lifecycle
from coffre.storage.values import AccessKey


class CephTenantStorage(pulumi.ComponentResource):
    """Users, keys, wall, buckets and their policies of one tenant.

    With ``keys_from_state`` the given keys are ignored and those of the state are used: for a reader without secrets.
    """

    def __init__(self, storage: StorageLayout, *, keys_from_state: bool = False) -> None:
        super().__init__("coffre:storage:CephTenantStorage", storage.owner_uid)
        self._storage = storage
        self._ignored_key_inputs = ["access_key_id", "secret_access_key"] if keys_from_state else []
        owner = rgw.User(
            storage.owner_uid,
            uid=storage.owner_uid,
            display_name=storage.display_name,
            opts=pulumi.ResourceOptions(parent=self),
        )
        owner_key = self._key(storage.owner_uid, storage.owner_key, owner)
        # RGW answers 500 to two simultaneous Admin API writes on one user: user, key and quota are a chain.
        wall = rgw.UserQuota(
            f"{storage.owner_uid}-wall",
            uid=storage.owner_uid,
            max_bytes=storage.wall_bytes,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[owner_key]),
        )
        for machine in storage.machines:
            self._machine(machine, wall)
        self.register_outputs({})

    def _machine(self, machine: MachineStorage, wall: rgw.UserQuota) -> None:
        storage = self._storage
        users = (
            []
            if machine.uid is None or machine.key is None
            else [self._machine_user(machine, machine.uid, machine.key)]
        )
        # The wall exists before the first bucket: nothing is ever written without it.
        bucket = rgw.Bucket(
            machine.bucket,
            name=machine.bucket,
            owner=storage.owner_uid,
            tags=storage.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[wall]),
        )
        guarded = rgw.BucketPolicy(
            f"{machine.bucket}-policy",
            bucket=machine.bucket,
            statements=bucket_policy.statements(machine.bucket, storage.owner_uid, machine.uid),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[bucket, *users]),
        )
        rgw.PublicAccessBlock(
            f"{machine.bucket}-public-access",
            bucket=machine.bucket,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[guarded]),
        )
        if not machine.keeps_all:
            rgw.BucketLifecycle(
                f"{machine.bucket}-lifecycle",
                bucket=machine.bucket,
                rules=lifecycle.rules(storage.undelete_days),
                opts=pulumi.ResourceOptions(parent=self, depends_on=[guarded]),
            )

    def _machine_user(self, machine: MachineStorage, uid: str, key: AccessKey) -> rgw.User:
        user = rgw.User(
            uid,
            uid=uid,
            display_name=f"{self._storage.display_name} / {machine.name}",
            max_buckets=-1,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self._key(uid, key, user)
        return user

    def _key(self, uid: str, key: AccessKey, user: rgw.User) -> rgw.AccessKey:
        return rgw.AccessKey(
            f"{uid}-key",
            uid=uid,
            access_key_id=key.access_key_id,
            secret_access_key=pulumi.Output.secret(key.secret_access_key),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[user], ignore_changes=self._ignored_key_inputs),
        )
