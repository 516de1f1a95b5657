"""The vendor's agent on real machines: looked at, installed, stopped, updated, refused, removed. In this order.

What the roles do is real, and so are the machines; installer and cloud are stand-ins (tests/acronis).
"""

from datetime import timedelta
from types import SimpleNamespace

import pytest
import testinfra

from coffre.acronis.identifiers import PolicyId, TenantUuid
from coffre.agents.acronis.customer import Customer
from coffre.agents.acronis.enrolment import prepare
from coffre.agents.acronis.owner import refuse_another
from coffre.agents.home import AgentOwner
from coffre.agents.reach.ssh import SshMachine
from coffre.errors import RefusedError
from coffre.spec.tenant import OperatingSystem
from tests.integration.agents.acronis.conftest import MACHINES
from tests.integration.agents.looking import differences, list_files
from tests.integration.agents.scene import ATELIER, COMPTA, HOSTS
from tests.processes import watched_processes

FOLDER, NOTE = "usr/local/lib/coffre-acronis", "etc/coffre-acronis/agent.json"
LOG, LOCK, STATE = "var/log/trueimage-setup.log", "tmp/trueimage_inst.lock", "var/lib/Acronis/BackupAndRecovery/MMS"

TIMES = ("usr/lib: ", "etc/systemd/system/multi-user.target.wants: ")
"""Folders in which something of the vendor's was for a while: their time of change tells, nothing else of them may."""


def infra(acronis, machine):
    return testinfra.get_host(f"ssh://root@{HOSTS[machine]}", ssh_config=str(acronis.lab.ssh_config), sudo=False)


@pytest.fixture(scope="module")
def secrets():
    """Every registration token that is made, as its receiver has it."""
    made: list[str] = []
    make = Customer.make_token

    def make_and_note(self, *given, **named):
        token = make(self, *given, **named)
        made.append(token.secret.get_secret_value())
        return token

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Customer, "make_token", make_and_note)
        yield made


@pytest.fixture(scope="module")
def untouched(acronis):
    return {machine: list_files(acronis.root(machine)) for machine in MACHINES}


@pytest.fixture(scope="module")
def deployment(acronis, untouched, secrets):
    """A look, then the first deployment, watched: all command lines of the time."""
    looks = acronis.look(*MACHINES)
    after_look = {machine: differences(untouched[machine], list_files(acronis.root(machine))) for machine in MACHINES}
    with watched_processes() as seen:
        results = acronis.deploy(*MACHINES)
    return SimpleNamespace(looks=looks, after_look=after_look, results=results, seen=seen)


def test_a_look_at_an_untouched_machine_tells_the_work_and_does_none(deployment):
    assert [[each.detail for each in look.drift] for look in deployment.looks] == [["missing"], ["missing"]]
    assert deployment.after_look == {machine: [] for machine in MACHINES}


def test_every_machine_is_online_with_its_plan(acronis, deployment):
    assert [(each.machine, each.ok, each.message) for each in deployment.results] == [(m, True, "") for m in MACHINES]
    online = {str(each.id): each.hostname for each in acronis.within.agents.list_all() if each.online}
    for result in deployment.results:
        host = infra(acronis, result.machine)
        assert online[result.agent_id] == host.check_output("uname -n")
        assert result.agent_id in host.file(f"/{NOTE}").content_string
        assert host.service("acronis_mms").is_running
        assert host.file(f"/{STATE}/components").content_string.strip() == "BackupAndRecoveryAgent"
    applied = [acronis.within.policies.list_applied(each.id) for each in acronis.within.agents.list_machines()]
    assert [{str(each.policy.plan_id) for each in listed} for listed in applied] == [{acronis.plan_id}] * 2


def test_no_token_was_on_a_command_line_or_is_left_anywhere(acronis, deployment, secrets):
    assert len(set(secrets)) == len(MACHINES)
    assert acronis.tokens() == []
    assert any("ansible-playbook" in line for line in deployment.seen)
    assert any("--options-file" in line for line in deployment.seen)
    for machine in MACHINES:
        root = acronis.root(machine)
        assert not (root / FOLDER).exists()
        assert (root / LOG).exists()
        for secret in secrets:
            assert not any(secret in line for line in deployment.seen)
            found = infra(acronis, machine).run(f"grep -rlF -- {secret} /etc /root /home /tmp /usr/local /var /run")
            assert found.stdout == ""


def test_a_second_deployment_changes_nothing(acronis, deployment):
    before = {machine: list_files(acronis.root(machine) / "etc") for machine in MACHINES}
    assert [(each.ok, each.changes) for each in acronis.deploy(*MACHINES)] == [(True, ())] * 2
    assert [look.drift for look in acronis.look(*MACHINES)] == [(), ()]
    for machine in MACHINES:
        assert differences(before[machine], list_files(acronis.root(machine) / "etc")) == []


def test_a_stopped_agent_is_seen_and_started(acronis, deployment):
    infra(acronis, ATELIER).check_output("systemctl disable --now acronis_mms")
    assert [(each.part.value, each.detail) for each in acronis.look(ATELIER)[0].drift] == [
        ("schedule_off", "acronis_mms"), ("state", "offline")
    ]  # fmt: skip
    (result,) = acronis.deploy(ATELIER)
    assert (result.ok, result.changes) == (True, ("Start the agent's services",))
    assert infra(acronis, ATELIER).service("acronis_mms").is_enabled


def test_a_newer_installer_updates_the_agent_and_keeps_it(acronis, deployment):
    acronis.choose("26.3.1")
    assert [each.detail for each in acronis.look(COMPTA)[0].drift] == ["26.2.41800 -> 26.3.1"]
    (result,) = acronis.deploy(COMPTA)
    assert (result.ok, result.agent_version) == (True, "26.3.1")
    assert result.agent_id == deployment.results[0].agent_id


def test_a_lock_of_a_running_installation_is_respected(acronis, deployment):
    acronis.choose("26.3.2")
    infra(acronis, COMPTA).check_output(f"touch /{LOCK}")
    (result,) = acronis.deploy(COMPTA)
    assert "another installation of the vendor's software goes on there" in result.message
    infra(acronis, COMPTA).check_output(f"touch -d '2020-01-01' /{LOCK}")
    assert acronis.deploy(COMPTA)[0].ok


def test_an_installer_that_fails_says_why_without_the_token_and_leaves_nothing(acronis, deployment, secrets):
    """The vendor refuses the registration; the installer's words have the token in them."""
    acronis.choose("26.3.3")
    acronis.client.tenants.disable(TenantUuid(str(acronis.customer.id)))
    (result,) = acronis.deploy(COMPTA)
    acronis.client.tenants.enable(TenantUuid(str(acronis.customer.id)))
    assert not result.ok
    assert "The customer is disabled." in result.message
    assert not any(secret in result.message for secret in secrets)
    assert not (acronis.root(COMPTA) / FOLDER).exists()
    assert acronis.tokens() == []
    assert acronis.deploy(COMPTA)[0].ok


def test_the_agent_of_another_tenant_is_refused_by_both_ways(acronis, deployment):
    own = acronis.tenant_id
    target = acronis.target(COMPTA)
    with SshMachine(
        target.connection,
        ssh_config=target.ssh_config,
        known_hosts=target.known_hosts,
    ) as machine:
        refuse_another(machine, "durand", AgentOwner(own, COMPTA), {})
        with pytest.raises(RefusedError, match="the agent of compta-01 of durand is installed there"):
            refuse_another(machine, "martin", AgentOwner("zzzzzzzzzz", COMPTA), {own: "durand"})


def test_an_agent_that_was_removed_leaves_nothing_of_ours_or_the_vendor_s(acronis, deployment, untouched):
    results = acronis.remove(*MACHINES)
    assert [(each.ok, each.message) for each in results] == [(True, "")] * 2
    order = ("Revoke the protection plans", "End the agent's registration", "Uninstall the agent")
    assert results[0].changes == (*order, "Delete everything of ours")
    assert list(acronis.within.agents.list_all()) == []
    for machine in MACHINES:
        left = differences(untouched[machine], list_files(acronis.root(machine)))
        assert [each for each in left if LOG not in each and not each.startswith(TIMES)] == []
    assert [each.changes for each in acronis.remove(*MACHINES)] == [(), ()]


def test_a_machine_without_disk_space_for_the_installer_says_so(acronis, deployment):
    host = infra(acronis, COMPTA)
    host.check_output("mkdir -p /usr/local/lib && mount -t tmpfs -o size=4k none /usr/local/lib")
    try:
        (result,) = acronis.deploy(COMPTA)
    finally:
        host.check_output("umount /usr/local/lib")
    assert "there is no space left" in result.message
    assert acronis.tokens() == []


def test_a_machine_fetches_the_installer_itself_and_another_one_than_the_chosen_does_not_run(acronis, deployment):
    trust(acronis, ATELIER)
    acronis.choose_from_mirror("26.3.4", "0" * 64)
    (result,) = acronis.deploy(ATELIER)
    assert "is not the chosen installer" in result.message
    assert not (acronis.root(ATELIER) / STATE).exists()
    acronis.choose_from_mirror("26.3.4")
    (result,) = acronis.deploy(ATELIER)
    assert (result.ok, result.message, result.agent_version) == (True, "", "26.3.4")
    assert acronis.tokens() == []


def test_an_enrolment_script_installs_the_agent_with_its_plan_and_a_deployment_takes_it_over(acronis, deployment):
    trust(acronis, COMPTA)
    acronis.choose_from_mirror("26.3.4")
    owner = AgentOwner(acronis.tenant_id, COMPTA)
    made = prepare(acronis.settings, "durand", owner, OperatingSystem.LINUX, timedelta(hours=4))
    (acronis.root(COMPTA) / "root/enrol.sh").write_bytes(made.content)
    token = next(each for each in made.content.decode().splitlines() if each.startswith("--token ")).split()[1]
    with watched_processes() as seen:
        done = infra(acronis, COMPTA).run("sh /root/enrol.sh; code=$?; rm /root/enrol.sh; exit $code")
    assert (done.rc, done.stdout, done.stderr) == (0, "", "")
    assert not any(token in line for line in seen)
    assert infra(acronis, COMPTA).run(f"grep -rlF -- {token} /etc /root /tmp /usr/local /var").stdout == ""
    host_name = infra(acronis, COMPTA).check_output("uname -n")
    (agent,) = [each for each in acronis.within.agents.list_all() if each.hostname == host_name]
    (machine,) = [each for each in acronis.within.agents.list_machines() if each.agent_id == agent.id]
    assert acronis.within.policies.is_applied(PolicyId(acronis.plan_id), machine.id)
    acronis.recorded.clear()
    (result,) = acronis.deploy(COMPTA)
    assert (result.ok, result.changes) == (True, ("Note whose the agent is",))
    assert result.agent_id == str(agent.id)
    other = prepare(
        acronis.settings, "durand", AgentOwner(acronis.tenant_id, ATELIER), OperatingSystem.LINUX, timedelta(hours=4)
    )
    (acronis.root(COMPTA) / "root/enrol.sh").write_bytes(other.content)
    assert infra(acronis, COMPTA).run("sh /root/enrol.sh").rc == 4


def trust(acronis, machine):
    """Have a machine trust the mirror, as it trusts a real one's authority."""
    authorities = acronis.root(machine) / "etc/ssl/certs/ca-certificates.crt"
    text, own = authorities.read_text(), acronis.cloud.ca_file.read_text()
    if own not in text:
        authorities.write_text(f"{text}\n{own}")
