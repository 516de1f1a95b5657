"""A tenant's storage on Amazon S3: its owner, and for each machine a bucket and a user with one policy.

Access keys are not among the resources: AWS generates them, and their secrets would lie in the stack's state.
"""

from collections.abc import Mapping

import pulumi
from pulumi_aws import Provider, iam, s3

from coffre.storage.aws.layout import MachineStorage, StorageLayout
from coffre.storage.aws.live import Found
from coffre.storage.aws.names import MACHINE_POLICY, USER_PATH, programs_bucket
from coffre.storage.aws.policy import bucket_policy, machine_policy
from coffre.storage.aws.protection import ENCRYPTION, OWNERSHIP, VERSIONING
from coffre.storage.s3 import lifecycle, policy


class AwsTenantStorage(pulumi.ComponentResource):
    """Users, buckets and their policies of one tenant; ``found`` is what the platform has of them already.

    A bucket or user that exists and is not in the stack's state is imported. A bucket's policy keeps its switches.
    """

    def __init__(self, storage: StorageLayout, found: Found) -> None:
        super().__init__("coffre:storage:AwsTenantStorage", storage.owner)
        self._storage = storage
        self._found = found
        self._provider = Provider(
            "aws",
            region=storage.region,
            allowed_account_ids=[storage.account],
            opts=pulumi.ResourceOptions(parent=self),
        )
        owner = self._user(storage.owner)
        for machine in storage.machines:
            self._machine(machine, owner)
        self.register_outputs({})

    def _machine(self, machine: MachineStorage, owner: iam.User) -> None:
        storage, named = self._storage, [owner]
        if machine.user is not None:
            user = self._user(machine.user)
            named.append(user)
            iam.UserPolicy(
                f"{machine.user}-policy",
                user=user.name,
                name=MACHINE_POLICY,
                policy=policy.render(
                    machine_policy(storage.account, machine.bucket, programs_bucket(storage.account, storage.region))
                ),
                opts=self._options([user]),
            )
        bucket = s3.Bucket(
            machine.bucket,
            bucket=machine.bucket,
            tags=storage.tags,
            force_destroy=False,
            opts=self._imported(machine.bucket),
        )
        self._settings(machine, bucket)
        switches: Mapping[str, policy.PolicyStatement] = self._found.switches.get(machine.bucket, {})
        s3.BucketPolicy(
            f"{machine.bucket}-policy",
            bucket=bucket.bucket,
            policy=policy.render(bucket_policy(storage, machine, switches)),
            # AWS refuses a policy that names a user who does not exist.
            opts=self._options([bucket, *named]),
        )

    def _settings(self, machine: MachineStorage, bucket: s3.Bucket) -> None:
        name = machine.bucket
        after = self._options([bucket])
        s3.BucketVersioning(
            f"{name}-versioning",
            bucket=bucket.bucket,
            versioning_configuration=s3.BucketVersioningVersioningConfigurationArgs(status=VERSIONING),
            opts=after,
        )
        s3.BucketPublicAccessBlock(
            f"{name}-public-access",
            bucket=bucket.bucket,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=after,
        )
        s3.BucketOwnershipControls(
            f"{name}-ownership",
            bucket=bucket.bucket,
            rule=s3.BucketOwnershipControlsRuleArgs(object_ownership=OWNERSHIP),
            opts=after,
        )
        s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption",
            bucket=bucket.bucket,
            rules=[
                s3.BucketServerSideEncryptionConfigurationRuleArgs(
                    apply_server_side_encryption_by_default=(
                        s3.BucketServerSideEncryptionConfigurationRuleApplyServerSideEncryptionByDefaultArgs(
                            sse_algorithm=ENCRYPTION
                        )
                    )
                )
            ],
            opts=after,
        )
        if not machine.keeps_all:
            rules = lifecycle.rules(self._storage.undelete_days)
            s3.BucketLifecycleConfiguration(
                f"{name}-lifecycle",
                bucket=bucket.bucket,
                rules=[_lifecycle_rule(rule_id, rule) for rule_id, rule in sorted(rules.items())],
                opts=after,
            )

    def _user(self, name: str) -> iam.User:
        return iam.User(
            name,
            name=name,
            path=USER_PATH,
            tags=self._storage.tags,
            opts=self._imported(name),
        )

    def _options(self, depends_on: list[pulumi.Resource]) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(parent=self, provider=self._provider, depends_on=depends_on)

    def _imported(self, name: str) -> pulumi.ResourceOptions:
        """Return the options of a resource that is imported when it is there already: as it is, with its own tags."""
        return pulumi.ResourceOptions(
            parent=self,
            provider=self._provider,
            import_=name if name in self._found.to_import else None,
            ignore_changes=["tags"] if name in self._found.untagged else None,
        )


def _lifecycle_rule(rule_id: str, rule: lifecycle.Rule) -> s3.BucketLifecycleConfigurationRuleArgs:
    """Return a rule of S3 in the form of the provider."""
    expiration, noncurrent = rule["Expiration"], rule["NoncurrentVersionExpiration"]
    abort = rule.get("AbortIncompleteMultipartUpload")
    return s3.BucketLifecycleConfigurationRuleArgs(
        id=rule_id,
        status=rule["Status"],
        filter=s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=rule["Prefix"]),
        expiration=s3.BucketLifecycleConfigurationRuleExpirationArgs(
            days=expiration.get("Days"), expired_object_delete_marker=expiration.get("ExpiredObjectDeleteMarker")
        ),
        noncurrent_version_expiration=s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=noncurrent["NoncurrentDays"]
        ),
        abort_incomplete_multipart_upload=None
        if abort is None
        else s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=abort["DaysAfterInitiation"]
        ),
    )
