"""Connects Pulumi's protocol to a provider's resources: values in and out, threads, one-line errors."""

import asyncio
import json
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import pulumi.provider.experimental.provider as protocol
from pulumi.provider.experimental.property_value import PropertyValue

from coffre.storage.provider.fields import UNKNOWN, InputChange, InputChangeKind, Inputs
from coffre.storage.provider.package import Kind, Package
from coffre.storage.provider.resource import Resource, Served
from coffre.storage.provider.schema import package_schema
from coffre.storage.provider.values import to_plain, to_property


class Scope(Protocol):
    """Whom a provider works for."""

    def refuse_foreign(self, kind: Kind, values: Mapping[str, Any]) -> None:
        """Raise RefusedError for inputs, or a state, of anybody else."""

    def refuse_undeclared(self, kind: Kind, wanted: Inputs) -> None:
        """Raise RefusedError for inputs that are not what the tenant's file comes to."""


T = TypeVar("T")
PlatformT = TypeVar("PlatformT", bound=Served)
ScopeT = TypeVar("ScopeT", bound=Scope)

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


class ProviderShell(protocol.Provider, ABC, Generic[PlatformT, ScopeT]):
    """Hands each request to its resource's class, in a thread: the protocol's server is one event loop."""

    described: ClassVar[Package]

    def __init__(
        self,
        environment: Mapping[str, str] = os.environ,
        served: tuple[PlatformT, ScopeT] | None = None,
        *,
        takes_unequal: bool = False,
    ) -> None:
        """Serve one tenant of one platform, without ``served`` those that Pulumi's settings or the environment name."""
        self.adopted: set[str] = set()
        """The URNs of the resources that were there when they were to be created."""
        self._takes_unequal = takes_unequal
        self._environment = environment
        self._configured: dict[str, Any] = {}
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix=self.described.name)
        self._served = served
        self._guard = threading.Lock()

    @property
    def package(self) -> str:
        """The package of its resources, the prefix of their type tokens."""
        return self.described.name

    @abstractmethod
    def open(self, environment: Mapping[str, str], configured: Mapping[str, Any]) -> tuple[PlatformT, ScopeT]:
        """Return the platform and the scope that Pulumi's settings or the environment name; UsageError without them."""

    def refuse_foreign_parts(self, values: Mapping[str, Any]) -> None:
        """Raise RefusedError where only the platform can tell whose something is; by default nothing."""

    async def get_schema(self, request: protocol.GetSchemaRequest) -> protocol.GetSchemaResponse:  # noqa: ARG002
        return protocol.GetSchemaResponse(json.dumps(package_schema(self.described, version("coffre"))))

    async def check_config(self, request: protocol.CheckRequest) -> protocol.CheckResponse:
        """Refuse an unknown setting: otherwise a misspelt one would be ignored without an error."""
        settings = self.described.settings.fields
        failures = [
            protocol.CheckFailure(name, f"is not a setting of the provider; it has {', '.join(settings)}")
            for name in request.new_inputs
            if name not in settings and name not in _OF_PULUMI
        ]
        return protocol.CheckResponse(inputs=request.new_inputs, failures=failures)

    async def configure(self, request: protocol.ConfigureRequest) -> protocol.ConfigureResponse:
        self._configured = _plain(request.args)
        return await super().configure(request)

    async def check(self, request: protocol.CheckRequest) -> protocol.CheckResponse:
        kind = self._kind(request.type)
        inputs, failures = kind.check(_plain(request.new_inputs))
        if not failures and self._served is not None:
            self._served[1].refuse_foreign(kind, inputs)
            self._served[1].refuse_undeclared(kind, inputs)
        return protocol.CheckResponse(
            inputs=_wrap(kind, inputs),
            failures=[protocol.CheckFailure(failure.property, failure.reason) for failure in failures],
        )

    async def diff(self, request: protocol.DiffRequest) -> protocol.DiffResponse:
        kind = self._kind(request.type)
        old, new = _plain(request.old_state), _plain(request.new_inputs)
        changes = kind.diff(old, new)
        names = list(dict.fromkeys(_field_name(kind, change.path) for change in changes))
        replacing = {_field_name(kind, change.path) for change in changes if change.replaces}
        return protocol.DiffResponse(
            changes=bool(changes),
            replaces=[name for name in names if name in replacing],
            stables=[name for name, field in kind.fields.items() if field.replaces and name not in names],
            # A new one under the same id would be refused as long as the old one is there.
            delete_before_replace=bool(replacing) and kind.identify(old) == kind.identify(new),
            diffs=names,
            detailed_diff={change.path: _detail(change) for change in changes},
        )

    async def create(self, request: protocol.CreateRequest) -> protocol.CreateResponse:
        kind = self._kind(request.type)
        inputs = _plain(request.properties)
        if request.preview:
            return protocol.CreateResponse(properties=_wrap(kind, inputs | dict.fromkeys(kind.outputs, UNKNOWN)))
        created = await self._in_thread(lambda: self._resource_for(kind, inputs, is_new=True).create(inputs))
        if created.was_there:
            self.adopted.add(str(request.urn))
        return protocol.CreateResponse(created.resource_id, _wrap(kind, inputs | created.outputs))

    async def read(self, request: protocol.ReadRequest) -> protocol.ReadResponse:
        kind = self._kind(request.type)
        known = _plain(request.properties)
        live = await self._in_thread(lambda: self._find(kind, request.resource_id, known))
        if live is None:
            return protocol.ReadResponse()
        inputs = {name: live[name] for name in live if name not in kind.outputs}
        return protocol.ReadResponse(request.resource_id, _wrap(kind, live), _wrap(kind, inputs))

    async def update(self, request: protocol.UpdateRequest) -> protocol.UpdateResponse:
        kind = self._kind(request.type)
        inputs, before = _plain(request.news), _plain(request.olds)
        outputs = {name: before[name] for name in kind.outputs if name in before}
        if not request.preview:
            outputs = await self._in_thread(
                lambda: self._resource_for(kind, inputs, is_new=True).update(inputs, before)
            )
        return protocol.UpdateResponse(_wrap(kind, inputs | outputs))

    async def delete(self, request: protocol.DeleteRequest) -> None:
        kind = self._kind(request.type)
        state = _plain(request.properties)
        await self._in_thread(lambda: self._resource_for(kind, state, is_new=False).delete(state))

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _resource_for(self, kind: Kind, values: Inputs, *, is_new: bool) -> Resource[Any]:
        """Return the resource's class for inputs, or a state, of the tenant; RefusedError for anything else."""
        platform, scope = self._serving()
        scope.refuse_foreign(kind, values)
        if is_new:
            scope.refuse_undeclared(kind, values)
        self.refuse_foreign_parts(values)
        return kind(platform, takes_unequal=self._takes_unequal)

    def _find(self, kind: Kind, resource_id: str, known: Inputs) -> Inputs | None:
        platform, scope = self._serving()
        live = kind(platform).read(resource_id, known)
        if live is not None:
            scope.refuse_foreign(kind, live)
        return live

    def _serving(self) -> tuple[PlatformT, ScopeT]:
        """Return the platform, which is looked for only when something is asked of it, and the tenant."""
        with self._guard:
            if self._served is None:
                self._served = self.open(self._environment, self._configured)
        return self._served

    def _kind(self, qualified: str) -> Kind:
        # The SDK hands the URN's type over, which for a component's child begins with the types of its parents.
        token = qualified.rsplit("$", 1)[-1]
        if token not in self.described.resources:
            raise KeyError(f"no such resource type: {token}; there are {', '.join(self.described.resources)}")
        return self.described.resources[token]


def _field_name(kind: Kind, path: str) -> str:
    return next(name for name in kind.fields if path == name or path.startswith((f"{name}.", f"{name}[")))


def _detail(change: InputChange) -> protocol.PropertyDiff:
    return protocol.PropertyDiff(_KINDS[change.kind, change.replaces], input_diff=False)


def _plain(values: Mapping[str, PropertyValue]) -> dict[str, Any]:
    return {name: to_plain(value) for name, value in values.items()}


def _wrap(kind: Kind, values: Mapping[str, Any]) -> dict[str, PropertyValue]:
    return {
        name: to_property(value, is_secret=name in kind.fields and kind.fields[name].secret)
        for name, value in values.items()
    }
