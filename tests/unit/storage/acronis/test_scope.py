"""Whom the provider works for: one customer, and in an apply exactly what the Pulumi program declares."""

import asyncio
from typing import Any

import pulumi.provider.experimental.provider as protocol
import pytest

from coffre.acronis.identifiers import TenantUuid
from coffre.errors import RefusedError, UsageError
from coffre.storage.acronis.provider.account import Account
from coffre.storage.acronis.provider.dispatch import RESOURCES
from coffre.storage.acronis.provider.environment import Terms, read_environment, write_environment
from coffre.storage.acronis.provider.scope import CustomerScope, declare_all, scope_of
from coffre.storage.acronis.provider.shell import AcronisProvider
from coffre.storage.provider.fields import UNKNOWN
from coffre.storage.provider.values import to_plain, to_property
from tests.acronis.customers import Desk, access_of, layout_of
from tests.acronis.running import VendorCloud
from tests.pulumi_mocks import Recorder, run_program
from tests.unit.storage.provider.lawful import LAWFUL_OF_ACRONIS, PARTNER

URN = "urn:pulumi:stack::project::acronis:index:{}::name"
OTHER = "coffre:z1z1z1z1z1"


class Unreachable:
    """An account of which nothing may be asked."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was asked for")


def provider(**declared: Any) -> AcronisProvider:
    return AcronisProvider({}, (Unreachable(), CustomerScope(TenantUuid(PARTNER), OTHER, **declared)))


def properties(values: dict[str, Any]) -> dict[str, Any]:
    return {name: to_property(value) for name, value in values.items()}


@pytest.mark.parametrize("kind", LAWFUL_OF_ACRONIS)
def test_nothing_of_another_customer_is_made_changed_or_deleted(kind: str) -> None:
    wanted, _ = RESOURCES[f"acronis:index:{kind}"].check(LAWFUL_OF_ACRONIS[kind])
    served, urn, given = provider(), URN.format(kind), properties(wanted)
    for call in (
        served.check(protocol.CheckRequest(urn, {}, given, None)),
        served.create(protocol.CreateRequest(urn, given, 0, preview=False)),
        served.update(protocol.UpdateRequest(urn, "id", given, given, 0, [], preview=False)),
        served.delete(protocol.DeleteRequest(urn, "id", given, 0)),
    ):
        with pytest.raises(RefusedError, match=f"serves customer {OTHER} alone, and coffre:k7f3q9wz2m is another"):
            asyncio.run(call)


def test_a_customer_of_another_partner_is_refused() -> None:
    wanted = LAWFUL_OF_ACRONIS["Customer"] | {"external_id": OTHER, "parent": "1" + PARTNER[1:]}
    with pytest.raises(RefusedError, match=r"alone, and parent 1e0f2a52-.* is not 0e0f2a52-"):
        asyncio.run(provider().check(protocol.CheckRequest(URN.format("Customer"), {}, properties(wanted), None)))


def test_nothing_of_another_customer_is_told(desk: Desk) -> None:
    layout = layout_of(desk.cloud)
    desk.converge(layout)
    served = AcronisProvider({}, (desk.account, CustomerScope(desk.account.partner, OTHER)))
    for kind, given in declare_all(layout):
        request = protocol.ReadRequest(URN.format(kind.__name__), kind.identify(given), {}, {})
        with pytest.raises(RefusedError, match=f"serves customer {OTHER} alone"):
            asyncio.run(served.read(request))


def test_what_is_declared_is_what_the_program_registers(cloud: VendorCloud) -> None:
    from stacks.acronis import AcronisCustomer

    layout, recorder = layout_of(cloud), Recorder()
    run_program(recorder, lambda: AcronisCustomer(layout))
    scope = scope_of(layout)
    registered = [each for each in recorder.resources if each.typ in RESOURCES]
    for each in registered:
        kind = RESOURCES[each.typ]
        inputs, failures = kind.check({name: plain(value) for name, value in each.inputs.items()})
        assert not failures
        scope.refuse_undeclared(kind, inputs)
        scope.refuse_foreign(kind, inputs)
    assert scope.declared is not None
    assert len(registered) == sum(len(each) for each in scope.declared.values())
    kinds = [each.typ.rsplit(":", 1)[-1] for each in registered]
    # Each waits for the one before; the agents' owner and the administrator wait for the items alone.
    assert kinds[:3] == ["Customer", "Service", "OfferingItems"]
    last = {kind: max(index for index, each in enumerate(kinds) if each == kind) for kind in set(kinds)}
    assert kinds.index("User") < kinds.index("AccessPolicies")
    assert last["User"] < last["AccessPolicies"]
    [items] = [each for each in registered if each.typ.endswith(":OfferingItems")]
    more = RESOURCES[items.typ].check({**items.inputs, "licences": {"workstations": 13}})[0]
    with pytest.raises(RefusedError, match=f"declared for {layout.external_id} alone"):
        scope.refuse_undeclared(RESOURCES[items.typ], more)


def plain(value: Any) -> Any:
    """Return a value as the provider gets it: numbers, which the protocol sends as floats, whole."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return int(value) if isinstance(value, float) else value


def test_the_environment_reads_back_and_what_is_missing_or_wrong_is_named(cloud: VendorCloud) -> None:
    terms = Terms(access_of(cloud), TenantUuid(cloud.partner_id), OTHER)
    written = write_environment(terms)
    assert read_environment(written) == terms
    with pytest.raises(UsageError, match=r"the Acronis provider is not told .*: COFFRE_ACRONIS_CLIENT_SECRET not set"):
        read_environment(written | {"COFFRE_ACRONIS_CLIENT_SECRET": ""})
    for name, value in (("data_center", "http://dc.example"), ("partner", "4711"), ("customer", "nobody")):
        with pytest.raises(UsageError, match=f"setting {name} must be"):
            read_environment(written, {name: value})
    assert terms.access.client_secret.get_secret_value() not in repr(terms)


def test_the_outputs_are_the_states_alone_and_a_preview_does_not_know_them(desk: Desk) -> None:
    layout = layout_of(desk.cloud)
    served = AcronisProvider({}, (Account(desk.client, desk.account.partner), scope_of(layout)))
    kind, given = declare_all(layout)[0]
    wanted, urn = kind.check(given)[0], URN.format("Customer")
    previewed = asyncio.run(served.create(protocol.CreateRequest(urn, properties(wanted), 0, preview=True)))
    assert to_plain(previewed.properties["uuid"]) is UNKNOWN
    assert desk.cloud.calls() == []

    created = asyncio.run(served.create(protocol.CreateRequest(urn, properties(wanted), 0, preview=False)))
    uuid = str(desk.tenant(layout).id)
    assert created.resource_id == layout.external_id
    state = {name: to_plain(value) for name, value in created.properties.items()}
    assert state == {**wanted, "uuid": uuid}
    found = asyncio.run(served.read(protocol.ReadRequest(urn, created.resource_id, created.properties, {})))
    assert {name: to_plain(value) for name, value in found.properties.items()} == state
    assert {name: to_plain(value) for name, value in found.inputs.items()} == wanted

    olds, news = created.properties, properties(wanted)
    updated = asyncio.run(
        served.update(protocol.UpdateRequest(urn, layout.external_id, olds, news, 0, [], preview=True))
    )
    assert to_plain(updated.properties["uuid"]) == uuid
    assert asyncio.run(served.diff(protocol.DiffRequest(urn, layout.external_id, olds, news, []))).changes is False
