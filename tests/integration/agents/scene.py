"""A tenant with three machines on the lab: buckets, orders and requests made by hand, without provisioning."""

import base64
import json
import secrets
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from coffre import toolchain
from coffre.agents import desired
from coffre.agents.driver import DeployRequest, OrderedProgram, OrdersTrust, RemoveRequest, Target
from coffre.agents.reach.ssh import SshMachine
from coffre.agents.repository import BucketStorage
from coffre.agents.restic.repository.layout import PREFIX
from coffre.agents.restic.repository.new_repository import new_repository
from coffre.agents.restic.repository.repository import ResticRepository
from coffre.agents.sealing import Opener, derive_key
from coffre.spec import naming
from coffre.storage.ceph import bucket_policy
from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.s3 import policy
from coffre.storage.s3.client import make_client
from coffre.storage.values import AccessKey, Endpoint
from tests.builders import machine_with, tenant_with

COMPTA, CAISSE, ATELIER = "compta-01", "caisse-01", "atelier-01"
HOSTS = {
    COMPTA: "compta-01.martin.example",
    CAISSE: "caisse-01.martin.example",
    ATELIER: "atelier-01.durand.example",
}


def _connection(machine):
    user = {"user": "operateur", "become": True} if machine == ATELIER else {"user": "root"}
    return {"via": "ssh", "host": HOSTS[machine], **user}


class Scene:
    """Everything a test needs of the tenant; `wipe` removes its users and buckets."""

    def __init__(self, lab, folder: Path) -> None:
        self.lab = lab
        self.folder = folder
        self.known_hosts = folder / "known_hosts"
        place, credential = json.loads(lab.endpoints_file.read_text()), json.loads(lab.admin_file.read_text())
        self.endpoint = Endpoint(place["endpoint"], place["region"], Path(place["ca_file"]), place["fsid"])
        self.admin = AdminClient(self.endpoint, AccessKey(credential["access_key_id"], credential["secret_access_key"]))
        self.tenant = tenant_with(
            slug=f"agents-{secrets.token_hex(3)}",
            machines={name: machine_with(connection=_connection(name)) for name in HOSTS},
            licences={"workstation": 3},
            plans={"office": {"paths": ["/etc/ssh"], "schedule": ["Mon..Fri 12:30"], "keep": {"daily": 30}}},
        )
        self.seed = secrets.token_bytes(32)
        self.restic = OrderedProgram(
            toolchain.RESTIC_VERSION,
            toolchain.sha256_file(toolchain.find_tool("restic")),
            toolchain.find_tool("restic"),
        )
        self.owner_key = self._make_user(naming.owner_uid(self.tenant), max_buckets=0)
        self.owner = make_client(self.endpoint, self.owner_key)
        self.keys = {name: self._make_user(naming.machine_uid(self.tenant, name), max_buckets=-1) for name in HOSTS}
        self.passwords = {name: SecretStr(secrets.token_urlsafe(32)) for name in HOSTS}
        self.generations = dict.fromkeys(HOSTS, 0)
        for name in HOSTS:
            self._make_bucket(name)

    @property
    def secrets(self) -> list[str]:
        """Return every value that must stand nowhere but in /etc/coffre/credentials.json."""
        return [key.secret_access_key for key in self.keys.values()] + [
            password.get_secret_value() for password in self.passwords.values()
        ]

    def bucket(self, machine: str) -> str:
        return naming.bucket_name(self.tenant.slug, self.tenant.id, machine)

    def target(self, machine: str) -> Target:
        connection = self.tenant.machines[machine].connection
        return Target(self.tenant.slug, machine, self.tenant.id, connection, self.known_hosts, self.lab.ssh_config)

    def request(self, machine: str) -> DeployRequest:
        key = self.keys[machine]
        return DeployRequest(
            target=self.target(machine),
            storage=BucketStorage(
                endpoint_url=self.endpoint.url,
                region=self.endpoint.region,
                bucket=self.bucket(machine),
                ca_file=self.endpoint.ca_file,
                access_key_id=key.access_key_id,
                secret_access_key=SecretStr(key.secret_access_key),
                repository_password=self.passwords[machine],
            ),
            trust=OrdersTrust(desired.raw_public_key_of(self.seed)),
        )

    def requests(self, *machines: str) -> list[DeployRequest]:
        return [self.request(machine) for machine in machines or HOSTS]

    def removals(self, *machines: str) -> list[RemoveRequest]:
        return [RemoveRequest(self.target(machine)) for machine in machines or HOSTS]

    def elsewhere(self, machine: str, /, **changes: object) -> DeployRequest:
        """Return a machine's request with parts of its target replaced."""
        request = self.request(machine)
        return replace(request, target=replace(request.target, **changes))

    def make_repository(self, machine: str) -> None:
        new = new_repository(self.passwords[machine], datetime.now(UTC))
        for key, body in ((f"keys/{new.key_name}", new.key), ("config", new.config)):
            self.owner.put_object(Bucket=self.bucket(machine), Key=f"{PREFIX}{key}", Body=body)

    def repository(self, machine: str) -> ResticRepository:
        return ResticRepository(
            f"s3:{self.endpoint.url}/{self.bucket(machine)}/restic",
            self.owner_key,
            self.passwords[machine],
            ca_file=self.endpoint.ca_file,
            region=self.endpoint.region,
        )

    def opener(self, machine: str) -> Opener:
        """Open what a machine has sealed."""
        return Opener(derive_key(self.passwords[machine]), self.tenant.id, machine)

    @contextmanager
    def root_on(self, machine: str):
        """Open a machine as root, whatever its own connection says."""
        connection = self.tenant.machines[machine].connection.model_copy(update={"user": "root", "become": False})
        with SshMachine(connection, ssh_config=self.lab.ssh_config, known_hosts=self.known_hosts) as opened:
            yield opened

    def order(self, machine: str, paths: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        """Put signed orders of a new generation into the machine's bucket, for other paths than the plan's if given."""
        self.generations[machine] += 1
        issue = desired.Issue(self.generations[machine], datetime.now(UTC))
        changes = {"paths": list(paths), "exclude": list(exclude)} if paths else {}
        plans = {"office": self.tenant.plans["office"].model_copy(update=changes)}
        tenant = self.tenant.model_copy(update={"plans": plans})
        payload = desired.build_payload(tenant, machine, {"restic": self.restic}, issue)
        document = desired.sign(desired.encode_payload(payload), self.seed)
        self.owner.put_object(Bucket=self.bucket(machine), Key=naming.DESIRED_KEY, Body=document)

    def wipe(self) -> None:
        for name in HOSTS:
            listed = self.owner.get_paginator("list_object_versions").paginate(Bucket=self.bucket(name))
            for page in listed:
                for entry in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                    self.owner.delete_object(Bucket=self.bucket(name), Key=entry["Key"], VersionId=entry["VersionId"])
            self.owner.delete_bucket(Bucket=self.bucket(name))
            self.admin.delete_user(naming.machine_uid(self.tenant, name))
        self.admin.delete_user(naming.owner_uid(self.tenant))
        self.owner.close()

    def _make_user(self, uid: str, max_buckets: int) -> AccessKey:
        key = AccessKey(f"A{secrets.token_hex(9).upper()}", base64.b32encode(secrets.token_bytes(30)).decode())
        self.admin.create_user(uid, uid, max_buckets)
        self.admin.put_key(uid, key)
        return key

    def _make_bucket(self, machine: str) -> None:
        name = self.bucket(machine)
        self.owner.create_bucket(Bucket=name)
        self.owner.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        owner, user = naming.owner_uid(self.tenant), naming.machine_uid(self.tenant, machine)
        statements = bucket_policy.statements(name, owner, user)
        self.owner.put_bucket_policy(Bucket=name, Policy=policy.render(policy.document(statements)))
        self.order(machine)
