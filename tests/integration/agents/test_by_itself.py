"""Machines that nobody pushes to: they take newer orders from the bucket at their own next run. In this order."""

import base64
import hashlib
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coffre import toolchain
from coffre.agents import desired
from coffre.agents.driver import OrderedProgram
from coffre.agents.report import ReportResult
from coffre.agents.restic.agents import ResticAgents
from coffre.agents.restic.backup_run import start_and_wait
from coffre.storage.ceph.programs import CephProgramShelf
from tests.integration.agents.looking import differences, list_files
from tests.integration.agents.scene import CAISSE, COMPTA, HOSTS
from tests.machines import NOTHING_LEFT

TIMER = "/etc/systemd/system/coffre-backup.timer"
PROGRAMS = "/var/lib/coffre/programs"
AGENT = "/usr/local/lib/coffre/coffre-agent"
KILL_PULL = f"while ! pid=$(pgrep -f '^{AGENT} pull'); do :; done; kill -KILL $pid && touch /run/killed"


def ignore(_machine, _task):
    pass


@pytest.fixture(scope="module")
def untouched(scene):
    """Every file of a machine that no test has touched."""
    return list_files(scene.lab.machine_root(HOSTS[COMPTA]))


@pytest.fixture(scope="module")
def alone(scene, untouched, programs, tmp_path_factory):
    """Two machines with agents; from here on nobody but the storage speaks to them."""
    agents = ResticAgents(tmp_path_factory.mktemp("scratch"), programs)
    results = agents.deploy(scene.requests(COMPTA, CAISSE), ignore)
    assert [(result.ok, result.message) for result in results] == [(True, "")] * 2
    return scene


@pytest.fixture(scope="module")
def shelf(scene):
    return CephProgramShelf(scene.endpoint, scene.admin)


def other_restic(tmp_path, mark):
    """Return another file that is the same restic: what follows a program in its file does not matter to it."""
    path = tmp_path / "restic"
    path.write_bytes(toolchain.find_tool("restic").read_bytes() + mark)
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def order(scene, to, *, seed=None, generation=None, restic=None, at="12:30", **changes):
    """Put orders into the bucket with the owner's key, as SMILÉO does, or with a seed as somebody else would."""
    if generation is None:
        scene.generations[to] += 1
        generation = scene.generations[to]
    issue = desired.Issue(generation, datetime.now(UTC))
    remove = changes.pop("remove", False)
    payload = desired.build_payload(scene.tenant, to, {"restic": restic or scene.restic}, issue, remove=remove)
    payload["plan"]["schedule"] = [{"days": ["Mon"], "at": at}]
    document = desired.sign(desired.encode_payload({**payload, **changes}), seed or scene.seed)
    scene.owner.put_object(Bucket=scene.bucket(to), Key="control/desired.json", Body=document)
    return generation


def run_by_itself(scene, machine):
    with scene.root_on(machine) as root:
        # Tests start it more often than systemd lets anybody.
        root.run(["systemctl", "reset-failed", "coffre-backup.service"], 30)
        return start_and_wait(root, 180, lambda _: None)


def shell(scene, machine, script):
    with scene.root_on(machine) as root:
        return root.run(["sh", "-c", script], 90).stdout.strip()


def applied_note(scene, machine):
    body = scene.owner.get_object(Bucket=scene.bucket(machine), Key="reports/.applied")["Body"].read()
    return json.loads(scene.opener(machine).open("reports/.applied", body))


def test_deployment_checks_in_with_key_and_trusted_signer(alone):
    note = applied_note(alone, COMPTA)
    assert (note["machine"], note["generation_applied"], note["access_key_id"]) == (
        COMPTA,
        alone.generations[COMPTA],
        alone.keys[COMPTA].access_key_id,
    )
    assert base64.b64decode(note["signing_public_key"]) == desired.raw_public_key_of(alone.seed)


def test_a_newer_generation_is_in_force_from_the_next_run_on(alone):
    generation = order(alone, COMPTA, at="04:17")
    report = run_by_itself(alone, COMPTA)
    assert (report.result, report.generation_applied, report.failed_generation) == (
        ReportResult.SUCCESS,
        generation,
        None,
    )
    assert report.access_key_id == alone.keys[COMPTA].access_key_id
    calendar = shell(alone, COMPTA, "systemctl show -P TimersCalendar coffre-backup.timer")
    assert re.findall(r"OnCalendar=(.*?) ;", calendar) == ["Mon *-*-* 04:17:00 Europe/Paris"]
    assert shell(alone, COMPTA, "systemctl is-active coffre-backup.timer") == "active"
    assert applied_note(alone, COMPTA)["generation_applied"] == generation


def test_a_deployment_after_that_changes_nothing(alone, agents):
    [result] = agents.deploy(alone.requests(COMPTA), ignore)
    assert (result.ok, result.changed, result.changes) == (True, False, ())


def test_another_restic_is_fetched_by_its_hash_and_backs_up(alone, shelf, agents, tmp_path):
    path, sha256 = other_restic(tmp_path, b"second")
    shelf.publish(path, sha256)
    generation = order(alone, COMPTA, restic=replace(alone.restic, sha256=sha256))
    report = run_by_itself(alone, COMPTA)
    assert (report.result, report.generation_applied) == (ReportResult.SUCCESS, generation)
    assert shell(alone, COMPTA, f"ls {PROGRAMS}; stat -c '%a %U' {PROGRAMS}/restic-{sha256}").splitlines() == [
        f"restic-{sha256}",
        "700 root",
    ]
    [again] = agents.deploy(alone.requests(COMPTA), ignore)
    assert (again.ok, again.changed) == (True, False)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (
            {"restic": OrderedProgram("0.18.1", "0" * 64, Path("restic"))},
            "restic 0.18.1 cannot be downloaded from the platform",
        ),
        ({"restic": "wrong version"}, "ordered as restic 9.9.9 says that it is"),
        ({"timezone": "Europe/Atlantis"}, "time zone Europe/Atlantis"),
    ],
)
def test_a_generation_that_fails_is_told_and_the_backup_made_with_the_last_good_one(
    alone, shelf, tmp_path, changes, reason
):
    good = order(alone, COMPTA, at="05:05")
    assert run_by_itself(alone, COMPTA).generation_applied == good
    before = shell(alone, COMPTA, f"cat {TIMER}")
    if changes.get("restic") == "wrong version":
        path, sha256 = other_restic(tmp_path, b"third")
        shelf.publish(path, sha256)
        changes = {"restic": OrderedProgram("9.9.9", sha256, Path("restic"))}
    bad = order(alone, COMPTA, at="06:06", **changes)
    report = run_by_itself(alone, COMPTA)
    assert (report.result, report.generation_applied, report.failed_generation) == (ReportResult.SUCCESS, good, bad)
    assert reason in report.failed_generation_reason
    assert report.snapshot_id is not None
    assert shell(alone, COMPTA, f"cat {TIMER}") == before


def test_units_that_cannot_be_written_leave_the_last_good_schedule(alone):
    good = order(alone, COMPTA, at="05:15")
    assert run_by_itself(alone, COMPTA).generation_applied == good
    # A directory where the new timer is prepared: no file can get its name.
    blocked = "/etc/systemd/system/.coffre-backup.timer.coffre-tmp"
    shell(alone, COMPTA, f"mkdir -p {blocked}/x")
    bad = order(alone, COMPTA, at="06:16")
    report = run_by_itself(alone, COMPTA)
    shell(alone, COMPTA, f"rm -r {blocked}")
    assert (report.result, report.generation_applied, report.failed_generation) == (ReportResult.SUCCESS, good, bad)
    assert "05:15" in shell(alone, COMPTA, f"cat {TIMER}")
    healed = run_by_itself(alone, COMPTA)
    assert (healed.generation_applied, healed.failed_generation) == (bad, None)


def test_orders_that_are_forged_older_or_for_another_machine_are_refused_and_told(alone):
    good = order(alone, COMPTA, at="07:07")
    assert run_by_itself(alone, COMPTA).generation_applied == good
    for bad, words in (
        ({"seed": b"x" * 32, "generation": good + 1}, "no signature was made with the key that this machine trusts"),
        ({"generation": good - 1}, "is older than"),
        ({"machine": CAISSE, "generation": good + 1}, f"/{CAISSE}, this machine is"),
        ({"seed": b"x" * 32, "generation": good + 1, "remove": True}, "no signature"),
    ):
        order(alone, COMPTA, at="08:08", **bad)
        report = run_by_itself(alone, COMPTA)
        assert (report.result, report.generation_applied, report.failed_generation) == (
            ReportResult.SUCCESS,
            good,
            None,
        )
        assert words in report.message
    assert "07:07" in shell(alone, COMPTA, f"cat {TIMER}")


def test_killed_while_it_applies_the_backup_is_made_and_the_next_run_completes(alone, shelf, tmp_path):
    good = order(alone, CAISSE, at="09:09")
    assert run_by_itself(alone, CAISSE).generation_applied == good
    path, sha256 = other_restic(tmp_path, b"fourth")
    shelf.publish(path, sha256)
    newer = order(alone, CAISSE, at="10:10", restic=replace(alone.restic, sha256=sha256))
    with alone.root_on(CAISSE) as root:
        root.run(["systemd-run", "--quiet", "--collect", "--no-block", "sh", "-c", KILL_PULL], 30)
    killed = run_by_itself(alone, CAISSE)
    assert (killed.result, killed.generation_applied, killed.failed_generation) == (ReportResult.SUCCESS, good, None)
    assert shell(alone, CAISSE, "ls /run/killed") == "/run/killed"
    healed = run_by_itself(alone, CAISSE)
    assert (healed.result, healed.generation_applied) == (ReportResult.SUCCESS, newer)
    assert shell(alone, CAISSE, f"ls -A {PROGRAMS}") == f"restic-{sha256}"
    assert shell(alone, CAISSE, f"grep OnCalendar {TIMER}") == "OnCalendar=Mon 10:10:00 Europe/Paris"


def test_a_pulled_removal_leaves_nothing_of_ours(alone, untouched):
    generation = order(alone, COMPTA, remove=True)
    begun = "systemctl reset-failed coffre-backup.service; systemctl start --no-block coffre-backup.service; "
    assert shell(alone, COMPTA, begun + NOTHING_LEFT) == ""
    assert differences(untouched, list_files(alone.lab.machine_root(HOSTS[COMPTA]))) == []
    note = applied_note(alone, COMPTA)
    assert (note["removed"], note["generation_applied"]) == (True, generation)


def test_a_removal_killed_in_its_middle_is_completed(alone):
    order(alone, CAISSE, remove=True)
    killed = (
        "systemctl reset-failed coffre-backup.service; systemctl start --no-block coffre-backup.service; "
        f"while ! pid=$(pgrep -f '^{AGENT} remove --all'); do :; done; kill -KILL $pid; "
        f"test -e {AGENT} && echo 'cut short'; "
    )
    assert shell(alone, CAISSE, killed + NOTHING_LEFT) == "cut short"
