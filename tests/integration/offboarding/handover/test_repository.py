"""A machine's repository handed back: what its owner can do with it, and what it withstands."""

import contextlib
import http.client
import json
import os
import shutil
import ssl
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from coffre.errors import ExpectedError, RefusedError
from coffre.offboarding.handover import plan_return, return_machine
from coffre.offboarding.handover.tenant import describe_returned
from coffre.offboarding.lifecycle.evidence import Flaws, Returned
from coffre.records.events import EventKind
from coffre.records.facts.backups import PasswordUsed
from coffre.records.facts.password_uses import HandoverUse
from coffre.records.facts.registry import read_as
from coffre.storage.s3.client import make_client
from tests.integration.offboarding.handover.conftest import (
    CAISSE,
    COMPTA,
    SLUG,
    Desk,
    assert_verifies,
    describe_tree,
    list_packs,
    make_tree,
    packs_asked_for,
    small_disk,
    start_return,
    wanted_files,
    wanted_repository,
)


@pytest.fixture(scope="module")
def source(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    make_tree(folder)
    desk.back_up(COMPTA, folder)
    return folder


ODD_KEYS = (
    "restic/data/../../programs-of-nobody/x",
    "restic/data/ab/" + "x" * 900,
    "restic/data/ab/line\nend",
    "restic/data/ab\\back",
    "restic/snapshots/\x1b[2Jcleared",
    "restic/config/below",
    "restic/mine",
    "mine",
)


@pytest.fixture(scope="module")
def odd_keys(desk: Desk) -> None:
    """What nobody of ours writes, most of it such as a machine may, dot segments kept as they are."""
    with desk.opened() as opened:
        client = make_client(opened.storage.endpoint, opened.buckets.owner_key())
        for key in ODD_KEYS:
            values = {"Bucket": opened.buckets.name(COMPTA), "Key": key}
            whole = urlsplit(client.generate_presigned_url("put_object", values))
            context = ssl.create_default_context(cafile=str(opened.storage.endpoint.ca_file))
            line = http.client.HTTPSConnection(whole.netloc, context=context, timeout=30)
            with contextlib.closing(line):
                line.request("PUT", f"{whole.path}?{whole.query}", body=b"odd")
                assert line.getresponse().status == 200, key
        client.close()


@pytest.fixture(scope="module")
def returned(desk: Desk, source: Path, odd_keys: None, tmp_path_factory: pytest.TempPathFactory) -> Returned:
    target = tmp_path_factory.mktemp("target")
    with desk.opened() as opened:
        return return_machine(opened, COMPTA, wanted_repository(target), desk.progress.append)


@pytest.fixture(scope="module")
def bag(returned: Returned) -> Path:
    return Path(returned.target)


def test_public_tools_verify_the_bag(bag):
    assert_verifies(bag)


def test_the_evidence_tells_what_lies_there_and_that_the_password_was_handed_out(bag, returned, desk):
    snapshots = {each["id"] for each in json.loads(desk.restic(COMPTA, "snapshots", "--json"))}
    assert set(returned.snapshots) == snapshots
    assert returned.password_handed_out
    files = [path for path in (bag / "data").rglob("*") if path.is_file()]
    assert (returned.files, returned.bytes) == (len(files), sum(path.stat().st_size for path in files))
    assert not list((bag / "data" / "depot").glob("locks/*"))


def test_keys_that_restic_never_writes_are_left_and_named_and_stop_nothing(bag, returned, desk):
    with desk.opened() as opened:
        listed = {each.key for each in opened.buckets.open(COMPTA).list_objects("")}
    assert set(ODD_KEYS) <= listed
    [said] = {text for text in desk.progress if "neither restic nor Coffre writes" in text}
    assert f"{len(ODD_KEYS)} keys that neither restic nor Coffre writes are not returned: " in said
    assert said.isprintable()
    assert returned.flaws == Flaws(len(ODD_KEYS))
    assert f"{len(ODD_KEYS)} foreign keys left in the bucket" in describe_returned(returned)
    told = (bag / "cles-etrangeres.jsonl").read_text(encoding="utf-8").splitlines()
    assert {json.loads(line) for line in told} == set(ODD_KEYS)
    assert f"Non joint : {len(ODD_KEYS)} objets" in (bag / "LISEZMOI.txt").read_text(encoding="utf-8")
    names = [path.name for path in (bag / "data" / "depot").rglob("*") if path.is_file()]
    assert all(name == "config" or (len(name) == 64 and name.isalnum()) for name in names)


def test_the_exit_kit_restores_without_coffre_without_a_network_and_without_a_system(bag, source, tmp_path):
    """restic runs where there is nothing but the bag: no library, no certificate, no network."""
    jail = tmp_path / "jail"
    shutil.copytree(bag, jail / "disque")
    (jail / "tmp").mkdir()
    environment = {"RESTIC_REPOSITORY": "/disque/data/depot", "RESTIC_PASSWORD_FILE": "/disque/mot-de-passe.txt"}

    def restic(*arguments: str) -> str:
        inside = ["/usr/bin/unshare", "--net", "/usr/sbin/chroot", jail, "/disque/data/programmes/linux-amd64/restic"]
        done = subprocess.run(
            [*inside, "--no-cache", *arguments], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "1 snapshots" in restic("snapshots", "--no-lock")
    restic("restore", "--no-lock", "--sparse", "latest", "--target", "/retour")
    restic("check", "--no-lock", "--read-data")
    wanted, made = describe_tree(source), describe_tree(jail / "retour")
    del wanted[b".".hex()], made[b".".hex()]
    assert made == wanted


def test_every_command_of_the_guide_works_as_written(bag, tmp_path):
    guide = (bag / "LISEZMOI.txt").read_text(encoding="utf-8")
    lines = [line.strip() for line in guide.splitlines() if line.startswith("    ")]
    commands = [line.split("    ")[0] for line in lines if line.startswith(("export", "R=", "$R", "sha256sum"))]
    script = "set -e\n" + "\n".join(commands).replace("/tmp/retour", str(tmp_path / "retour"))
    assert script.count("$R") == 5
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["/bin/sh", "-c", script], cwd=bag, env=clean, capture_output=True, text=True, errors="replace", check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "retour" / "photos.tar").is_file()


def test_the_password_is_private_and_stands_nowhere_else(bag, desk):
    path = bag / "mot-de-passe.txt"
    assert path.stat().st_mode & 0o777 == 0o600
    password = path.read_text().strip()
    said = [*desk.progress, *(each.read_text(errors="replace") for each in bag.iterdir() if each.is_file())]
    assert sum(password in text for text in said) == 1
    with desk.opened() as opened:
        events = opened.records.list_events(opened.tenant.id, EventKind.PASSWORD_USED)
    reasons = [read_as(event, PasswordUsed).reason for event in events]
    assert any(isinstance(reason, HandoverUse) and reason.is_handed_over for reason in reasons)


def test_a_complete_return_is_read_back_and_not_written_again(desk, bag, returned):
    before = {path: path.stat().st_mtime_ns for path in bag.rglob("*")}
    with desk.opened() as opened:
        again = return_machine(opened, COMPTA, wanted_repository(bag.parents[1]), desk.progress.append)
        with pytest.raises(RefusedError, match=f"complete return of {SLUG}/{COMPTA}"):
            return_machine(opened, COMPTA, wanted_files(bag.parents[1]), desk.progress.append)
    assert {path: path.stat().st_mtime_ns for path in bag.rglob("*")} == before
    assert (again.manifest_sha256, again.password_handed_out) == (returned.manifest_sha256, True)


def test_a_copy_that_was_cut_short_goes_on_and_a_cut_object_is_copied_again(desk, source, tmp_path):
    class KilledError(Exception):
        pass

    def die(text: str) -> None:
        if "reading back" in text:
            raise KilledError

    with desk.opened() as opened, pytest.raises(KilledError):
        return_machine(opened, COMPTA, wanted_repository(tmp_path), die)
    packs = sorted((tmp_path / SLUG / COMPTA / "data" / "depot" / "data").glob("*/*"), key=lambda p: p.stat().st_size)
    kept = packs[0].stat()
    with packs[-1].open("r+b") as file:
        file.truncate(1000)
    with desk.opened() as opened:
        return_machine(opened, COMPTA, wanted_repository(tmp_path), desk.progress.append)
    assert packs[-1].stat().st_size > 1000
    assert packs[0].stat().st_mtime_ns == kept.st_mtime_ns
    assert packs[0].stat().st_ino == kept.st_ino
    assert_verifies(tmp_path / SLUG / COMPTA)


def test_a_repository_without_snapshots_comes_back_too(desk, tmp_path):
    with desk.opened() as opened:
        returned = return_machine(opened, CAISSE, wanted_repository(tmp_path), desk.progress.append)
    assert returned.snapshots == ()
    assert_verifies(tmp_path / SLUG / CAISSE)


def test_a_killed_copy_leaves_no_program_behind_and_fetches_only_what_is_missing(
    desk, proxy, tmp_path, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("large")
    for number in range(40):
        (folder / f"{number}.bin").write_bytes(os.urandom(4 << 20))
    desk.back_up(CAISSE, folder)
    depot = tmp_path / SLUG / CAISSE / "data" / "depot"
    with desk.opened() as opened:
        bucket = opened.buckets.name(CAISSE)
    # One pack is held back: however fast the copy is, it is not complete when it is killed.
    proxy.matching(f"/{bucket}/{list_packs(desk, CAISSE)[-1]}")
    proxy.hang()
    running = start_return(desk, CAISSE, wanted_repository(tmp_path))
    deadline = time.monotonic() + 60
    while sum(path.stat().st_size for path in depot.glob("data/*/*")) < 80 << 20:
        assert time.monotonic() < deadline, "nothing is copied"
        time.sleep(0.02)
    running.kill()
    proxy.heal()
    proxy.seen.clear()
    with desk.opened() as opened:
        return_machine(opened, CAISSE, wanted_repository(tmp_path), desk.progress.append)
    assert 0 < len(packs_asked_for(proxy)) < 0.75 * len(list_packs(desk, CAISSE))
    assert_verifies(tmp_path / SLUG / CAISSE)


@pytest.mark.parametrize("below", ["data/*/*", "keys/*", "index/*", "snapshots/*", "config"])
def test_a_byte_that_the_disk_changed_is_found_and_copied_again(desk, source, tmp_path, below):
    depot = tmp_path / SLUG / COMPTA / "data" / "depot"
    damaged: list[tuple[Path, bytes]] = []

    def damage(text: str) -> None:
        if "reading back" in text and not damaged:
            path = max(depot.glob(below), key=lambda each: each.stat().st_size)
            content = path.read_bytes()
            damaged.append((path, content))
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    with desk.opened() as opened:
        with pytest.raises(ExpectedError, match=r"1 objects read back from .* differ from the backup"):
            return_machine(opened, COMPTA, wanted_repository(tmp_path), damage)
        return_machine(opened, COMPTA, wanted_repository(tmp_path), damage)
    assert damaged[0][0].read_bytes() == damaged[0][1]


def test_an_object_that_is_missing_is_found(desk, source, tmp_path):
    def lose(text: str) -> None:
        if "reading back" in text:
            next((tmp_path / SLUG / COMPTA / "data" / "depot" / "data").glob("*/*")).unlink()

    with desk.opened() as opened, pytest.raises(ExpectedError, match="1 objects of the repository are missing in"):
        return_machine(opened, COMPTA, wanted_repository(tmp_path), lose)


def test_a_target_without_room_is_said_before_anything_is_written(desk, source, tmp_path):
    with small_disk(tmp_path / "disk", "8m") as disk, desk.opened() as opened:
        with pytest.raises(RefusedError, match="has room for 8 MiB, but up to"):
            return_machine(opened, COMPTA, wanted_repository(disk), desk.progress.append)
        with pytest.raises(RefusedError, match="has room for 8 MiB, but up to"):
            plan_return(opened, wanted_repository(disk), desk.progress.append)
        assert list(disk.iterdir()) == []


def test_objects_that_are_not_what_their_names_say_lie_beside_the_repository_and_stop_nothing(desk, tmp_path):
    """A machine may add them: as packs, as an index, as a snapshot, over a pack that is in use."""
    garbage = [
        f"restic/{below}/{name * 32}" for below, name in (("data/ab", "ab"), ("index", "cd"), ("snapshots", "ef"))
    ]
    used = list_packs(desk, CAISSE)[0]
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    with desk.opened() as opened:
        machine = make_client(opened.storage.endpoint, opened.buckets.owner_key())
        for key in garbage:
            machine.put_object(Bucket=opened.buckets.name(CAISSE), Key=key, Body=b"garbage")
        returned = return_machine(opened, CAISSE, wanted_repository(tmp_path / "one"), desk.progress.append)
        assert returned.flaws == Flaws(damaged=len(garbage))
        bag = Path(returned.target)
        assert_verifies(bag)
        beside = [path for path in (bag / "data" / "abimes").rglob("*") if path.is_file()]
        assert {str(path.relative_to(bag / "data" / "abimes")) for path in beside} == {key[7:] for key in garbage}
        assert "ef" * 32 not in returned.snapshots
        again = return_machine(opened, CAISSE, wanted_repository(tmp_path / "one"), desk.progress.append)
        assert again.flaws == returned.flaws
        machine.put_object(Bucket=opened.buckets.name(CAISSE), Key=used, Body=b"garbage")
        returned = return_machine(opened, CAISSE, wanted_repository(tmp_path / "two"), desk.progress.append)
        machine.close()
    assert returned.flaws == Flaws(damaged=len(garbage) + 1, is_whole=False)
    assert "restic reports an incomplete repository" in describe_returned(returned)
    assert "ne trouve pas ce dépôt entier" in (Path(returned.target) / "LISEZMOI.txt").read_text(encoding="utf-8")
    assert_verifies(Path(returned.target))
