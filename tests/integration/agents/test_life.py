"""An agent's life on real machines: looked at, installed, used, damaged, repaired, removed. In this order."""

import base64
import json
import os
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import testinfra

from coffre.agents.reach.ssh import SshMachine
from coffre.agents.report import ReportResult, parse_report
from coffre.agents.restic.agents import ResticAgents
from coffre.agents.restic.backup_run import start_and_wait
from coffre.workspace.private_folder import MEMORY
from tests.integration.agents.checking import check_mode
from tests.integration.agents.looking import differences, list_files
from tests.integration.agents.scene import ATELIER, CAISSE, COMPTA, HOSTS
from tests.processes import list_pids, read_words, watched_processes

WATCHED = (COMPTA, ATELIER)
WITHOUT_AGENT = "Stop and disable the units if the agent did not remove them"


def ignore(_machine, _task):
    pass


def ignore_line(_line):
    pass


def roots(scene):
    return {machine: scene.lab.machine_root(HOSTS[machine]) for machine in WATCHED}


@pytest.fixture(scope="module")
def untouched(scene):
    """Every file of two machines before anything was done to them."""
    return {machine: list_files(root) for machine, root in roots(scene).items()}


@pytest.fixture(scope="module")
def deployment(scene, programs, untouched, tmp_path_factory):
    """The first deployment, watched: its results, its steps, and all command lines of the time."""
    scratch, steps = tmp_path_factory.mktemp("scratch"), []
    agents = ResticAgents(scratch, programs)
    with check_mode(tmp_path_factory.mktemp("check")):
        checked = agents.deploy(scene.requests(*WATCHED), ignore)
    after_check = {machine: list_files(root) for machine, root in roots(scene).items()}
    with watched_processes() as seen:
        results = agents.deploy(scene.requests(), lambda machine, task: steps.append((machine, task)))
    return SimpleNamespace(
        scratch=scratch, checked=checked, after_check=after_check, results=results, steps=steps, seen=seen
    )


def machine_over_ssh(scene, machine):
    target = scene.target(machine)
    return SshMachine(target.connection, ssh_config=target.ssh_config, known_hosts=target.known_hosts)


def infra(scene, machine):
    return testinfra.get_host(f"ssh://root@{HOSTS[machine]}", ssh_config=str(scene.lab.ssh_config), sudo=False)


def test_check_of_an_untouched_machine_tells_the_work_and_does_none(deployment, untouched):
    assert [(result.ok, result.changed) for result in deployment.checked] == [(True, True)] * 2
    for machine in WATCHED:
        assert differences(untouched[machine], deployment.after_check[machine]) == []


def test_deployment_succeeds_on_every_machine_and_shows_its_steps(deployment):
    assert [(result.machine, result.ok, result.message) for result in deployment.results] == [
        (machine, True, "") for machine in HOSTS
    ]
    assert [result.machine for result in deployment.results if result.changed and result.machine in WATCHED] == [
        *WATCHED
    ]
    assert (ATELIER, "Have the agent apply its orders") in deployment.steps


@pytest.mark.parametrize("machine", WATCHED)
def test_the_machine_has_what_it_should_have(scene, deployment, machine):
    """Seen by another tool than the one that wrote it."""
    host = infra(scene, machine)
    expected = [
        "755 root:root /usr/local/lib/coffre",
        "755 root:root /usr/local/lib/coffre/coffre-agent",
        "755 root:root /usr/local/lib/coffre/restic",
        "700 root:root /etc/coffre",
        "600 root:root /etc/coffre/agent.json",
        "600 root:root /etc/coffre/credentials.json",
        "644 root:root /etc/coffre/ca.pem",
        "700 root:root /var/lib/coffre",
        "644 root:root /etc/systemd/system/coffre-backup.service",
        "644 root:root /etc/systemd/system/coffre-backup.timer",
    ]
    paths = [line.split()[-1] for line in expected]
    assert host.check_output("stat --format '%a %U:%G %n' " + " ".join(paths)).splitlines() == expected
    assert host.file("/usr/local/lib/coffre/restic").sha256sum == scene.restic.sha256
    settings = json.loads(host.file("/etc/coffre/agent.json").content)
    assert settings["bucket"] == scene.bucket(machine)
    assert len(base64.b64decode(settings["signing_public_key"])) == 32
    timer = host.service("coffre-backup.timer")
    assert (timer.is_enabled, timer.is_running) == (True, True)
    listed = json.loads(host.check_output("systemctl list-timers --output=json coffre-backup.timer"))
    assert listed[0]["next"] > time.time() * 1e6


def test_a_second_deployment_changes_nothing(scene, deployment, agents):
    results = agents.deploy(scene.requests(*WATCHED), ignore)
    assert [(result.ok, result.changed, result.changes) for result in results] == [(True, False, ())] * 2


def test_no_secret_was_on_a_command_line_here_or_there(scene, deployment):
    assert any("ansible-playbook" in line for line in deployment.seen)
    assert any("coffre-agent apply" in line for line in deployment.seen)
    assert [line for line in deployment.seen if any(secret in line for secret in scene.secrets)] == []


def test_nothing_of_the_run_is_left_here(deployment):
    """Neither files nor connections: an ssh that shares its connection would outlive the run."""
    mark = f"{MEMORY}/coffre-{os.getpid()}-"
    assert list(MEMORY.glob(f"coffre-{os.getpid()}-*")) == []
    assert any(mark in line for line in deployment.seen)
    assert [pid for pid in list_pids() if mark in read_words(pid)] == []
    assert list(deployment.scratch.iterdir()) == []


@pytest.mark.parametrize("machine", HOSTS)
def test_secrets_stand_in_one_file_of_the_machine_alone(scene, deployment, machine):
    searched = ["/etc", "/tmp", "/var/tmp", "/var/log", "/var/lib/coffre", "/dev/shm", "/root", "/home", "/run"]
    with scene.root_on(machine) as root:
        patterns = "\n".join(scene.secrets)
        found = root.run(["grep", "-rlFs", "-f", "/dev/stdin", *searched], 60, stdin=patterns)
        assert found.stdout.split() == ["/etc/coffre/credentials.json"]
        journal = root.run(["sh", "-c", "exec 3<&0; journalctl --no-pager | grep -cF -f /dev/fd/3"], 60, stdin=patterns)
        assert journal.stdout.strip() == "0"
        assert root.run(["sh", "-c", "ls -A /dev/shm; ls -d /root/.ansible /home/*/.ansible"], 30).stdout == ""


def test_a_backup_runs_to_its_report_in_the_bucket(scene, deployment):
    heard = []
    with machine_over_ssh(scene, ATELIER) as machine:
        report = start_and_wait(machine, 120, heard.append)
    assert (report.result, report.machine, report.generation_applied) == (ReportResult.SUCCESS, ATELIER, 1)
    assert heard[0] == "backup started"
    listed = scene.owner.list_objects_v2(Bucket=scene.bucket(ATELIER), Prefix="reports/")["Contents"]
    keys = [entry["Key"] for entry in listed if not entry["Key"].startswith("reports/.")]
    assert keys == [scene.opener(ATELIER).report_key(1, report.run_id)]
    opened = scene.opener(ATELIER).open(
        keys[0], scene.owner.get_object(Bucket=scene.bucket(ATELIER), Key=keys[0])["Body"].read()
    )
    assert parse_report(opened, datetime.now(UTC)) == report
    assert [snapshot.id for snapshot in scene.repository(ATELIER).snapshots()] == [report.snapshot_id]


def test_a_run_under_way_is_joined_and_not_started_twice(scene, deployment):
    heard = []
    with machine_over_ssh(scene, CAISSE) as machine:
        machine.run(["sh", "-c", "mkdir -p /etc/ssh/more && head -c 100M /dev/urandom > /etc/ssh/more/big"], 60)
        machine.run(["systemctl", "start", "--no-block", "coffre-backup.service"], 30)
        begun = machine.run(["systemctl", "show", "-P", "InvocationID", "coffre-backup.service"], 30).stdout.strip()
        report = start_and_wait(machine, 120, heard.append)
        machine.run(["rm", "-r", "/etc/ssh/more"], 30)
    assert heard[0] == "a backup is running already: waiting for its end"
    assert report.run_id == begun


def test_damage_is_seen_by_a_check_and_repaired(scene, deployment, agents, tmp_path):
    with scene.root_on(CAISSE) as root:
        root.run(["sh", "-c", "echo '# mine' >> /etc/systemd/system/coffre-backup.service"], 30)
        root.run(["chmod", "0644", "/etc/coffre/credentials.json"], 30)
        root.run(["systemctl", "disable", "--now", "coffre-backup.timer"], 30)
        root.run(["sh", "-c", "echo x >> /usr/local/lib/coffre/coffre-agent"], 30)
        root.run(["chmod", "0755", "/etc/coffre"], 30)
        root.run(["chown", "nobody", "/usr/local/lib/coffre/restic"], 30)
        root.run(["sh", "-c", "cp /etc/coffre/ca.pem /run && ln -sf /run/ca.pem /etc/coffre/ca.pem"], 30)
        root.run(["ln", "-sf", "/bin/true", "/usr/local/bin/sauvegarde-restaurer"], 30)
    with check_mode(tmp_path):
        [seen] = agents.deploy(scene.requests(CAISSE), ignore)
    [repaired] = agents.deploy(scene.requests(CAISSE), ignore)
    assert (seen.ok, seen.changed) == (True, True)
    assert repaired.changes == (
        "Install the agent's programs, folders and command",
        "Write the agent's configuration and its credentials",
        "Have the agent apply its orders",
    )
    host = infra(scene, CAISSE)
    assert host.file("/etc/coffre/credentials.json").mode == 0o600
    assert not host.file("/etc/systemd/system/coffre-backup.service").contains("# mine")
    assert host.service("coffre-backup.timer").is_running


def test_a_check_of_a_sound_agent_asks_it_for_new_orders(scene, deployment, agents, tmp_path):
    with check_mode(tmp_path):
        [sound] = agents.deploy(scene.requests(CAISSE), ignore)
        scene.order(CAISSE)
        [ordered] = agents.deploy(scene.requests(CAISSE), ignore)
    assert (sound.ok, sound.changed) == (True, False)
    assert (ordered.ok, ordered.changes) == (True, ("Have the agent apply its orders",))


def test_a_backup_of_the_whole_machine_reads_nothing_that_the_kernel_makes_up(scene, deployment):
    """/proc alone would hold it up until its deadline. What only looks like it, on a disk, is saved."""
    with scene.root_on(COMPTA) as root:
        here = "touch -r /srv /run/srv-before && mkdir -p /srv/{sys,ram,chroot/proc}"
        here += " && echo x >/srv/sys/kept && mount -t tmpfs ram /srv/ram"
        here += " && echo x >/srv/ram/kept && echo x >/run/gone && mount -t proc proc /srv/chroot/proc"
        assert root.run(["bash", "-c", here], 30).exit_code == 0
        scene.order(COMPTA, ["/"], ["/usr", "/var", "/opt", "/lib*", "/root"])
        started_at = time.monotonic()
        report = start_and_wait(root, 120, ignore_line)
        took_seconds = time.monotonic() - started_at
        journal = root.run(["journalctl", "-u", "coffre-backup.service", "--no-pager", "-o", "cat"], 30).stdout
        sys_type = root.run(["stat", "--file-system", "--format=%T", "/sys"], 30).stdout.strip()
        gone = "umount /srv/ram /srv/chroot/proc; rm -r /srv/sys /srv/ram /srv/chroot /run/gone"
        root.run(["sh", "-c", f"{gone}; touch -r /run/srv-before /srv; rm /run/srv-before"], 30)
    assert (report.result, report.unreadable_count) == (ReportResult.SUCCESS, 0), report.message
    assert took_seconds < 60
    [told] = [line for line in journal.splitlines() if line.startswith("left out: ")]
    left_out = set(told.removeprefix("left out: ").split(", "))
    assert {"/proc (proc)", f"/sys ({sys_type})", "/srv/chroot/proc (proc)"} <= left_out
    [saved] = [each for each in scene.repository(COMPTA).snapshots() if each.id == report.snapshot_id]
    names = {node.path for node in scene.repository(COMPTA).ls(saved.id)}
    assert {"/etc/passwd", "/srv/sys/kept", "/srv/ram/kept", "/proc", "/sys", "/dev", "/run"} <= names
    empty = ("/proc/", "/sys/", "/dev/", "/run/", "/srv/chroot/proc/")
    assert [name for name in names if name.startswith(empty)] == []


def test_removal_leaves_nothing_of_ours_and_touches_nothing_else(scene, deployment, untouched, agents):
    """The third machine has lost its agent's program: it is cleaned all the same."""
    with scene.root_on(CAISSE) as root:
        root.run(["rm", "/usr/local/lib/coffre/coffre-agent"], 30)
    results = agents.remove(scene.removals(), ignore)
    assert [(result.ok, result.changed) for result in results] == [(True, True)] * 3
    assert [result.machine for result in results if WITHOUT_AGENT in result.changes] == [CAISSE]
    for machine, root in roots(scene).items():
        assert differences(untouched[machine], list_files(root)) == []
    with scene.root_on(CAISSE) as root:
        left = root.run(
            ["sh", "-c", "systemctl list-units --all --plain --no-legend 'coffre*'; find / -xdev -name '*coffre*'"], 60
        )
        assert left.stdout == ""


def test_a_second_removal_changes_nothing(scene, agents):
    [result] = agents.remove(scene.removals(COMPTA), ignore)
    assert (result.ok, result.changed) == (True, False)
