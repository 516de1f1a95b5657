"""A tenant's life on a platform of kind aws, in order: moto stands for AWS, a stand-in for Pulumi's AWS plugin.

The engine, the program, the agent and restic are the real ones. moto does not enforce policies: what they permit is
proved by tests/unit/storage/aws/test_isolation.py, and on RGW.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pypdf
import pytest

from coffre.secrets.bundles import all_secret_values
from coffre.secrets.store import SecretStore
from coffre.spec.loader import load_checkout
from coffre.spec.naming import bucket_name, machine_uid
from coffre.storage.aws.names import user_name
from coffre.storage.s3 import policy
from tests.e2e.conftest import Desk, read_files
from tests.e2e.departure import ERASURE, FROZEN, LAST_TO_RETRIEVE, NOTICE, VERIFIER, Leaver
from tests.moto_server import ACCOUNT, REGION, Moto, moto_server
from tests.pulumi_aws import PLUGIN_FOLDER

SLUG, TENANT_ID = "boulangerie-martin", "k7f3q9wz2m"
MACHINES = ("compta-01", "caisse-01")
HOSTS = {"compta-01": "compta-01.martin.example", "caisse-01": "caisse-01.martin.example"}

PLATFORM = f"""
    kind: aws
    account: "{ACCOUNT}"
    region: {REGION}
    ssh_config: {{ssh_config}}
    hosting: {{{{operator: Amazon Web Services EMEA SARL, site: Paris, country: FR}}}}
"""


@pytest.fixture(scope="module")
def moto(lab: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Moto]:
    """AWS, at the lab's address, so that its machines reach it."""
    address = json.loads(lab.endpoints_file.read_text(encoding="utf-8"))["endpoint"].split("//")[1].split(":")[0]
    folder = tmp_path_factory.mktemp("moto")
    with moto_server(address, tls=folder, log=folder / "log") as running:
        yield running


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk], moto: Moto) -> Desk:
    made = make_desk(SLUG)
    settings = made.root / "platform.yaml"
    text = settings.read_text(encoding="utf-8")
    start, end = text.index("    kind: ceph"), text.index("working_hours:")
    block = PLATFORM.format(ssh_config=made.ssh_config).lstrip("\n")
    settings.write_text(text[:start] + block + "\n" + text[end:], encoding="utf-8")
    path = f"{PLUGIN_FOLDER}:{made.environment['PATH']}"
    made.environment.update({**moto.environment, "PATH": path})
    return made


class Backstage:
    """The account as AWS's own tools see it, and the tenant's secrets."""

    def __init__(self, desk: Desk, moto: Moto) -> None:
        self._options: dict[str, Any] = {
            "region_name": REGION,
            "endpoint_url": moto.url,
            "verify": str(moto.ca_file),
            "aws_access_key_id": "testing",
            "aws_secret_access_key": "testing",
        }
        self.s3 = boto3.client("s3", **self._options)
        self.iam = boto3.client("iam", **self._options)
        self._desk = desk

    @property
    def secrets(self) -> SecretStore:
        settings, root = load_checkout(self._desk.root).settings, self._desk.root
        return SecretStore.open(
            root / settings.secrets, root / settings.escrow, root, environment=dict(self._desk.environment)
        )

    def bucket(self, machine: str) -> str:
        return bucket_name(SLUG, TENANT_ID, machine)

    def user(self, machine: str) -> str:
        return user_name(machine_uid(load_checkout(self._desk.root).tenants[SLUG], machine))

    def key_ids(self, user: str) -> list[str]:
        return [each["AccessKeyId"] for each in self.iam.list_access_keys(UserName=user)["AccessKeyMetadata"]]

    def sids(self, machine: str) -> set[str]:
        document = json.loads(self.s3.get_bucket_policy(Bucket=self.bucket(machine))["Policy"])
        return {each["Sid"] for each in document["Statement"]}


@pytest.fixture
def backstage(desk: Desk, moto: Moto) -> Backstage:
    return Backstage(desk, moto)


def test_a_plan_names_resources_given_keys_and_the_missing_wall(desk: Desk, backstage: Backstage) -> None:
    [plan] = desk.json("plan", SLUG, "--json")
    kinds = [change["kind"] for change in plan["storage"]]
    assert (kinds.count("Bucket"), kinds.count("User"), kinds.count("AccessKey")) == (2, 3, 0)
    assert not [change for change in plan["storage"] if "Quota" in change["kind"]]
    shown = " ".join(desk.coffre("plan", SLUG).stdout.split())
    assert "the gate is the only limit" in shown
    assert backstage.s3.list_buckets()["Buckets"] == []


def test_apply_delivers_the_service(desk: Desk, backstage: Backstage) -> None:
    said = " ".join(desk.coffre("apply", SLUG, "--yes").stdout.split())
    assert "compta-01: installed" in said
    control = backstage.secrets.get_control(SLUG, TENANT_ID)
    for machine in MACHINES:
        assert backstage.key_ids(backstage.user(machine)) == [control.machine_keys[machine].access_key_id]
    assert "no change" in desk.coffre("apply", SLUG, "--yes").stdout
    [plan] = desk.json("plan", SLUG, "--json")
    assert plan["storage"] == []


def test_no_secret_is_in_the_state_or_in_any_file(desk: Desk, backstage: Backstage) -> None:
    control, data = backstage.secrets.get_control(SLUG, TENANT_ID), backstage.secrets.get_data(SLUG, TENANT_ID)
    values = all_secret_values(control) | all_secret_values(data)
    assert len(values) > len(MACHINES)
    for path, content in read_files(desk.root, desk.home).items():
        for value in values:
            assert value.encode() not in content, path
    assert not any(value in said for value in values for said in desk.said)


def test_a_backup_lands_there_and_comes_back(desk: Desk, backstage: Backstage, tmp_path: Path) -> None:
    desk.on_machine(HOSTS["compta-01"], "mkdir -p /home/claire && seq 1 20000 >/home/claire/ventes.csv")
    runs = desk.json("backup", SLUG, "--json")
    assert {run["outcome"] for run in runs} == {"success"}, runs
    [status] = desk.json("status", SLUG, "--json")
    assert (status["gate"], status["access"], status["wall_bytes"], status["findings"]) == ("open", "open", None, [])
    assert status["used_bytes"] > 0
    desk.coffre("drill", SLUG)
    desk.coffre("verify", SLUG)
    target = tmp_path / "back"
    desk.coffre("restore", SLUG, "--machine", "compta-01", "--to", str(target))
    [found] = target.rglob("ventes.csv")
    assert len(found.read_text(encoding="utf-8").splitlines()) == 20_000


def test_the_gate_is_a_statement_of_the_bucket_s_policy(desk: Desk, backstage: Backstage) -> None:
    before = backstage.sids("compta-01")
    desk.edit(SLUG, "quota: 200 GiB", "quota: 4 KiB")
    desk.coffre("apply", SLUG, "--yes")
    assert backstage.sids("compta-01") == {*before, policy.GATE_SID}
    # Drift of the stack beside a closed gate is healed, and the gate stays closed.
    backstage.s3.delete_public_access_block(Bucket=backstage.bucket("compta-01"))
    desk.coffre("apply", SLUG, "--yes")
    assert backstage.s3.get_public_access_block(Bucket=backstage.bucket("compta-01"))
    assert backstage.sids("compta-01") == {*before, policy.GATE_SID}
    desk.edit(SLUG, "quota: 4 KiB", "quota: 200 GiB")
    desk.coffre("apply", SLUG, "--yes")
    assert backstage.sids("compta-01") == before


def test_keys_are_rotated_to_others_that_aws_gives(desk: Desk, backstage: Backstage) -> None:
    before = backstage.secrets.get_control(SLUG, TENANT_ID)
    desk.coffre("rotate", SLUG, "--yes")
    desk.json("backup", SLUG, "--json")
    desk.coffre("rotate", SLUG, "--yes")
    after = backstage.secrets.get_control(SLUG, TENANT_ID)
    for machine in MACHINES:
        assert after.machine_keys[machine].access_key_id != before.machine_keys[machine].access_key_id
        assert backstage.key_ids(backstage.user(machine)) == [after.machine_keys[machine].access_key_id]


def test_a_hold_stops_every_expiry_and_a_suspension_every_access(desk: Desk, backstage: Backstage) -> None:
    desk.coffre("hold", "place", SLUG, "--reference", "TJ-2026-17", "--yes")
    with pytest.raises(backstage.s3.exceptions.ClientError, match="NoSuchLifecycleConfiguration"):
        backstage.s3.get_bucket_lifecycle_configuration(Bucket=backstage.bucket("compta-01"))


def test_it_leaves_with_a_certificate_that_names_amazon(desk: Desk, backstage: Backstage) -> None:
    leaver = Leaver(desk, SLUG)
    leaver.declare()
    for day in (NOTICE, FROZEN, LAST_TO_RETRIEVE):
        leaver.offboard(day, "--yes")
    assert leaver.stage(ERASURE) in ("erased", "verified")
    with leaver.acting(VERIFIER):
        desk.coffre("offboard", SLUG, "--verify", "--today", ERASURE)
    assert leaver.stage(ERASURE) == "closed"
    assert [each["Name"] for each in backstage.s3.list_buckets()["Buckets"] if each["Name"].startswith(SLUG)] == []
    assert [each["UserName"] for each in backstage.iam.list_users()["Users"] if each["UserName"].startswith(SLUG)] == []
    [certificate] = leaver.documents("certificat-*.pdf")
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(certificate).pages)
    assert f"compte {ACCOUNT}" in " ".join(text.split())
    assert "NIST SP 800-88" in text
