"""The lean reader of many tenants sees on the real RGW what the reads of each resource see, and what is no resource."""

import secrets

import pytest

from coffre.spec.storage_platform import CephPlatform
from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.ceph.declaration import CephDeclaration
from coffre.storage.ceph.drift import find_drift
from coffre.storage.ceph.layout import MachineStorage, StorageLayout
from coffre.storage.ceph.survey import CephSurvey
from coffre.storage.platform import RecordedResource
from coffre.storage.s3 import lifecycle, policy
from coffre.storage.survey import HomeSurvey, Part
from tests.builders import PLATFORM
from tests.integration.storage.world import new_key

PLAIN = CephPlatform.model_validate(PLATFORM["platforms"]["lab"])
TAGS = {"coffre-tenant-id": "k7f3q9wz2m"}
WALL_BYTES = 1 << 30


class Tenant:
    """A tenant with two machines on the real RGW, and the resources that its stack would record."""

    def __init__(self, world, name: str) -> None:
        self.world = world
        self.owner = world.make_owner(name, WALL_BYTES)
        self.machines = [world.make_machine(self.owner, machine) for machine in ("compta-01", "caisse-01")]
        self._secrets = {user.key.access_key_id: user.key.secret_access_key for user in (self.owner, *self.machines)}
        for machine in self.machines:
            self.tag(machine.bucket, TAGS)
        self.resources = [*self._of_owner(name), *(each for machine in self.machines for each in self._of(machine))]

    @property
    def s3(self):
        return self.world.s3(self.owner)

    @property
    def bucket(self) -> str:
        return self.machines[0].bucket

    def tag(self, bucket: str, tags: dict[str, str]) -> None:
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        self.s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": listed})

    def look(self, survey: CephSurvey) -> HomeSurvey:
        """Look by the lean reader, and see that the reads of each resource agree."""
        seen = survey.look(self._declaration(), self.resources, self._secrets.get)
        clear = CephDeclaration.in_clear(self.resources, self._secrets.get)
        direct = find_drift(self.world.endpoint, self.world.admin_key, clear)
        assert sorted(map(repr, seen.drift)) == sorted(map(repr, direct))
        return seen

    def _declaration(self) -> CephDeclaration:
        machines = [MachineStorage(each.uid, each.bucket, each.uid, each.key) for each in self.machines]
        layout = StorageLayout(self.owner.uid, "x", TAGS, self.owner.key, WALL_BYTES, 14, machines)
        return CephDeclaration(layout, PLAIN, self.world.endpoint.ca_file)

    def _of_owner(self, name: str) -> list[RecordedResource]:
        uid = self.owner.uid
        return [
            self._record("User", uid, uid=uid, display_name=name, max_buckets=1000),
            self._record("UserQuota", uid, uid=uid, max_bytes=WALL_BYTES),
            self._key(self.owner),
        ]

    def _of(self, machine) -> list[RecordedResource]:
        bucket = machine.bucket
        statements = self.world.resource("BucketPolicy").find(bucket)["statements"]
        return [
            self._key(machine),
            self._record("Bucket", bucket, name=bucket, owner=self.owner.uid, tags=TAGS),
            self._record("BucketPolicy", bucket, bucket=bucket, statements=statements),
            self._record("PublicAccessBlock", bucket, bucket=bucket),
            self._record("BucketLifecycle", bucket, bucket=bucket, rules=lifecycle.rules(14)),
        ]

    def _key(self, user) -> RecordedResource:
        """Return a key as a state has it: its secret is encrypted."""
        inputs = {"uid": user.uid, "access_key_id": user.key.access_key_id, "secret_access_key": "sealed"}
        return RecordedResource(f"urn::{user.uid}-key", "rgw:index:AccessKey", user.key.access_key_id, inputs)

    def _record(self, kind: str, resource_id: str, **given) -> RecordedResource:
        inputs, failures = self.world.resource(kind).check(given)
        assert not failures
        return RecordedResource(f"urn::{resource_id}-{kind}", f"rgw:index:{kind}", resource_id, inputs)


@pytest.fixture
def survey(world) -> CephSurvey:
    return CephSurvey(world.endpoint, world.admin_key)


@pytest.fixture
def tenant(world) -> Tenant:
    return Tenant(world, f"s{secrets.token_hex(3)}")


def count_s3(survey: CephSurvey, tenant: Tenant, monkeypatch) -> int:
    """Return how many calls of S3 a look takes."""
    from coffre.storage.ceph.provider.platform import RgwPlatform

    asked = []
    find = RgwPlatform.client_of
    monkeypatch.setattr(RgwPlatform, "client_of", lambda self, owner: asked.append(owner) or find(self, owner))
    survey.look(tenant._declaration(), tenant.resources, tenant._secrets.get)
    return len(asked)


def test_an_untouched_tenant_has_no_drift_and_all_of_it_is_seen(tenant, survey):
    seen = tenant.look(survey)
    assert list(seen.drift) == []
    assert set(seen.users) == {tenant.owner.uid, *(machine.uid for machine in tenant.machines)}
    assert set(seen.buckets) == {machine.bucket for machine in tenant.machines}
    assert all(user.key_ids and not user.is_suspended for user in seen.users.values())
    assert all(bucket.has_machine and not bucket.is_gate_closed for bucket in seen.buckets.values())


def test_a_second_tenant_of_the_same_settings_needs_no_s3_at_all(world, tenant, survey, monkeypatch):
    assert count_s3(survey, tenant, monkeypatch) > 0
    assert count_s3(survey, Tenant(world, f"s{secrets.token_hex(3)}"), monkeypatch) == 0


BY_HAND = {
    Part.WALL: lambda t: t.world.admin.set_quota(t.owner.uid, 1 << 20),
    Part.USER: lambda t: t.world.admin.modify_user(t.owner.uid, "somebody else", 1000),
    Part.KEY: lambda t: t.world.admin.delete_key(t.machines[0].uid, t.machines[0].key.access_key_id),
    Part.VERSIONING: lambda t: t.s3.put_bucket_versioning(
        Bucket=t.bucket, VersioningConfiguration={"Status": "Suspended"}
    ),
    Part.BUCKET: lambda t: t.tag(t.bucket, {**TAGS, "coffre-tenant-id": "zzzzzzzzzz"}),
    Part.POLICY: lambda t: t.s3.delete_bucket_policy(Bucket=t.bucket),
    Part.LIFECYCLE: lambda t: t.s3.delete_bucket_lifecycle(Bucket=t.bucket),
    Part.PUBLIC_ACCESS: lambda t: t.s3.delete_public_access_block(Bucket=t.bucket),
}


def test_each_part_that_is_changed_by_hand_is_found_also_by_a_reader_that_knows_many(world, tenant, survey):
    """One tenant for all: each change is found beside those before it, and the direct reads agree each time."""
    other = Tenant(world, f"s{secrets.token_hex(3)}")
    assert list(other.look(survey).drift) == []
    found: set[Part] = set()
    for part, change in BY_HAND.items():
        change(tenant)
        found.add(part)
        assert {each.part for each in tenant.look(survey).drift} == found
    assert list(other.look(survey).drift) == []


def test_another_lifecycle_is_told_with_both_values(tenant, survey):
    rules = lifecycle.document(lifecycle.rules(9))
    tenant.s3.put_bucket_lifecycle_configuration(Bucket=tenant.bucket, LifecycleConfiguration={"Rules": rules})
    (drift,) = tenant.look(survey).drift
    assert (drift.holder, drift.path) == (tenant.bucket, "all")
    assert drift.expected["NoncurrentVersionExpiration"] == {"NoncurrentDays": 14}
    assert drift.found["NoncurrentVersionExpiration"] == {"NoncurrentDays": 9}


def test_a_gone_bucket_and_user_are_missing_whole(world, tenant, survey):
    tenant.s3.delete_bucket(Bucket=tenant.bucket)
    parts = {each.part for each in tenant.look(survey).drift if each.holder == tenant.bucket}
    assert parts == {Part.BUCKET, Part.POLICY, Part.LIFECYCLE, Part.PUBLIC_ACCESS}


def test_what_is_no_resource_is_seen(world, tenant, survey):
    admin, machine = world.admin, tenant.machines[0]
    stranger = new_key()
    admin.put_key(machine.uid, stranger)
    admin.suspend_user(machine.uid, True)
    world.make_user(f"{tenant.owner.uid.removeprefix(f'{world.prefix}-')}.poste-09")
    tenant.s3.create_bucket(Bucket=f"{tenant.bucket}-extra")
    world.storage.open_bucket(tenant.bucket, tenant.owner.key).set_gate(True)
    for path, values in (("/admin/user", {"quota-type": "bucket"}), ("/admin/bucket", {"bucket": tenant.bucket})):
        admin._write(
            tenant.owner.uid, "limit", "PUT", path, {"quota": "", "enabled": True, "max-size": 1 << 20, **values}
        )
    seen = tenant.look(survey)
    assert list(seen.drift) == []
    assert seen.users[machine.uid].is_suspended
    assert set(seen.users[machine.uid].key_ids) == {machine.key.access_key_id, stranger.access_key_id}
    assert f"{tenant.owner.uid}.poste-09" in seen.users
    assert f"{tenant.bucket}-extra" in seen.buckets
    assert seen.buckets[tenant.bucket].is_gate_closed
    assert not seen.buckets[tenant.machines[1].bucket].is_gate_closed
    assert (seen.users[tenant.owner.uid].bucket_quota_bytes, seen.buckets[tenant.bucket].quota_bytes) == (1 << 20,) * 2
    world.storage.lift_bucket_quota(tenant.owner.uid, None)
    world.storage.lift_bucket_quota(tenant.owner.uid, tenant.bucket)
    after = tenant.look(survey)
    assert after.users[tenant.owner.uid].bucket_quota_bytes is None
    assert after.buckets[tenant.bucket].quota_bytes is None


def test_odd_tags_and_policies_are_read_as_s3_reads_them(tenant, survey):
    odd = {"clé": "été €", "k" * 128: "v" * 256, **{f"n{number}": "" for number in range(20)}}
    tenant.tag(tenant.bucket, odd)
    document = policy.document(
        {
            "Odd": {
                "Effect": "Deny",
                "Principal": {"AWS": ["arn:aws:iam:::user/nobody"]},
                "Action": ["s3:GetObject"],
                "Resource": [f"arn:aws:s3:::{tenant.bucket}/é/*"],
            }
        }
    )
    tenant.s3.put_bucket_policy(Bucket=tenant.bucket, Policy=policy.render(document))
    parts = {each.part for each in tenant.look(survey).drift}
    assert parts == {Part.BUCKET, Part.POLICY}


def test_nothing_is_counted_to_see_a_bucket_and_one_made_again_is_seen_as_it_is(world, tenant, survey, monkeypatch):
    """RGW counts a bucket's content for a question about it, which is most of its work."""
    counted = []
    find = AdminClient.find_bucket
    monkeypatch.setattr(AdminClient, "find_bucket", lambda self, name: counted.append(name) or find(self, name))
    survey.look(tenant._declaration(), tenant.resources, tenant._secrets.get)
    assert counted == []
    tenant.s3.delete_bucket(Bucket=tenant.bucket)
    tenant.s3.create_bucket(Bucket=tenant.bucket)
    found = {each.part for each in survey.look(tenant._declaration(), tenant.resources, tenant._secrets.get).drift}
    assert {Part.VERSIONING, Part.POLICY, Part.LIFECYCLE, Part.PUBLIC_ACCESS} <= found
    assert counted == [tenant.bucket]


def test_a_bucket_that_is_gone_is_missing_whatever_record_of_it_is_left(tenant, survey):
    survey.look(tenant._declaration(), tenant.resources, tenant._secrets.get)
    tenant.s3.delete_bucket(Bucket=tenant.bucket)
    seen = tenant.look(survey)
    assert tenant.bucket not in seen.buckets
    assert Part.BUCKET in {each.part for each in seen.drift}
