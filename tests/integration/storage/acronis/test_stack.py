"""A customer at Acronis by a real Pulumi and the provider's own process, against the stand-in for the vendor's cloud.

One customer lives through its life in the tests' order; each test says what changed between two runs.
"""

import os
import runpy
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pulumi
import pytest
from pulumi.automation import CommandError

from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.values.offering import ItemChange, hard_limit
from coffre.acronis.values.tenants import TenantChange
from coffre.storage.acronis.layout import CustomerLayout
from coffre.storage.acronis.provider.environment import SETTINGS, Terms, write_environment
from coffre.storage.acronis.provider.scope import declare_all
from stacks.acronis import AcronisCustomer
from tests.acronis.customers import Desk, access_of, layout_of
from tests.acronis.running import VendorCloud, vendor_cloud
from tests.integration.storage.stack import PackageStack
from tests.processes import list_pids, read_words

EXAMPLE = Path(__file__).resolve().parents[4] / "examples" / "acronis-provider" / "__main__.py"
WORKSTATIONS = "pw_base_workstations"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    with vendor_cloud(tmp_path_factory.mktemp("acronis")) as running:
        yield running
        running.assert_all_as_described()


@pytest.fixture(scope="module")
def desk(cloud):
    with Desk.open(cloud) as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("stacks")


@pytest.fixture(scope="module")
def layout(cloud) -> CustomerLayout:
    return layout_of(cloud)


def stack_of(folder: Path, cloud: VendorCloud, layout: CustomerLayout, name: str) -> PackageStack:
    terms = Terms(access_of(cloud), TenantUuid(layout.partner), layout.external_id)
    return PackageStack(folder, name, "acronis", write_environment(terms))


@pytest.fixture(scope="module")
def stack(folder, cloud, layout) -> PackageStack:
    """The customer's stack, after its first run."""
    stack = stack_of(folder, cloud, layout, "own")
    assert {each.op for each in stack.preview(lambda: AcronisCustomer(layout)).values()} == {"create"}
    steps = stack.up(lambda: AcronisCustomer(layout))
    assert {each.op for each in steps.values()} == {"create"}
    assert len(steps) == len(declare_all(layout))
    return stack


def ops(steps) -> dict[str, list[str]]:
    """Return the names of what was not left as it is, by what was done."""
    done: dict[str, list[str]] = {}
    for name, step in steps.items():
        done.setdefault(step.op, []).append(name)
    return {op: sorted(names) for op, names in done.items() if op != "same"}


def assert_whole(desk: Desk, layout: CustomerLayout) -> None:
    for live, wanted in zip(desk.live(layout), desk.declared(layout), strict=True):
        assert live is not None
        assert {name: live[name] for name in wanted} == wanted


def test_a_customer_is_made_and_a_second_run_writes_nothing(desk, layout, stack):
    assert_whole(desk, layout)
    desk.forget()
    assert ops(stack.preview(lambda: AcronisCustomer(layout))) == {}
    assert ops(stack.up(lambda: AcronisCustomer(layout))) == {}
    stack.refresh()
    assert ops(stack.up(lambda: AcronisCustomer(layout))) == {}
    assert desk.writes() == []
    assert str(desk.tenant(layout).id) in stack.state()


def test_no_secret_is_in_the_state_nor_anywhere_else_of_the_stack(cloud, folder, stack):
    texts = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    assert len(texts) > 5
    assert not [text for text in texts if cloud.client_secret.encode() in text]


def test_what_somebody_changed_in_the_portal_is_seen_and_put_back(desk, layout, stack):
    tenant = desk.tenant(layout).id
    desk.client.tenants.update(tenant, lambda _: TenantChange(name="Somebody's name"))
    items = desk.client.offering.read(tenant)
    application = next(each.application_id for each in items)
    changes = [
        ItemChange(application_id=application, name=name, limit=hard_limit(5)) for name in (WORKSTATIONS, "pw_base_vms")
    ]
    desk.client.offering.update(tenant, lambda _: changes)
    seen = stack.refresh()
    assert {name for name, step in seen.items() if step.op == "update"} == {
        layout.external_id,
        f"{layout.external_id}-items",
    }
    healed = stack.up(lambda: AcronisCustomer(layout))
    assert ops(healed) == {"update": [layout.external_id, f"{layout.external_id}-items"]}
    assert healed[f"{layout.external_id}-items"].diff == ["licences.vms", "licences.workstations"]
    assert_whole(desk, layout)


def test_a_licence_more_is_one_write(desk, layout, stack):
    more = replace(layout, licences={**layout.licences, "workstations": 13})
    shown = stack.preview(lambda: AcronisCustomer(more))
    assert shown[f"{layout.external_id}-items"].diff == ["licences.workstations"]
    desk.forget()
    stack.up(lambda: AcronisCustomer(more))
    assert [path.rsplit("/", 1)[-1] for _, path in desk.writes()] == ["offering_items"]
    assert_whole(desk, more)
    stack.up(lambda: AcronisCustomer(layout))


def test_licences_do_not_go_below_what_is_used_and_the_figures_say_why(cloud, desk, layout, stack):
    cloud.tell("set_settings", usage_lag_seconds=0)
    cloud.tell("set_usage", tenant_id=str(desk.tenant(layout).id), name=WORKSTATIONS, value=7)
    fewer = replace(layout, licences={**layout.licences, "workstations": 6})
    with pytest.raises(CommandError) as refused:
        stack.up(lambda: AcronisCustomer(fewer))
    assert f"{WORKSTATIONS} has 7 in use and is to be 6; nothing was changed" in str(refused.value)
    assert_whole(desk, layout)
    assert ops(stack.up(lambda: AcronisCustomer(layout))) == {}


def test_a_customer_that_is_used_is_not_destroyed(desk, layout, stack):
    """What goes before the refusal can be made again: an administrator, never an item or an owner of agents."""
    with pytest.raises(CommandError, match=f"agents is in use: {WORKSTATIONS} 7; nothing was changed"):
        stack.destroy()
    assert desk.tenant(layout).enabled
    kept = ("Customer", "Service", "OfferingItems")
    assert all(desk.resource(kind).find(layout.external_id) for kind in kept)
    stack.up(lambda: AcronisCustomer(layout))
    assert_whole(desk, layout)


def test_a_lost_state_is_found_again_by_import_and_by_the_program(cloud, desk, folder, layout, stack):
    """An import sends nothing; the program alone finds all that is there, and sends the mail once more."""

    def imported() -> None:
        after: list[pulumi.Resource] = []
        for number, (kind, given) in enumerate(declare_all(layout)):
            opts = pulumi.ResourceOptions(depends_on=list(after), import_=kind.identify(given))
            inputs = {**kind.check(given)[0], **dict.fromkeys(kind.outputs)}
            after = [pulumi.CustomResource(f"acronis:index:{kind.__name__}", f"r{number}", inputs, opts)]

    desk.forget()
    steps = stack_of(folder, cloud, layout, "importer").up(imported)
    assert {step.op for step in steps.values()} == {"import"}
    assert desk.writes() == []

    steps = stack_of(folder, cloud, layout, "adopter").up(lambda: AcronisCustomer(layout))
    assert {step.op for step in steps.values()} == {"create"}
    assert [path.rsplit("/", 1)[-1] for _, path in desk.writes()] == ["send-activation-email"]


def test_a_customer_that_is_there_and_differs_is_refused(cloud, desk, folder, layout, stack):
    other = replace(layout, name="Another", quota_bytes=1)
    desk.forget()
    with pytest.raises(CommandError, match='exists and differs: name is "Customer'):
        stack_of(folder, cloud, layout, "refused").up(lambda: AcronisCustomer(other))
    assert desk.writes() == []


def test_a_run_that_is_killed_is_finished_by_the_next(cloud, desk, folder):
    """Pulumi dies without a word, and its provider with it: of what was made since, no state knows."""
    layout = layout_of(cloud)
    stack = stack_of(folder, cloud, layout, "killed")
    cloud.fail("delay", "/api/2/users", method="POST", seconds=60)
    failures: list[CommandError] = []

    def run() -> None:
        try:
            stack.up(lambda: AcronisCustomer(layout))
        except CommandError as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    wait_for(lambda: has_user(desk, layout))
    [pulumi_pid] = [pid for pid in list_pids() if is_pulumi_of(pid, folder / "killed")]
    os.kill(pulumi_pid, signal.SIGKILL)
    thread.join(timeout=60)
    assert failures
    wait_for(lambda: not [pid for pid in list_pids() if "pulumi-resource-acronis" in read_words(pid)])
    stack._created().cancel()
    stack.up(lambda: AcronisCustomer(layout))
    assert_whole(desk, layout)
    children = desk.client.tenants.list_children(desk.account.partner)
    assert [each.customer_id for each in children].count(layout.external_id) == 1
    assert {step.op for step in stack.destroy().values()} == {"delete"}
    assert desk.account.find_customer(layout.external_id) is None


def has_user(desk: Desk, layout: CustomerLayout) -> bool:
    tenant = desk.account.find_customer(layout.external_id)
    return tenant is not None and any(desk.client.users.list_of_tenant(tenant.id))


def is_pulumi_of(pid: int, folder: Path) -> bool:
    return read_words(pid, "comm").strip() == "pulumi" and str(folder) in read_words(pid, "environ")


def wait_for(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_the_example_is_made_and_taken_away_as_pulumis_settings_say(cloud, desk, folder):
    """No variable is set: data center, credential and customer are settings of the stack, the secret encrypted."""
    customer = "try:shop"
    terms = Terms(access_of(cloud), desk.account.partner, customer)
    told = write_environment(terms)
    stack = PackageStack(folder, "example", "acronis", dict.fromkeys(told, ""))
    names = ("data_center", "ca_file", "client_id", "partner", "customer")
    stack.configure(
        {
            **{f"acronis:{name}": told[SETTINGS.variable(name)] for name in names},
            "partner": cloud.partner_id,
            "customer": customer,
            "name": "Example shop",
            "email": "shop@example.com",
            "storage": "Vendor cloud",
        },
        {"acronis:client_secret": cloud.client_secret},
    )

    def declare() -> None:
        runpy.run_path(str(EXAMPLE))

    assert {step.op for step in stack.up(declare).values()} == {"create"}
    assert ops(stack.preview(declare)) == {}
    live = desk.resource("OfferingItems").find(customer)
    assert (live["licences"], live["quota_bytes"]) == ({"workstations": 5}, 100 * 1000**3)
    assert live["storage_name"] == "Vendor cloud"
    assert cloud.client_secret not in stack.state()
    stack.destroy()
    assert desk.account.find_customer(customer) is None


def test_a_misspelt_input_fails_in_the_preview_and_names_the_property(cloud, folder, layout):
    wrong = replace(layout, edition="pck_per_gigabite", licences={"workstations": 0})
    with pytest.raises(CommandError) as refused:
        stack_of(folder, cloud, layout, "wrong").preview(lambda: AcronisCustomer(wrong))
    assert "property edition value" in str(refused.value)
    assert "must be one of pck_per_workload, pck_per_gigabyte, bundled" in str(refused.value)
    assert "property licences value" in str(refused.value)
