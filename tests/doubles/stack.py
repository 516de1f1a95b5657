"""A tenant's stack in memory: it carries out the real declaration on the platform in memory, without Pulumi's engine.

The resources are those of the stack's own program, which runs under Pulumi's mocks. The state is a file in the place of
Pulumi's, written at the end of a run, as Coffre has Pulumi do it: a kill loses the record, never what was created.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime.rpc import unwrap_rpc_secret

from coffre.errors import RemoteError
from coffre.provisioning.changes import PropertyChange, ResourceChange, refuse_other_changes
from coffre.provisioning.engine.stack import state_folder
from coffre.secrets.bundles import ControlBundle
from coffre.spec.loader import Checkout
from coffre.storage.platform import Declaration, KeyOrigin
from coffre.storage.s3.lifecycle import find_undelete_days
from coffre.storage.values import TENANT_ID_TAG, AccessKey
from tests.doubles.owners import OwnersPlatform
from tests.doubles.storage import MemoryPlatform
from tests.pulumi_mocks import run_program

OnProgress = Callable[[str], None]
SECRET = "[secret]"
"""What Pulumi's events show in place of a secret."""


@dataclass(frozen=True)
class Resource:
    """One declared resource: its kind, its name and its inputs, secrets among them."""

    kind: str
    name: str
    inputs: Mapping[str, Any]

    @property
    def masked(self) -> dict[str, Any]:
        return {name: SECRET if name == "secret_access_key" else value for name, value in self.inputs.items()}


def list_resources(declaration: Declaration) -> list[Resource]:
    """Return the resources that a stack's program declares, in their order."""
    collector = _Collector()
    run_program(collector, declaration.program, stack="memory")
    return collector.resources


class InMemoryStack:
    """One tenant's stack over a platform in memory; stands in for TenantStack."""

    def __init__(
        self,
        platform: MemoryPlatform,
        checkout: Checkout,
        slug: str,
        control: ControlBundle | None,
        scratch: Path | None = None,
    ) -> None:
        assert control is not None or scratch is not None, "a real stack is opened only with its passphrase"
        self._platform, self._slug = platform, slug
        self._file = None if scratch is not None else state_folder(checkout).file_of(slug)

    def preview(self, declaration: Declaration, *, takes_unequal: bool = False) -> list[ResourceChange]:
        return sorted(change for change, _ in self._compare(list_resources(declaration), takes_unequal))

    def up(
        self,
        declaration: Declaration,
        on_progress: OnProgress,
        *,
        only: Collection[str] | None = None,
        takes_unequal: bool = False,
    ) -> list[ResourceChange]:
        wanted = list_resources(declaration)
        found = [
            (change, resource)
            for change, resource in self._compare(wanted, takes_unequal)
            if only is None or change.name in only
        ]
        before = self._read()
        for change, resource in found:
            on_progress(f"{change.operation} {change.kind} {change.name}")
            self._carry_out(change, resource, before.get(change.name))
        moved = {change.name for change, _ in found}
        self._write(
            {
                **{name: known for name, known in before.items() if name not in moved},
                **{each.name: _record(each) for each in wanted if each.name in moved or each.name in before},
            }
        )
        return sorted(change for change, _ in found)

    def up_exactly(
        self,
        declaration: Declaration,
        planned: Sequence[ResourceChange],
        on_progress: OnProgress,
        *,
        takes_unequal: bool = False,
    ) -> list[ResourceChange]:
        refuse_other_changes(self._slug, planned, self.preview(declaration, takes_unequal=takes_unequal))
        return self.up(declaration, on_progress, takes_unequal=takes_unequal)

    def _compare(self, wanted: Sequence[Resource], takes_unequal: bool) -> list[tuple[ResourceChange, Resource]]:
        """Return the changes in the order in which they are made: what is not wanted any more goes last."""
        recorded = self._read()
        found = []
        for each in wanted:
            operation = self._judge(each, recorded.get(each.name), takes_unequal)
            if operation is not None:
                found.append((_describe(operation, each, recorded.get(each.name)), each))
        names = {each.name for each in wanted}
        for name, known in reversed(recorded.items()):
            if name not in names:
                gone = Resource(known["kind"], name, known["inputs"])
                found.append((ResourceChange("delete", gone.kind, name, (), _digest({})), gone))
        return found

    def _judge(self, wanted: Resource, recorded: Mapping[str, Any] | None, takes_unequal: bool) -> str | None:
        stands = self._stands(wanted)
        if recorded is None:
            if stands is False and not takes_unequal:
                raise RemoteError(f"{wanted.kind} {wanted.name} exists and differs; nothing was changed")
            return "create" if stands is None else "adopt"
        if recorded["sha256"] != _digest(wanted.inputs):
            is_another = (
                wanted.kind == "AccessKey" and recorded["inputs"]["access_key_id"] != _key_of(wanted).access_key_id
            )
            return "replace" if is_another else "update"
        if stands:
            return None
        return "create" if stands is None else "update"

    def _stands(self, each: Resource) -> bool | None:
        """Tell whether a resource is on the platform as declared; None when it is not there at all."""
        inputs, platform = each.inputs, self._platform
        if isinstance(platform, OwnersPlatform):
            made = platform.find_made(each.kind, each.name, inputs)
            return None if made is None else made == inputs
        match each.kind:
            case "User":
                return inputs["uid"] in platform.list_users(inputs["uid"]) or None
            case "AccessKey":
                key = _key_of(each)
                is_there = key.access_key_id in platform.list_key_ids(inputs["uid"])
                return platform.accepts_key("", key) if is_there else None
            case "UserQuota":
                owner = platform.find_owner(inputs["uid"])
                wall = None if owner is None else owner.wall_bytes
                return None if wall is None else wall == inputs["max_bytes"]
            case "Bucket":
                return platform.find_bucket(inputs["name"]) is not None or None
            case "BucketLifecycle":
                days = self._find_days(inputs["bucket"])
                return None if days is None else days == find_undelete_days(inputs["rules"])
            case _:  # A policy and a block of public access are part of their bucket here.
                return platform.find_bucket(inputs["bucket"]) is not None or None

    def _find_days(self, bucket: str) -> int | None:
        if self._platform.find_bucket(bucket) is None:
            return None
        return self._platform.state_of(bucket).expiry_days.get("all")

    def _carry_out(self, change: ResourceChange, resource: Resource, recorded: Mapping[str, Any] | None) -> None:
        if change.operation == "delete":
            self._delete(resource)
            return
        if change.operation == "replace" and recorded is not None:
            self._delete(Resource(change.kind, change.name, recorded["inputs"]))
        self._put(resource)

    def _put(self, each: Resource) -> None:
        inputs, platform = each.inputs, self._platform
        if isinstance(platform, OwnersPlatform):
            platform.put(each.kind, each.name, inputs)
            return
        match each.kind:
            case "User":
                platform.add_user(inputs["uid"])
            case "AccessKey":
                platform.delete_key(inputs["uid"], inputs["access_key_id"])
                platform.add_key(inputs["uid"], _key_of(each))
            case "UserQuota":
                platform.set_wall(inputs["uid"], inputs["max_bytes"])
            case "Bucket" if platform.find_bucket(inputs["name"]) is None:
                platform.make_bucket(inputs["name"], inputs["owner"], inputs["tags"][TENANT_ID_TAG])
                platform.state_of(inputs["name"]).expiry_days.clear()  # A bucket begins without any rule.
            case "BucketLifecycle":
                days = find_undelete_days(inputs["rules"])
                assert days is not None
                platform.state_of(inputs["bucket"]).expiry_days.update(all=days, locks=1)

    def _delete(self, each: Resource) -> None:
        if isinstance(self._platform, OwnersPlatform):
            self._platform.drop_made(each.kind, each.name, each.inputs)
            return
        match each.kind:
            case "User":
                uid = each.inputs["uid"]
                if self._platform.key_origin is KeyOrigin.GIVEN and self._platform.list_key_ids(uid):
                    raise RemoteError(f"{uid} still has access keys: no stack deletes it")
                self._platform.delete_user(uid)
            case "AccessKey":
                self._platform.delete_key(each.inputs["uid"], each.inputs["access_key_id"])
            case "BucketLifecycle":
                self._platform.state_of(each.inputs["bucket"]).expiry_days.clear()
            case _:
                raise AssertionError(f"nothing ever deletes a {each.kind}")

    def _read(self) -> dict[str, dict[str, Any]]:
        if self._file is None or not self._file.exists():
            return {}
        known: dict[str, dict[str, Any]] = json.loads(self._file.read_text(encoding="utf-8"))["memory"]
        return known

    def _write(self, resources: Mapping[str, Mapping[str, Any]]) -> None:
        assert self._file is not None, "nothing is changed from a scratch state"
        self._file.parent.mkdir(parents=True, exist_ok=True)
        # Pulumi's own part is there, so that whoever reads the state of a stack finds one.
        document = {"checkpoint": {"latest": None}, "memory": resources}
        self._file.write_text(json.dumps(document), encoding="utf-8")


class _Collector(pulumi.runtime.Mocks):
    """Takes each resource as created as declared."""

    def __init__(self) -> None:
        self.resources: list[Resource] = []

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        package, _, kind = args.typ.partition(":")
        if package != "coffre":
            inputs = {name: _whole(unwrap_rpc_secret(value)) for name, value in args.inputs.items()}
            self.resources.append(Resource(kind.rsplit(":", 1)[-1], args.name, inputs))
        return args.name, args.inputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> dict[Any, Any]:
        raise AssertionError(f"the program called {args.token}")


def _describe(operation: str, wanted: Resource, recorded: Mapping[str, Any] | None) -> ResourceChange:
    properties: list[PropertyChange] = []
    if operation in ("update", "replace") and recorded is not None:
        old, new = recorded["inputs"], wanted.masked
        for path in sorted({*old, *new}):
            if old.get(path) != new.get(path):
                is_shown = all(isinstance(each.get(path), str | int | float | bool) for each in (old, new))
                properties.append(PropertyChange(path, *(str(each[path]) for each in (old, new)) if is_shown else ()))
    return ResourceChange(operation, wanted.kind, wanted.name, tuple(properties), _digest(wanted.masked))


def _whole(value: Any) -> Any:
    """Return a value with its whole numbers as such: the protocol sends every number as a float."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {name: _whole(each) for name, each in value.items()}
        case list():
            return [_whole(each) for each in value]
        case _:
            return value


def _record(each: Resource) -> dict[str, Any]:
    return {"kind": each.kind, "inputs": each.masked, "sha256": _digest(each.inputs)}


def _digest(inputs: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def _key_of(each: Resource) -> AccessKey:
    return AccessKey(each.inputs["access_key_id"], each.inputs["secret_access_key"])
