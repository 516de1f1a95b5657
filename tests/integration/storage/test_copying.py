"""The repository of a real machine on Ceph, copied to AWS (moto) and to another Ceph user: restic opens the copies."""

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from coffre.agents.repository import Part, RepositoryObject
from coffre.agents.restic.repository.layout import ResticLayout
from coffre.operations.copying.objects import OtherRepositoryError, RepositoryCopy, copy_repository
from coffre.operations.copying.pace import Pace
from coffre.records.facts.backups import CopyFault
from coffre.storage.driver import Bucket
from coffre.storage.s3.bucket import S3Bucket
from coffre.storage.s3.client import make_client
from coffre.storage.values import AccessKey, Endpoint, QuotaExceededError
from coffre.toolchain import find_tool
from tests.integration.storage.world import MIB
from tests.moto_server import REGION, moto_server

LAYOUT = ResticLayout()
PASSWORD = "the password of this repository"


@dataclass(frozen=True)
class Place:
    """A bucket and a key of it: for restic, for the copy, and for bad objects."""

    endpoint: Endpoint
    name: str
    key: AccessKey

    @property
    def s3(self):
        return make_client(self.endpoint, self.key)

    @property
    def bucket(self) -> Bucket:
        return S3Bucket(self.name, self.s3)

    def contents(self) -> dict[str, bytes]:
        return {each.key: self.bucket.find(each.key, 1 << 30) for each in self.bucket.walk_objects("restic/")}

    def restic(self, *arguments: str) -> subprocess.CompletedProcess:
        trust = [f"--cacert={self.endpoint.ca_file}"] if self.endpoint.ca_file else []
        repository = f"--repo=s3:{self.endpoint.url}/{self.name}/restic"
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "RESTIC_"))},
            "RESTIC_PASSWORD": PASSWORD,
            "AWS_ACCESS_KEY_ID": self.key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.key.secret_access_key,
            "AWS_DEFAULT_REGION": self.endpoint.region,
        }
        command = [str(find_tool("restic")), "--no-cache", *trust, repository, *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)

    def assert_sound(self) -> None:
        check = self.restic("check", "--read-data")
        assert check.returncode == 0, check.stdout + check.stderr


@pytest.fixture(scope="module")
def moto():
    with moto_server() as server:
        yield server


@pytest.fixture
def aws(moto, request) -> Place:
    """An empty bucket on AWS."""
    key = AccessKey(moto.access_key_id, moto.secret_access_key)
    place = Place(Endpoint(moto.url, REGION), hashlib.sha256(request.node.name.encode()).hexdigest()[:20], key)
    place.s3.create_bucket(Bucket=place.name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return place


@dataclass(frozen=True)
class Site:
    """A machine's bucket as its owner and as the machine itself sees it, and the files that it backs up."""

    owner: Place
    machine: Place
    files: Path

    def back_up(self) -> None:
        done = self.machine.restic("backup", str(self.files))
        assert done.returncode == 0, done.stderr


@pytest.fixture
def site(world, request, tmp_path) -> Site:
    short = hashlib.sha256(request.node.name.encode()).hexdigest()[:6]
    owner = world.make_owner(short)
    machine = world.make_machine(owner, "m")
    files = tmp_path / "files"
    files.mkdir()
    for number in range(20):
        (files / f"file{number}").write_bytes(os.urandom(MIB))
    found = Site(
        Place(world.endpoint, machine.bucket, owner.key), Place(world.endpoint, machine.bucket, machine.key), files
    )
    assert found.owner.restic("init").returncode == 0
    found.back_up()
    (files / "more").write_bytes(os.urandom(3 * MIB))
    found.back_up()
    return found


def copy(source: Place, target: Place, notes: list[RepositoryCopy] | None = None) -> RepositoryCopy:
    return copy_repository(
        source.bucket,
        target.bucket,
        LAYOUT,
        Pace(),
        on_progress=lambda text: None,
        note=[].append if notes is None else notes.append,
    )


def assert_restores(place: Place, files: Path, folder: Path) -> None:
    assert place.restic("restore", "latest", "--target", str(folder)).returncode == 0
    restored = folder / files.relative_to("/")
    assert {each.name: each.read_bytes() for each in restored.iterdir()} == {
        each.name: each.read_bytes() for each in files.iterdir()
    }


def test_the_copy_on_another_platform_is_the_same_repository_and_grows_with_it(site, aws, tmp_path):
    done = copy(site.owner, aws)
    assert (done.is_complete, done.fault_count, len(done.snapshots)) == (True, 0, 2)
    assert aws.contents() == site.owner.contents()
    aws.assert_sound()
    assert_restores(aws, site.files, tmp_path / "first")
    again = copy(site.owner, aws)
    assert (again.copied_objects, again.is_complete) == (0, True)

    (site.files / "file0").write_bytes(os.urandom(MIB))
    site.back_up()
    more = copy(site.owner, aws)
    assert (len(more.snapshots), more.fault_count) == (3, 0)
    assert 3 <= more.copied_objects < done.copied_objects
    aws.assert_sound()
    assert_restores(aws, site.files, tmp_path / "second")


def test_what_a_taken_over_machine_can_write_spoils_the_source_and_not_its_copy(site, aws, tmp_path):
    """The machine's own key writes garbage, overwrites packs, encrypts with a key of its own, and floods."""
    sound = site.owner.contents()
    machine, name = site.machine.s3, site.machine.name
    packs = sorted(key for key in sound if key.startswith("restic/data/"))
    machine.put_object(Bucket=name, Key=packs[0], Body=b"garbage")
    garbage = {part: LAYOUT.key_of(RepositoryObject(part, "0" * 64)) for part in (Part.INDEX, Part.SNAPSHOTS)}
    for key in garbage.values():
        machine.put_object(Bucket=name, Key=key, Body=b"garbage")
    sealed = LAYOUT.key_of(RepositoryObject(Part.DATA, hashlib.sha256(b"sealed").hexdigest()))
    machine.put_object(Bucket=name, Key=sealed, Body=b"sealed", SSECustomerAlgorithm="AES256", SSECustomerKey=b"k" * 32)
    large = LAYOUT.key_of(RepositoryObject(Part.INDEX, "1" * 64))
    machine.put_object(Bucket=name, Key=large, Body=bytes(LAYOUT.start_limit_bytes + 1))
    for number in range(50):
        machine.put_object(Bucket=name, Key=f"restic/data/{number}", Body=b"foreign")
    for key in ("restic/config", "restic/keys/" + "0" * 64):
        with pytest.raises(ClientError, match="AccessDenied"):
            machine.put_object(Bucket=name, Key=key, Body=b"garbage")
    assert site.owner.restic("restore", "latest", "--target", str(tmp_path / "none")).returncode != 0

    done = copy(site.owner, aws)
    assert done.faults == {
        packs[0]: CopyFault.ALTERED,
        **dict.fromkeys(garbage.values(), CopyFault.ALTERED),
        sealed: CopyFault.UNREADABLE,
        large: CopyFault.TOO_LARGE,
    }
    assert (done.is_complete, done.fault_count) == (True, 5)
    assert aws.contents() == {key: body for key, body in sound.items() if key != packs[0]}
    assert aws.restic("snapshots").returncode == 0

    machine.put_object(Bucket=name, Key=packs[0], Body=sound[packs[0]])
    assert copy(site.owner, aws).copied_objects == 1
    aws.assert_sound()
    assert_restores(aws, site.files, tmp_path / "restored")
    machine.put_object(Bucket=name, Key=packs[0], Body=b"garbage after the copy")
    assert copy(site.owner, aws).faults[packs[0]] is CopyFault.SIZE_DIFFERS
    aws.assert_sound()


def test_at_the_wall_of_the_target_the_run_ends_and_goes_on_when_there_is_room(world, site):
    for number in range(48):
        (site.files / f"packed{number}").write_bytes(os.urandom(MIB))
    site.back_up()
    # restic fills two packs at a time, of 16 MiB: one of them is larger than this wall, however late RGW counts.
    owner = world.make_owner("second", wall_bytes=12 * MIB)
    machine = world.make_machine(owner, "m")
    target = Place(world.endpoint, machine.bucket, owner.key)
    notes: list[RepositoryCopy] = []
    with pytest.raises(QuotaExceededError):
        copy(site.owner, target, notes)
    there = target.contents()
    assert (notes[-1].copied_objects, notes[-1].is_complete) == (len(there), False)
    assert not any(key.startswith(("restic/index/", "restic/snapshots/")) for key in there)
    assert target.restic("snapshots", "--no-lock").returncode == 0, "the part of a copy is an empty repository"

    world.admin.set_quota(owner.uid, 128 * MIB)
    done = copy(site.owner, target)
    assert (done.is_complete, done.fault_count) == (True, 0)
    assert done.copied_objects == len(site.owner.contents()) - len(there)
    target.assert_sound()


def test_a_new_repository_does_not_go_into_the_copy_of_the_earlier_one(world, site, aws):
    copy(site.owner, aws)
    there = aws.contents()
    owner = world.make_owner("anew")
    machine = world.make_machine(owner, "m")
    anew = Place(world.endpoint, machine.bucket, owner.key)
    assert anew.restic("init").returncode == 0
    with pytest.raises(OtherRepositoryError):
        copy(anew, aws)
    assert aws.contents() == there
    aws.assert_sound()
