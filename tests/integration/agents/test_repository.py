"""restic itself against the real platform, with the owner's key."""

import os
import subprocess
import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from coffre import toolchain
from coffre.agents.repository import Remains
from coffre.agents.restic.repository.process import ResticCommand, ResticError, stream
from coffre.agents.restic.repository.repository import ResticRepository
from tests.integration.agents.scene import ATELIER, COMPTA
from tests.processes import watched_processes

ODD_NAMES = ("plain", "brackets [1] * ?", "back\\slash", "accents é ñ", "line\nbreak", "$HOME")


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source")
    for name in ODD_NAMES:
        (folder / name).write_text(f"content of {name}")
    (folder / "brackets 1 x y").write_text("what a pattern would bring back")
    (folder / "below").mkdir()
    (folder / "below" / "deep").write_bytes(os.urandom(1024 * 1024))
    return folder


@pytest.fixture(scope="module")
def snapshot(scene, source):
    """One backup, made with the machine's key as the agent would make it."""
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ACCESS_KEY_ID": scene.keys[COMPTA].access_key_id,
        "AWS_SECRET_ACCESS_KEY": scene.keys[COMPTA].secret_access_key,
        "RESTIC_PASSWORD": scene.passwords[COMPTA].get_secret_value(),
        "RESTIC_CACERT": str(scene.endpoint.ca_file),
        "RESTIC_REPOSITORY": f"s3:{scene.endpoint.url}/{scene.bucket(COMPTA)}/restic",
    }
    restic = [str(toolchain.find_tool("restic")), "--no-cache", "--host", COMPTA]
    subprocess.run([*restic, "backup", str(source)], env=environment, check=True, capture_output=True, timeout=60)
    return scene.repository(COMPTA).snapshots()[-1]


def test_restic_opens_a_repository_that_was_made_here_and_refuses_another_password(scene):
    repository = scene.repository(ATELIER)
    repository.open()
    repository.check()
    stranger = ResticRepository(repository._url, scene.owner_key, SecretStr("another"), ca_file=scene.endpoint.ca_file)
    with pytest.raises(ResticError, match="password"):
        stranger.open()


def test_a_snapshot_lists_every_file(scene, snapshot, source):
    assert (snapshot.host, snapshot.paths) == (COMPTA, (str(source),))
    files = {node.path: node.size_bytes for node in scene.repository(COMPTA).ls(snapshot.id) if node.type == "file"}
    assert files[f"{source}/below/deep"] == 1024 * 1024
    assert {f"{source}/{name}" for name in ODD_NAMES} < set(files)


def test_a_listing_left_early_leaves_no_program_behind(scene, snapshot):
    listing = scene.repository(COMPTA).ls(snapshot.id)
    next(listing)
    listing.close()
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    assert [pid for pid in children if "restic" in Path(f"/proc/{pid}/comm").read_text()] == []


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_path_is_taken_literally_whatever_it_holds(scene, snapshot, source, name, tmp_path):
    scene.repository(COMPTA).restore(snapshot.id, tmp_path, includes=[f"{source}/{name}"])
    restored = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert restored == [tmp_path / str(source).lstrip("/") / name]
    assert restored[0].read_text() == f"content of {name}"


def test_a_whole_restore_shows_progress_and_no_secret(scene, snapshot, source, tmp_path):
    parts = []
    with watched_processes() as seen:
        summary = scene.repository(COMPTA).restore(snapshot.id, tmp_path, on_progress=parts.append)
    assert summary.restored_bytes > 1024 * 1024
    assert (tmp_path / str(source).lstrip("/") / "below" / "deep").read_bytes() == (
        source / "below" / "deep"
    ).read_bytes()
    assert all(0 <= part <= 1 for part in parts)
    assert any("restic " in line and "restore" in line for line in seen)
    secrets = [*scene.secrets, scene.owner_key.secret_access_key]
    assert [line for line in seen if any(secret in line for secret in secrets)] == []


def test_a_path_that_the_snapshot_lacks_restores_nothing(scene, snapshot, tmp_path):
    assert scene.repository(COMPTA).restore(snapshot.id, tmp_path, includes=["/nowhere"]).files == 0


def test_a_check_with_all_data_passes_and_one_changed_byte_fails_it(scene, snapshot):
    repository = scene.repository(COMPTA)
    repository.check(read_data=True)
    listed = scene.owner.list_objects_v2(Bucket=scene.bucket(COMPTA), Prefix="restic/data/")["Contents"]
    pack = max(listed, key=lambda entry: entry["Size"])["Key"]
    body = scene.owner.get_object(Bucket=scene.bucket(COMPTA), Key=pack)["Body"].read()
    damaged = bytearray(body)
    damaged[1000] ^= 1
    scene.owner.put_object(Bucket=scene.bucket(COMPTA), Key=pack, Body=bytes(damaged))
    try:
        repository.check()
        with pytest.raises(
            ResticError, match=r"the repository's pack [0-9a-f]+ is damaged: repository contains errors; .*pack"
        ):
            repository.check(read_data=True)
    finally:
        scene.owner.put_object(Bucket=scene.bucket(COMPTA), Key=pack, Body=body)


def test_errors_tell_a_wrong_password_from_a_missing_repository(scene):
    wrong = ResticRepository(
        scene.repository(COMPTA)._url, scene.owner_key, SecretStr("not it"), ca_file=scene.endpoint.ca_file
    )
    with pytest.raises(ResticError, match="the repository password is wrong") as refused:
        wrong.snapshots()
    assert refused.value.exit_code_of_restic == 12
    elsewhere = ResticRepository(
        f"s3:{scene.endpoint.url}/{scene.bucket(COMPTA)}/other",
        scene.owner_key,
        scene.passwords[COMPTA],
        ca_file=scene.endpoint.ca_file,
    )
    with pytest.raises(ResticError, match="there is no restic repository there"):
        elsewhere.snapshots()


@pytest.mark.parametrize(
    ("place", "body", "said"),
    [
        ("config", None, "the repository's config is gone"),
        ("config", b"abc", "the repository's config is damaged .*panic"),
        ("keys/", None, "the repository no longer has a key file"),
        ("keys/", b"{}", "the repository's key file [0-9a-f]+ is damaged"),
        ("index/", b"x", "the repository's index [0-9a-f]+ is damaged"),
        ("data/", None, "the repository's pack [0-9a-f]+ is gone"),
    ],
)
def test_what_is_damaged_on_the_platform_is_what_is_blamed(scene, snapshot, place, body, said):
    bucket = scene.bucket(COMPTA)
    listed = scene.owner.list_objects_v2(Bucket=bucket, Prefix=f"restic/{place}")["Contents"]
    before = {each["Key"]: scene.owner.get_object(Bucket=bucket, Key=each["Key"])["Body"].read() for each in listed}
    whole = scene.repository(COMPTA)
    remains = Remains(has_config=place != "config", has_keys=place != "keys/", has_backups=True)
    repository = ResticRepository(
        whole._url, scene.owner_key, scene.passwords[COMPTA], ca_file=scene.endpoint.ca_file, look=lambda: remains
    )
    try:
        for key in before:
            if body is None:
                scene.owner.delete_object(Bucket=bucket, Key=key)
            else:
                scene.owner.put_object(Bucket=bucket, Key=key, Body=body)
        with pytest.raises(ResticError, match=said) as refused:
            list(repository.ls(snapshot.id))
    finally:
        for key, content in before.items():
            scene.owner.put_object(Bucket=bucket, Key=key, Body=content)
    assert "coffre undelete" in refused.value.hint
    assert "\n" not in refused.value.message + refused.value.hint
    assert len(refused.value.message) < 700
    whole.check()


def test_a_platform_that_does_not_answer_is_not_waited_for_longer_than_said(scene):
    """Left alone, restic would try for 15 minutes."""
    secrets = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "very secret", "RESTIC_PASSWORD": "p"}
    arguments = ["--no-cache", "--repo=s3:https://127.0.0.1:1/bucket/restic", "snapshots", "--no-lock"]
    began = time.monotonic()
    with pytest.raises(ResticError, match="did not end within 2 seconds") as late:
        list(stream(ResticCommand(toolchain.find_tool("restic"), arguments, secrets, 2.0)))
    assert time.monotonic() - began < 10
    assert "very secret" not in str(late.value)
