"""An invitation is answered once: to the first machine, within its time, with a person's word where backups are."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from coffre.agents.enrolment.invitation import derive_secret, fingerprint, new_id
from coffre.agents.home import AgentOwner
from coffre.agents.identity import MachineIdentity
from coffre.agents.kinds import driver_of
from coffre.errors import RefusedError, UsageError
from coffre.observation.duty import find_expected_since
from coffre.operations.acknowledge.replaced_machine import meet
from coffre.orders import deliveries
from coffre.orders.control import known_seeds, public_keys_of
from coffre.orders.deliveries import LIMIT_BYTES, find_last
from coffre.provisioning.drift.reports import look_at_reports
from coffre.provisioning.drift.values import Drift, DriftKind, Unseen, UnseenKind
from coffre.provisioning.enrolment.answer import accept, answer, look_at_enrolment
from coffre.provisioning.enrolment.pulled import HeardMachine, hear
from coffre.provisioning.enrolment.standing import MAX_CLAIMS, EnrolmentStage, EnrolmentStanding
from coffre.provisioning.steps.commitments import deliver
from coffre.provisioning.steps.retirement import has_agent
from coffre.provisioning.terms.context import FULLY, Context
from coffre.provisioning.terms.done import Deployed, MachineState, Recorded
from coffre.records.database.store import Records
from coffre.records.facts.agents import Install, KeyRotated, MachineReplaced, Removal
from coffre.records.facts.backups import PasswordUsed
from coffre.records.facts.enrolment import ConfigurationDelivered, EnrolmentInvited, EnrolmentMisused, EnrolmentRevoked
from coffre.secrets import minting, rotations
from coffre.secrets.bundles import DataBundle
from coffre.secrets.minting import public_key_of
from coffre.spec import naming
from coffre.spec.tenant import OperatingSystem
from coffre.tenant.opening import OpenTenant
from coffre.workspace.clock import utc_now
from tests.builders import machine_with, tenant_with
from tests.doubles.buckets import InMemoryEstate
from tests.doubles.opening import log_of, open_in_memory
from tests.doubles.pulled_machine import PulledMachine

MACHINE = "portable-01"


class Killed(BaseException):
    """The process ended here."""


class Desk:
    """A tenant with one machine that nobody can reach, in memory; its records are real."""

    def __init__(self, records: Records, root: Path) -> None:
        self.tenant = tenant_with(machines={MACHINE: machine_with(connection={"via": "pull"})})
        self.estate = InMemoryEstate.of_all(self.tenant)
        passwords = {MACHINE: minting.new_password()}
        self.estate.secrets.save_data(DataBundle(tenant_id=self.tenant.id, repository_passwords=passwords))
        self.opened: OpenTenant = open_in_memory(self.tenant, self.estate, log_of(self.tenant, records), root)
        self.bucket = self.estate.bucket(MACHINE)
        self.invitation = ""

    @property
    def control(self) -> Any:
        return self.estate.secrets.control()

    def invite(self, *, hours: float = 1, needs_confirmation: bool = False) -> str:
        self.invitation = new_id()
        fact = EnrolmentInvited(self.invitation, utc_now() + timedelta(hours=hours), needs_confirmation)
        self.opened.log.append(fact, MACHINE)
        return self.invitation

    def claim(self, machine: PulledMachine, invitation: str = "") -> None:
        wanted = invitation or self.invitation
        secret = derive_secret(known_seeds(self.control)[0], wanted, AgentOwner(self.tenant.id, MACHINE))
        self.bucket.put(naming.claim_key(wanted), machine.claim(secret, wanted, self.tenant.id, MACHINE))

    def answer(self) -> EnrolmentStanding:
        return answer(self.opened, self.control, MACHINE)

    def accept(self, shown: str, reason: str = "a new laptop") -> EnrolmentStanding:
        return accept(self.opened, self.control, MACHINE, shown, reason)

    def received_by(self, machine: PulledMachine) -> dict[str, Any]:
        body = self.bucket.find(naming.DELIVERY_KEY, LIMIT_BYTES)
        assert isinstance(body, bytes)
        return machine.open(body, public_keys_of(known_seeds(self.control))[0])

    def misuses(self) -> list[EnrolmentMisused]:
        return [each.fact for each in self.opened.log.list(EnrolmentMisused, MACHINE)]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Records.open("sqlite:records.db", tmp_path) as records:
        yield Desk(records, tmp_path)


def test_the_first_machine_gets_its_configuration_and_the_next_is_named(desk: Desk) -> None:
    lea, thief = PulledMachine(), PulledMachine("kali", "ee" * 16)
    assert desk.answer().stage is EnrolmentStage.NOT_INVITED
    desk.invite()
    assert desk.answer().stage is EnrolmentStage.INVITED
    desk.claim(lea)
    assert look_at_enrolment(desk.opened, MACHINE).stage is EnrolmentStage.CLAIMED
    assert desk.answer().stage is EnrolmentStage.ENROLLED
    settings = json.loads(desk.received_by(lea)["opened"]["settings"])
    assert (settings["machine"], settings["bucket"]) == (MACHINE, desk.bucket.name)
    last = find_last(desk.opened.log, MACHINE)
    assert last is not None
    assert (last.invitation, last.public_key, last.host_name) == (desk.invitation, lea.public_key, "portable-de-léa")

    desk.claim(thief)  # Ceph 18 lets it; the first version stays
    for _ in range(2):
        standing = desk.answer()
        assert [each.public_key for each in standing.claims.others] == [thief.public_key]
    assert desk.misuses() == [EnrolmentMisused(desk.invitation, (fingerprint(thief.public_key),))]
    assert desk.received_by(lea)["number"] == 1


def test_an_answer_that_is_there_is_not_made_again(desk: Desk) -> None:
    desk.invite()
    desk.claim(PulledMachine())
    for _ in range(3):
        desk.answer()
    assert len(desk.opened.log.list(PasswordUsed, MACHINE)) == 1


def test_a_service_is_delivered_with_its_invitations_but_not_with_a_revoked_one(desk: Desk) -> None:
    at = Context(desk.opened, FULLY, desk.opened.buckets.existing(), lambda _: None)
    assert deliver(at, Recorded(), Deployed(())).at is None
    desk.opened.log.append(EnrolmentRevoked(desk.invite(), "the mail went astray"), MACHINE)
    assert deliver(at, Recorded(), Deployed(())).at is None
    desk.invite()
    assert deliver(at, Recorded(), Deployed(())).is_new


def test_a_thief_who_is_first_wins_once_and_the_honest_machine_is_named(desk: Desk) -> None:
    """An invitation is worth what it opens: an empty repository. The next look says that two machines used it."""
    lea, thief = PulledMachine(), PulledMachine("kali", "ee" * 16)
    desk.invite()
    desk.claim(thief)
    desk.answer()
    desk.claim(lea)
    standing = desk.answer()
    assert standing.stage is EnrolmentStage.ENROLLED
    assert [each.public_key for each in standing.claims.others] == [lea.public_key]
    assert len(desk.misuses()) == 1


@pytest.mark.parametrize("end", ["expired", "revoked", "replaced", "key changed"])
def test_an_invitation_that_ended_gives_nothing(desk: Desk, end: str) -> None:
    first = desk.invite(hours=0 if end == "expired" else 1)
    desk.claim(PulledMachine())
    if end == "revoked":
        desk.opened.log.append(EnrolmentRevoked(first, "stolen"), MACHINE)
    if end == "replaced":
        desk.invite()
    if end == "key changed":
        desk.estate.secrets.save_control(rotations.start(desk.control, [rotations.SIGNING], now=True))
    wanted = {
        "expired": EnrolmentStage.EXPIRED,
        "revoked": EnrolmentStage.REVOKED,
        "replaced": EnrolmentStage.INVITED,
        "key changed": EnrolmentStage.KEY_CHANGED,
    }
    assert desk.answer().stage is wanted[end]
    assert desk.bucket.find(naming.DELIVERY_KEY, LIMIT_BYTES) is None


def test_a_name_with_backups_needs_the_fingerprint_that_a_person_read(desk: Desk) -> None:
    lea = PulledMachine()
    desk.invite(needs_confirmation=True)
    desk.claim(lea)
    assert desk.answer().stage is EnrolmentStage.TO_CONFIRM
    shown = fingerprint(lea.public_key)
    with pytest.raises(RefusedError, match="another fingerprint"):
        desk.accept("0000-0000-0000-0000")
    with pytest.raises(UsageError):
        desk.accept(shown, " ")
    assert desk.bucket.find(naming.DELIVERY_KEY, LIMIT_BYTES) is None
    assert desk.accept(shown.upper()).stage is EnrolmentStage.ENROLLED
    assert desk.received_by(lea)["number"] == 1
    with pytest.raises(RefusedError, match="no claim to accept"):
        desk.accept(shown)


def test_another_machine_under_the_same_name_is_a_recorded_replacement(desk: Desk) -> None:
    old, new = PulledMachine(), PulledMachine("neuf", "cd" * 16)
    desk.invite()
    desk.claim(old)
    desk.answer()
    meet(desk.opened.memory, MACHINE, MachineIdentity(machine_id=old.mark, hardware_id=old.mark, host_name="vieux"))
    desk.invite(needs_confirmation=True)
    desk.claim(new)
    assert desk.accept(fingerprint(new.public_key)).stage is EnrolmentStage.ENROLLED
    assert [each.fact.reason for each in desk.opened.log.list(MachineReplaced, MACHINE)] == ["a new laptop"]
    assert desk.received_by(new)["number"] == 2
    accepted = desk.opened.memory.read(MACHINE).accepted
    assert accepted is not None
    assert accepted.host_name == "neuf", "the old machine's last word does not take the place back"


def test_the_machine_that_is_answered_is_the_accepted_one_before_it_speaks(desk: Desk) -> None:
    desk.invite()
    desk.claim(PulledMachine("neuf", "cd" * 16))
    desk.answer()
    thief = MachineIdentity(machine_id="ee" * 16, hardware_id="ee" * 16, host_name="kali")
    assert meet(desk.opened.memory, MACHINE, thief) != ()


def test_from_its_enrolment_on_it_has_an_agent_and_must_back_up(desk: Desk) -> None:
    assert not has_agent(desk.opened.log, MACHINE)
    assert find_expected_since(desk.tenant, desk.opened.log, MACHINE) is None
    desk.invite()
    desk.claim(PulledMachine())
    desk.answer()
    assert has_agent(desk.opened.log, MACHINE), "a certificate must not say that it never had one"
    delivered = desk.opened.log.last(ConfigurationDelivered, MACHINE)
    assert delivered is not None
    assert find_expected_since(desk.tenant, desk.opened.log, MACHINE) == delivered.at
    desk.opened.log.append(Removal(is_changed=True), MACHINE)
    assert not has_agent(desk.opened.log, MACHINE)


def test_a_look_for_drift_tells_a_machine_that_never_enrolled_from_one_that_has_not_spoken(desk: Desk) -> None:
    existing = desk.opened.buckets.existing()
    assert look_at_reports(desk.opened, existing) == [Drift(DriftKind.AGENT_MISSING, MACHINE)]
    desk.invite()
    desk.claim(PulledMachine())
    desk.answer()
    assert look_at_reports(desk.opened, existing) == [Unseen(UnseenKind.NO_STATEMENT, MACHINE)]


def test_a_claim_for_a_machine_retired_meanwhile_is_not_answered(desk: Desk) -> None:
    desk.invite()
    desk.claim(PulledMachine())
    retired = {
        MACHINE: machine_with(connection={"via": "pull"}, retired={"on": "2026-11-01", "keep_until": "2099-12-31"})
    }
    desk.opened = replace(desk.opened, tenant=tenant_with(machines=retired))
    with pytest.raises(RefusedError, match="is retired"):
        desk.answer()
    assert desk.bucket.find(naming.DELIVERY_KEY, LIMIT_BYTES) is None


def test_rubbish_in_place_of_a_claim_is_counted_in_bounded_time(desk: Desk) -> None:
    desk.invite()
    for _ in range(3):
        desk.bucket.put(naming.claim_key(desk.invitation), b"x" * 10_000)
    desk.claim(PulledMachine())
    standing = desk.answer()
    assert (standing.stage, standing.claims.rubbish) == (EnrolmentStage.ENROLLED, 3)
    desk.invite()
    for _ in range(MAX_CLAIMS + 5):
        desk.bucket.put(naming.claim_key(desk.invitation), b"{}")
    desk.claim(PulledMachine())
    standing = desk.answer()
    assert (standing.stage, standing.claims.rubbish) == (EnrolmentStage.INVITED, MAX_CLAIMS)


def test_an_answer_whose_write_was_killed_is_given_by_the_next(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise Killed

    lea = PulledMachine()
    desk.invite()
    desk.claim(lea)
    with monkeypatch.context() as patch:
        patch.setattr(deliveries, "put_document", die)
        with pytest.raises(Killed):
            desk.answer()
    assert desk.answer().stage is EnrolmentStage.ENROLLED
    assert desk.received_by(lea)["number"] == 2


@dataclass(frozen=True)
class Spoken:
    """What a machine says in its check-in."""

    machine: PulledMachine
    delivered: int
    key_id: str
    agent_sha256: str = ""
    version: str = "0.0.1"

    def put(self, desk: Desk) -> None:
        mark = self.machine.mark
        identity = {"machine_id": mark, "hardware_id": mark, "boot_id": mark, "host_name": self.machine.host_name}
        said = {
            "version": 1,
            "tenant_id": desk.tenant.id,
            "machine": MACHINE,
            "at": f"{utc_now():%Y-%m-%dT%H:%M:%SZ}",
            "generation_applied": 1,
            "access_key_id": self.key_id,
            "signing_public_key": public_key_of(desk.control.signing_key),
            "agent_version": self.version,
            "delivered": self.delivered,
            "identity": identity,
        } | ({"agent_sha256": self.agent_sha256} if self.agent_sha256 else {})
        desk.bucket.put(naming.APPLIED_KEY, json.dumps(said).encode())


def hear_it(desk: Desk) -> HeardMachine:
    return hear(desk.opened, desk.control, MACHINE)


def key_id(desk: Desk) -> str:
    return str(desk.control.machine_keys[MACHINE].access_key_id)


@pytest.mark.parametrize(
    ("runs", "version", "is_named"),
    [("e" * 64, "0.0.1", True), ("e" * 64, "99.0.0", False), ("", "0.0.1", False), ("ours", "0.0.1", True)],
    ids=["older", "later than ours", "takes none", "ours"],
)
def test_a_delivery_names_the_agent_for_a_machine_that_takes_it(
    desk: Desk, runs: str, version: str, is_named: bool
) -> None:
    ours = driver_of(desk.tenant.machines[MACHINE]).find_build(OperatingSystem.LINUX).agent_sha256
    runs, named = (ours if runs == "ours" else runs), (ours if is_named else "")
    lea = PulledMachine(agent_sha256=runs, version=version)
    desk.invite()
    desk.claim(lea)
    desk.answer()
    opened = desk.received_by(lea)["opened"]
    assert opened.get("agent", {}).get("sha256", "") == named
    last = find_last(desk.opened.log, MACHINE)
    assert last is not None
    assert last.agent_sha256 == named
    heard = hear_it(desk)
    assert heard.outcome.state is MachineState.AWAITED
    assert "has not spoken yet" in heard.outcome.message
    assert desk.received_by(lea)["number"] == 1
    Spoken(lea, 1, key_id(desk), runs, version).put(desk)
    waits = named not in ("", runs)
    assert hear_it(desk).outcome.state is (MachineState.AWAITED if waits else MachineState.UNCHANGED)
    Spoken(lea, 1, key_id(desk), named or runs, version).put(desk)
    assert hear_it(desk).outcome.state is MachineState.UNCHANGED
    assert desk.received_by(lea)["number"] == 1


def test_another_machine_s_word_under_the_name_is_told_apart(desk: Desk) -> None:
    lea, other = PulledMachine(), PulledMachine("kali", "ee" * 16)
    desk.invite()
    desk.claim(lea)
    desk.answer()
    Spoken(other, 1, key_id(desk)).put(desk)
    heard = hear_it(desk)
    assert (heard.applied, heard.outcome.state) == (None, MachineState.AWAITED)
    assert heard.other is not None
    assert heard.other.identity is not None
    assert heard.other.identity.host_name == "kali"


def test_a_replacement_is_not_to_be_invited_again_before_its_first_word(desk: Desk) -> None:
    """Its predecessor's last word lies there, with the key that was revoked."""
    old, new = PulledMachine(), PulledMachine("neuf", "cd" * 16)
    desk.invite()
    desk.claim(old)
    desk.answer()
    Spoken(old, 1, key_id(desk)).put(desk)
    assert hear_it(desk).outcome.state is MachineState.UNCHANGED
    desk.estate.secrets.save_control(rotations.start(desk.control, [rotations.machine_key(MACHINE)], now=True))
    desk.opened.log.append(KeyRotated("machine_key", "cut"), MACHINE)
    assert "Invite it again" in hear_it(desk).outcome.message
    desk.invite(needs_confirmation=True)
    desk.claim(new)
    desk.accept(fingerprint(new.public_key))
    heard = hear_it(desk)
    assert (heard.outcome.state, heard.applied) == (MachineState.AWAITED, None)
    assert "has not spoken yet" in heard.outcome.message
    Spoken(new, 2, key_id(desk)).put(desk)
    assert hear_it(desk).outcome.state is MachineState.UNCHANGED
    # And a key that is revoked after the answer is lost with it.
    desk.opened.log.append(KeyRotated("machine_key", "cut"), MACHINE)
    Spoken(old, 1, key_id(desk)).put(desk)
    assert "Invite it again" in hear_it(desk).outcome.message


def test_a_machine_that_replaced_its_agent_as_it_was_told_has_not_drifted(desk: Desk) -> None:
    ours = driver_of(desk.tenant.machines[MACHINE]).find_build(OperatingSystem.LINUX).agent_sha256
    lea = PulledMachine(agent_sha256="e" * 64)
    desk.invite()
    desk.claim(lea)
    desk.answer()
    desk.opened.log.append(Install("workstation", "e" * 64, "0.0.1", "pull", generation=1), MACHINE)
    existing = desk.opened.buckets.existing()

    def on_the_agent() -> set[DriftKind]:
        found = look_at_reports(desk.opened, existing)
        kinds = {each.what for each in found if isinstance(each, Drift)}
        return kinds & {DriftKind.AGENT_PROGRAM, DriftKind.AGENT_VERSION}

    Spoken(lea, 1, key_id(desk), "f" * 64, "0.0.2").put(desk)
    foreign = on_the_agent()
    Spoken(lea, 1, key_id(desk), ours, "0.1.0").put(desk)
    assert (foreign, on_the_agent()) == ({DriftKind.AGENT_VERSION}, set())
