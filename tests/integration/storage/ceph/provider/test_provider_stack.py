"""Every resource of the provider through one story, told by a real Pulumi on the real RGW.

The story runs once for all resources together; each test asks one resource about one chapter.
"""

import json
from dataclasses import dataclass, replace

import pulumi
import pytest
from pulumi.automation import CommandError

from coffre.storage.ceph import bucket_policy
from coffre.storage.ceph import resources as rgw
from coffre.storage.s3 import lifecycle, policy
from coffre.storage.values import AccessKey
from tests.integration.storage.ceph.provider.stack import RealStack
from tests.integration.storage.world import World, empty_bucket, new_key

KINDS = ["user", "key", "quota", "bucket", "policy", "lifecycle", "block"]
# A public access block has one lawful value, so no program can ask for another.
UPDATABLE = [kind for kind in KINDS if kind != "block"]

DIFFS = {
    "user": ["display_name"],
    "key": ["secret_access_key"],
    "quota": ["max_bytes"],
    "bucket": ['tags["coffre-tenant-id"]'],
    "policy": [f"statements.{policy.MACHINE_READ_SID}"],
    "lifecycle": ["rules.all"],
}


@dataclass(frozen=True)
class Wanted:
    """The values of the seven resources under test."""

    display_name: str
    key: AccessKey
    max_bytes: int
    tag: str
    read_action: str
    undelete_days: int


class Case:
    """The names of one story, its program, and what stands on RGW, read without the provider."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.owner = f"{world.prefix}-owner"
        self.machine = f"{self.owner}.mac"
        self.bucket = f"{world.prefix}-owner-m1"
        self.owner_key = new_key()
        self.ids = {
            "user": self.machine,
            "quota": self.machine,
            **dict.fromkeys(["bucket", "policy", "lifecycle", "block"], self.bucket),
        }

    def statements(self, wanted: Wanted) -> dict:
        statements = bucket_policy.statements(self.bucket, self.owner, self.machine)
        statements[policy.MACHINE_READ_SID]["Action"] = [wanted.read_action]
        return statements

    def program(self, wanted: Wanted, imported: bool = False, chained: bool = True):
        """Declare everything; unchained, no failure of one resource keeps another from being tried."""

        def opts(kind: str, *after: pulumi.Resource) -> pulumi.ResourceOptions:
            resource_id = {**self.ids, "key": wanted.key.access_key_id}[kind] if imported else None
            return pulumi.ResourceOptions(depends_on=list(after) if chained else [], import_=resource_id)

        def declare() -> None:
            owner = rgw.User("owner", uid=self.owner, display_name="Owner")
            owner_key = rgw.AccessKey(
                "owner-key",
                uid=self.owner,
                access_key_id=self.owner_key.access_key_id,
                secret_access_key=pulumi.Output.secret(self.owner_key.secret_access_key),
                opts=pulumi.ResourceOptions(depends_on=[owner]),
            )
            user = rgw.User(
                "user", uid=self.machine, display_name=wanted.display_name, max_buckets=-1, opts=opts("user")
            )
            key = rgw.AccessKey(
                "key",
                uid=self.machine,
                access_key_id=wanted.key.access_key_id,
                secret_access_key=pulumi.Output.secret(wanted.key.secret_access_key),
                opts=opts("key", user),
            )
            rgw.UserQuota("quota", uid=self.machine, max_bytes=wanted.max_bytes, opts=opts("quota", key))
            bucket = rgw.Bucket(
                "bucket",
                name=self.bucket,
                owner=self.owner,
                tags={"coffre-tenant-id": wanted.tag},
                opts=opts("bucket", owner_key),
            )
            rgw.BucketPolicy(
                "policy", bucket=self.bucket, statements=self.statements(wanted), opts=opts("policy", bucket, user)
            )
            rgw.BucketLifecycle(
                "lifecycle",
                bucket=self.bucket,
                rules=lifecycle.rules(wanted.undelete_days),
                opts=opts("lifecycle", bucket),
            )
            rgw.PublicAccessBlock("block", bucket=self.bucket, opts=opts("block", bucket))

        return declare

    def s3(self):
        return self.world.storage.open_bucket(self.bucket, self.owner_key)._s3

    def live(self) -> dict:
        """Read the seven facts by the Admin API and S3; a thing that is not there is None."""
        user = self.world.admin.find_user(self.machine)
        facts = {
            "user": user and (user.display_name, user.max_buckets),
            "key": user and user.keys,
            "quota": user and user.quota_bytes,
        }
        if self.world.admin.find_bucket(self.bucket) is None:
            return facts | dict.fromkeys(["bucket", "policy", "lifecycle", "block"])
        s3 = self.s3()
        tags = s3.get_bucket_tagging(Bucket=self.bucket)["TagSet"]
        block = s3.get_public_access_block(Bucket=self.bucket)["PublicAccessBlockConfiguration"]
        return facts | {
            "bucket": (s3.get_bucket_versioning(Bucket=self.bucket).get("Status"), [tag["Value"] for tag in tags]),
            "policy": policy.by_sid(json.loads(s3.get_bucket_policy(Bucket=self.bucket)["Policy"])),
            "lifecycle": lifecycle.by_id(s3.get_bucket_lifecycle_configuration(Bucket=self.bucket)["Rules"]),
            "block": sorted(name for name, on in block.items() if on),
        }

    def expected(self, wanted: Wanted) -> dict:
        statements = self.statements(wanted)
        return {
            "user": (wanted.display_name, -1),
            "key": (wanted.key,),
            "quota": wanted.max_bytes,
            "bucket": ("Enabled", [wanted.tag]),
            "policy": {sid: policy.normalise(statement) for sid, statement in statements.items()},
            "lifecycle": {
                name: lifecycle.normalise(rule) for name, rule in lifecycle.rules(wanted.undelete_days).items()
            },
            "block": ["IgnorePublicAcls"],
        }

    def tamper(self, wanted: Wanted) -> None:
        """Change each of the seven behind Pulumi's back."""
        admin, s3 = self.world.admin, self.s3()
        admin.modify_user(self.machine, "somebody else", -1)
        admin.put_key(self.machine, replace(wanted.key, secret_access_key="tampered-with-by-hand"))
        admin.set_quota(self.machine, 1)
        s3.put_bucket_versioning(Bucket=self.bucket, VersioningConfiguration={"Status": "Suspended"})
        open_to_all = {policy.MACHINE_READ_SID: {**self.statements(wanted)[policy.MACHINE_READ_SID], "Action": "s3:*"}}
        document = policy.document({**self.statements(wanted), **open_to_all})
        s3.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(document))
        rules = lifecycle.document({**lifecycle.rules(wanted.undelete_days), "all": lifecycle.rules(1)["all"]})
        s3.put_bucket_lifecycle_configuration(Bucket=self.bucket, LifecycleConfiguration={"Rules": rules})
        s3.put_public_access_block(
            Bucket=self.bucket,
            PublicAccessBlockConfiguration={"IgnorePublicAcls": True, "BlockPublicAcls": True},
        )


@pytest.fixture(scope="module")
def story(world, tmp_path_factory):
    """Live through all chapters and return what was seen in each."""
    case = Case(world)
    folder = tmp_path_factory.mktemp("stacks")
    first = Wanted("Machine 1", new_key(), 1 << 30, "k7f3q9wz2m", "s3:GetObject", 14)
    second = Wanted("Machine one", replace(first.key, secret_access_key=new_key().secret_access_key), 2 << 30,
                    "other", "s3:GetObjectVersion", 30)  # fmt: skip
    seen: dict = {"case": case, "first": first, "second": second, "folder": folder}
    own = RealStack(folder, world, "own", case.owner)
    seen["create"] = own.up(case.program(first)), case.live()
    seen["again"] = own.preview(case.program(first))
    seen["update"] = own.up(case.program(second)), case.live()
    seen["state"] = own.state()
    case.tamper(second)
    seen["refresh"] = own.refresh()
    seen["repair"] = own.up(case.program(second)), case.live()

    adopter = RealStack(folder, world, "adopter", case.owner)
    marker = world.admin.find_bucket(case.bucket).instance
    seen["adopt"] = adopter.up(case.program(second)), case.live()
    seen["same bucket"] = world.admin.find_bucket(case.bucket).instance == marker
    importer = RealStack(folder, world, "importer", case.owner)
    seen["import"] = importer.up(case.program(second, imported=True))
    seen["after import"] = importer.preview(case.program(second))
    with pytest.raises(CommandError) as refused:
        RealStack(folder, world, "refused", case.owner).up(case.program(first, chained=False), continue_on_error=True)
    seen["refusal"] = str(refused.value), case.live()

    seen["destroy"] = own.destroy(), case.live()
    seen["destroy again"] = adopter.destroy()
    seen["gone"] = importer.refresh()
    return seen


@pytest.mark.parametrize("kind", KINDS)
def test_create_makes_what_the_program_says(story, kind):
    steps, live = story["create"]
    assert steps[kind].op == "create"
    assert live[kind] == story["case"].expected(story["first"])[kind]


def test_second_preview_is_empty(story):
    assert {step.op for step in story["again"].values()} == {"same"}
    assert len(story["again"]) == len(KINDS) + 2


@pytest.mark.parametrize("kind", UPDATABLE)
def test_update_is_done_in_place_and_names_the_property(story, kind):
    steps, live = story["update"]
    assert (steps[kind].op, steps[kind].diff) == ("update", DIFFS[kind])
    assert live[kind] == story["case"].expected(story["second"])[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_refresh_shows_what_was_changed_elsewhere_and_the_next_up_repairs_it(story, kind):
    assert story["refresh"][kind].op == "update"
    assert story["refresh"][kind].diff
    steps, live = story["repair"]
    assert steps[kind].op == "update"
    assert live[kind] == story["case"].expected(story["second"])[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_create_adopts_an_equal_existing_one(story, kind):
    steps, live = story["adopt"]
    assert steps[kind].op == "create"
    assert live[kind] == story["case"].expected(story["second"])[kind]
    assert story["same bucket"]


@pytest.mark.parametrize("kind", UPDATABLE)
def test_create_refuses_an_unequal_one_and_says_the_difference(story, kind):
    case, first, second = story["case"], story["first"], story["second"]
    text, live = story["refusal"]
    told = {
        "user": f'user {case.machine} exists and differs: display_name is "Machine one", not "Machine 1"',
        "key": f"access key {first.key.access_key_id} exists and differs: secret_access_key is another (not shown)",
        "quota": f"user_quota of {case.machine} exists and differs: max_bytes is {2 << 30}, not {1 << 30}",
        "bucket": f'bucket {case.bucket} exists and differs: tags["coffre-tenant-id"] differs',
        "policy": f"policy of bucket {case.bucket} exists and differs: statements.CoffreMachineRead differs",
        "lifecycle": f"lifecycle of bucket {case.bucket} exists and differs: rules.all differs",
    }
    assert told[kind] in text
    assert live[kind] == case.expected(second)[kind]


def test_errors_are_lines_without_a_traceback(story):
    assert "Traceback" not in story["refusal"][0]
    assert "nothing was changed; if it is ours" in story["refusal"][0]


@pytest.mark.parametrize("kind", KINDS)
def test_import_by_id_takes_over_without_a_change(story, kind):
    assert story["import"][kind].op == "import"
    assert story["after import"][kind].op == "same"


@pytest.mark.parametrize("kind", KINDS)
def test_delete_takes_it_away_and_may_run_twice(story, kind):
    steps, live = story["destroy"]
    assert steps[kind].op == "delete"
    assert live[kind] is None
    assert story["destroy again"][kind].op == "delete"


@pytest.mark.parametrize("kind", KINDS)
def test_refresh_tells_what_is_gone(story, kind):
    assert story["gone"][kind].op == "delete"


def test_no_secret_is_readable_in_state_history_or_backups(story):
    secrets = [story["case"].owner_key, story["first"].key, story["second"].key, story["case"].world.admin_key]
    texts = [path.read_bytes() for path in story["folder"].rglob("*") if path.is_file()]
    assert len(texts) > 10
    for key in secrets:
        assert key.secret_access_key not in story["state"]
        assert not [text for text in texts if key.secret_access_key.encode() in text]
    assert story["first"].key.access_key_id in story["state"]


def test_a_bucket_that_holds_anything_is_not_deleted(world, tmp_path):
    """The refusal reaches the user with counts, and the bucket stays in the state for the next try."""
    owner = world.make_owner("full")
    bucket = f"{world.prefix}-full-bucket"

    def program() -> None:
        rgw.Bucket("bucket", name=bucket, owner=owner.uid)

    stack = RealStack(tmp_path, world, "full", owner.uid)
    stack.up(program)
    s3 = world.s3(owner)
    s3.put_object(Bucket=bucket, Key="a", Body=b"one")
    s3.delete_object(Bucket=bucket, Key="a")
    s3.create_multipart_upload(Bucket=bucket, Key="b")
    with pytest.raises(CommandError) as refused:
        stack.destroy()
    counts = "1 object version(s), 1 delete marker(s), 1 unfinished upload(s)"
    assert f"bucket {bucket} holds {counts}: not deleted" in str(refused.value)
    assert s3.list_object_versions(Bucket=bucket)["Versions"]
    empty_bucket(s3, bucket)
    assert stack.destroy()["bucket"].op == "delete"
    assert world.admin.find_bucket(bucket) is None
