"""The vendor's agent through the verbs, in order: backed up, updated, moved away from, removed, enrolled."""

import time
from pathlib import Path
from typing import Any

import pypdf
import pytest
import yaml
from coffre_lab.lab import Lab

from coffre.acronis.values.agents import Agent
from coffre.toolchain import sha256_file
from tests.acronis.answers.downloads import FILES, FOLDER
from tests.acronis.installer import make_installer
from tests.e2e.acronis.conftest import ATELIER, CAISSE, DURAND, MARTIN, VENDOR, VendorDesk
from tests.e2e.departure import AUTHOR, VERIFIER, Leaver

HOSTS = {ATELIER: "atelier-01.durand.example", CAISSE: "caisse-01.martin.example"}
NEWER = "26.3.4"
MIRRORED = "26.4.0"
KEPT_UNTIL, AFTER = "2026-12-31", "2027-01-01"
RETIRED = {"on": "2026-11-01", "keep_until": "2027-11-01"}


def agents_of(desk: VendorDesk, slug: str) -> list[Agent]:
    with desk.client() as client:
        return list(client.within(desk.customer(slug).id).agents.list_all())


def machine_plan(desk: VendorDesk, slug: str, machine: str) -> dict[str, Any]:
    [plan] = desk.json("plan", slug, "--json")
    return next(each for each in plan["machines"] if each["machine"] == machine)


def change_machine(desk: VendorDesk, slug: str, machine: str, **fields: Any) -> None:
    machines = desk.read_file(slug)["machines"]
    changed = {**machines[machine], **fields}
    machines[machine] = {name: value for name, value in changed.items() if value is not None}
    desk.change(slug, machines=machines)


def choose(desk: VendorDesk, release: str, *, url: str = "", path: Path | None = None) -> None:
    """Name another installer in platform.yaml: a file of the desk, or what a mirror has."""
    settings = desk.root / "platform.yaml"
    data = yaml.safe_load(settings.read_text(encoding="utf-8"))
    file = make_installer(path or desk.root / f"acronis-{release}.bin", desk.cloud.ca_file, release)
    place = {"url": url} if url else {"path": file.name}
    data["platforms"][VENDOR]["installers"]["linux"] = {"version": release, "sha256": sha256_file(file), **place}
    settings.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")


@pytest.fixture(scope="module", autouse=True)
def applied(desk: VendorDesk) -> None:
    for slug in (DURAND, MARTIN):
        desk.set_up(slug)


def test_a_backup_is_started_at_the_vendor_and_told_by_status(desk: VendorDesk) -> None:
    [before] = desk.json("status", DURAND, "--json")
    assert before["machines"][0]["last_result"] == "never"
    with desk.client() as client:
        [resource] = client.within(desk.customer(DURAND).id).agents.list_machines()
    desk.cloud.tell("forget_journal")
    running = desk.start("backup", DURAND)
    deadline = time.monotonic() + 60
    while desk.writes() == [] and time.monotonic() < deadline:
        time.sleep(0.1)
    desk.cloud.tell("back_up", resource_id=str(resource.id), size_bytes=1000)
    _, said = running.communicate(timeout=120)
    assert running.returncode == 0, said
    [after] = desk.json("status", DURAND, "--json")
    assert (after["machines"][0]["last_result"], after["machines"][0]["overdue"]) == ("success", False)


def test_another_installer_is_an_update_of_its_agent_and_no_second_one(desk: VendorDesk) -> None:
    [before] = agents_of(desk, DURAND)
    choose(desk, NEWER)
    planned = machine_plan(desk, DURAND, ATELIER)
    assert (planned["action"], [each["kind"] for each in planned["differences"]]) == ("update", ["agent_program"])
    desk.coffre("apply", DURAND, "--yes")
    [after] = agents_of(desk, DURAND)
    assert after.id == before.id
    assert after.installer_version is not None
    assert str(after.installer_version.current) == NEWER
    assert machine_plan(desk, DURAND, ATELIER)["action"] == "none"


def test_a_machine_moves_to_coffres_own_agent_and_keeps_the_former_one_until_its_first_backup(desk: VendorDesk) -> None:
    change_machine(desk, MARTIN, CAISSE, agent="restic")
    refused = desk.coffre("plan", MARTIN, expect=4)
    assert "still has the agent acronis" in refused.output
    change_machine(desk, MARTIN, CAISSE, moved_from={"agent": "acronis", "keep_until": "2099-12-31"})
    desk.coffre("apply", MARTIN, "--yes")
    assert [each.online for each in agents_of(desk, MARTIN)] == [True]
    assert "moves from another agent" in " ".join(desk.coffre("plan", MARTIN).stdout.split())
    desk.coffre("backup", MARTIN, "--machine", CAISSE)
    planned = machine_plan(desk, MARTIN, CAISSE)
    assert [each["kind"] for each in planned["differences"]] == ["former_agent"]
    desk.coffre("apply", MARTIN, "--yes")
    assert agents_of(desk, MARTIN) == []
    look = "ls -d /etc/coffre-acronis /usr/lib/Acronis /etc/coffre 2>/dev/null; true"
    assert desk.on_machine(HOSTS[CAISSE], look).split() == ["/etc/coffre"]
    assert machine_plan(desk, MARTIN, CAISSE)["action"] == "none"


def test_a_machine_moves_to_the_vendors_agent_and_its_bucket_is_retired_after_the_first_good_backup(
    desk: VendorDesk, tmp_path: Path
) -> None:
    change_machine(desk, MARTIN, CAISSE, agent="acronis", moved_from={"agent": "restic", "keep_until": KEPT_UNTIL})
    assert [each["kind"] for each in machine_plan(desk, MARTIN, CAISSE)["differences"]][:1] == ["arriving_agent"]
    desk.coffre("apply", MARTIN, "--yes")
    look = "ls -d /etc/coffre-acronis /etc/coffre 2>/dev/null; true"
    assert desk.on_machine(HOSTS[CAISSE], look).split() == ["/etc/coffre", "/etc/coffre-acronis"]
    assert "moves from another agent" in " ".join(desk.coffre("plan", MARTIN).stdout.split())
    assert "success" in desk.coffre("backup", MARTIN, "--machine", CAISSE).stdout, "the agent before still serves"
    [agent] = agents_of(desk, MARTIN)
    with desk.client() as client:  # the vendor keeps the machine of the agent that was removed
        machines = list(client.within(desk.customer(MARTIN).id).agents.list_machines())
    [resource] = [each for each in machines if each.agent_id == agent.id]
    desk.cloud.tell("back_up", resource_id=str(resource.id), size_bytes=1000)
    assert [each["kind"] for each in machine_plan(desk, MARTIN, CAISSE)["differences"]] == ["former_agent"]
    desk.coffre("apply", MARTIN, "--yes")
    assert desk.on_machine(HOSTS[CAISSE], look).split() == ["/etc/coffre-acronis"]
    assert [each.online for each in agents_of(desk, MARTIN)] == [True]
    assert machine_plan(desk, MARTIN, CAISSE)["action"] == "none"
    [status] = desk.json("status", MARTIN, "--json")
    [seen] = [each for each in status["machines"] if each["name"] == CAISSE]
    assert (seen["agent"], seen["last_result"], seen["retired"]) == ("acronis", "success", None)
    desk.coffre("restore", MARTIN, "--machine", CAISSE, "--to", str(tmp_path / "restored"))
    assert any((tmp_path / "restored").iterdir()), "the backups of the agent before can be restored"


def test_the_bucket_that_it_left_ends_as_a_retired_machine_s_and_the_machine_goes_on(desk: VendorDesk) -> None:
    leaver = Leaver(desk, MARTIN)
    leaver.commit(AUTHOR, f"{CAISSE} has moved")
    early = leaver.offboard(KEPT_UNTIL, "--machine", CAISSE, "--yes", expect=4)
    assert f"are kept until {KEPT_UNTIL}" in " ".join(early.output.split())
    shown = leaver.offboard(AFTER, "--machine", CAISSE, "--yes").stdout
    assert "bucket deleted" in shown
    leaver.offboard(AFTER, "--machine", CAISSE, "--verify", actor=VERIFIER)
    ended = leaver.offboard(AFTER, "--machine", CAISSE, "--yes").stdout
    assert f"remove `moved_from` of {CAISSE} from" in " ".join(ended.split())
    [certificate] = leaver.documents("certificat*.pdf")
    said = " ".join(" ".join(page.extract_text() for page in pypdf.PdfReader(certificate).pages).split())
    assert "faites par son agent précédent" in said
    assert "par l’agent de l’éditeur Acronis ne sont pas visées par le présent certificat" in said
    assert "Retrait de la machine" not in said
    refused = desk.coffre("apply", MARTIN, "--yes", expect=4)
    assert "`moved_from`" in refused.output
    change_machine(desk, MARTIN, CAISSE, moved_from=None)
    desk.coffre("apply", MARTIN, "--yes")
    assert [each.online for each in agents_of(desk, MARTIN)] == [True]
    assert desk.json("plan", MARTIN, "--json")[0]["is_needed"] is False


def test_a_retired_machine_is_unregistered_and_uninstalled(desk: VendorDesk) -> None:
    change_machine(desk, DURAND, ATELIER, retired=RETIRED)
    desk.coffre("apply", DURAND, "--yes")
    assert agents_of(desk, DURAND) == []
    look = "sudo ls -d /etc/coffre-acronis /usr/lib/Acronis 2>/dev/null; true"
    assert desk.on_machine(HOSTS[ATELIER], look).split() == []


def test_a_machine_that_nobody_reaches_is_enrolled_by_its_script(desk: VendorDesk, lab: Lab, tmp_path: Path) -> None:
    change_machine(desk, DURAND, ATELIER, retired=None, connection={"via": "pull"})
    url, mirror = f"{desk.cloud.downloads_url}{FOLDER}{FILES['linux']}", desk.cloud.ca_file.parent.parent / "mirror"
    choose(desk, MIRRORED, url=url, path=mirror / FILES["linux"])
    waiting = " ".join(desk.coffre("apply", DURAND, "--yes", expect=1).output.split())
    assert f"coffre enrol {DURAND} {ATELIER} --output FOLDER" in waiting
    refused = desk.coffre("enrol", DURAND, ATELIER, "--answer", expect=4)
    assert "nothing to answer" in refused.output
    folder = tmp_path / "scripts"
    desk.coffre("enrol", DURAND, ATELIER, "--output", str(folder))
    [script] = folder.iterdir()
    assert f"{ATELIER}: installed" not in desk.coffre("apply", DURAND, "--yes").output
    root = lab.machine_root(HOSTS[ATELIER])
    authorities = root / "etc/ssl/certs/ca-certificates.crt"
    authorities.write_text(authorities.read_text() + desk.cloud.ca_file.read_text())
    (root / "tmp/enrol.sh").write_bytes(script.read_bytes())
    desk.on_machine(HOSTS[ATELIER], "sudo sh /tmp/enrol.sh; code=$?; sudo rm /tmp/enrol.sh; exit $code")
    assert f"{ATELIER}: installed" in " ".join(desk.coffre("apply", DURAND, "--yes").output.split())
    assert f"{ATELIER}: installed" in desk.coffre("enrol", DURAND, ATELIER).stdout
    assert machine_plan(desk, DURAND, ATELIER)["action"] == "none"
    change_machine(desk, DURAND, ATELIER, retired=RETIRED)
    desk.coffre("apply", DURAND, "--yes")
    assert agents_of(desk, DURAND) == []
