"""Whether a state is what a tenant's file declares, without Pulumi."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coffre.spec.storage_platform import CephPlatform
from coffre.storage.ceph.declaration import CephDeclaration
from coffre.storage.ceph.layout import tenant_storage
from coffre.storage.ceph.provider.dispatch import RESOURCES
from coffre.storage.ceph.provider.scope import declare_all
from coffre.storage.platform import RecordedResource, TenantKeys
from coffre.storage.values import AccessKey
from tests.builders import PLATFORM, tenant_with

TENANT = tenant_with()
PLAIN = CephPlatform.model_validate(PLATFORM["platforms"]["lab"])
KEYS = TenantKeys(AccessKey("OWNER", "s" * 20), {name: AccessKey(name, "s" * 20) for name in TENANT.machines})
DECLARED = CephDeclaration(tenant_storage(TENANT, PLAIN, KEYS), PLAIN, Path("/nowhere"))
TOKENS = {kind: token for token, kind in RESOURCES.items()}


def recorded() -> list[RecordedResource]:
    """Return the resources as a state has them: their secrets are encrypted."""
    found = []
    for kind, given in declare_all(DECLARED.storage):
        inputs: dict[str, Any] = kind.check(given)[0]
        if "secret_access_key" in inputs:
            inputs = {**inputs, "secret_access_key": {"4dabf18193072939515e22adb298388d": "sealed"}}
        found.append(RecordedResource(f"urn::{len(found)}", TOKENS[kind], kind.identify(inputs), inputs))
    return found


def is_recorded(resources: list[RecordedResource], secret: str | None = "s" * 20) -> bool:
    return DECLARED.is_recorded(resources, lambda _: secret)


def test_a_state_of_the_same_resources_is_what_is_declared() -> None:
    assert is_recorded(recorded())
    assert is_recorded(list(reversed(recorded())))


@pytest.mark.parametrize("place", range(len(recorded())))
def test_each_missing_and_each_changed_resource_is_another_state(place: int) -> None:
    resources = recorded()
    one = resources[place]
    assert not is_recorded([*resources[:place], *resources[place + 1 :]])
    for name, value in one.inputs.items():
        if isinstance(value, int):
            other = replace(one, inputs={**one.inputs, name: not value if isinstance(value, bool) else value + 1})
            assert not is_recorded([*resources[:place], other, *resources[place + 1 :]])


def test_another_secret_and_a_resource_more_are_another_state() -> None:
    assert not is_recorded(recorded(), "t" * 20)
    assert not is_recorded(recorded(), None)
    unknown = RecordedResource("urn::x", "rgw:index:Odd", "x", {})
    assert not is_recorded([*recorded(), unknown])
    assert not is_recorded([])
