"""A run that is cut off at any write, meets refusals, or runs beside another: the next one ends the same."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest

from coffre.acronis.errors import AmbiguousError
from coffre.acronis.values.tenants import NewTenant
from coffre.errors import ExpectedError
from coffre.storage.acronis.layout import CustomerLayout
from tests.acronis.customers import Desk, layout_of, of_kind
from tests.acronis.running import VendorCloud

WRITES = [("POST", number) for number in range(4)] + [("PUT", number) for number in range(3)]
"""The writes of a run that makes a customer with one user: tenant, service, user, mail; pricing, items, roles."""
NOT_TOKENS = "/api/2/(?!idp/).*"


def assert_whole(desk: Desk, layout: CustomerLayout) -> None:
    """Assert that everything declared is there, as declared, and once."""
    for live, wanted in zip(desk.live(layout), desk.declared(layout), strict=True):
        assert live is not None
        assert {name: live[name] for name in wanted} == wanted
    children = desk.client.tenants.list_children(desk.account.partner)
    assert [each.customer_id for each in children].count(layout.external_id) == 1
    assert len(list(desk.client.users.list_of_tenant(desk.tenant(layout).id))) == len(layout.users)


@pytest.mark.parametrize("kind", ["drop", "lose"], ids=["before", "after"])
@pytest.mark.parametrize(("method", "number"), WRITES)
def test_a_run_that_ends_at_a_write_is_finished_by_the_next(desk: Desk, method: str, number: int, kind: str) -> None:
    """From this call on nothing gets through any more, like from a process that was killed."""
    layout = layout_of(desk.cloud)
    layout = replace(layout, users=layout.users[1:])
    desk.cloud.fail(kind, NOT_TOKENS, method=method, after=number)
    desk.cloud.fail("drop", NOT_TOKENS, method=method, after=number, times=10_000)
    with pytest.raises(ExpectedError):
        desk.converge(layout)
    desk.cloud.tell("clear_faults")
    desk.converge(layout)
    assert_whole(desk, layout)


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_answers_that_are_lost_in_the_middle_are_no_reason_to_stop_or_to_do_it_twice(desk: Desk, method: str) -> None:
    layout = without_mail(layout_of(desk.cloud))
    for number in range(4):
        desk.cloud.fail("lose", NOT_TOKENS, method=method, after=number)
    desk.converge(layout)
    assert_whole(desk, layout)


def without_mail(layout: CustomerLayout) -> CustomerLayout:
    """Return the layout without mails: whether one went out nobody can look up."""
    return replace(layout, users=tuple(replace(each, activation_mails=0) for each in layout.users))


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 429, "headers": {"Retry-After": "0"}},
        {"status": 503},
    ],
    ids=["too many", "away"],
)
def test_refusals_for_now_are_waited_for(desk: Desk, fault: dict) -> None:
    layout = without_mail(layout_of(desk.cloud))
    for number in range(0, 40, 4):
        desk.cloud.fail("status", NOT_TOKENS, method="GET", **fault, after=number)
    desk.converge(layout)
    assert_whole(desk, layout)


def test_what_somebody_else_changes_in_between_is_read_again(desk: Desk) -> None:
    """Right before each change of tenant, pricing and items somebody else makes one: every version is another then."""
    layout = layout_of(desk.cloud)
    desk.converge(layout, "Customer", "Service")
    desk.cloud.fail("race", "/api/2/tenants/[^/]+/offering_items", method="PUT")
    desk.converge(layout)
    more = replace(layout, name="Another name", licences={**layout.licences, "workstations": 13})
    desk.cloud.fail("race", "/api/2/tenants/[^/]+/offering_items", method="PUT")
    desk.cloud.fail("race", "/api/2/tenants/[^/]+", method="PUT")
    desk.converge(more, takes_unequal=True)
    assert_whole(desk, more)


def test_a_token_that_ends_in_the_middle_is_taken_anew(desk: Desk) -> None:
    layout = layout_of(desk.cloud)
    desk.converge(layout, "Customer", "Service")
    desk.cloud.tell("expire_tokens")
    desk.converge(layout)
    assert_whole(desk, layout)


def test_two_runs_at_once_never_make_a_customer_twice_without_a_word(desk: Desk, cloud: VendorCloud) -> None:
    """The service takes both creations: each run looks again afterwards, and at least one sees the other's."""
    layout = layout_of(cloud)
    both_have_looked = Barrier(2, timeout=60)

    def run() -> str:
        with Desk.open(cloud) as other:
            session = other.client.tenants._session
            create = session.create

            def create_together(*given: Any) -> Any:
                both_have_looked.wait()
                return create(*given)

            session.create = create_together  # type: ignore[method-assign]
            try:
                other.converge(layout, "Customer")
            except AmbiguousError as refused:
                return str(refused)
        return ""

    with ThreadPoolExecutor(2) as pool:
        said = [each.result() for each in [pool.submit(run), pool.submit(run)]]
    live = [
        each
        for each in desk.client.tenants.list_children(desk.account.partner)
        if each.customer_id == layout.external_id
    ]
    assert len(live) == 2
    assert any(layout.external_id in each for each in said)
    with pytest.raises(AmbiguousError):
        desk.converge(layout, "Customer")
    desk.client.tenants.disable(live[0].id)
    desk.client.tenants.delete_tenant(live[0].id)
    desk.converge(layout)
    assert_whole(desk, layout)


def test_a_customer_made_between_look_and_creation_is_compared_like_any_other(desk: Desk) -> None:
    layout = layout_of(desk.cloud)
    [wanted] = of_kind(layout, "Customer")
    resource = desk.resource("Customer")
    theirs = NewTenant(name="Theirs", parent_id=desk.account.partner, customer_id=layout.external_id)
    desk.client.tenants.ensure(theirs)
    with pytest.raises(ExpectedError, match='name is "Theirs"'):
        resource.make(wanted)
    assert desk.tenant(layout).name == "Theirs"
