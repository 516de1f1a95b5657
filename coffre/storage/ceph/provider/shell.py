"""The provider for RGW: what Pulumi asks, handed to its resources."""

from collections.abc import Mapping
from typing import Any, ClassVar

from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.ceph.provider.dispatch import PACKAGE
from coffre.storage.ceph.provider.environment import read_environment
from coffre.storage.ceph.provider.platform import RgwPlatform
from coffre.storage.ceph.provider.scope import TenantScope
from coffre.storage.provider.fields import Inputs
from coffre.storage.provider.package import Kind, Package
from coffre.storage.provider.shell import ProviderShell


class RgwProvider(ProviderShell[RgwPlatform, TenantScope]):
    """Serves one owner of one RGW."""

    described: ClassVar[Package] = PACKAGE

    def open(self, environment: Mapping[str, str], configured: Mapping[str, Any]) -> tuple[RgwPlatform, TenantScope]:
        endpoint, admin_key, owner_uid = read_environment(environment, configured)
        return RgwPlatform(endpoint, AdminClient(endpoint, admin_key)), TenantScope(owner_uid)

    def refuse_foreign_parts(self, values: Mapping[str, Any]) -> None:
        if "bucket" in values:
            self._refuse_foreign_bucket(values["bucket"])

    def _find(self, kind: Kind, resource_id: str, known: Inputs) -> Inputs | None:
        """Read without asking whom a policy names: a stranger written into it is to be seen."""
        platform, scope = self._serving()
        if "bucket" in kind.fields:
            self._refuse_foreign_bucket(resource_id)
        live = kind(platform).read(resource_id, known)
        if live is not None:
            scope.refuse_foreign(kind, {name: live[name] for name in live if name != "statements"})
        return live

    def _refuse_foreign_bucket(self, name: str) -> None:
        platform, scope = self._serving()
        facts = platform.admin.find_bucket(name)
        if facts is not None and facts.owner != scope.owner_uid:
            raise scope.refusal(f"bucket {name}")
