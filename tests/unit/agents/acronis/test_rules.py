"""Rules without the outside: what a machine says, whose it is, what it needs, which values the caller may give."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from coffre.acronis.errors import AmbiguousError
from coffre.acronis.identifiers import AgentId
from coffre.acronis.values.agents import Agent
from coffre.agents.acronis import inventory
from coffre.agents.acronis.facts import MachineFacts, Note, read_facts
from coffre.agents.acronis.inventory import Joining
from coffre.agents.acronis.judging import Step, choose_step, find_agent, find_arrived, in_batches
from coffre.agents.acronis.kind import AcronisKind
from coffre.agents.acronis.owner import find_refusal
from coffre.agents.acronis.settings import AcronisSettings, MachineTerms, PinnedInstaller, installers_of, settings_of
from coffre.agents.driver import Target
from coffre.agents.home import AgentEntry, AgentHome, AgentOwner, join_homes
from coffre.errors import ExpectedError
from coffre.spec.platform import PlatformFile
from coffre.spec.storage_platform import AcronisPlatform
from coffre.spec.tenant import OperatingSystem, PullConnection, SshConnection, WinrmConnection
from tests.builders import PLATFORM, VENDOR, machine_with, tenant_with
from tests.unit.agents.acronis.conftest import note_of

SHA256 = "a" * 64
INSTALLER = PinnedInstaller("26.2.41800", SHA256, url="https://mirror.example/agent.bin")
TERMS = MachineTerms("coffre:k7f3q9wz2m", "coffre.k7f3q9wz2m.agents", "Every day")
OWNER = AgentOwner("k7f3q9wz2m", "srv-01")
JOINING = Joining("https://eu2-cloud.acronis.com", SecretStr("AAAA-BBBB-CCCC"))


def agent(name: str, **changes: object) -> Agent:
    values = {
        "id": f"id-{name}", "hostname": name, "online": True, "registration_date": "2026-11-30T10:00:00Z",
        "installer_version": {"current": {"major": 26, "minor": 2, "build_number": 41800}},
    }  # fmt: skip
    return Agent.model_validate(values | changes)


@given(st.text(max_size=3000))
def test_whatever_a_machine_prints_is_read(text: str) -> None:
    facts = read_facts(text)
    assert len(facts.host_name) < 255
    assert len(facts.stopped) <= 10


@given(st.binary(max_size=200))
def test_a_note_that_is_damaged_names_nobody(content: bytes) -> None:
    facts = read_facts(f"note: {content.decode('latin-1')}")
    assert facts.note is None or facts.note.owner == AgentOwner("", "") or b"tenant_id" in content


def test_a_note_is_read_as_it_was_written() -> None:
    note = Note(OWNER, AgentId("2f1e"))
    assert read_facts("note: " + note.render().decode().replace("\n", "")).note == note


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (MachineFacts(is_here=True), "this is the computer that Coffre runs on"),
        (MachineFacts(note=Note(AgentOwner("k7f3q9wz2m", "srv-02"))), "the agent of srv-02 of durand"),
        (MachineFacts(note=Note(AgentOwner("zzzzzzzzzz", ""))), "a machine of an unknown tenant (zzzzzzzzzz)"),
        (MachineFacts(open_agent=AgentOwner("k7f3q9wz2m", "srv-02")), "the agent of srv-02 of durand"),
    ],
)
def test_the_agent_of_somebody_else_is_refused(facts: MachineFacts, said: str) -> None:
    problem = find_refusal(facts, "durand", OWNER, {"k7f3q9wz2m": "durand"})
    assert problem is not None
    assert said in problem.message


@pytest.mark.parametrize("facts", [MachineFacts(), MachineFacts(note=Note(OWNER), open_agent=OWNER)])
def test_a_machine_of_its_own_is_taken_also_with_both_agents(facts: MachineFacts) -> None:
    assert find_refusal(facts, "durand", OWNER, {}) is None


def test_an_agent_is_found_by_the_records_then_by_the_note_then_by_its_name() -> None:
    listed = [agent("srv-01"), agent("other", id="recorded"), agent("third", id="noted")]
    facts = MachineFacts(host_name="SRV-01.durand.example", is_installed=True, note=Note(OWNER, AgentId("noted")))
    assert find_agent(listed, facts, MachineTerms("c", "o", "p", "recorded")) == listed[1]
    assert find_agent(listed, facts, TERMS) == listed[2]
    unnoted = MachineFacts(host_name="SRV-01.durand.example", is_installed=True)
    assert find_agent(listed, unnoted, TERMS) == listed[0]
    assert find_agent(listed, MachineFacts(host_name="srv-01"), TERMS) is None


def test_of_several_agents_of_a_name_the_one_online_counts_and_two_are_for_people() -> None:
    facts = MachineFacts(host_name="srv-01", is_installed=True)
    old, new = agent("srv-01", id="old", online=False), agent("srv-01", id="new")
    assert find_agent([old, new], facts, TERMS) == new
    for listed in ([new, agent("srv-01", id="newer")], [old, agent("srv-01", id="older", online=False)]):
        with pytest.raises(AmbiguousError, match="2 agents named srv-01"):
            find_agent(listed, facts, TERMS)


@pytest.mark.parametrize(
    ("facts", "held", "step"),
    [
        (MachineFacts(), None, Step.INSTALL),
        (MachineFacts(), agent("srv-01"), Step.INSTALL),
        (MachineFacts(is_installed=True), None, Step.REGISTER),
        (MachineFacts(is_installed=True), agent("srv-01"), Step.NOTHING),
        (MachineFacts(is_installed=True), agent("srv-01", online=False), Step.START),
        (MachineFacts(is_installed=True, stopped=("aakore",)), agent("srv-01"), Step.START),
        (MachineFacts(is_installed=True), agent("srv-01", installer_version=None), Step.NOTHING),
        (
            MachineFacts(is_installed=True),
            agent("srv-01", installer_version={"current": {"major": 26, "minor": 2, "build_number": 41799}}),
            Step.INSTALL,
        ),
    ],
)
def test_what_a_machine_needs(facts: MachineFacts, held: Agent | None, step: Step) -> None:
    assert choose_step(facts, held, INSTALLER) is step


def test_an_agent_has_arrived_when_it_registered_since_or_was_there_and_is_online() -> None:
    fresh = MachineFacts(host_name="srv-01")
    before = agent("srv-01")
    again = agent("srv-01", registration_date="2026-11-30T11:00:00Z")
    assert find_arrived([before], {before.id: before}, fresh, before, INSTALLER) is None
    assert find_arrived([again], {before.id: before}, fresh, before, INSTALLER) == again
    there = MachineFacts(host_name="srv-01", is_installed=True)
    assert find_arrived([before], {before.id: before}, there, before, INSTALLER) == before
    with pytest.raises(AmbiguousError, match="2 machines named srv-01"):
        find_arrived([agent("srv-01", id="a"), agent("srv-01", id="b")], {}, fresh, None, INSTALLER)


@given(st.lists(st.tuples(st.sets(st.sampled_from("abc"), min_size=1, max_size=2), st.integers()), max_size=20))
def test_batches_have_everything_once_and_nothing_in_common(items: list[tuple[set[str], int]]) -> None:
    marked = [(marks, (frozenset(marks), number)) for marks, number in items]
    batches = in_batches(marked, 2)
    assert sorted(map(str, (each for batch in batches for each in batch))) == sorted(str(item) for _, item in marked)
    for batch in batches:
        assert 0 < len(batch) <= 2
        assert len({mark for marks, _ in batch for mark in marks}) == sum(len(marks) for marks, _ in batch)


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"path": Path("a"), "url": "https://mirror.example/a"},
        {"url": "http://mirror.example/a"},
        {"url": "https://me:secret@mirror.example/a"},
        {"url": "https://mirror.example/a'b"},
        {"path": Path("a"), "sha256": "A" * 64},
        {"path": Path("a"), "version": "newest"},
    ],
)
def test_an_installer_that_is_not_pinned_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ExpectedError) as refused:
        PinnedInstaller(**({"version": "26.2.41800", "sha256": SHA256} | values))  # type: ignore[arg-type]
    assert "secret" not in refused.value.message


def test_every_system_has_its_variables_and_the_token_in_base64_only() -> None:
    connections = {
        OperatingSystem.LINUX: SshConnection(host="a.example", user="root"),
        OperatingSystem.MACOS: SshConnection(host="b.example", user="admin", become=True),
        OperatingSystem.WINDOWS: WinrmConnection(host="c.example", user="Administrateur", credential="password"),
    }
    machines = {}
    for system, connection in connections.items():
        target = Target("durand", f"pc-{system.value}", "k7f3q9wz2m", connection, Path("known_hosts"), system=system)
        variables = inventory.install_variables(target, INSTALLER, JOINING, lambda path, _name, _sha: path)
        machines[target.machine] = (target, variables)
    made = inventory.with_private_folder(inventory.build_inventory(machines, "t"), Path("/dev/shm/x"))
    assert {group: len(content["hosts"]) for group, content in made.items()} == dict.fromkeys(made, 1)
    assert "AAAA-BBBB-CCCC" not in str(made)
    for system, role in inventory.ROLES.items():
        (variables,) = made[inventory.GROUPS[system]]["hosts"].values()
        assert variables[f"{role}_part"] == "main"
        assert variables[f"{role}_here"] == "/dev/shm/x"


def test_the_options_file_has_one_switch_a_line() -> None:
    assert inventory.render_options(JOINING) == "--rain https://eu2-cloud.acronis.com\n--token AAAA-BBBB-CCCC\n"


def test_the_kind_needs_nothing_of_a_platform_and_gets_to_every_machine_in_its_way() -> None:
    kind = AcronisKind()
    assert (kind.needs_bucket, kind.takes_orders, kind.repositories) == (False, False, None)
    machine = tenant_with(machines={"srv-01": machine_with(agent="acronis")}).machines["srv-01"]
    assert kind.gets_to(machine)
    assert kind.gets_to(machine.model_copy(update={"connection": PullConnection()}))
    assert not kind.gets_to(machine.model_copy(update={"os": OperatingSystem.WINDOWS}))


def test_it_opens_with_its_platform_and_reads_no_credential_for_what_needs_none() -> None:
    platform = AcronisPlatform.model_validate(
        {**VENDOR, "installers": {"linux": {"version": "26.2.41800", "sha256": SHA256, "path": "installers/a.bin"}}}
    )
    kind = AcronisKind()
    opened = kind.open(AgentHome("vendor", platform, Path("/nowhere")))
    assert opened.find_build(OperatingSystem.LINUX).programs_sha256 == (SHA256,)
    assert installers_of(AgentHome("vendor", platform, Path("/nowhere")))[OperatingSystem.LINUX].path == Path(
        "/nowhere/installers/a.bin"
    )
    with pytest.raises(ExpectedError, match="no installer of Acronis is chosen for windows"):
        opened.find_build(OperatingSystem.WINDOWS)
    with pytest.raises(ExpectedError, match="NOTHING is not set"):
        opened.connect(Path("/nowhere"), {})
    ceph = PlatformFile.model_validate(PLATFORM).platforms["lab"]
    with pytest.raises(ExpectedError, match="is not of kind acronis"):
        kind.open(AgentHome("lab", ceph, Path("/nowhere"))).find_build(OperatingSystem.LINUX)


def test_what_an_agent_is_to_be_comes_from_the_platform_the_file_and_the_records(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("NOTHING", json.dumps({"client_id": "6e6d758d-1111-2222", "client_secret": "x"}))
    entry = AgentEntry("quotidien", "an-agent", frozenset({"another"}))
    home = AgentHome("vendor", AcronisPlatform.model_validate(VENDOR), Path("/nowhere"), lambda _: entry)
    terms = settings_of(join_homes([home.settled([OWNER])])).terms(OWNER)
    assert (terms.customer, terms.owner) == ("coffre:k7f3q9wz2m", "coffre.k7f3q9wz2m.agents")
    assert (terms.plan, terms.agent_id, terms.others) == ("quotidien", "an-agent", frozenset({"another"}))


def test_secrets_are_in_no_repr() -> None:
    settings = AcronisSettings("", "", SecretStr("hidden"), "", {}, lambda _: TERMS)
    assert "hidden" not in repr(settings)
    assert note_of("a", "b") not in repr(settings)
    assert "AAAA" not in repr(JOINING)
