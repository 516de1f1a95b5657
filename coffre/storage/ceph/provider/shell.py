"""Connects Pulumi's protocol to the resources: values in and out, threads, one-line errors."""

import asyncio
import json
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any, TypeVar

import pulumi.provider.experimental.provider as protocol
from pulumi.provider.experimental.property_value import Computed, PropertyValue

from coffre.storage.ceph.api.admin import AdminClient
from coffre.storage.ceph.provider.dispatch import RESOURCES
from coffre.storage.ceph.provider.environment import SETTINGS, read_environment
from coffre.storage.ceph.provider.fields import UNKNOWN, Field, InputChange, InputChangeKind, Inputs
from coffre.storage.ceph.provider.platform import RgwPlatform
from coffre.storage.ceph.provider.resources.base import Resource
from coffre.storage.ceph.provider.schema import package_schema
from coffre.storage.ceph.provider.scope import TenantScope

T = TypeVar("T")

# As many as Coffre lets Pulumi run at once; Python's own default is six on two cores, which serialises everything.
THREADS = 32

# What Pulumi itself writes among the settings of a provider.
_OF_PULUMI = ("version", "pluginDownloadURL", "__internal")

_KINDS = {
    (InputChangeKind.ADD, False): protocol.PropertyDiffKind.ADD,
    (InputChangeKind.ADD, True): protocol.PropertyDiffKind.ADD_REPLACE,
    (InputChangeKind.DELETE, False): protocol.PropertyDiffKind.DELETE,
    (InputChangeKind.DELETE, True): protocol.PropertyDiffKind.DELETE_REPLACE,
    (InputChangeKind.UPDATE, False): protocol.PropertyDiffKind.UPDATE,
    (InputChangeKind.UPDATE, True): protocol.PropertyDiffKind.UPDATE_REPLACE,
}


class RgwProvider(protocol.Provider):
    """Hands each request to its resource's class, in a thread: the protocol's server is one event loop."""

    package = "rgw"

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        served: tuple[RgwPlatform, TenantScope] | None = None,
        *,
        takes_unequal: bool = False,
    ) -> None:
        """Serve one tenant of one platform, without ``served`` those that Pulumi's settings or the environment name."""
        self.adopted: set[str] = set()
        """The URNs of the resources that were there when they were to be created."""
        self._takes_unequal = takes_unequal
        self._environment = environment
        self._configured: dict[str, Any] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="rgw")
        self._served = served
        self._guard = threading.Lock()

    async def get_schema(self, request: protocol.GetSchemaRequest) -> protocol.GetSchemaResponse:  # noqa: ARG002
        return protocol.GetSchemaResponse(json.dumps(package_schema(version("coffre"))))

    async def check_config(self, request: protocol.CheckRequest) -> protocol.CheckResponse:
        """Refuse an unknown setting: otherwise a misspelt one would be ignored without an error."""
        failures = [
            protocol.CheckFailure(name, f"is not a setting of the provider; it has {', '.join(SETTINGS)}")
            for name in request.new_inputs
            if name not in SETTINGS and name not in _OF_PULUMI
        ]
        return protocol.CheckResponse(inputs=request.new_inputs, failures=failures)

    async def configure(self, request: protocol.ConfigureRequest) -> protocol.ConfigureResponse:
        self._configured = _plain(request.args)
        return await super().configure(request)

    async def check(self, request: protocol.CheckRequest) -> protocol.CheckResponse:
        kind = _kind(request.type)
        inputs, failures = kind.check(_plain(request.new_inputs))
        if not failures and self._served is not None:
            self._served[1].refuse_foreign(kind, inputs)
            self._served[1].refuse_undeclared(kind, inputs)
        return protocol.CheckResponse(
            inputs=_wrap(kind.fields, inputs),
            failures=[protocol.CheckFailure(failure.property, failure.reason) for failure in failures],
        )

    async def diff(self, request: protocol.DiffRequest) -> protocol.DiffResponse:
        kind = _kind(request.type)
        old, new = _plain(request.old_state), _plain(request.new_inputs)
        changes = kind.diff(old, new)
        names = list(dict.fromkeys(_field_name(kind, change.path) for change in changes))
        replaces = [name for name in names if kind.fields[name].replaces]
        return protocol.DiffResponse(
            changes=bool(changes),
            replaces=replaces,
            stables=[name for name, field in kind.fields.items() if field.replaces and name not in names],
            # A new one under the same id would be refused as long as the old one is there.
            delete_before_replace=bool(replaces) and kind.identify(old) == kind.identify(new),
            diffs=names,
            detailed_diff={change.path: _detail(change) for change in changes},
        )

    async def create(self, request: protocol.CreateRequest) -> protocol.CreateResponse:
        kind = _kind(request.type)
        inputs = _plain(request.properties)
        if request.preview:
            return protocol.CreateResponse(properties=_wrap(kind.fields, inputs))
        created = await self._in_thread(lambda: self._resource_for(kind, inputs, is_new=True).create(inputs))
        if created.was_there:
            self.adopted.add(str(request.urn))
        return protocol.CreateResponse(created.resource_id, _wrap(kind.fields, inputs))

    async def read(self, request: protocol.ReadRequest) -> protocol.ReadResponse:
        kind = _kind(request.type)
        live = await self._in_thread(lambda: self._find(kind, request.resource_id))
        if live is None:
            return protocol.ReadResponse()
        values = _wrap(kind.fields, live)
        return protocol.ReadResponse(request.resource_id, values, dict(values))

    async def update(self, request: protocol.UpdateRequest) -> protocol.UpdateResponse:
        kind = _kind(request.type)
        inputs = _plain(request.news)
        if not request.preview:
            await self._in_thread(lambda: self._resource_for(kind, inputs, is_new=True).update(inputs))
        return protocol.UpdateResponse(_wrap(kind.fields, inputs))

    async def delete(self, request: protocol.DeleteRequest) -> None:
        kind = _kind(request.type)
        state = _plain(request.properties)
        await self._in_thread(lambda: self._resource_for(kind, state, is_new=False).delete(state))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _resource_for(self, kind: type[Resource], values: Inputs, *, is_new: bool) -> Resource:
        """Return the resource's class for inputs, or a state, of the tenant; RefusedError for anything else."""
        platform, scope = self._serving()
        scope.refuse_foreign(kind, values)
        if is_new:
            scope.refuse_undeclared(kind, values)
        if "bucket" in values:
            self._refuse_foreign_bucket(values["bucket"])
        return kind(platform, takes_unequal=self._takes_unequal)

    def _find(self, kind: type[Resource], resource_id: str) -> Inputs | None:
        platform, scope = self._serving()
        if "bucket" in kind.fields:
            self._refuse_foreign_bucket(resource_id)
        live = kind(platform).find(resource_id)
        if live is not None:
            scope.refuse_foreign(kind, {name: live[name] for name in live if name != "statements"})
        return live

    def _refuse_foreign_bucket(self, name: str) -> None:
        platform, scope = self._serving()
        facts = platform.admin.find_bucket(name)
        if facts is not None and facts.owner != scope.owner_uid:
            raise scope.refusal(f"bucket {name}")

    def _serving(self) -> tuple[RgwPlatform, TenantScope]:
        """Return the platform, which is looked for only when something is asked of it, and the tenant."""
        with self._guard:
            if self._served is None:
                endpoint, admin_key, owner_uid = read_environment(self._environment, self._configured)
                self._served = RgwPlatform(endpoint, AdminClient(endpoint, admin_key)), TenantScope(owner_uid)
        return self._served


def _kind(qualified: str) -> type[Resource]:
    # The SDK hands the URN's type over, which for a component's child begins with the types of its parents.
    token = qualified.rsplit("$", 1)[-1]
    if token not in RESOURCES:
        raise KeyError(f"no such resource type: {token}; there are {', '.join(RESOURCES)}")
    return RESOURCES[token]


def _field_name(kind: type[Resource], path: str) -> str:
    return next(name for name in kind.fields if path == name or path.startswith((f"{name}.", f"{name}[")))


def _detail(change: InputChange) -> protocol.PropertyDiff:
    return protocol.PropertyDiff(_KINDS[change.kind, change.replaces], input_diff=False)


def _plain(values: Mapping[str, PropertyValue]) -> dict[str, Any]:
    return {name: to_plain(value) for name, value in values.items()}


def _wrap(fields: Mapping[str, Field], values: Mapping[str, Any]) -> dict[str, PropertyValue]:
    return {
        name: to_property(value, is_secret=name in fields and fields[name].secret) for name, value in values.items()
    }


def to_plain(value: PropertyValue) -> Any:
    """Return the value without Pulumi's marks; whole numbers, which the protocol sends as floats, as int."""
    inner = value.value
    if isinstance(inner, Computed):
        return UNKNOWN
    if isinstance(inner, bool | str) or inner is None:
        return inner
    if isinstance(inner, int | float):
        return int(inner) if float(inner).is_integer() else inner
    if isinstance(inner, Mapping):
        return {name: to_plain(item) for name, item in inner.items()}
    if isinstance(inner, list | tuple):
        return [to_plain(item) for item in inner]
    raise TypeError(f"the provider takes no {value.type.value} values")


def to_property(value: Any, is_secret: bool = False) -> PropertyValue:
    if value is UNKNOWN:
        return PropertyValue(Computed(), is_secret=is_secret)
    if isinstance(value, bool | str) or value is None:
        return PropertyValue(value, is_secret=is_secret)
    if isinstance(value, int | float):
        return PropertyValue(float(value), is_secret=is_secret)
    if isinstance(value, Mapping):
        return PropertyValue({name: to_property(item) for name, item in value.items()}, is_secret=is_secret)
    return PropertyValue([to_property(item) for item in value], is_secret=is_secret)
