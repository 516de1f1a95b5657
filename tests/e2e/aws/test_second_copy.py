"""The second copy of a tenant's backups, in order: the tenant is on the real Ceph, its copy on AWS (moto).

The machine, its agent and restic are the real ones. The last test erases both, and the certificate names both.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pypdf
import pytest
from botocore.exceptions import ClientError

from coffre.secrets.bundles import ControlBundle, all_secret_values
from coffre.secrets.store import SecretStore
from coffre.spec.loader import load_checkout
from coffre.spec.naming import bucket_name, owner_uid, stack_name
from coffre.storage.driver import Bucket
from coffre.tenant.estate.keys import access_key
from tests.e2e.conftest import Desk, read_files
from tests.e2e.departure import ERASURE, FROZEN, LAST_TO_RETRIEVE, NOTICE, VERIFIER, Leaver
from tests.moto_server import ACCOUNT, REGION, Moto, moto_server
from tests.pulumi_aws import PLUGIN_FOLDER

EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}]}
SLUG, TENANT_ID = "boulangerie-martin", "k7f3q9wz2m"
COMPTA, CAISSE = "compta-01", "caisse-01"
HOST = "compta-01.martin.example"
COPY = "aws-paris"
PLATFORM = f"""
  {COPY}:
    kind: aws
    account: "{ACCOUNT}"
    region: {REGION}
    hosting: {{operator: Amazon Web Services EMEA SARL, site: Paris, country: FR}}

"""
KILLED = """
import os, signal, sys
from coffre.storage.s3.bucket import S3Bucket
put, place, seen = S3Bucket.put, int(sys.argv.pop(1)), 0
def killing(self, key, body):
    global seen
    seen += 1
    if seen == place:
        os.kill(os.getpid(), signal.SIGKILL)
    return put(self, key, body)
S3Bucket.put = killing
from coffre.cli.main import main
sys.exit(main())
"""
"""The command, killed before it writes its object of that number."""


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    folder = tmp_path_factory.mktemp("moto")
    with moto_server("127.0.0.1", tls=folder, log=folder / "log") as running:
        operator = running.make_operator(EVERYTHING)
        with operator.checking_keys():
            yield operator


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk], moto: Moto) -> Desk:
    made = make_desk(SLUG)
    settings = made.root / "platform.yaml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("\nworking_hours:", f"{PLATFORM}working_hours:"), encoding="utf-8")
    made.edit(SLUG, "  quota: 200 GiB", f"  quota: 200 GiB\n  copy: {{platform: {COPY}}}")
    made.environment.update({**moto.environment, "PATH": f"{PLUGIN_FOLDER}:{made.environment['PATH']}"})
    return made


class Backstage:
    """The account of the copy, and the tenant's own bucket on Ceph."""

    def __init__(self, desk: Desk, moto: Moto, lab: Any) -> None:
        options: dict[str, Any] = {
            "region_name": REGION,
            "endpoint_url": moto.url,
            "verify": str(moto.ca_file),
            "aws_access_key_id": moto.access_key_id,
            "aws_secret_access_key": moto.secret_access_key,
        }
        self.s3, self.iam = boto3.client("s3", **options), boto3.client("iam", **options)
        self._desk = desk

    @property
    def tenant(self) -> Any:
        return load_checkout(self._desk.root).tenants[SLUG]

    @property
    def secrets(self) -> SecretStore:
        settings, root = load_checkout(self._desk.root).settings, self._desk.root
        return SecretStore.open(
            root / settings.secrets, root / settings.escrow, root, environment=dict(self._desk.environment)
        )

    @property
    def copy_keys(self) -> ControlBundle:
        return self.secrets.get_control(stack_name(self.tenant.copied()), TENANT_ID)

    def original(self, machine: str) -> Bucket:
        """A machine's bucket on Ceph, with the owner's key."""
        from coffre.storage.kinds import connect

        checkout = load_checkout(self._desk.root)
        control = self.secrets.get_control(SLUG, TENANT_ID)
        assert control.owner_key is not None
        storage = connect(checkout.settings.platforms["lab"], checkout.root)
        return storage.open_bucket(bucket_name(SLUG, TENANT_ID, machine), access_key(control.owner_key))

    def copied(self, machine: str) -> str:
        return bucket_name(SLUG, TENANT_ID, machine, is_copy=True)

    def keys(self, machine: str, prefix: str = "restic/") -> list[str]:
        listed = self.s3.list_objects_v2(Bucket=self.copied(machine), Prefix=prefix)
        return [each["Key"] for each in listed.get("Contents", [])]

    def users(self) -> list[str]:
        return [each["UserName"] for each in self.iam.list_users()["Users"]]


@pytest.fixture
def backstage(desk: Desk, moto: Moto, lab: Any) -> Backstage:
    return Backstage(desk, moto, lab)


@contextmanager
def without_ceph(desk: Desk, lab: Any) -> Iterator[None]:
    endpoints = json.loads(lab.endpoints_file.read_text(encoding="utf-8"))
    nowhere = desk.home / "nowhere.json"
    nowhere.write_text(json.dumps({**endpoints, "endpoint": "https://127.0.0.1:9"}), encoding="utf-8")
    with desk.other_settings(f"file:{lab.endpoints_file}", f"file:{nowhere}"):
        yield


@contextmanager
def without_aws(desk: Desk) -> Iterator[None]:
    url = desk.environment["AWS_ENDPOINT_URL"]
    desk.environment["AWS_ENDPOINT_URL"] = "https://127.0.0.1:9"
    try:
        yield
    finally:
        desk.environment["AWS_ENDPOINT_URL"] = url


def test_the_plan_names_what_the_copy_gets(desk: Desk, backstage: Backstage) -> None:
    [plan] = desk.json("plan", SLUG, "--json")
    copied = plan["second_copy"]
    kinds = [change["kind"] for change in copied["storage"]]
    assert (copied["platform"], copied["needs_key"]) == (COPY, True)
    assert (kinds.count("Bucket"), kinds.count("User")) == (2, 1), "an owner, and no machine has a user there"
    shown = desk.coffre("plan", SLUG).stdout
    assert f"second copy on {COPY}:\n" in shown
    assert f"costs of the second copy on {COPY}: about " in shown


def test_apply_makes_it_with_a_key_of_its_own(desk: Desk, backstage: Backstage) -> None:
    said = desk.coffre("apply", SLUG, "--yes").stdout
    assert f"second copy on {COPY}: " in said
    [user] = [each for each in backstage.users() if SLUG in each]
    assert user == owner_uid(backstage.tenant.copied())
    key = backstage.copy_keys.owner_key
    assert key is not None
    [known] = backstage.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]
    assert known["AccessKeyId"] == key.access_key_id
    for machine in (COMPTA, CAISSE):
        assert backstage.s3.get_bucket_versioning(Bucket=backstage.copied(machine))["Status"] == "Enabled"
    [plan] = desk.json("plan", SLUG, "--json")
    assert (plan["storage"], plan["second_copy"]["storage"], plan["is_needed"]) == ([], [], False)
    assert desk.coffre("secrets", "verify").code == 0


def test_a_run_copies_what_is_new_and_the_next_one_nothing(desk: Desk, backstage: Backstage) -> None:
    desk.on_machine(HOST, "mkdir -p /home/claire && seq 1 20000 >/home/claire/ventes.csv")
    desk.on_machine(HOST, "head -c 40000000 /dev/urandom >/home/claire/photos.bin")
    assert {run["outcome"] for run in desk.json("backup", SLUG, "--json")} == {"success"}
    [status] = desk.json("status", SLUG, "--json")
    seen = {each["name"]: each for each in status["second_copy"]["machines"]}
    assert (seen[COMPTA]["snapshots"], seen[COMPTA]["missing"], seen[COMPTA]["is_late"]) == (0, 1, False)
    first = {each["machine"]: each["done"] for each in desk.json("copy", SLUG, "--json")}
    assert first[COMPTA]["copied_bytes"] > 40_000_000
    assert first[COMPTA]["is_complete"]
    originals = {each.key for each in backstage.original(COMPTA).list_objects("restic/") if "/locks/" not in each.key}
    assert set(backstage.keys(COMPTA)) == originals
    again = {each["machine"]: each["done"] for each in desk.json("copy", SLUG, "--json")}
    assert {each["copied_objects"] for each in again.values()} == {0}
    [status] = desk.json("status", SLUG, "--json")
    assert status["findings"] == []
    seen = {each["name"]: each for each in status["second_copy"]["machines"]}
    assert (seen[COMPTA]["snapshots"], seen[COMPTA]["missing"]) == (1, 0)
    assert seen[COMPTA]["last_complete_at"] is not None
    assert f"second copy of {COMPTA} on {COPY}: snapshots: 1" in desk.coffre("status", SLUG).stdout


@pytest.mark.parametrize("place", [1, 2, 4])
def test_a_killed_run_loses_nothing(desk: Desk, backstage: Backstage, place: int) -> None:
    desk.on_machine(HOST, "head -c 20000000 /dev/urandom >/home/claire/photos.bin")
    desk.json("backup", SLUG, "--machine", COMPTA, "--json")
    before = len(backstage.keys(COMPTA))
    argv = [sys.executable, "-c", KILLED, str(place), "copy", SLUG, "--machine", COMPTA]
    killed = subprocess.run(
        argv, cwd=desk.root, env=desk.environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert killed.returncode == -9, killed.stdout + killed.stderr
    [run] = desk.json("copy", SLUG, "--machine", COMPTA, "--json")
    assert run["done"]["is_complete"]
    assert len(backstage.keys(COMPTA)) > before
    [status] = desk.json("status", SLUG, "--json")
    assert status["findings"] == []


def test_what_a_machine_forges_is_named_and_stops_nothing(desk: Desk, backstage: Backstage) -> None:
    """A garbage pack under a valid name, as whoever has the machine's key can write it."""
    forged = f"restic/data/ab/{'ab' * 32}"
    original = backstage.original(COMPTA)
    original.put(forged, b"no pack")
    desk.json("backup", SLUG, "--machine", COMPTA, "--json")
    run = desk.coffre("copy", SLUG, expect=1)
    assert f"{forged} is left out: it does not match the hash in its name" in " ".join(run.stdout.split())
    assert forged not in backstage.keys(COMPTA)
    [status] = desk.json("status", SLUG, "--json", expect=1)
    [finding] = [each for each in status["findings"] if each["kind"] == "copy_faults"]
    assert (finding["machine"], finding["evidence"]["key"]) == (COMPTA, forged)
    assert {each["missing"] for each in status["second_copy"]["machines"]} == {0}, "the snapshots came all the same"
    original.hide(forged)
    desk.coffre("acknowledge", SLUG, "--machine", COMPTA, "--reason", "un objet forgé", "--yes")
    desk.coffre("copy", SLUG)


def test_without_the_tenant_s_own_platform_the_copy_drills_and_restores(
    desk: Desk, backstage: Backstage, lab: Any, tmp_path: Path
) -> None:
    with without_ceph(desk, lab):
        desk.coffre("drill", SLUG, "--machine", COMPTA, expect=1)
        [done] = desk.json("drill", SLUG, "--machine", COMPTA, "--from-copy", "--json")
        assert (done["problems"], done["compared_by_hash"] > 0) == ([], True)
        target = tmp_path / "back"
        desk.coffre("restore", SLUG, "--machine", COMPTA, "--from-copy", "--to", str(target))
    [found] = target.rglob("ventes.csv")
    assert len(found.read_text(encoding="utf-8").splitlines()) == 20_000
    desk.coffre("restore", SLUG, "--machine", COMPTA, "--from-copy", "--to", COMPTA, expect=2)


def test_a_platform_of_the_copy_that_is_away_stops_nothing_else(desk: Desk, backstage: Backstage) -> None:
    desk.edit(SLUG, "quota: 200 GiB", "quota: 210 GiB")
    with without_aws(desk):
        run = desk.coffre("apply", SLUG, "--yes", expect=1)
        assert f"second copy on {COPY}: NOT settled" in run.stdout
        [status] = desk.json("status", SLUG, "--json", expect=1)
        assert status["quota_bytes"] == 210 * 1024**3
        assert [each["kind"] for each in status["findings"]] == ["copy_not_seen"]
        assert {each["snapshots"] for each in status["second_copy"]["machines"]} == {None}
        desk.coffre("copy", SLUG, expect=1)
    desk.edit(SLUG, "quota: 210 GiB", "quota: 200 GiB")
    desk.coffre("apply", SLUG, "--yes")


def test_its_key_is_rotated_with_the_owner_s(desk: Desk, backstage: Backstage) -> None:
    before = backstage.copy_keys.owner_key
    said = desk.coffre("rotate", SLUG, "--owner", "--yes").stdout
    assert f"the owner's key on {COPY}: replaced" in said
    after = backstage.copy_keys.owner_key
    assert before is not None
    assert after is not None
    assert after != before
    [known] = backstage.iam.list_access_keys(UserName=owner_uid(backstage.tenant.copied()))["AccessKeyMetadata"]
    assert known["AccessKeyId"] == after.access_key_id
    desk.coffre("copy", SLUG)


def test_a_hold_stops_every_expiry_of_the_copy_too(desk: Desk, backstage: Backstage) -> None:
    reference = ("--reference", "TJ-2026-17")
    desk.coffre("hold", "place", SLUG, *reference, "--since", "2026-11-20")
    with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
        backstage.s3.get_bucket_lifecycle_configuration(Bucket=backstage.copied(COMPTA))
    [status] = desk.json("status", SLUG, "--json")
    assert status["hold"]["in_force"] is True
    desk.coffre("apply", SLUG, "--yes")
    desk.coffre("hold", "lift", SLUG, *reference, "--reason", "levée")
    desk.coffre("apply", SLUG, "--yes")
    assert backstage.s3.get_bucket_lifecycle_configuration(Bucket=backstage.copied(COMPTA))["Rules"]


def test_text_that_disappears_erases_nothing(desk: Desk, backstage: Backstage) -> None:
    desk.edit(SLUG, f"\n  copy: {{platform: {COPY}}}", "")
    for command in (("plan", SLUG), ("apply", SLUG, "--yes")):
        refused = " ".join(desk.coffre(*command, expect=4).stderr.split())
        assert f"its second copy is on {COPY}, but the file names no copy" in refused
    desk.edit(SLUG, "  quota: 200 GiB", f"  quota: 200 GiB\n  copy: {{platform: {COPY}}}")
    assert backstage.keys(COMPTA)


def test_a_lost_bucket_is_made_again_and_its_repository_comes_back(desk: Desk, backstage: Backstage, lab: Any) -> None:
    name = bucket_name(SLUG, TENANT_ID, COMPTA)
    [status] = desk.json("status", SLUG, "--json")
    [known] = [each["snapshots"] for each in status["machines"] if each["name"] == COMPTA]
    lab.radosgw_admin(["bucket", "rm", f"--bucket={name}", "--purge-objects"])
    refused = " ".join(desk.coffre("apply", SLUG, "--yes", expect=1).stdout.split())
    assert f"{COMPTA}: refused" in refused
    assert "--back" in desk.coffre("copy", SLUG, "--machine", COMPTA, expect=1).stderr
    desk.coffre("copy", SLUG, "--machine", COMPTA, "--back", "--yes")
    desk.coffre("apply", SLUG, "--yes")
    assert {run["outcome"] for run in desk.json("backup", SLUG, "--machine", COMPTA, "--json")} == {"success"}
    [status] = desk.json("status", SLUG, "--json")
    assert [each["snapshots"] for each in status["machines"] if each["name"] == COMPTA] == [known + 1]
    assert status["findings"] == []
    desk.coffre("copy", "--all")
    desk.coffre("drill", SLUG, "--from-copy")


def test_a_lost_state_makes_nothing_twice(desk: Desk, backstage: Backstage) -> None:
    before = backstage.copy_keys
    shutil.rmtree(desk.root / ".coffre" / "state")
    desk.coffre("apply", SLUG, "--yes")
    assert backstage.copy_keys == before
    [plan] = desk.json("plan", SLUG, "--json")
    assert (plan["storage"], plan["second_copy"]["storage"]) == ([], [])


def test_no_secret_of_the_copy_is_in_any_file(desk: Desk, backstage: Backstage) -> None:
    values = all_secret_values(backstage.copy_keys)
    for path, content in read_files(desk.root, desk.home).items():
        for value in values:
            assert value.encode() not in content, path
    assert not any(value in said for value in values for said in desk.said)


def test_it_leaves_with_a_certificate_that_names_both(desk: Desk, backstage: Backstage) -> None:
    leaver = Leaver(desk, SLUG)
    leaver.declare()
    assert leaver.stage(NOTICE) == "serving"
    leaver.stage(FROZEN)
    planned = leaver.plan(LAST_TO_RETRIEVE)
    assert {each["copied_to"] for each in planned["machines"]} == {None, COPY}
    assert leaver.stage(ERASURE) == "erased"
    assert [each["Name"] for each in backstage.s3.list_buckets()["Buckets"] if each["Name"].startswith(SLUG)] == []
    leaver.offboard(ERASURE, "--verify", actor=VERIFIER)
    assert leaver.stage(ERASURE) == "closed"
    assert [each for each in backstage.users() if SLUG in each] == []
    [certificate] = leaver.documents("certificat-*.pdf")
    text = " ".join(" ".join(page.extract_text() for page in pypdf.PdfReader(certificate).pages).split())
    assert f"compte {ACCOUNT}, région {REGION}" in text
    assert "Hébergement de la seconde copie" in text
    assert "Seconde copie de la machine compta-01" in text
    assert f"Clés de la seconde copie ({COPY})" in text
    assert bucket_name(SLUG, TENANT_ID, COMPTA, is_copy=True) in text
    assert bucket_name(SLUG, TENANT_ID, COMPTA) in text
    left = [path for path in (desk.root / ".coffre").rglob("*") if "_copy" in path.name]
    assert left == []
