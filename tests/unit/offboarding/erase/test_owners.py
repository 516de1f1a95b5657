"""The end of a tenant at a vendor's: its customer there goes with all it holds, and nothing else does.

The vendor is the stand-in in its own process, reached by the kind's own storage; buckets are in memory.
"""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coffre.acronis.identifiers import TenantUuid
from coffre.acronis.values.tenants import TenantChange
from coffre.agents.driver import DeployResult
from coffre.errors import RefusedError
from coffre.offboarding.approval.people import digest
from coffre.offboarding.certificate.model import CertificateFacts
from coffre.offboarding.certificate.render import is_erasure_established
from coffre.offboarding.erase import retired_machine
from coffre.offboarding.erase.destroying import remove_stacks
from coffre.offboarding.erase.owners import find_proof, open_eraser
from coffre.offboarding.handover.vendors import leave_restores
from coffre.offboarding.lifecycle import dismantling
from coffre.offboarding.lifecycle.due import get_calendar, list_unreturned
from coffre.offboarding.lifecycle.evidence import (
    AgentOutcome,
    OwnerErased,
    OwnerErasureBegan,
    OwnerProved,
    RestoreLeft,
    Step,
    UserDeleted,
    UsersSuspended,
)
from coffre.offboarding.lifecycle.freezing import freeze, thaw
from coffre.offboarding.lifecycle.journal import Journal
from coffre.offboarding.lifecycle.rehearsal import rehearse, rehearse_machine
from coffre.provisioning.engine.stack import state_folder
from coffre.provisioning.steps.retirement import has_agent
from coffre.records.facts.agents import Install
from coffre.records.facts.departure import Stage
from coffre.spec import naming
from coffre.spec.machine import AgentKind
from coffre.spec.tenant import HoldKind
from coffre.tenant.holds import RecordedHold, record_hold
from coffre.tenant.opening import OpenTenant
from tests.acronis.customers import Desk
from tests.acronis.running import VendorCloud, vendor_cloud
from tests.doubles.two_homes import COMPTA, SLUG, machine_at
from tests.unit.offboarding.departures import ended_on
from tests.unit.offboarding.vendor_leavers import (
    AT_VENDOR,
    PORTABLE,
    TODAY,
    VENDOR,
    Killed,
    Leaver,
    open_leaver,
    quietly,
    watch,
)


@pytest.fixture(scope="module")
def running_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VendorCloud]:
    with vendor_cloud(tmp_path_factory.mktemp("acronis")) as cloud:
        cloud.tell("set_settings", usage_lag_seconds=0)
        yield cloud


@pytest.fixture
def cloud(running_cloud: VendorCloud) -> Iterator[VendorCloud]:
    running_cloud.tell("forget_journal")
    yield running_cloud
    running_cloud.tell("clear_faults")
    running_cloud.tell("set_settings", deletion_seconds=0)
    running_cloud.assert_all_as_described()


@pytest.fixture
def desk(cloud: VendorCloud) -> Iterator[Desk]:
    with Desk.open(cloud) as opened:
        yield opened


@pytest.fixture
def leaver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cloud: VendorCloud, desk: Desk) -> Leaver:
    leaver = open_leaver(tmp_path, monkeypatch, cloud, desk, is_mixed=False)
    watch(leaver, monkeypatch)
    return leaver


@pytest.fixture
def mixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cloud: VendorCloud, desk: Desk) -> Leaver:
    leaver = open_leaver(tmp_path, monkeypatch, cloud, desk, is_mixed=True)
    watch(leaver, monkeypatch)
    return leaver


def certify(leaver: Leaver) -> CertificateFacts:
    """Verify and close as two people do, and return the facts of the certificate."""
    verified = leaver.verify()
    assert verified.is_passed, verified.failed
    leaver.journal(lambda journal: journal.note(Step.VERIFIED, verified))
    leaver.close()
    return leaver.facts()


# Before the erasure.


def test_the_customer_works_in_the_portal_until_it_is_dismantled(leaver: Leaver) -> None:
    """A disabled one could not restore: nothing at the vendor's is closed at the end of the service."""
    assert leaver.look(lambda opened: freeze(opened.tenant, opened.buckets)).machines == ()
    assert leaver.customer().enabled
    assert leaver.dismantle() == leaver.dismantle() == UsersSuspended((leaver.uid,))
    assert not leaver.customer().enabled
    assert [each.is_enabled for each in leaver.read(Step.OWNER_PROVED, OwnerProved)] == [False]


def test_a_customer_that_stays_after_all_works_again(leaver: Leaver) -> None:
    leaver.dismantle()
    leaver.write_file(status="active", leaving=None)
    leaver.look(thaw)
    assert leaver.customer().enabled
    leaver.write_file(status="suspended", leaving=None)
    leaver.look(thaw)
    assert not leaver.customer().enabled


def test_what_only_the_vendor_reads_is_left_to_the_customer_and_said_once(mixed: Leaver) -> None:
    said: list[str] = []

    def leave(opened: OpenTenant) -> None:
        leave_restores(opened, Journal(opened.log, TODAY), said.append)

    mixed.look(leave)
    mixed.look(leave)
    assert len(said) == 1
    [left] = mixed.read(Step.RESTORE_LEFT, RestoreLeft)
    assert (left.machine, left.platform, left.editor, left.portal) == (
        PORTABLE,
        VENDOR,
        "Éditeur d'essai GmbH",
        mixed.cloud.url,
    )
    assert mixed.look(lambda opened: list_unreturned(opened.tenant, Journal(opened.log, TODAY))) == [COMPTA]


def test_the_retrieval_period_runs_from_the_day_on_which_the_customer_was_told(leaver: Leaver) -> None:
    def read(opened: OpenTenant) -> date:
        return get_calendar(opened.tenant, opened.checkout, Journal(opened.log, TODAY)).retrieval_ends_on

    before = leaver.look(read)
    leaver.look(lambda opened: leave_restores(opened, Journal(opened.log, ended_on(20)), quietly))
    assert leaver.look(read) > before


# The erasure.


def test_the_customer_is_proved_before_the_question_and_gone_after_it(leaver: Leaver) -> None:
    leaver.dismantle()
    uuid, asked, signed = str(leaver.uuid()), list[Any](), list[str]()

    def confirm(owners: Any) -> None:
        assert leaver.customer() is not None
        asked.extend(owners)

    assert leaver.erase(confirm, signed.append) is None
    assert leaver.customer() is None
    assert [each.uuid for each in asked] == [uuid]
    assert asked == leaver.read(Step.OWNER_PROVED, OwnerProved)
    assert signed == [digest([f"{VENDOR}/{uuid}"])]
    order = [
        leaver.did.index(what)
        for what in ("record owner_erasure_began", f"delete customer {uuid}", "record owner_erased")
    ]
    assert order == sorted(order)
    [erased] = leaver.read(Step.OWNER_ERASED, OwnerErased)
    assert (erased.platform, erased.uuid, erased.external_id) == (VENDOR, uuid, f"coffre:{leaver.tenant_id}")
    assert erased.deleted_at is not None
    assert erased.recoverable_until > erased.deleted_at
    assert leaver.read(Step.USER_DELETED, UserDeleted) == []
    assert not [each for each in leaver.did if each.startswith("delete vendor's user")]


def test_who_says_no_has_lost_nothing_and_may_still_stay(leaver: Leaver) -> None:
    leaver.dismantle()

    def decline(_: Any) -> None:
        raise RefusedError("no")

    with pytest.raises(RefusedError, match="no"):
        leaver.erase(decline)
    assert leaver.customer() is not None
    assert leaver.read(Step.OWNER_ERASURE_BEGAN, OwnerErasureBegan) == []


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("is_mixed", [False, True])
def test_an_erasure_that_is_killed_again_and_again_ends_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cloud: VendorCloud, desk: Desk, steps: int, is_mixed: bool
) -> None:
    leaver = open_leaver(tmp_path, monkeypatch, cloud, desk, is_mixed=is_mixed)
    watch(leaver, monkeypatch)
    leaver.dismantle()
    uuid = str(leaver.uuid())
    for _ in range(80):
        leaver.ends_after = steps
        try:
            assert leaver.erase() is None
            leaver.close()
        except Killed:
            leaver.ends_after = None
            if leaver.customer() is None:
                assert leaver.read(Step.OWNER_ERASURE_BEGAN, OwnerErasureBegan)
        else:
            break
    else:
        pytest.fail("it does not end")
    leaver.ends_after = None
    assert leaver.customer() is None
    assert [each.uuid for each in leaver.read(Step.OWNER_ERASED, OwnerErased)] == [uuid]
    assert {each.uuid for each in leaver.read(Step.OWNER_PROVED, OwnerProved)} == {uuid}
    assert not list((leaver.homes.root / ".coffre" / "secrets").glob(f"{SLUG}*.age"))


def test_both_kinds_of_a_mixed_tenant_go_and_the_certificate_tells_them_apart(mixed: Leaver) -> None:
    bucket = mixed.look(lambda opened: opened.buckets.name(COMPTA))
    mixed.look(lambda opened: leave_restores(opened, Journal(opened.log, TODAY), quietly))
    suspended = mixed.dismantle()
    assert suspended == UsersSuspended((f"{mixed.uid}.{COMPTA}", mixed.uid))
    assert mixed.erase() is None
    assert (mixed.customer(), mixed.homes.here.list_owned_buckets(mixed.uid)) == (None, [])
    facts = certify(mixed)
    assert facts.verification is not None
    subjects = {check.subject for check in facts.verification.seen.fact.checks}
    [vendor] = facts.vendors or ()
    assert vendor.proved is not None
    assert {bucket, vendor.proved.fact.uuid, mixed.uid} <= subjects
    assert vendor.platform == VENDOR
    assert vendor.erased is not None
    assert {each.machine: each.vendor for each in facts.machines} == {COMPTA: None, PORTABLE: VENDOR}
    by_name = {each.machine: each for each in facts.machines}
    assert by_name[PORTABLE].restore_left is not None
    assert by_name[PORTABLE].began is None
    assert by_name[COMPTA].erased is not None
    assert is_erasure_established(facts)
    stacks = [naming.stack_name(part) for part in mixed.look(lambda opened: [each.tenant for each in opened.parts])]
    assert stacks == [SLUG, f"{SLUG}_part"]
    assert not [each for each in facts.reservations if "peut encore rétablir" in each], "its 30 days are over"
    early = mixed.facts(vendor.erased.at.date()).reservations
    assert [each for each in early if "peut encore rétablir" in each]
    assert [each for each in facts.reservations if PORTABLE in each and "portail" in each]


def test_a_tenant_of_the_vendor_alone_is_certified_without_buckets(leaver: Leaver) -> None:
    leaver.dismantle()
    leaver.erase()
    facts = certify(leaver)
    assert is_erasure_established(facts)
    assert [each.vendor for each in facts.machines] == [VENDOR]
    assert facts.site.is_vendors
    assert facts.site.host is not None
    unknown = [each for each in facts.reservations if "établi" in each]
    assert not [each for each in unknown if "mots de passe" in each or "comptes et des clés" in each]


# Somebody else's hand.


def test_an_enabled_customer_stops_everything_before_any_bucket_goes(mixed: Leaver) -> None:
    mixed.dismantle()
    mixed.desk.client.tenants.enable(mixed.uuid())
    with pytest.raises(RefusedError, match="is enabled"):
        mixed.erase()
    assert mixed.customer() is not None
    assert mixed.homes.here.list_owned_buckets(mixed.uid)
    assert not [each for each in mixed.did if each.startswith(("delete", "destroy"))]


def test_a_change_between_proof_and_deletion_refuses_it_and_the_next_run_asks_again(leaver: Leaver) -> None:
    leaver.dismantle()

    def confirm(_: Any) -> None:
        leaver.desk.client.tenants.update(leaver.uuid(), lambda _: TenantChange(name="Somebody else's"))

    with pytest.raises(RefusedError, match="somebody changed customer"):
        leaver.erase(confirm)
    assert leaver.customer() is not None
    asked: list[Any] = []
    assert leaver.erase(asked.extend) is None
    assert [each.name for each in asked] == ["Somebody else's"]
    assert len(leaver.read(Step.OWNER_PROVED, OwnerProved)) == 2


def test_what_somebody_uses_since_the_proof_refuses_it(leaver: Leaver) -> None:
    leaver.dismantle()

    def confirm(_: Any) -> None:
        leaver.cloud.tell("set_usage", tenant_id=str(leaver.uuid()), name="pw_base_workstations", value=1)

    with pytest.raises(RefusedError, match="is not what it was"):
        leaver.erase(confirm)
    assert leaver.customer() is not None


def test_another_customer_with_our_external_id_is_never_deleted(leaver: Leaver) -> None:
    leaver.dismantle()
    own = leaver.uuid()
    leaver.desk.client.tenants.update(own, lambda _: TenantChange(customer_id="theirs:1"))
    leaver.make_customer()
    theirs = leaver.uuid()
    assert theirs != own
    with pytest.raises(RefusedError, match=f"is customer {theirs}, and was {own} before"):
        leaver.erase()
    assert leaver.uuid() == theirs
    leaver.desk.client.tenants.update(theirs, lambda _: TenantChange(customer_id="theirs:2"))
    with pytest.raises(RefusedError, match="is another customer by now"):
        leaver.erase()
    assert leaver.desk.client.tenants.find(own) is not None
    assert not leaver.verify().is_passed


def write_state(leaver: Leaver, uuid: TenantUuid) -> None:
    """Write the stack as an apply leaves it, with the customer that it made."""
    [stack] = leaver.look(lambda opened: [naming.stack_name(home.tenant) for home in opened.homes])
    customer = {
        "urn": "urn:pulumi:x::coffre::acronis:index:Customer::customer",
        "type": "acronis:index:Customer",
        "custom": True,
        "id": f"coffre:{leaver.tenant_id}",
        "outputs": {"uuid": str(uuid)},
    }
    document = {"version": 3, "checkpoint": {"latest": {"resources": [customer]}}}
    state_folder(leaver.homes.checkout).write(stack, json.dumps(document).encode())


def test_a_customer_that_lost_our_external_id_is_never_left_behind(leaver: Leaver) -> None:
    """Somebody in the portal takes the id away before anybody proved it: nobody would find it, and it would stay."""
    uuid = leaver.uuid()
    write_state(leaver, uuid)
    leaver.desk.client.tenants.update(uuid, lambda _: TenantChange(customer_id="somebody:else"))
    for refused in (leaver.dismantle, leaver.erase):
        with pytest.raises(RefusedError, match=f"customer {uuid} on {VENDOR} .* no longer has its external id"):
            refused()
    leaver.desk.client.tenants.update(uuid, lambda _: TenantChange(customer_id=f"coffre:{leaver.tenant_id}"))
    leaver.dismantle()
    leaver.erase()
    assert leaver.customer() is None


def test_a_customer_that_was_deleted_in_the_portal_stops_nothing(leaver: Leaver) -> None:
    uuid = leaver.uuid()
    write_state(leaver, uuid)
    leaver.desk.client.tenants.update(uuid, lambda _: TenantChange(enabled=False))
    leaver.desk.client.tenants.delete_tenant(uuid, quietly)
    leaver.erase()
    assert leaver.read(Step.OWNER_ERASED, OwnerErased) == []


def test_a_customer_that_comes_again_after_its_erasure_fails_the_verification(leaver: Leaver) -> None:
    leaver.dismantle()
    leaver.erase()
    leaver.make_customer()
    failed = leaver.verify().failed
    assert failed
    with leaver.homes.open() as opened, pytest.raises(RefusedError, match="the platform still has"):
        remove_stacks(opened, refuse=lambda: None)


def test_a_deletion_that_takes_its_time_is_waited_for(mixed: Leaver) -> None:
    mixed.dismantle()
    mixed.cloud.tell("set_settings", deletion_seconds=3600)
    waiting = mixed.erase()
    assert waiting is not None
    assert "the vendor's own deletion" in waiting.what
    assert mixed.read(Step.OWNER_ERASED, OwnerErased) == []
    assert mixed.homes.here.list_owned_buckets(mixed.uid) == [], "what is ours does not wait for it"
    mixed.cloud.tell("set_settings", deletion_seconds=0)
    assert mixed.erase() is None
    assert len(mixed.read(Step.OWNER_ERASED, OwnerErased)) == 1


def test_a_hold_that_comes_meanwhile_stops_the_deletion(leaver: Leaver) -> None:
    leaver.dismantle()
    hold = RecordedHold("TJ-1", date(2027, 4, 30), HoldKind.PRESERVE, "claire")

    def confirm(_: Any) -> None:
        leaver.look(lambda opened: record_hold(opened.log, hold))

    with pytest.raises(RefusedError, match="hold"):
        leaver.erase(confirm)
    assert leaver.customer() is not None


# What a person sees before, and one retired machine.


def test_a_rehearsal_names_the_customer_and_what_is_used(mixed: Leaver) -> None:
    mixed.cloud.tell("set_usage", tenant_id=str(mixed.uuid()), name="pw_base_workstations", value=1)
    found = rehearse(mixed.homes.checkout, SLUG, None)
    [owner] = found.owners
    assert (owner.platform, owner.uuid, owner.used) == (VENDOR, str(mixed.uuid()), ("pw_base_workstations 1",))
    assert {each.name: each.vendor for each in found.machines} == {COMPTA: None, PORTABLE: VENDOR}
    assert {each.uid for each in found.users} == {mixed.uid, f"{mixed.uid}.{COMPTA}"}
    assert mixed.read(Step.OWNER_PROVED, OwnerProved) == [], "a rehearsal writes nothing"


def test_one_retired_machine_at_a_vendor_s_is_said_to_be_the_portal_s(mixed: Leaver) -> None:
    retired = {"on": "2026-11-01", "keep_until": "2026-12-31"}
    machines = {COMPTA: machine_at(COMPTA), PORTABLE: {**AT_VENDOR, "retired": retired}}
    mixed.write_file(machines=machines, status="active", leaving=None)
    with pytest.raises(RefusedError, match="documents no call that deletes those of one machine"):
        rehearse_machine(mixed.homes.checkout, SLUG, PORTABLE, None)
    with mixed.homes.open() as opened:
        departure: Any = SimpleNamespace(opened=opened, journal=Journal(opened.log, TODAY, PORTABLE))
        with pytest.raises(RefusedError, match="documents no call"):
            retired_machine._advance(departure, PORTABLE)
    assert mixed.customer() is not None


def test_only_a_vendor_s_platform_has_an_eraser_of_owners(mixed: Leaver) -> None:
    erasers = mixed.look(lambda opened: [open_eraser(home) is not None for home in opened.homes])
    assert erasers == [False, True]
    assert mixed.journal(lambda journal: find_proof(journal, VENDOR)) is None
    assert mixed.journal(lambda journal: journal.stage) in (None, *Stage)


# A machine that moves from the vendor's agent to ours.


@pytest.fixture
def moving(mixed: Leaver) -> Leaver:
    """The tenant whose machine in a bucket had the vendor's agent before, and has both for now."""
    moved = machine_at(COMPTA, moved_from={"agent": "acronis", "keep_until": "2027-12-31"})
    mixed.fields |= {"machines": {COMPTA: moved, PORTABLE: AT_VENDOR}}
    mixed.write_file()
    install = Install(generation=0, agent="acronis", agent_id="6e6d758d", agent_version="26.2")
    mixed.look(lambda opened: opened.log.append(install, COMPTA))
    return mixed


def test_a_machine_on_the_move_is_rid_of_both_agents_or_of_none_by_its_journal(
    moving: Leaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    answers = {AgentKind.ACRONIS: False, AgentKind.RESTIC: True}

    def remove(machines: Any, requests: Any, _: Any) -> dict[str, DeployResult]:
        found = [(each.target.machine, machines[each.target.machine].agent) for each in requests]
        asked.extend(f"{name} {kind}" for name, kind in found)
        return {name: DeployResult(SLUG, name, answers[kind], answers[kind], not answers[kind]) for name, kind in found}

    monkeypatch.setattr(dismantling.kinds, "remove", remove)

    def ended() -> AgentOutcome:
        [agent] = moving.look(lambda opened: dismantling.remove_agents(opened, [COMPTA], quietly))
        return AgentOutcome(agent.outcome)

    assert ended() is AgentOutcome.UNREACHED
    assert asked == [f"{COMPTA} restic", f"{COMPTA} acronis"]
    answers[AgentKind.ACRONIS] = True
    assert ended() is AgentOutcome.REMOVED
    assert not moving.look(lambda opened: has_agent(opened.log, COMPTA))


def test_a_machine_on_the_move_is_certified_by_its_bucket_too(moving: Leaver) -> None:
    moving.dismantle()
    moving.erase()
    by_name = {each.machine: each for each in moving.facts().machines}
    assert (by_name[COMPTA].vendor, by_name[PORTABLE].vendor) == (None, VENDOR)
    assert by_name[COMPTA].erased is not None
