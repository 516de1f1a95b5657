"""A tenant's life on a platform of kind aws, in order: moto stands for AWS, a stand-in for Pulumi's AWS plugin.

The engine, the program, the agent and restic are the real ones. Policies are judged by AWS's rules
(`tests/moto_process.py`).
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pypdf
import pytest
import yaml
from botocore.exceptions import ClientError
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from coffre.secrets.bundles import all_secret_values
from coffre.secrets.store import SecretStore
from coffre.signing.seals import keys
from coffre.spec.loader import load_checkout
from coffre.spec.naming import bucket_name, machine_uid
from coffre.storage.aws.names import MACHINE_POLICY, user_name
from coffre.storage.s3 import lifecycle, policy
from tests.e2e.conftest import Desk, read_files
from tests.e2e.departure import AUTHOR, BLOCK, ERASURE, LAST_OF_NOTICE, NOTICE, VERIFIER, Leaver
from tests.moto_server import ACCOUNT, REGION, Moto, moto_server
from tests.pulumi_aws import PLUGIN_FOLDER

EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}]}
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
    """AWS, at the lab's address, so that its machines reach it; with an operator who may do what Coffre needs."""
    address = json.loads(lab.endpoints_file.read_text(encoding="utf-8"))["endpoint"].split("//")[1].split(":")[0]
    folder = tmp_path_factory.mktemp("moto")
    with moto_server(address, tls=folder, log=folder / "log") as running:
        operator = running.make_operator(EVERYTHING)
        with operator.checking_keys():
            yield operator


@pytest.fixture(scope="module")
def desk(make_desk: Callable[..., Desk], moto: Moto) -> Iterator[Desk]:
    """A desk whose platform is a real one to Coffre: its escrow is on another file system, and it has a signing key."""
    made = make_desk(SLUG)
    settings = made.root / "platform.yaml"
    text = settings.read_text(encoding="utf-8")
    start, end = text.index("    kind: ceph"), text.index("working_hours:")
    text = text[:start] + PLATFORM.format(ssh_config=made.ssh_config).lstrip("\n") + "\n" + text[end:]
    with tempfile.TemporaryDirectory(prefix="coffre-escrow-", dir="/dev/shm") as escrow:
        for name, comment in (("escrow: .coffre/escrow", f"escrow: {escrow}/escrow"), *make_signer(made.home).items()):
            assert name in text
            text = text.replace(name, comment)
        settings.write_text(text, encoding="utf-8")
        made.environment.update({**moto.environment, "PATH": f"{PLUGIN_FOLDER}:{made.environment['PATH']}"})
        made.coffre("secrets", "init")
        yield made


def make_signer(folder: Path) -> dict[str, str]:
    """Make a key that signs certificates, and return what of platform.yaml becomes what."""
    key = rsa.generate_private_key(65537, 2048)
    certificate = keys._self_sign(key, "SMILÉO SAS", datetime.now(UTC))  # type: ignore[arg-type]
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "signing.key").write_bytes(pem)
    (folder / "signing.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    signing = f'  signing: {{key: "file:{folder}/signing.key", certificate: {folder}/signing.pem}}'
    declared = "  identities: {approval: declared, erasure: declared, verification: declared}"
    return {
        '  # signing: {key: "file:/etc/coffre/certificats.key", certificate: /etc/coffre/certificats.pem}': signing,
        "  # identities: {approval: proved, erasure: proved, verification: proved}": declared,
    }


class Backstage:
    """The account as AWS's own tools see it, and the tenant's secrets."""

    def __init__(self, desk: Desk, moto: Moto) -> None:
        self._options: dict[str, Any] = {
            "region_name": REGION,
            "endpoint_url": moto.url,
            "verify": str(moto.ca_file),
            "aws_access_key_id": moto.access_key_id,
            "aws_secret_access_key": moto.secret_access_key,
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
    desk.edit(SLUG, "quota: 200 GiB", "quota: 1 KiB")
    desk.coffre("apply", SLUG, "--yes")
    assert backstage.sids("compta-01") == {*before, policy.GATE_SID}
    refused = desk.coffre("backup", SLUG, "--machine", "compta-01", expect=4)
    assert "compta-01: quota" in refused.stdout
    # Drift of the stack beside a closed gate is healed, and the gate stays closed.
    backstage.s3.delete_public_access_block(Bucket=backstage.bucket("compta-01"))
    desk.coffre("apply", SLUG, "--yes")
    assert backstage.s3.get_public_access_block(Bucket=backstage.bucket("compta-01"))
    assert backstage.sids("compta-01") == {*before, policy.GATE_SID}
    desk.edit(SLUG, "quota: 1 KiB", "quota: 200 GiB")
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


def test_a_hold_stops_every_expiry_until_it_is_lifted(desk: Desk, backstage: Backstage) -> None:
    reference = ("--reference", "TJ-2026-17")
    desk.coffre("hold", "place", SLUG, *reference, "--since", "2026-11-20")
    with pytest.raises(ClientError, match="NoSuchLifecycleConfiguration"):
        backstage.s3.get_bucket_lifecycle_configuration(Bucket=backstage.bucket("compta-01"))
    desk.coffre("apply", SLUG, "--yes")
    desk.coffre("hold", "lift", SLUG, *reference, "--reason", "levée")
    desk.coffre("apply", SLUG, "--yes")
    rules = backstage.s3.get_bucket_lifecycle_configuration(Bucket=backstage.bucket("compta-01"))["Rules"]
    assert {rule["ID"] for rule in rules} == set(lifecycle.rules(14))


def test_a_suspended_tenant_s_machines_reach_nothing(desk: Desk, backstage: Backstage) -> None:
    desk.edit(SLUG, "status: active", "status: suspended")
    desk.coffre("apply", SLUG, "--yes")
    assert policy.SUSPENSION_SID in backstage.sids("compta-01")
    desk.coffre("backup", SLUG, "--machine", "compta-01", expect=4)
    desk.edit(SLUG, "status: suspended", "status: active")
    desk.coffre("apply", SLUG, "--yes")
    assert {run["outcome"] for run in desk.json("backup", SLUG, "--json")} == {"success"}


def test_a_lost_state_costs_no_key_and_makes_nothing_twice(desk: Desk, backstage: Backstage) -> None:
    before = backstage.secrets.get_control(SLUG, TENANT_ID)
    shutil.rmtree(desk.root / ".coffre" / "state")
    [plan] = desk.json("plan", SLUG, "--json")
    assert {each["operation"] for each in plan["storage"] if each["kind"] in ("Bucket", "User")} == {"adopt"}
    desk.coffre("apply", SLUG, "--yes")
    assert backstage.secrets.get_control(SLUG, TENANT_ID).machine_keys == before.machine_keys
    assert desk.json("plan", SLUG, "--json")[0]["storage"] == []


def test_a_lost_file_is_imported_from_the_account_with_the_same_keys(desk: Desk, backstage: Backstage) -> None:
    """No wall tells the quota there, and no display name the customer: the records and the answers do."""
    before, kept = backstage.secrets.get_control(SLUG, TENANT_ID), desk.tenant_file(SLUG).read_text(encoding="utf-8")
    whole = yaml.safe_load(kept)
    answers = {part: whole[part] for part in ("name", "contract", "contact")}
    answers["plans"] = {"plan-1": {"keep": whole["plans"]["office"]["keep"]}}
    reached = {
        name: {key: each[key] for key in ("kind", "os", "connection")} for name, each in whole["machines"].items()
    }
    (desk.home / "answers.yaml").write_text(json.dumps(answers | {"machines": reached}, default=str), encoding="utf-8")
    desk.tenant_file(SLUG).unlink()
    shutil.rmtree(desk.root / ".coffre" / "state")
    said = desk.coffre("import", SLUG, "--platform", "lab", "--answers", str(desk.home / "answers.yaml"), "--yes")
    assert "quota sold: 200 GiB" in said.stdout
    assert "create Bucket boul" not in said.stdout
    assert "create User boul" not in said.stdout
    assert backstage.secrets.get_control(SLUG, TENANT_ID) == before
    assert desk.json("plan", SLUG, "--json")[0]["is_needed"] is False
    desk.tenant_file(SLUG).write_text(kept, encoding="utf-8")


def test_a_lost_user_gets_a_new_key_and_the_plan_says_so(desk: Desk, backstage: Backstage) -> None:
    user = backstage.user("caisse-01")
    for key in backstage.key_ids(user):
        backstage.iam.delete_access_key(UserName=user, AccessKeyId=key)
    backstage.iam.delete_user_policy(UserName=user, PolicyName=MACHINE_POLICY)
    backstage.iam.delete_user(UserName=user)
    before = backstage.secrets.get_control(SLUG, TENANT_ID).machine_keys["caisse-01"].access_key_id
    assert "caisse-01" in desk.coffre("plan", SLUG).stdout
    desk.coffre("apply", SLUG, "--yes")
    after = backstage.secrets.get_control(SLUG, TENANT_ID).machine_keys["caisse-01"].access_key_id
    assert after != before
    assert backstage.key_ids(user) == [after]
    [run] = desk.json("backup", SLUG, "--machine", "caisse-01", "--json")
    assert run["outcome"] == "success", run


def test_it_leaves_with_a_certificate_that_names_amazon(desk: Desk, backstage: Backstage) -> None:
    """Days cannot be set on a real platform: the letter came long ago, and everything is due today."""
    today = datetime.now(ZoneInfo("Europe/Paris")).date()
    ends_on = today - (date.fromisoformat(ERASURE) - date.fromisoformat(LAST_OF_NOTICE))
    notice_on = ends_on - (date.fromisoformat(LAST_OF_NOTICE) - date.fromisoformat(NOTICE))
    desk.edit(SLUG, "signed_on: 2026-11-02", f"signed_on: {notice_on}")
    leaver = Leaver(desk, SLUG)
    leaver.declare(BLOCK.replace(NOTICE, f"{notice_on}").replace(LAST_OF_NOTICE, f"{ends_on}"))
    with leaver.acting(AUTHOR):
        desk.coffre("offboard", SLUG, "--yes")
    with leaver.acting(VERIFIER):
        desk.coffre("offboard", SLUG, "--verify")
    with leaver.acting(AUTHOR):
        assert desk.json("offboard", SLUG, "--yes", "--json")["stage"] == "closed"
    assert [each["Name"] for each in backstage.s3.list_buckets()["Buckets"] if each["Name"].startswith(SLUG)] == []
    assert [each["UserName"] for each in backstage.iam.list_users()["Users"] if each["UserName"].startswith(SLUG)] == []
    [certificate] = leaver.documents("certificat-*.pdf")
    text = " ".join(" ".join(page.extract_text() for page in pypdf.PdfReader(certificate).pages).split())
    assert f"compte {ACCOUNT}, région {REGION}" in text
    assert "Amazon Web Services EMEA SARL (LU)" in text
    assert "NIST SP 800-88" in text
    assert "bucket.instance" not in text
