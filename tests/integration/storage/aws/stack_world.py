"""A tenant's stack on AWS for tests: the real Pulumi engine, the stand-in plugin, and moto's server as the account.

As a program (`python -m … ROOT`) it updates the stack once: a process that a test can kill.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from pydantic import SecretStr

from coffre.provisioning.changes import ResourceChange
from coffre.provisioning.engine.stack import TenantStack, state_folder
from coffre.provisioning.engine.state import StackState
from coffre.secrets.bundles import ControlBundle, S3Key
from coffre.spec.loader import Checkout
from coffre.spec.platform import PlatformFile
from coffre.spec.storage_platform import AwsPlatform
from coffre.storage.aws.declaration import AwsDeclaration
from coffre.storage.aws.layout import StorageLayout, tenant_storage
from coffre.storage.platform import TenantKeys
from coffre.storage.values import AccessKey
from tests.builders import PLATFORM, tenant_with
from tests.moto_server import ACCOUNT, REGION

PASSPHRASE = "a passphrase that no file may hold"
HOSTING = {"operator": "Amazon Web Services EMEA SARL", "site": "Paris", "country": "FR"}
PLATFORMS = {"aws": {"kind": "aws", "account": ACCOUNT, "region": REGION, "hosting": HOSTING}}


def client(name: str) -> Any:
    return boto3.client(name, region_name=REGION, config=Config(s3={"addressing_style": "path"}))


class StackWorld:
    """One tenant with the machines compta-01 and caisse-01, and its stack below ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings = PlatformFile.model_validate({**PLATFORM, "platforms": PLATFORMS})
        self.tenant = tenant_with(storage={"platform": "aws", "quota": "10 GiB"})
        self.checkout = Checkout(root, self.settings, {self.tenant.slug: self.tenant})
        platform = self.settings.platforms["aws"]
        assert isinstance(platform, AwsPlatform)
        self.platform = platform
        self.control = ControlBundle(
            tenant_id=self.tenant.id,
            owner_key=S3Key(access_key_id="AKIAOWNER", secret_access_key=SecretStr("secret")),
            stack_passphrase=SecretStr(PASSPHRASE),
            signing_key=SecretStr("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        )

    def layout(self, *, retired: Sequence[str] = (), undelete_days: int | None = None) -> StorageLayout:
        key = AccessKey("AKIA", "secret")
        keys = {name: None if name in retired else key for name in self.tenant.machines}
        tenant = self.tenant
        if undelete_days is not None:
            storage = tenant.storage.model_copy(update={"undelete_days": undelete_days})
            tenant = tenant.model_copy(update={"storage": storage})
        return tenant_storage(tenant, self.platform, TenantKeys(key, keys))

    def declaration(self, **changes: Any) -> AwsDeclaration:
        return AwsDeclaration(self.layout(**changes), self.platform, self.root)

    def plan(self, **changes: Any) -> list[ResourceChange]:
        return self._stack().preview(self.declaration(**changes))

    def up(self, **changes: Any) -> list[ResourceChange]:
        return self._stack().up(self.declaration(**changes), lambda _: None)

    def up_exactly(self, planned: Sequence[ResourceChange]) -> list[ResourceChange]:
        return self._stack().up_exactly(self.declaration(), planned, lambda _: None)

    @property
    def state(self) -> StackState:
        found = state_folder(self.checkout).read(self.tenant.slug)
        assert found is not None
        return found

    @property
    def state_file(self) -> Path:
        return state_folder(self.checkout).file_of(self.tenant.slug)

    def bucket(self, machine: str) -> str:
        return next(each.bucket for each in self.layout().machines if each.name == machine)

    def user(self, machine: str) -> str:
        return next(str(each.user) for each in self.layout().machines if each.name == machine)

    def _stack(self) -> TenantStack:
        return TenantStack(self.checkout, self.tenant.slug, self.control)


def operations(changes: Sequence[ResourceChange]) -> dict[str, list[str]]:
    """Return the names of changed resources by operation."""
    found: dict[str, list[str]] = {}
    for change in changes:
        found.setdefault(change.operation, []).append(change.name)
    return found


if __name__ == "__main__":
    StackWorld(Path(sys.argv[1])).up()
