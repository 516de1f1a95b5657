"""What a review says of a vendor's agent: what the contract leaves to its editor, and whose order licences come by."""

from typing import Any

from coffre.cli.words.plan import describe_note
from coffre.cli.words.review import describe_consequence, quote_plainly
from coffre.provisioning.notes import note_licences
from coffre.review.changes import compare
from coffre.review.consequences import Consequence, ConsequenceKind, foresee
from coffre.spec.platform import Offboarding
from coffre.spec.tenant import Tenant
from tests.vendor_tenants import CONTRACT, PARTS, list_machines, mixed_tenant, vendors_tenant


def follow(before: Tenant | None, after: Tenant) -> list[Consequence]:
    ours = {ConsequenceKind.VENDOR_AGENT, ConsequenceKind.VENDOR_ORDER}
    return [each for each in foresee(after, compare(before, after), Offboarding()) if each.kind in ours]


def ordered(order: str) -> dict[str, Any]:
    return {**CONTRACT, "vendor": {**CONTRACT["vendor"], "order": order}}


def test_machines_that_get_a_vendors_agent_are_named_once_with_what_that_means() -> None:
    [found] = follow(None, mixed_tenant())
    assert found.evidence["machines"] == ("caisse-01",)
    said = describe_consequence(found, quote_plainly)
    assert said.startswith("caisse-01: the agent is Acronis Cyber Protect. Its service level is its editor's")
    assert "docs/acronis.md" in said
    assert len(follow(None, vendors_tenant())) == 1, "its order is new"
    [moved] = follow(mixed_tenant(), vendors_tenant())
    assert moved.evidence["machines"] == ("compta-01",), "the other one had it before"
    assert follow(vendors_tenant(), mixed_tenant()) == []


def test_more_licences_of_a_vendor_need_another_order_of_the_distributor() -> None:
    more = {**PARTS, "editor": {"quota": "4 GiB", "licences": {"workstation": 2}}}
    storage = {"platform": "lab", "quota": "10 GiB", "parts": more}
    before, after = (
        mixed_tenant(licences={"workstation": 3}),
        mixed_tenant(licences={"workstation": 3}, storage=storage),
    )
    [found] = follow(before, after)
    assert (found.kind, found.evidence) == (ConsequenceKind.VENDOR_ORDER, {"order": "CMD-88231"})
    assert "the same order CMD-88231 of the distributor" in describe_consequence(found, quote_plainly)
    assert follow(after, before) == [], "fewer of them need no order"
    with_order = mixed_tenant(licences={"workstation": 3}, storage=storage, contract=ordered("CMD-90001"))
    assert follow(before, with_order) == []


def test_a_tenant_whose_every_agent_is_a_vendors_sells_its_licences() -> None:
    [found] = follow(vendors_tenant(), vendors_tenant(licences={"workstation": 3}))
    assert found.kind is ConsequenceKind.VENDOR_ORDER
    assert follow(mixed_tenant(), mixed_tenant(licences={"workstation": 3})) == [], "they may be for the other agent"


def test_a_machine_of_a_vendors_agent_that_goes_or_changes_otherwise_says_nothing_new() -> None:
    retired = list_machines({"compta-01": "acronis", "caisse-01": "acronis"})
    retired["caisse-01"]["retired"] = {"on": "2026-12-31", "keep_until": "2027-03-31"}
    assert follow(vendors_tenant(), vendors_tenant(machines=retired)) == []


def test_a_machine_that_the_editor_counts_otherwise_than_it_is_sold_is_named() -> None:
    def named(before: Tenant | None, after: Tenant) -> list[Consequence]:
        found = foresee(after, compare(before, after), Offboarding())
        return [each for each in found if each.kind is ConsequenceKind.VENDOR_LICENCE]

    [found] = named(None, mixed_tenant())
    assert found.subject == "caisse-01", "the other one's licence is SMILÉO's own"
    assert "Acronis should take the licence of a server for linux" in describe_consequence(found, quote_plainly)
    assert named(mixed_tenant(), mixed_tenant(name="Martin et fils")) == [], "it was named when it came"
    for system, kind in (("linux", "server"), ("macos", "workstation"), ("windows", "server")):
        machines = list_machines({"compta-01": "restic", "caisse-01": "acronis"})
        machines["caisse-01"] |= {"os": system, "kind": kind}
        plans = {"office": {"paths": {system: ["C:\\Users" if system == "windows" else "/home"], "linux": ["/home"]}}}
        plans["office"] |= {"schedule": ["daily 19:00"], "keep": {"daily": 3}}
        right = mixed_tenant(machines=machines, licences={"workstation": 2, "server": 1}, plans=plans)
        assert named(None, right) == []
        assert note_licences(right) == ()


def test_a_plan_names_it_as_long_as_it_is_so() -> None:
    [note] = note_licences(mixed_tenant())
    assert describe_note(note, "martin").startswith("caisse-01: Acronis should count it as a server")
    retired = list_machines({"compta-01": "restic", "caisse-01": "acronis"})
    retired["caisse-01"]["retired"] = {"on": "2026-12-31", "keep_until": "2027-03-31"}
    assert note_licences(mixed_tenant(machines=retired)) == ()
