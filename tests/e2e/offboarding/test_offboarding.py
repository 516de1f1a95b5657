"""docs/offboarding.md, typed in as it stands, day by day: freeze, return, receipt, erasure, certificate, archive."""

import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from coffre.records.events import EventKind
from coffre.spec.naming import bucket_name
from tests.e2e.conftest import Desk, Run
from tests.e2e.departure import (
    APPROVER,
    AUTHOR,
    ERASURE,
    ERASURE_DUE,
    FROZEN,
    LAST_TO_RETRIEVE,
    NOTICE,
    REMINDER,
    SERVED,
    VERIFIER,
    Leaver,
)
from tests.e2e.runbook import Runbook
from tests.machines import NOTHING_LEFT

SLUG = "boulangerie-martin"
DAY_BEFORE = "2026-11-24"
LETTER, SERVICE, HANDED_OVER = (
    "1. The letter arrives",
    "2. Until the end of the service",
    "3. Frozen, and the data handed over",
)
ERASING, VERIFYING, END = "5. Erasure", "6. Verification, by somebody else", "7. The end"
RETIRED, AUTHORITY = "One retired machine", "For an authority"
COMPTA, CAISSE = "compta-01", "caisse-01"
HOSTS = {name: f"{name}.martin.example" for name in (COMPTA, CAISSE)}

FILES = r"""
mkdir -p "/home/claire/Comptabilité 2026/vide"
cd "/home/claire/Comptabilité 2026"
seq 1 5000 >ventes.csv
ln -s ventes.csv "dernières ventes"
touch -d 2020-02-29T12:34:56Z ventes.csv
"""
LIST = r"cd / && find home/claire -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum"


def how_agents_ended(leaver: Leaver) -> dict[str | None, object]:
    """Return what was recorded last of each machine's agent."""
    return {event.machine: event.details["outcome"] for event in leaver.steps("agent")}


@pytest.fixture(scope="module")
def leaver(make_desk: Callable[..., Desk], lab: Any) -> Leaver:
    desk = make_desk(SLUG)
    leaver = Leaver(desk, SLUG)
    desk.coffre("apply", SLUG, "--yes")
    desk.on_machine(HOSTS[COMPTA], FILES)
    desk.coffre("backup", SLUG)
    leaver.know(AUTHOR, APPROVER, VERIFIER)
    return leaver


@pytest.fixture(scope="module")
def runbook(leaver: Leaver) -> Runbook:
    names = {
        "TENANT-ID": f"{SLUG}-{leaver.tenant_id}",
        "TENANT": SLUG,
        "R": "'PV 2027/12'",
        "DAY": ERASURE,
        "WHY": "'mainlevée du juge'",
        "DIRECTORY": str(leaver.desk.home / "saisie"),
    }
    return Runbook.read("offboarding.md", names)


@pytest.fixture(scope="module")
def enter(leaver: Leaver, runbook: Runbook) -> Callable[..., Run]:
    """Return a function that types one of the runbook's commands in on a day, and yes to what it asks."""

    def enter(
        command: str, day: str | None = None, *, actor: str = AUTHOR, expect: int = 0, answer: str = "y\n"
    ) -> Run:
        runbook.typed.add(command)
        command = command.replace("MY-KEY", leaver.key(actor))
        rehearsed = ["--today", day] if day is not None else []
        with leaver.acting(actor):
            return leaver.desk.coffre(*shlex.split(command)[1:], *rehearsed, expect=expect, answer=answer)

    return enter


@pytest.fixture(scope="module")
def block(runbook: Runbook, disk: Path) -> str:
    """What the runbook has the engineer write into the tenant file, with this letter's day and this customer's disk."""
    found = re.search(r"```yaml\n(.*?)```", runbook.body(LETTER), re.DOTALL)
    assert found
    written = "\n".join(line.removeprefix("   ") for line in found[1].splitlines()) + "\n"
    for theirs, ours in (("2026-11-02", NOTICE), ("/mnt/disque-martin", str(disk))):
        assert written.count(theirs) == 1
        written = written.replace(theirs, ours)
    return written


@pytest.fixture(scope="module")
def files_of_compta(leaver: Leaver) -> str:
    return leaver.desk.on_machine(HOSTS[COMPTA], LIST)


@pytest.fixture(scope="module")
def disk(leaver: Leaver) -> Path:
    path = leaver.desk.home / "disque"
    path.mkdir()
    return path


def test_nobody_approves_a_departure_of_their_own(leaver: Leaver, block: str) -> None:
    leaver.declare(block, author=APPROVER)
    refused = leaver.offboard(NOTICE, expect=4)
    assert "approved it too" in refused.stderr
    git = ["git", "-C", leaver.desk.root, "-c", "user.name=Anna", "-c", f"user.email={AUTHOR}"]
    renamed = ["commit", "-q", "--amend", "--no-edit", "--no-gpg-sign", "--reset-author"]
    subprocess.run([*git, *renamed], check=True)
    assert "no trusted key signed" in leaver.offboard(NOTICE, expect=4).stderr
    assert not leaver.events(EventKind.DEPARTURE)
    leaver.desk.edit(SLUG, "Claire Martin, gérante", "Claire Martin, présidente")
    refused = leaver.offboard(NOTICE, expect=4)
    assert "differs from the one here" in refused.stderr
    path = leaver.desk.tenant_file(SLUG)
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index("\nstatus: leaving")] + "\n", encoding="utf-8")
    leaver.commit(APPROVER, "not so")
    leaver.declare(block)


def test_the_plan_says_every_date_and_all_that_would_go_and_touches_nothing(
    leaver: Leaver, runbook: Runbook, enter: Callable[..., Run]
) -> None:
    store, plan, french, ics, *_ = runbook.section(LETTER)
    assert "is stored" in enter(store, answer="CLIENTKEY:client-secret-of-theirs\n").stdout
    shown = enter(plan, NOTICE, actor=APPROVER).stdout
    assert ERASURE in shown
    planned = leaver.plan(NOTICE)
    assert planned["stage"] is None
    days = {entry["milestone"]: entry["on"] for entry in planned["calendar"]["entries"]}
    assert (days["service_ends"], days["erasure_from"]) == (SERVED, ERASURE)
    assert all(entry["source"] for entry in planned["calendar"]["entries"])
    assert {machine["name"] for machine in planned["machines"]} == {COMPTA, CAISSE}
    assert all(machine["holds"]["objects"] > 4 and machine["has_agent"] for machine in planned["machines"])
    assert len(planned["users"]) == 3
    assert len(planned["bundles"]) == 4
    assert planned["stack_resources"] == 15
    assert "30 janvier 2027" in enter(french, NOTICE).stdout.replace("\u00a0", " ")
    enter(ics, NOTICE)
    agenda = (leaver.desk.root / "depart.ics").read_text(encoding="utf-8")
    assert "DTSTART;VALUE=DATE:20270302" in agenda.replace("\r\n", "\n")
    assert not leaver.events(EventKind.DEPARTURE)
    assert leaver.plan(NOTICE) == planned


def test_the_service_goes_on_until_its_last_day(leaver: Leaver, runbook: Runbook, enter: Callable[..., Run]) -> None:
    *_, approve, offboard = runbook.section(LETTER)
    assert "has not signed" in leaver.offboard(NOTICE, expect=4).stderr
    assert "this is the key of" in enter(approve, NOTICE, expect=4).stderr
    assert APPROVER in enter(approve, NOTICE, actor=APPROVER).stdout
    shown = enter(offboard, NOTICE).stdout
    assert "serving" in shown
    assert SERVED in shown
    assert leaver.steps("approved")[0].details["authors"] == [AUTHOR]
    assert leaver.documents("*.pdf")
    leaver.desk.coffre("backup", SLUG)
    leaver.desk.coffre("apply", SLUG, "--yes")
    assert leaver.stage(SERVED) == "serving"
    assert len(leaver.events(EventKind.DEPARTURE)) == 2


def test_a_day_before_the_journal_s_last_proves_nothing(leaver: Leaver) -> None:
    refused = leaver.offboard(DAY_BEFORE, expect=4)
    assert "clock" in refused.stderr


def test_once_frozen_machines_are_denied_and_the_data_is_handed_over(
    leaver: Leaver, disk: Path, files_of_compta: str
) -> None:
    assert leaver.stage(FROZEN) == "returned"
    denied = leaver.desk.coffre("backup", SLUG, expect=4)
    assert "has left" in denied.stderr
    refused = leaver.desk.coffre("apply", SLUG, "--yes", expect=4)
    assert "its service has ended" in refused.stderr
    bags = sorted(path.parent for path in disk.rglob("bagit.txt"))
    assert len(bags) == 2
    for bag in bags:
        subprocess.run(["sha256sum", "--check", "--quiet", "manifest-sha256.txt"], cwd=bag, check=True)
    bag = next(bag for bag in bags if COMPTA in str(bag))
    claire = next(path for path in (bag / "data").rglob("claire") if path.parent.name == "home")
    base = claire.parent.parent
    done = subprocess.run(
        ["bash", "-c", LIST.replace("cd /", f"cd '{base}'")], capture_output=True, text=True, check=True
    )
    assert done.stdout == files_of_compta
    again = leaver.desk.home / "reconstitué"
    subprocess.run(["/usr/bin/python3", "-I", bag / "retablir.py", again], check=True, capture_output=True)
    folder = again / "home" / "claire" / "Comptabilité 2026"
    assert (folder / "vide").is_dir()
    assert (folder / "dernières ventes").readlink() == Path("ventes.csv")
    assert (folder / "ventes.csv").stat().st_mtime == 1582979696
    restored = leaver.desk.coffre("restore", SLUG, "--machine", COMPTA, "--path", "/home", "--to", "./again")
    assert "restored" in restored.stdout


def test_a_renounced_departure_thaws_everything(leaver: Leaver, runbook: Runbook, enter: Callable[..., Run]) -> None:
    _, offboard, apply = runbook.section(SERVICE)
    kept = leaver.desk.tenant_file(SLUG).read_text(encoding="utf-8")
    leaver.renounce()
    refused = leaver.desk.coffre("apply", SLUG, "--yes", expect=4)
    assert "coffre offboard" in refused.stderr
    assert f"{SLUG}: renounced" in enter(offboard, FROZEN).stdout
    enter(apply)
    leaver.desk.coffre("backup", SLUG)
    leaver.desk.tenant_file(SLUG).write_text(kept, encoding="utf-8")
    leaver.commit(AUTHOR, "the customer leaves after all")
    assert "has not signed" in leaver.offboard(FROZEN, expect=4).stderr
    *_, approve, _ = runbook.section(LETTER)
    enter(approve, FROZEN, actor=APPROVER)


def test_without_a_receipt_the_retrieval_period_runs_out_and_with_one_nothing_is_erased_earlier(
    leaver: Leaver, disk: Path, lab: Any, runbook: Runbook, enter: Callable[..., Run]
) -> None:
    for bag in disk.iterdir():
        subprocess.run(["rm", "-rf", bag], check=True)
    assert leaver.stage(FROZEN) == "returned"
    # The same notice again, and yet another departure: its data was handed over anew, and the customer is told so.
    assert len(leaver.documents("*donnees-disponibles.pdf")) == 2
    assert leaver.stage(REMINDER) == "returned"
    reminders = [event for event in leaver.events(EventKind.LETTER) if "reminder" in json.dumps(event.details)]
    assert reminders
    lab.stop_machine(HOSTS[CAISSE])
    (leaver.desk.root / "recu-signe.pdf").write_bytes(b"%PDF-1.4 signed")
    (attest,) = runbook.section(HANDED_OVER)
    enter(attest, REMINDER)
    with leaver.desk.out_of_reach(HOSTS[COMPTA]):
        assert leaver.stage(REMINDER) == "acknowledged"
    assert how_agents_ended(leaver) == {COMPTA: "unreached", CAISSE: "unreached"}


def test_a_machine_that_was_not_reached_removes_its_agent_by_its_orders(leaver: Leaver, lab: Any) -> None:
    run = "systemctl reset-failed coffre-backup.service; systemctl start --no-block coffre-backup.service"
    leaver.desk.on_machine(HOSTS[COMPTA], f"ls /usr/local/lib/coffre/coffre-agent && {run}")
    assert leaver.desk.on_machine(HOSTS[COMPTA], NOTHING_LEFT) == ""
    with leaver.desk.out_of_reach(HOSTS[COMPTA]):
        assert leaver.stage(LAST_TO_RETRIEVE) == "acknowledged"
    assert how_agents_ended(leaver) == {COMPTA: "removed_itself", CAISSE: "unreached"}
    refused = leaver.offboard(LAST_TO_RETRIEVE, "--to", "erased", "--yes", expect=4)
    assert ERASURE_DUE in refused.stderr


def test_an_authority_gets_its_copy_and_freezes_all_of_it(
    leaver: Leaver, runbook: Runbook, enter: Callable[..., Run]
) -> None:
    disclose, place, lift = runbook.section(AUTHORITY)
    offboard, listed = runbook.section(ERASING)
    assert leaver.stage(ERASURE) == "acknowledged"
    assert "does not exist" in enter(disclose, expect=4).stderr
    (leaver.desk.home / "saisie").mkdir()
    enter(disclose)
    handed = leaver.desk.home / "saisie" / SLUG
    assert {path.parent.name for path in handed.glob("*/bagit.txt")} == {COMPTA, CAISSE}
    enter(place)
    assert "PV 2027/12" in enter(listed).stdout
    assert "waiting for the end of a hold" in enter(offboard, ERASURE_DUE).stdout
    assert leaver.storage.list_users(SLUG)
    enter(lift)
    assert "PV 2027/12" not in enter(listed).stdout


def test_a_machine_gone_for_ever_holds_up_nothing_from_the_due_day_on(
    leaver: Leaver, runbook: Runbook, enter: Callable[..., Run]
) -> None:
    offboard, _ = runbook.section(ERASING)
    assert "must sign" in leaver.offboard(ERASURE_DUE, "--yes", expect=4).stderr
    assert leaver.storage.list_users(SLUG)
    assert f"{SLUG}: erased" in enter(offboard, ERASURE_DUE).stdout
    assert how_agents_ended(leaver) == {COMPTA: "removed_itself", CAISSE: "unreached"}
    storage = leaver.storage
    assert storage.list_users(SLUG) == []
    for name in (COMPTA, CAISSE):
        assert storage.admin.find_bucket(bucket_name(SLUG, leaver.tenant_id, name)) is None
    assert list((leaver.desk.root / ".coffre").rglob(f"{SLUG}.data*")) == []
    erased = {event.machine: event.details for event in leaver.steps("bucket_erased")}
    assert erased[COMPTA]["deleted"]["objects"] > 4
    assert all(details["is_gone"] for details in erased.values())


def test_a_second_person_verifies_by_another_way(leaver: Leaver, runbook: Runbook, enter: Callable[..., Run]) -> None:
    waiting = leaver.offboard(ERASURE_DUE, "--yes").stdout
    assert "--verify" in waiting
    (verify,) = runbook.section(VERIFYING)
    for somebody in (AUTHOR, APPROVER):
        assert "is not proved" in enter(verify, ERASURE_DUE, actor=somebody, expect=4).stderr
    shown = enter(verify, ERASURE_DUE, actor=VERIFIER).stdout
    assert "FAILED" not in shown
    assert f"verified by {VERIFIER}" in shown
    assert "proved by signature" in shown
    checks = leaver.steps("verified")[-1].details["checks"]
    assert isinstance(checks, list)
    assert len(checks) >= 4


def test_the_end_leaves_a_certificate_that_anybody_can_verify(
    leaver: Leaver, runbook: Runbook, enter: Callable[..., Run]
) -> None:
    offboard, verify = runbook.section(END)
    assert f"{SLUG}: closed" in enter(offboard, ERASURE_DUE).stdout
    pdf, document = leaver.documents("certificat*.pdf")[0], leaver.documents("certificat*.json")[0]
    leaver.desk.coffre("certificate", "verify", str(document))
    (named,) = leaver.desk.root.glob(shlex.split(verify)[-1].replace("…", "*"))
    assert named == pdf
    shown = leaver.desk.coffre("certificate", "verify", str(named)).stdout
    assert "by another person than the eraser, proved by signatures" in shown
    assert "vouched" not in shown
    runbook.typed.add(verify)
    text = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True).stdout
    assert "Boulangerie Martin SARL" in text
    assert CAISSE in text
    assert VERIFIER in text
    # The page may break within a sentence: what it says of the people is read from the facts that it is made of.
    facts = json.loads(document.read_text(encoding="utf-8"))["certificate"]
    assert facts["verification"]["is_by_another"]
    assert [(each["role"], each["name"], each["is_proved"]) for each in facts["people"]] == [
        ("wrote", AUTHOR, True),
        ("approved", APPROVER, True),
        ("erased", AUTHOR, True),
        ("verified", VERIFIER, True),
    ]
    assert "non reçu" in text
    assert leaver.stage(ERASURE_DUE) == "closed"
    assert len(leaver.documents("certificat*.pdf")) == 1


def test_a_closed_tenant_leaves_journal_and_billing_facts_and_never_comes_back(leaver: Leaver) -> None:
    root = leaver.desk.root
    left = [path for path in (root / ".coffre").rglob(f"*{SLUG}*") if "documents" not in path.parts]
    assert [path for path in left if path.parent.name != "locks"] == []
    kinds = {kind for kind in EventKind if leaver.events(kind)}
    assert {EventKind.DEPARTURE, EventKind.DEPARTURE_STEP, EventKind.INSTALL, EventKind.COMMISSIONED} <= kinds
    assert not kinds & {EventKind.DRILL, EventKind.GATE_CHANGE, EventKind.UNDELETE}
    refused = leaver.desk.coffre("apply", SLUG, "--yes", expect=4)
    assert "never used again" in refused.stderr
    path = leaver.desk.tenant_file(SLUG)
    path.rename(path.with_name("boulangerie-nouvelle.yaml"))
    refused = leaver.desk.coffre("apply", "boulangerie-nouvelle", "--yes", expect=4)
    assert "never used again" in refused.stderr
    path.with_name("boulangerie-nouvelle.yaml").unlink()
    leaver.desk.coffre("plan", "--all")


def test_every_command_of_the_runbook_was_typed_in(runbook: Runbook) -> None:
    """But those about one retired machine, which test_offboarding_machine types in."""
    assert set(runbook.commands()) - set(runbook.section(RETIRED)) == runbook.typed


def test_no_secret_was_said_or_left(leaver: Leaver) -> None:
    said = "\n".join(leaver.desk.said)
    assert "client-secret-of-theirs" not in said
    assert "secret_access_key" not in said
    assert "BEGIN PRIVATE KEY" not in said
